/*
 * bigquery_test.h
 *	  What the tests' functions for warehouses share.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_TEST_H
#define DATAOPS_BIGQUERY_TEST_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "warehouse/warehouse.h"

/* A table as the relation is; options: key, cluster_by, partition_by. */
extern WarehouseTable *test_bigquery_table(Oid relation_id, JsonbContainer *options);

/* An array of texts. */
extern List *test_bigquery_list(JsonbContainer *options, const char *name);

#endif
