/*
 * bigquery_work.h
 *	  The jobs that loads consist of, as BigQuery is told of them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_WORK_H
#define DATAOPS_BIGQUERY_WORK_H

#include "warehouse/bigquery_job.h"

/* Reads the load's files into "name" on the staging side; without the schema yet. */
extern BigQueryJob bigquery_load_job(BigQuery *warehouse, const WarehouseLoad *load,
									 const char *what, const char *name, const char *disposition);

/* Completes it by what is known once its table is there. */
extern void bigquery_load_job_schema(BigQueryJob *job, const char *fields, const char *layout);

extern BigQueryJob bigquery_query_job(BigQuery *warehouse, const char *load, const char *what,
									  const char *sql);

/* Makes the other side's table equal to that of the side "from". */
extern BigQueryJob bigquery_copy_job(BigQuery *warehouse, const WarehouseLoad *load,
									 const char *what, WarehouseSide from);

#endif
