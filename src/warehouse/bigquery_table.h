/*
 * bigquery_table.h
 *	  Datasets and tables of BigQuery: made if absent, and grown by columns.
 *
 * Each function is true when it is as it should be, and can be repeated; false with *result set.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_TABLE_H
#define DATAOPS_BIGQUERY_TABLE_H

#include "warehouse/bigquery_call.h"

/* What a load has to say of a table that is there. */
typedef struct BigQueryLayout
{
	char	   *fields;			/* JSON array: all of its columns */
	char	   *layout;			/* ',"timePartitioning":{…},"clustering":{…}' as it has them */
} BigQueryLayout;

/* The dataset of one side, in the connection's location. */
extern bool bigquery_dataset_ensure(BigQuery *warehouse, WarehouseSide side,
									WarehouseResult *result);

/* The same of one that has to be there already. */
extern bool bigquery_dataset_find(BigQuery *warehouse, WarehouseSide side, WarehouseResult *result);

/* The table as the API describes it; NULL: there is none. */
extern bool bigquery_table_look(BigQuery *warehouse, WarehouseSide side, const char *name,
								JsonbContainer **there, WarehouseResult *result);

/* The staging table, with all "fields" (BigQueryField *); "there": as it was looked at. */
extern bool bigquery_table_ensure(BigQuery *warehouse, const WarehouseTable *table, List *fields,
								  JsonbContainer *there, BigQueryLayout *layout,
								  WarehouseResult *result);

/* A table "name" on the staging side with these fields, which removes itself. */
extern bool bigquery_side_ensure(BigQuery *warehouse, const char *name, List *fields,
								 WarehouseResult *result);

extern bool bigquery_table_delete(BigQuery *warehouse, WarehouseSide side, const char *name,
								  WarehouseResult *result);

#endif
