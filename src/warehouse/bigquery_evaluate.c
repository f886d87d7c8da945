/*
 * bigquery_evaluate.c
 *	  Values over a table of BigQuery, to be compared with those of the origin.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_evaluate.h"

#include "utils/builtins.h"

#include "core/uuid.h"
#include "warehouse/bigquery_cell.h"
#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_statement.h"
#include "warehouse/bigquery_work.h"

/* The cost of a query before it runs. */
static bool
check_cost(BigQuery *warehouse, const BigQueryJob *job, WarehouseResult *result)
{
	BigQueryReply reply = bigquery_job_dry_run(warehouse, job->configuration);
	int64		bytes;

	if (!bigquery_answered(&reply))
	{
		*result = bigquery_problem(&reply, "could not check the query");
		return false;
	}
	bytes = json_value_int64(json_value_container(reply.json, "statistics"), "totalBytesProcessed",
							 0);
	if (warehouse->maximum_bytes_billed == 0 || bytes <= warehouse->maximum_bytes_billed)
		return true;
	*result = bigquery_refusal(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
							   psprintf("the query would read " INT64_FORMAT " bytes, more than "
										"maximum_bytes_billed of connection \"%s\"", bytes,
										warehouse->base.server));
	return false;
}

/* Fractions of seconds as few digits as they need: BigQuery writes six. */
static char *
trimmed_time(const char *text)
{
	char	   *trimmed = pstrdup(text);
	size_t		length = strlen(trimmed);

	if (strchr(trimmed, '.') == NULL)
		return trimmed;
	while (trimmed[length - 1] == '0')
		length--;
	trimmed[trimmed[length - 1] == '.' ? length - 1 : length] = '\0';
	return trimmed;
}

/* A value of the row as tree_row_texts() writes the same one here; NULL for null. */
static char *
value_text(JsonbContainer *field, JsonbContainer *row)
{
	const char *type = json_value_text(field, "type", "");
	const char *name = json_value_text(field, "name", "");
	JsonbValue *value = getKeyJsonValueFromContainer(row, name, strlen(name), NULL);
	char	   *text;

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		return json_value_source(value);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	return strcmp(type, "DATETIME") == 0 || strcmp(type, "TIME") == 0 ? trimmed_time(text) : text;
}

/* The one row of a finished query. */
static bool
read_row(BigQuery *warehouse, WarehouseResult *result)
{
	BigQueryCall get = {
		.path = psprintf("queries/%s?location=%s&maxResults=1&"
						 "formatOptions.useInt64Timestamp=true", result->job,
						 bigquery_encoded(warehouse->location))
	};
	BigQueryReply reply = bigquery_call(warehouse, &get);
	JsonbContainer *rows;
	JsonbContainer *fields;
	Jsonb	   *row;

	rows = bigquery_answered(&reply) ? json_value_container(reply.json, "rows") : NULL;
	fields = rows != NULL ? json_path_container(reply.json, "schema.fields") : NULL;
	if (fields == NULL || JsonContainerSize(rows) != 1)
	{
		*result = bigquery_problem(&reply, "could not read the values");
		return false;
	}
	row = bigquery_row(fields, json_element_container(rows, 0));
	for (uint32 i = 0; i < JsonContainerSize(fields); i++)
		result->values = lappend(result->values,
								 value_text(json_element_container(fields, i), &row->root));
	return true;
}

WarehouseResult
bigquery_evaluate(Warehouse *base, const WarehouseLoad *load, WarehouseSide side, List *expressions)
{
	BigQuery   *warehouse = (BigQuery *) base;
	char	   *table = bigquery_table_name(warehouse, side, load->table->name);
	pg_uuid_t	id = uuid_v7();
	BigQueryJob job = bigquery_query_job(warehouse, load->id,
										 psprintf("evaluate_%s", uuid_text(&id)),
										 bigquery_evaluation(load->table->name, table,
															 expressions));
	WarehouseResult result;

	if (!check_cost(warehouse, &job, &result))
		return result;
	result = bigquery_job_start(warehouse, &job, 1);
	if (result.outcome == WAREHOUSE_DONE)
		(void) read_row(warehouse, &result);
	return result;
}
