/*
 * bigquery_statement.h
 *	  The statements that we have BigQuery run.  Names of columns were checked: no quotes in them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_STATEMENT_H
#define DATAOPS_BIGQUERY_STATEMENT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * MERGE of the rows of "source" into "target" (`quoted`) by "key" (char *).  It fails, and changes
 * nothing, when a key comes twice or has a null in it.  A row that is there is replaced if it
 * differs; of created_at and updated_at those are kept that the fields (BigQueryField *) lack.
 */
extern char *bigquery_merge(List *fields, List *key, const char *target, const char *source);

/* SELECT of the expressions over "from" (`quoted`), which they may call "table". */
extern char *bigquery_evaluation(const char *table, const char *from, List *expressions);

#endif
