/*
 * bigquery_query.c
 *	  dataops.bigquery(): a query in BigQuery, its rows as jsonb.
 *
 * It waits inside of a statement, so its time is limited; a query that is not done by then is
 * cancelled.  A request that is sent again has its effect once, by its requestId.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_call.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "catalog/connection.h"
#include "core/compat.h"
#include "core/error.h"
#include "core/uuid.h"
#include "net/wait.h"
#include "warehouse/bigquery_cell.h"
#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_parameter.h"

#define LAST_WORDS_MS	3000	/* kept for cancelling */
#define ANSWER_MS		5000	/* how long BigQuery holds a request open */
#define FIRST_DELAY_MS	100		/* between requests that say "not yet" */
#define LAST_DELAY_MS	2000
#define PAGE_ROWS		10000

PG_FUNCTION_INFO_V1(dataops_bigquery);
PGDLLEXPORT Datum dataops_bigquery(PG_FUNCTION_ARGS);

typedef struct RemoteQuery
{
	BigQuery   *warehouse;
	ReturnSetInfo *result;
	int64		until;
	long		delay_ms;
	char	   *job;			/* NULL: not known yet */
	char	   *location;
} RemoteQuery;

pg_noreturn static void refuse(const BigQueryReply *reply);

static void
refuse(const BigQueryReply *reply)
{
	WarehouseResult problem = bigquery_problem(reply, "");

	ereport(ERROR,
			errcode(problem.sqlstate),
			errmsg("BigQuery did not run the query"),
			errdetail("%s", problem.problem + strlen(": ")));
}

static char *
request_body(BigQuery *warehouse, const char *sql, Jsonb *params)
{
	StringInfoData out;
	pg_uuid_t	id = uuid_v7();

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"query\":");
	escape_json(&out, sql);
	appendStringInfo(&out, ",\"useLegacySql\":false,\"location\":\"%s\",\"requestId\":\"%s\","
					 "\"timeoutMs\":%d,\"maxResults\":%d,"
					 "\"formatOptions\":{\"useInt64Timestamp\":true}", warehouse->location,
					 uuid_text(&id), ANSWER_MS, PAGE_ROWS);
	if (warehouse->maximum_bytes_billed > 0)
		appendStringInfo(&out, ",\"maximumBytesBilled\":\"" INT64_FORMAT "\"",
						 warehouse->maximum_bytes_billed);
	bigquery_put_parameters(&out, &params->root);
	appendStringInfoChar(&out, '}');
	return out.data;
}

/* Stops a query whose time is over; what comes of that nobody waits for. */
static void
give_up(RemoteQuery *query)
{
	if (query->job != NULL)
	{
		BigQueryCall cancel = {
			.method = "POST", .absent = true,
			.path = psprintf("jobs/%s/cancel?location=%s", bigquery_encoded(query->job),
							 bigquery_encoded(query->location))
		};

		(void) bigquery_call(query->warehouse, &cancel);
	}
	ereport(ERROR,
			errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("the query did not end within %d seconds", WAIT_STATEMENT_MS / 1000),
			errhint("Ask for less, or let a query of BigQuery's own schedule prepare it."));
}

/* One more answer: the next page, or whether the query is done. */
static BigQueryReply
next_answer(RemoteQuery *query, const char *page)
{
	StringInfoData path;
	BigQueryCall get = {0};

	if (wait_clock_ms() > query->until)
		give_up(query);
	if (page == NULL)
	{
		latch_sleep(query->delay_ms);
		query->delay_ms = Min(query->delay_ms * 2, LAST_DELAY_MS);
	}
	initStringInfo(&path);
	appendStringInfo(&path, "queries/%s?location=%s&timeoutMs=%d&maxResults=%d&"
					 "formatOptions.useInt64Timestamp=true", bigquery_encoded(query->job),
					 bigquery_encoded(query->location), ANSWER_MS, PAGE_ROWS);
	if (page != NULL)
		appendStringInfo(&path, "&pageToken=%s", bigquery_encoded(page));
	get.path = path.data;
	return bigquery_call(query->warehouse, &get);
}

static void
put_rows(RemoteQuery *query, JsonbContainer *answer)
{
	JsonbContainer *fields = json_path_container(answer, "schema.fields");
	JsonbContainer *rows = json_value_container(answer, "rows");
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "dataops row",
												  ALLOCSET_DEFAULT_SIZES);
	bool		is_null = false;

	for (uint32 i = 0; rows != NULL && i < JsonContainerSize(rows); i++)
	{
		MemoryContext previous = MemoryContextSwitchTo(scratch);
		Datum		row = JsonbPGetDatum(bigquery_row(fields, json_element_container(rows, i)));

		tuplestore_putvalues(query->result->setResult, query->result->setDesc, &row, &is_null);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

/*
 * A query that was run has fields, and what "errors" it comes with are warnings; without fields
 * they are the reason that there are none.
 */
static void
check_was_run(JsonbContainer *answer)
{
	JsonbContainer *fields = json_path_container(answer, "schema.fields");
	JsonbContainer *errors = json_value_container(answer, "errors");

	if ((fields != NULL && JsonContainerSize(fields) > 0) || errors == NULL ||
		JsonContainerSize(errors) == 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			errmsg("BigQuery did not run the query"),
			errdetail("%s", json_value_text(json_element_container(errors, 0), "message",
											"It does not say why.")));
}

/* Until the last page is stored; one answer's memory at a time. */
static void
put_answers(RemoteQuery *query, BigQueryReply reply)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext pages[2];
	int			turn = 0;

	for (int i = 0; i < lengthof(pages); i++)
		pages[i] = AllocSetContextCreate(outer, "dataops page", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		JsonbContainer *reference;
		bool		complete;
		const char *page;

		if (!bigquery_answered(&reply))
			refuse(&reply);
		reference = json_value_container(reply.json, "jobReference");
		if (query->job == NULL && reference != NULL)
		{
			query->job = MemoryContextStrdup(outer, json_value_text(reference, "jobId", ""));
			query->location = MemoryContextStrdup(outer,
												  json_value_text(reference, "location",
																  query->warehouse->location));
		}
		complete = json_value_bool(reply.json, "jobComplete", false);
		if (complete)
		{
			check_was_run(reply.json);
			put_rows(query, reply.json);
		}
		page = json_value_text(reply.json, "pageToken", NULL);
		if (complete && page == NULL)
			break;
		if (query->job == NULL)
			ereport(ERROR,
					errcode(ERRCODE_MALFORMED_REPLY),
					errmsg("BigQuery answered without the name of the job"));
		/* the page's name lies in the other one of the two */
		turn = 1 - turn;
		MemoryContextReset(pages[turn]);
		MemoryContextSwitchTo(pages[turn]);
		reply = next_answer(query, complete ? page : NULL);
		MemoryContextSwitchTo(outer);
	}
}

Datum
dataops_bigquery(PG_FUNCTION_ARGS)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops bigquery",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous;
	RemoteQuery query = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo, .delay_ms = FIRST_DELAY_MS
	};
	BigQueryCall call = {.method = "POST", .path = "queries"};
	Connection *connection;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	previous = MemoryContextSwitchTo(memory);
	connection = connection_open(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId());
	if (strcmp(connection->wrapper, warehouse_bigquery_driver.wrapper) != 0)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("connection \"%s\" is not one of dataops_bigquery", connection->server));
	query.warehouse = bigquery_open(connection, memory);
	call.body = request_body(query.warehouse, text_to_cstring(PG_GETARG_TEXT_PP(1)),
							 PG_GETARG_JSONB_P(2));
	wait_interactive(memory, WAIT_STATEMENT_MS,
					 psprintf("the query of connection \"%s\"", connection->server));
	query.until = wait_clock_ms() + WAIT_STATEMENT_MS - LAST_WORDS_MS - ANSWER_MS;
	put_answers(&query, bigquery_call(query.warehouse, &call));
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(memory);
	return (Datum) 0;
}
