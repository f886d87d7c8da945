/*
 * bigquery_table.c
 *	  Datasets and tables.
 *
 * "Already exists" is success everywhere: an answer may have been lost, or somebody was faster.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_table.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "warehouse/bigquery_growth.h"
#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_schema.h"

#define SIDE_TABLE_DAYS		7
#define DESCRIPTION_MAX		16000

/* ---- datasets ---- */

static bool
dataset_is_ours(BigQuery *warehouse, WarehouseSide side, JsonbContainer *dataset,
				WarehouseResult *result)
{
	const char *location = json_value_text(dataset, "location", warehouse->location);

	if (pg_strcasecmp(location, warehouse->location) == 0)
		return warehouse->dataset_known[side] = true;
	*result = bigquery_refusal(ERRCODE_INVALID_PARAMETER_VALUE,
							   psprintf("dataset \"%s\" is in location \"%s\", connection \"%s\" "
										"says \"%s\"", warehouse->datasets[side], location,
										warehouse->base.server, warehouse->location));
	return false;
}

bool
bigquery_dataset_ensure(BigQuery *warehouse, WarehouseSide side, WarehouseResult *result)
{
	char	   *name = warehouse->datasets[side];
	char	   *what = psprintf("could not make dataset \"%s\"", name);
	BigQueryCall get = {.path = psprintf("datasets/%s", name), .absent = true};
	BigQueryCall insert = {.method = "POST", .path = "datasets"};
	BigQueryReply reply;

	if (warehouse->dataset_known[side])
		return true;
	reply = bigquery_call(warehouse, &get);
	if (reply.status == 404)
	{
		insert.body = psprintf("{\"datasetReference\":{\"projectId\":\"%s\",\"datasetId\":\"%s\"},"
							   "\"location\":\"%s\"}", warehouse->project, name,
							   warehouse->location);
		reply = bigquery_call(warehouse, &insert);
		if (reply.status == 409)
			reply = bigquery_call(warehouse, &get);
	}
	if (bigquery_answered(&reply))
		return dataset_is_ours(warehouse, side, reply.json, result);
	*result = bigquery_problem(&reply, what);
	return false;
}

bool
bigquery_dataset_find(BigQuery *warehouse, WarehouseSide side, WarehouseResult *result)
{
	char	   *name = warehouse->datasets[side];
	BigQueryCall get = {.path = psprintf("datasets/%s", name)};
	BigQueryReply reply = bigquery_call(warehouse, &get);

	if (bigquery_answered(&reply))
		return dataset_is_ours(warehouse, side, reply.json, result);
	*result = bigquery_problem(&reply, psprintf("could not find dataset \"%s\"", name));
	return false;
}

/* ---- tables ---- */

static char *
table_path(const BigQuery *warehouse, WarehouseSide side, const char *name)
{
	return psprintf("datasets/%s/tables/%s", warehouse->datasets[side], bigquery_encoded(name));
}

static BigQueryReply
get_table(BigQuery *warehouse, WarehouseSide side, const char *name)
{
	BigQueryCall get = {.path = table_path(warehouse, side, name), .absent = true};

	return bigquery_call(warehouse, &get);
}

/* Begins the body that makes a table on the staging side. */
static void
put_new_table(StringInfo out, const BigQuery *warehouse, const char *name, List *fields)
{
	initStringInfo(out);
	appendStringInfoString(out, "{\"tableReference\":");
	bigquery_put_table(out, warehouse, SIDE_STAGING, name);
	appendStringInfoString(out, ",\"schema\":{\"fields\":");
	bigquery_put_fields(out, fields);
	appendStringInfoChar(out, '}');
}

static char *
table_body(const BigQuery *warehouse, const WarehouseTable *table, List *fields)
{
	const char *description = table->description;
	StringInfoData out;

	put_new_table(&out, warehouse, table->name, fields);
	if (description != NULL)
	{
		appendStringInfoString(&out, ",\"description\":");
		escape_json(&out, pnstrdup(description, pg_mbcliplen(description, strlen(description),
															 DESCRIPTION_MAX)));
	}
	bigquery_put_layout(&out, table);
	appendStringInfoChar(&out, '}');
	return out.data;
}

bool
bigquery_table_look(BigQuery *warehouse, WarehouseSide side, const char *name,
					JsonbContainer **there, WarehouseResult *result)
{
	BigQueryReply reply = get_table(warehouse, side, name);

	*there = bigquery_answered(&reply) ? reply.json : NULL;
	if (*there != NULL || reply.status == 404)
		return true;
	*result = bigquery_problem(&reply, psprintf("could not look at table \"%s\"", name));
	return false;
}

/* Makes the table on the staging side; *there is as it is then, whoever was faster. */
static bool
make_table(BigQuery *warehouse, const char *name, const char *body, JsonbContainer **there,
		   WarehouseResult *result)
{
	BigQueryCall insert = {
		.method = "POST",
		.path = psprintf("datasets/%s/tables", warehouse->datasets[SIDE_STAGING]),
		.body = body
	};
	BigQueryReply reply = bigquery_call(warehouse, &insert);

	if (reply.status == 409)
		reply = get_table(warehouse, SIDE_STAGING, name);
	*there = reply.json;
	if (bigquery_answered(&reply))
		return true;
	*result = bigquery_problem(&reply, psprintf("could not make table \"%s\"", name));
	return false;
}

/* The table's partitioning cannot be changed, so one that was asked for must be the one there. */
static bool
check_partitioning(JsonbContainer *there, const WarehouseTable *table, WarehouseResult *result)
{
	JsonbContainer *partitioning = json_value_container(there, "timePartitioning");
	const char *column = partitioning == NULL ? "no column" :
		json_value_text(partitioning, "field", "the time of loading");

	if (table->partition_by == NULL || pg_strcasecmp(column, table->partition_by) == 0)
		return true;
	*result = bigquery_refusal(ERRCODE_INVALID_TABLE_DEFINITION,
							   psprintf("table \"%s\" is partitioned by %s and should be by "
										"\"%s\"; drop it, or load into another one", table->name,
										column, table->partition_by));
	return false;
}

static void
keep_layout(StringInfo out, JsonbContainer *there, const char *member)
{
	JsonbContainer *value = json_value_container(there, member);

	if (value != NULL)
		appendStringInfo(out, ",\"%s\":%s", member, json_container_source(value));
}

static bool
grow(BigQuery *warehouse, const WarehouseTable *table, const char *fields, WarehouseResult *result)
{
	BigQueryCall patch = {
		.method = "PATCH",
		.path = table_path(warehouse, SIDE_STAGING, table->name),
		.body = psprintf("{\"schema\":{\"fields\":%s}}", fields)
	};
	BigQueryReply reply = bigquery_call(warehouse, &patch);

	if (bigquery_answered(&reply))
		return true;
	*result = bigquery_problem(&reply, psprintf("could not add columns to table \"%s\"",
												table->name));
	return false;
}

bool
bigquery_table_ensure(BigQuery *warehouse, const WarehouseTable *table, List *fields,
					  JsonbContainer *there, BigQueryLayout *layout, WarehouseResult *result)
{
	JsonbContainer *existing;
	StringInfoData all,
				kept;
	char	   *problem;
	SchemaDifference difference;

	if (there == NULL && !make_table(warehouse, table->name, table_body(warehouse, table, fields),
									 &there, result))
		return false;
	if (!check_partitioning(there, table, result))
		return false;
	initStringInfo(&all);
	initStringInfo(&kept);
	existing = json_path_container(there, "schema.fields");
	if (existing == NULL)
		bigquery_put_fields(&all, fields);
	difference = existing == NULL ? SCHEMA_GROWS :
		bigquery_schema_compare(existing, fields, &all, &problem);
	if (difference == SCHEMA_CONFLICTS)
	{
		*result = bigquery_refusal(ERRCODE_DATATYPE_MISMATCH,
								   psprintf("table \"%s\" does not fit: %s", table->name, problem));
		return false;
	}
	if (difference == SCHEMA_GROWS && !grow(warehouse, table, all.data, result))
		return false;
	keep_layout(&kept, there, "timePartitioning");
	keep_layout(&kept, there, "clustering");
	layout->fields = all.data;
	layout->layout = kept.data;
	return true;
}

bool
bigquery_side_ensure(BigQuery *warehouse, const char *name, List *fields, WarehouseResult *result)
{
	TimestampTz expires = GetCurrentTimestamp() + SIDE_TABLE_DAYS * USECS_PER_DAY;
	int64		epoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (USECS_PER_DAY / 1000);
	JsonbContainer *there;
	StringInfoData body;

	put_new_table(&body, warehouse, name, fields);
	appendStringInfo(&body, ",\"expirationTime\":\"" INT64_FORMAT "\"}", expires / 1000 + epoch);
	return bigquery_table_look(warehouse, SIDE_STAGING, name, &there, result) &&
		(there != NULL || make_table(warehouse, name, body.data, &there, result));
}

bool
bigquery_table_delete(BigQuery *warehouse, WarehouseSide side, const char *name,
					  WarehouseResult *result)
{
	BigQueryCall delete = {
		.method = "DELETE", .path = table_path(warehouse, side, name), .absent = true
	};
	BigQueryReply reply = bigquery_call(warehouse, &delete);

	if (bigquery_answered(&reply) || reply.status == 404)
		return true;
	*result = bigquery_problem(&reply, psprintf("could not remove table \"%s\"", name));
	return false;
}
