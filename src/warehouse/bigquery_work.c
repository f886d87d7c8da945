/*
 * bigquery_work.c
 *	  Configurations of jobs.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_work.h"

#include "utils/builtins.h"
#include "utils/json.h"

BigQueryJob
bigquery_load_job(BigQuery *warehouse, const WarehouseLoad *load, const char *what,
				  const char *name, const char *disposition)
{
	BigQueryJob job = {.load = load->id, .what = what};
	StringInfoData out;
	const char *separator = "";
	ListCell   *cell;

	initStringInfo(&out);
	appendStringInfo(&out, "\"load\":{\"writeDisposition\":\"%s\",\"createDisposition\":"
					 "\"CREATE_NEVER\",\"sourceFormat\":\"NEWLINE_DELIMITED_JSON\","
					 "\"destinationTable\":", disposition);
	bigquery_put_table(&out, warehouse, SIDE_STAGING, name);
	appendStringInfoString(&out, ",\"sourceUris\":[");
	foreach(cell, load->files)
	{
		appendStringInfoString(&out, separator);
		escape_json(&out, lfirst(cell));
		separator = ",";
	}
	appendStringInfoChar(&out, ']');
	job.identity = pstrdup(out.data);
	job.configuration = out.data;
	return job;
}

void
bigquery_load_job_schema(BigQueryJob *job, const char *fields, const char *layout)
{
	job->configuration = psprintf("%s,\"schema\":{\"fields\":%s}%s}", job->configuration, fields,
								  layout);
}

BigQueryJob
bigquery_query_job(BigQuery *warehouse, const char *load, const char *what, const char *sql)
{
	BigQueryJob job = {.load = load, .what = what, .identity = what};
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "\"query\":{\"useLegacySql\":false,");
	if (warehouse->maximum_bytes_billed > 0)
		appendStringInfo(&out, "\"maximumBytesBilled\":\"" INT64_FORMAT "\",",
						 warehouse->maximum_bytes_billed);
	appendStringInfoString(&out, "\"query\":");
	escape_json(&out, sql);
	appendStringInfoChar(&out, '}');
	job.configuration = out.data;
	return job;
}

BigQueryJob
bigquery_copy_job(BigQuery *warehouse, const WarehouseLoad *load, const char *what,
				  WarehouseSide from)
{
	BigQueryJob job = {.load = load->id, .what = what};
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "\"copy\":{\"createDisposition\":\"CREATE_IF_NEEDED\","
						   "\"writeDisposition\":\"WRITE_TRUNCATE\",\"sourceTable\":");
	bigquery_put_table(&out, warehouse, from, load->table->name);
	appendStringInfoString(&out, ",\"destinationTable\":");
	bigquery_put_table(&out, warehouse, from == SIDE_STAGING ? SIDE_PRODUCTION : SIDE_STAGING,
					   load->table->name);
	appendStringInfoChar(&out, '}');
	job.configuration = job.identity = out.data;
	return job;
}
