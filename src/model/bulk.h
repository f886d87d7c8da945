/*
 * bulk.h
 *	  Rows into one table in groups, the way of COPY: formed in slots, handed to the table together,
 *	  and the indexes follow.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BULK_H
#define DATAOPS_BULK_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct BulkInsert BulkInsert;

/*
 * Begins inserting into "table", which is locked, and where neither triggers nor row security,
 * rules or generated columns have to be obeyed: the caller sees to that.  Columns by which
 * "constant" (natts flags, or NULL) says that all rows have one value are looked at once where that
 * is enough: for the bounds of a partition, and for an index that summarizes blocks.  Lives in
 * CurrentMemoryContext; an error leaves the clean-up to the transaction's abort.
 */
extern BulkInsert *bulk_begin(Relation table, const bool *constant);

/*
 * Adds one row, by the table's columns; the values need not live on, and take about "bytes".
 * Throws when a NOT NULL or CHECK constraint is not met.
 */
extern void bulk_row(BulkInsert *bulk, const Datum *values, const bool *nulls, size_t bytes);

/* Writes what is left.  The table stays open. */
extern void bulk_end(BulkInsert *bulk);

#endif
