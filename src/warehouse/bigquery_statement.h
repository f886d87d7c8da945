/*
 * bigquery_statement.h
 *	  The statements that we have BigQuery run.  Names of columns were checked: no quotes in them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_STATEMENT_H
#define DATAOPS_BIGQUERY_STATEMENT_H

#include "warehouse/warehouse.h"

/*
 * MERGE of the rows of "source" into "target" (`quoted`) by the table's key.  It fails, and changes
 * nothing, when a key comes twice or has a null in it.  A row that is there is replaced if it
 * differs; of created_at and updated_at those are kept that the table's columns lack.
 */
extern char *bigquery_merge(const WarehouseTable *table, const char *target, const char *source);

/* SELECT of the expressions over "from" (`quoted`). */
extern char *bigquery_evaluation(const WarehouseTable *table, const char *from, List *expressions);

#endif
