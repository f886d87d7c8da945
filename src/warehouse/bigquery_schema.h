/*
 * bigquery_schema.h
 *	  Tables of BigQuery as its API describes them, from the columns that rows have here.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_SCHEMA_H
#define DATAOPS_BIGQUERY_SCHEMA_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "warehouse/warehouse.h"

/*
 * Throws unless such a table can be made: 0A000 for types, 42602 for names, 42703 for columns that
 * key, partition_by or cluster_by name and that are not there.
 */
extern void bigquery_schema_check(const WarehouseTable *table);

/* Can values of the column be compared by "=" and IS DISTINCT FROM?  Else they have JSON texts. */
extern bool bigquery_is_comparable(Form_pg_attribute attribute);

/* Of created_at and updated_at, which a merge keeps, those that are no columns of the table. */
extern List *bigquery_missing_times(const WarehouseTable *table);

/* The table with them: what rows are merged into. */
extern const WarehouseTable *bigquery_merged_table(const WarehouseTable *table);

/* Appends [{"name": "…", "type": "…", "mode": "…"}]. */
extern void bigquery_schema_fields(StringInfo out, const WarehouseTable *table);

/* Appends ',"timePartitioning":{…}' and ',"clustering":{…}' as the table has them. */
extern void bigquery_schema_layout(StringInfo out, const WarehouseTable *table);

typedef enum SchemaDifference
{
	SCHEMA_SAME,				/* every column is there already */
	SCHEMA_GROWS,				/* columns have to be added */
	SCHEMA_CONFLICTS			/* a column is there with another type */
} SchemaDifference;

/*
 * Compares the fields that are there ("existing", an array, as the API gave them) with the table's.
 * "out" gets the fields to have: the existing ones as they are, then those that are new.  With
 * SCHEMA_CONFLICTS *problem is a clause.
 */
extern SchemaDifference bigquery_schema_compare(JsonbContainer *existing,
												const WarehouseTable *table, StringInfo out,
												char **problem);

#endif
