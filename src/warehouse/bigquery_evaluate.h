/*
 * bigquery_evaluate.h
 *	  Values over a table of BigQuery.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_EVALUATE_H
#define DATAOPS_BIGQUERY_EVALUATE_H

#include "warehouse/warehouse.h"

/*
 * The driver's evaluate().  It only reads, so each call is a job of its own: a former one's answer
 * would be of former rows.
 */
extern WarehouseResult bigquery_evaluate(Warehouse *base, const WarehouseLoad *load,
										 WarehouseSide side, List *expressions);

#endif
