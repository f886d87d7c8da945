/*
 * bigquery_driver_test.c
 *	  The tests' own way to the driver of BigQuery, as a step would use it; not in an ordinary
 *	  build.  sql/test/bigquery.sql has the signature.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "test/bigquery_test.h"

#ifdef DATAOPS_TEST

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "catalog/connection.h"
#include "net/wait.h"
#include "warehouse/bigquery_job.h"
#include "warehouse/bigquery_json_value.h"

#define WAIT_LIMIT_MS	600000

PG_FUNCTION_INFO_V1(dataops_test_bigquery_driver);
PGDLLEXPORT Datum dataops_test_bigquery_driver(PG_FUNCTION_ARGS);

static WarehouseMode
mode_of(JsonbContainer *options)
{
	static const char *const modes[] = {"append", "truncate", "merge"};
	const char *mode = json_value_text(options, "mode", "append");

	for (int i = 0; i < lengthof(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			return i;
	elog(ERROR, "no such mode: %s", mode);
}

static Jsonb *
shown(const WarehouseResult *result)
{
	static const char *const outcomes[] = {"done", "unknown", "failed"};
	static const char *const gaps[] = {"none", "staging", "rows"};
	StringInfoData out;
	ListCell   *cell;
	const char *separator = "";

	initStringInfo(&out);
	appendStringInfo(&out, "{\"outcome\":\"%s\",\"rows\":" INT64_FORMAT ",\"bytes_billed\":"
					 INT64_FORMAT ",\"retry\":%s,\"sqlstate\":\"%s\",\"problem\":",
					 outcomes[result->outcome], result->rows, result->bytes_billed,
					 result->retry ? "true" : "false", unpack_sql_state(result->sqlstate));
	escape_json(&out, result->problem != NULL ? result->problem : "");
	if (result->gap != WAREHOUSE_GAP_NONE)
		appendStringInfo(&out, ",\"gap\":\"%s\"", gaps[result->gap]);
	appendStringInfoString(&out, ",\"job\":");
	escape_json(&out, result->job != NULL ? result->job : "");
	appendStringInfoString(&out, ",\"values\":[");
	foreach(cell, result->values)
	{
		appendStringInfoString(&out, separator);
		separator = ",";
		if (lfirst(cell) != NULL)
			escape_json(&out, lfirst(cell));
		else
			appendStringInfoString(&out, "null");
	}
	appendStringInfoString(&out, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

static WarehouseResult
perform(Warehouse *warehouse, const char *operation, const WarehouseLoad *load,
		JsonbContainer *options)
{
	bool		production = strcmp(json_value_text(options, "side", "staging"), "production") == 0;

	if (strcmp(operation, "load") == 0)
		return warehouse->driver->load(warehouse, load);
	if (strcmp(operation, "publish") == 0)
		return warehouse->driver->publish(warehouse, load);
	return warehouse->driver->evaluate(warehouse, load,
									   production ? SIDE_PRODUCTION : SIDE_STAGING,
									   test_bigquery_list(options, "expressions"));
}

Datum
dataops_test_bigquery_driver(PG_FUNCTION_ARGS)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops test warehouse",
												 ALLOCSET_DEFAULT_SIZES);
	JsonbContainer *options = &PG_GETARG_JSONB_P(3)->root;
	WarehouseTable *table = test_bigquery_table(PG_GETARG_OID(2), options);
	Warehouse  *warehouse;
	WarehouseResult result;
	WarehouseLoad load = {
		.id = json_value_text(options, "id", "one"),
		.table = table,
		.mode = mode_of(options),
		.files = test_bigquery_list(options, "files"),
		.whole = json_value_bool(options, "whole", true),
		.reset = json_value_bool(options, "reset", false)
	};

	wait_interactive(memory, WAIT_LIMIT_MS, "a test");
	warehouse = warehouse_bigquery_driver.open(
		connection_open(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId()), memory);
	warehouse->driver->check_table(warehouse, table);
	result = perform(warehouse, text_to_cstring(PG_GETARG_TEXT_PP(1)), &load, options);
	MemoryContextDelete(memory);
	PG_RETURN_JSONB_P(shown(&result));
}

#endif
