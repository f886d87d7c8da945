/*
 * raw_table.h
 *	  Tables of records as they came in: raw.<source>, partitioned by month of created_at, guarded
 *	  against UPDATE, DELETE and TRUNCATE.  They are ordinary tables of the source's owner.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RAW_TABLE_H
#define DATAOPS_RAW_TABLE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Columns of a raw table, from 1. */
#define RAW_BATCH_ID	1
#define RAW_PAGE		2
#define RAW_ORDINAL		3
#define RAW_CREATED_AT	4
#define RAW_RECORD		5
#define RAW_COLUMNS		5

/* The schema of raw tables in an environment: "raw", "raw_dev"; palloc'ed. */
extern char *raw_table_schema(const char *env);

/* The raw table of a source; InvalidOid when there is none. */
extern Oid	raw_table_find(const char *source, const char *env);

/*
 * Makes schema and table as "owner" unless they are there, with partitions for this month and the
 * next.  A table that is made has none of the records that came before: cursor and validators of
 * the source are forgotten then.  Throws 42P07 when something else has that name, 42501 when the
 * owner may not create it.
 */
extern Oid	raw_table_ensure(const char *source, const char *env, Oid owner);

/*
 * The partition for "at", made as "owner" unless it is there.  InvalidOid when the owner has
 * partitioned the table in another way: then rows find their own way.
 */
extern Oid	raw_table_partition(Oid table, Oid owner, TimestampTz at);

#endif
