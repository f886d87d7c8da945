/*
 * bigquery.c
 *	  The warehouse in BigQuery: files are loaded into a table of the staging dataset, and a copy
 *	  job makes the production table equal to it.
 *
 * Every change is one job with a name made from the load's (bigquery_job.h), and every job takes
 * effect whole or not at all.  What goes before the first job can be repeated.  A merge loads a
 * table of its own, which removes itself, and ends in one MERGE.
 *
 * FAILED is only said when the load's last job is not there or has failed: before that is known,
 * nothing else is done.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_call.h"

#include "utils/builtins.h"

#include "catalog/load_quota.h"
#include "warehouse/bigquery_evaluate.h"
#include "warehouse/bigquery_growth.h"
#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_schema.h"
#include "warehouse/bigquery_statement.h"
#include "warehouse/bigquery_table.h"
#include "warehouse/bigquery_work.h"

#define TABLE_NAME_MAX	900
#define FILES_MAX		10000	/* of one load job */
#define LOADS_PER_DAY	1400	/* into one table; BigQuery refuses any change after 1,500 */

static Warehouse *
driver_open(Connection *connection, MemoryContext owner)
{
	return &bigquery_open(connection, owner)->base;
}

static void
driver_check_table(Warehouse *base, const WarehouseTable *table)
{
	BigQuery   *warehouse = (BigQuery *) base;

	if (strlen(table->name) > TABLE_NAME_MAX ||
		strspn(table->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
		strlen(table->name))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_NAME),
				errmsg("BigQuery does not take \"%s\" as the name of a table", table->name),
				errdetail("It must consist of letters, digits and _."));
	warehouse->fields = bigquery_schema_read(table, warehouse->numeric_type);
	warehouse->loads_today = load_quota_used(base->server, table->name);
}

/* ---- load ---- */

/* A load in hand. */
typedef struct Loading
{
	BigQuery   *warehouse;
	const WarehouseLoad *load;
	List	   *target;			/* fields of the table, with those that a merge adds */
	BigQueryLayout layout;		/* of the staging table, once it is ensured */
	int64		side_rows;		/* of a merge: in the files; -1: not known yet */
} Loading;

static bool
check_limits(Loading *loading, WarehouseResult *result)
{
	const WarehouseLoad *load = loading->load;

	if (list_length(load->files) > FILES_MAX)
	{
		*result = bigquery_refusal(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
								   psprintf("%d files are too many for one load job, at most %d",
											list_length(load->files), FILES_MAX));
		return false;
	}
	if (loading->warehouse->loads_today <= LOADS_PER_DAY)
		return true;
	*result = bigquery_refusal(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
							   psprintf("table \"%s\" was loaded " INT64_FORMAT " times within 24 "
										"hours, and BigQuery takes 1,500 changes a day",
										load->table->name, loading->warehouse->loads_today));
	result->retry = true;
	return false;
}

/* The load cannot begin for what the table lacks; the step loads other rows then. */
static bool
refuse_gap(Loading *loading, WarehouseGap gap, const char *problem, WarehouseResult *result)
{
	*result = bigquery_refusal(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							   psprintf("table \"%s\" %s", loading->load->table->name, problem));
	result->gap = gap;
	return false;
}

/* Makes staging equal to production, which may mean: absent.  *there: as it is then. */
static bool
restore_staging(Loading *loading, JsonbContainer **there, WarehouseResult *result)
{
	BigQuery   *warehouse = loading->warehouse;
	const WarehouseLoad *load = loading->load;
	BigQueryJob job = bigquery_copy_job(warehouse, load, "reset", SIDE_PRODUCTION);
	bool		replaced = load->mode == WAREHOUSE_TRUNCATE;
	JsonbContainer *production;

	if (!bigquery_table_look(warehouse, SIDE_PRODUCTION, load->table->name, &production, result))
		return false;
	if (production != NULL && !load->reset && !replaced)
		return refuse_gap(loading, WAREHOUSE_GAP_STAGING, "has gone from the staging dataset",
						  result);
	if (production == NULL && !load->whole && !replaced)
		return refuse_gap(loading, WAREHOUSE_GAP_ROWS,
						  "has gone, and with it the rows of former loads", result);
	if (production == NULL)
	{
		bool		absent = *there == NULL;

		*there = NULL;
		return absent ||
			bigquery_table_delete(warehouse, SIDE_STAGING, load->table->name, result);
	}
	*result = bigquery_job_run(warehouse, &job);
	return result->outcome == WAREHOUSE_DONE &&
		bigquery_table_look(warehouse, SIDE_STAGING, load->table->name, there, result);
}

/* What "there" is, the table with its rows, must be what changed rows can be merged into. */
static bool
check_columns(Loading *loading, JsonbContainer *there, WarehouseResult *result)
{
	const WarehouseLoad *load = loading->load;
	JsonbContainer *existing = json_path_container(there, "schema.fields");
	ListCell   *cell;
	StringInfoData ignored;
	char	   *problem;

	if (existing == NULL || load->mode != WAREHOUSE_MERGE)
		return true;
	foreach(cell, load->table->key)
		if (!bigquery_has_field(existing, lfirst(cell)))
		{
			*result = bigquery_refusal(ERRCODE_INVALID_TABLE_DEFINITION,
									   psprintf("table \"%s\" has no column \"%s\", which is in "
												"the key: its rows could not be told apart; rename "
												"the column there, or drop the table",
												load->table->name,
												(char *) lfirst(cell)));
			return false;
		}
	initStringInfo(&ignored);
	if (load->whole || bigquery_schema_compare(existing, loading->warehouse->fields, &ignored,
											   &problem) != SCHEMA_GROWS)
		return true;
	return refuse_gap(loading, WAREHOUSE_GAP_ROWS, "lacks columns whose values are in all rows",
					  result);
}

/* Everything before the job that fills the staging table. */
static bool
prepare(Loading *loading, WarehouseResult *result)
{
	BigQuery   *warehouse = loading->warehouse;
	const WarehouseLoad *load = loading->load;
	const char *name = load->table->name;
	JsonbContainer *there;

	if (!check_limits(loading, result) ||
		!bigquery_dataset_ensure(warehouse, SIDE_STAGING, result) ||
		!bigquery_table_look(warehouse, SIDE_STAGING, name, &there, result))
		return false;
	if ((there == NULL || (load->reset && load->mode != WAREHOUSE_TRUNCATE)) &&
		!restore_staging(loading, &there, result))
		return false;
	return (there == NULL || check_columns(loading, there, result)) &&
		bigquery_table_ensure(warehouse, load->table, loading->target, there, &loading->layout,
							  result);
}

static WarehouseResult
load_files(Loading *loading)
{
	const WarehouseLoad *load = loading->load;
	BigQueryJob job = bigquery_load_job(loading->warehouse, load, "load", load->table->name,
							   load->mode == WAREHOUSE_APPEND ? "WRITE_APPEND" : "WRITE_TRUNCATE");
	WarehouseResult result;
	int			number;

	if (bigquery_job_follow(loading->warehouse, &job, &number, &result) ||
		!prepare(loading, &result))
		return result;
	bigquery_load_job_schema(&job, loading->layout.fields, loading->layout.layout);
	return bigquery_job_start(loading->warehouse, &job, number);
}

/* No files: the table is emptied, or stays as it is. */
static WarehouseResult
load_nothing(Loading *loading)
{
	WarehouseResult result = {.outcome = WAREHOUSE_DONE};
	char	   *table = bigquery_table_name(loading->warehouse, SIDE_STAGING,
											loading->load->table->name);
	BigQueryJob job = bigquery_query_job(loading->warehouse, loading->load->id, "empty",
								psprintf("DELETE FROM %s WHERE TRUE", table));

	if (!prepare(loading, &result) || loading->load->mode != WAREHOUSE_TRUNCATE)
		return result;
	result = bigquery_job_run(loading->warehouse, &job);
	result.rows = 0;
	return result;
}

static BigQueryJob
side_job(Loading *loading, const char *name)
{
	return bigquery_load_job(loading->warehouse, loading->load, "side", name, "WRITE_TRUNCATE");
}

/* The files in a table of their own.  It is made only before its first job: never anew, empty. */
static bool
fill_side(Loading *loading, const char *name, WarehouseResult *result)
{
	BigQuery   *warehouse = loading->warehouse;
	BigQueryJob job = side_job(loading, name);
	StringInfoData fields;
	int			number;

	if (!bigquery_job_follow(warehouse, &job, &number, result))
	{
		if (!bigquery_side_ensure(warehouse, name, warehouse->fields, result))
			return false;
		initStringInfo(&fields);
		bigquery_put_fields(&fields, warehouse->fields);
		bigquery_load_job_schema(&job, fields.data, "");
		*result = bigquery_job_start(warehouse, &job, number);
	}
	loading->side_rows = result->rows;
	return result->outcome == WAREHOUSE_DONE;
}

/*
 * A merge that is done, with its number of rows: those in the files, for it takes all of them or
 * none, and says nothing of rows that were there already and are the same.
 */
static WarehouseResult
count_merged(Loading *loading, const char *name, WarehouseResult merged)
{
	BigQueryJob job = side_job(loading, name);
	WarehouseResult side;
	int			number;

	if (loading->side_rows < 0 && bigquery_job_follow(loading->warehouse, &job, &number, &side))
	{
		if (side.outcome == WAREHOUSE_UNKNOWN)
			return side;
		loading->side_rows = side.rows;
	}
	if (loading->side_rows >= 0)
		merged.rows = loading->side_rows;
	return merged;
}

/* Tables' names have no "-" with us. */
static char *
side_name(const WarehouseLoad *load)
{
	char	   *name = psprintf("%s_dataops_%s", load->table->name, load->id);

	for (char *at = name; *at != '\0'; at++)
		if (*at == '-')
			*at = '_';
	return name;
}

static WarehouseResult
load_merged(Loading *loading)
{
	BigQuery   *warehouse = loading->warehouse;
	const WarehouseLoad *load = loading->load;
	char	   *name = side_name(load);
	char	   *target = bigquery_table_name(warehouse, SIDE_STAGING, load->table->name);
	char	   *source = bigquery_table_name(warehouse, SIDE_STAGING, name);
	BigQueryJob job = bigquery_query_job(warehouse, load->id, "merge",
								bigquery_merge(warehouse->fields, load->table->key, target,
											   source));
	WarehouseResult result,
				ignored;
	int			number;

	if (!bigquery_job_follow(warehouse, &job, &number, &result))
	{
		if (!prepare(loading, &result))
			return result;
		if (fill_side(loading, name, &result))
			result = bigquery_job_start(warehouse, &job, number);
	}
	if (result.outcome == WAREHOUSE_DONE)
		result = count_merged(loading, name, result);
	/* if it stays now, it goes when it expires */
	if (result.outcome != WAREHOUSE_UNKNOWN)
		(void) bigquery_table_delete(warehouse, SIDE_STAGING, name, &ignored);
	return result;
}

static WarehouseResult
driver_load(Warehouse *base, const WarehouseLoad *load)
{
	BigQuery   *warehouse = (BigQuery *) base;
	Loading		loading = {
		.warehouse = warehouse, .load = load, .target = warehouse->fields, .side_rows = -1
	};

	if (load->mode == WAREHOUSE_MERGE)
		loading.target = bigquery_merged_fields(warehouse->fields);
	if (load->files == NIL)
		return load_nothing(&loading);
	return load->mode == WAREHOUSE_MERGE ? load_merged(&loading) : load_files(&loading);
}

/* ---- publish ---- */

static WarehouseResult
driver_publish(Warehouse *base, const WarehouseLoad *load)
{
	BigQuery   *warehouse = (BigQuery *) base;
	BigQueryJob job = bigquery_copy_job(warehouse, load, "publish", SIDE_STAGING);
	WarehouseResult result;
	int			number;

	/* the load stands on the staging side whatever becomes of this: it can be asked for again */
	job.anew = true;
	if (bigquery_job_follow(warehouse, &job, &number, &result) ||
		!bigquery_dataset_ensure(warehouse, SIDE_PRODUCTION, &result))
		return result;
	return bigquery_job_start(warehouse, &job, number);
}

/* ---- the test of a connection ---- */

static bool
probe_production(Warehouse *base, WarehouseResult *result)
{
	return bigquery_dataset_find((BigQuery *) base, SIDE_PRODUCTION, result);
}

static bool
probe_staging(Warehouse *base, WarehouseResult *result)
{
	return bigquery_dataset_find((BigQuery *) base, SIDE_STAGING, result);
}

/* The right to run jobs is one on the project, not on the datasets. */
static bool
probe_job(Warehouse *base, WarehouseResult *result)
{
	BigQueryReply reply = bigquery_job_dry_run((BigQuery *) base, "\"query\":{\"query\":"
											   "\"SELECT 1\",\"useLegacySql\":false}");

	if (bigquery_answered(&reply))
		return true;
	*result = bigquery_problem(&reply, "could not run a job");
	return false;
}

static const WarehouseProbe probes[] = {
	{"dataset", probe_production}, {"staging dataset", probe_staging}, {"job", probe_job}, {NULL}
};

const WarehouseDriver warehouse_bigquery_driver = {
	.wrapper = "dataops_bigquery",
	.remote = true,
	.open = driver_open,
	.check_table = driver_check_table,
	.load = driver_load,
	.evaluate = bigquery_evaluate,
	.publish = driver_publish,
	.probes = probes
};
