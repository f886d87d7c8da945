/*
 * bigquery_schema.h
 *	  Tables of BigQuery as its API describes them, from the columns that rows have here.
 *
 * Reading the columns looks into catalogs; all else works with what was read, because it happens
 * outside of transactions.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_SCHEMA_H
#define DATAOPS_BIGQUERY_SCHEMA_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "format/bigquery_type.h"
#include "warehouse/warehouse.h"

typedef struct BigQueryField
{
	char	   *name;
	char	   *description;	/* NULL without one */
	BigQueryKind kind;
	bool		repeated;
	int			precision;		/* of a declared numeric; 0: none was declared */
	int			scale;
	List	   *fields;			/* BigQueryField *, of a record */
} BigQueryField;

/*
 * The table's columns (BigQueryField *), in CurrentMemoryContext.  Throws unless such a table can
 * be made: 0A000 for types, 42602 for names, 42703 for columns that key, partition_by or
 * cluster_by name and that are not there.  "numeric_type" as in bigquery_type_of().  Needs a
 * transaction.
 */
extern List *bigquery_schema_read(const WarehouseTable *table, BigQueryKind numeric_type);

/* Of created_at and updated_at, which a merge keeps, those that are no fields: char *. */
extern List *bigquery_missing_times(List *fields);

/* The fields with them: what rows are merged into. */
extern List *bigquery_merged_fields(List *fields);

/* The field of a name, whatever its letter case, which means nothing to BigQuery; or NULL. */
extern BigQueryField *bigquery_find_field(List *fields, const char *name);

/* Appends {"name": "…", "type": "…", "mode": "…"}, or an array of these. */
extern void bigquery_put_field(StringInfo out, const BigQueryField *field);
extern void bigquery_put_fields(StringInfo out, List *fields);

/* Appends ',"timePartitioning":{…}' and ',"clustering":{…}' as the table has them. */
extern void bigquery_put_layout(StringInfo out, const WarehouseTable *table);

#endif
