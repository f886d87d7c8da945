/*
 * bigquery_job.h
 *	  Jobs of BigQuery under names of our own, so that each has its effect at most once.
 *
 *	   find --- 404 ---> insert --- 2xx, 409 ---> poll --- DONE ---> errorResult decides
 *	    |                  | no answer: find       | 404: insert     | it passes: next number
 *	    +----- there ------+-----------------------+ deadline: cancel
 *
 * The name is dataops_LOAD_WHAT_N.  N rises only when the job before is DONE with an error.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_JOB_H
#define DATAOPS_BIGQUERY_JOB_H

#include "warehouse/bigquery_call.h"

typedef struct BigQueryJob
{
	const char *load;			/* the load's id */
	const char *what;			/* "load", "merge" …: one job of it */
	const char *identity;		/* what it does, in words that stay the same for this load */
	const char *configuration;	/* '"load":{…}' */
	bool		anew;			/* a call begins anew after whatever made former ones fail */
} BigQueryJob;

/*
 * Looks for the job and follows what there is to its end.  False: there is none, or all have
 * definitely failed for reasons that pass (any, with "anew"); *number is the next one to use.
 * "configuration" is not needed yet.
 */
extern bool bigquery_job_follow(BigQuery *warehouse, const BigQueryJob *job, int *number,
								WarehouseResult *result);

/* Inserts the job as number "number" and follows it; some more times if it fails and may pass. */
extern WarehouseResult bigquery_job_start(BigQuery *warehouse, const BigQueryJob *job, int number);

/* Both. */
extern WarehouseResult bigquery_job_run(BigQuery *warehouse, const BigQueryJob *job);

/* Asks what a job of that configuration would read, without running it: that costs nothing. */
extern BigQueryReply bigquery_job_dry_run(BigQuery *warehouse, const char *configuration);

#endif
