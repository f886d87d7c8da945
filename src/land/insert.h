/*
 * insert.h
 *	  Rows into one partition of a raw table, as fast as the table allows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_INSERT_H
#define DATAOPS_INSERT_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef struct RawInsert RawInsert;

/*
 * Begins inserting rows of one batch as "owner", whose INSERT right is checked.  Rows go in bulk
 * into the partition where neither triggers, foreign keys, row security nor generated columns stand
 * in the way; else by an ordinary INSERT.  From here to raw_insert_end() the owner's rights count.
 * Needs a transaction with a snapshot; an error leaves the clean-up to the transaction's abort.
 */
extern RawInsert *raw_insert_begin(Oid table, Oid owner, const pg_uuid_t *batch,
								   TimestampTz created_at);

/* Adds one row; "record" need not live on. */
extern void raw_insert_row(RawInsert *insert, int page, int ordinal, Jsonb *record);

/* Writes what is left and restores the user. */
extern void raw_insert_end(RawInsert *insert);

#endif
