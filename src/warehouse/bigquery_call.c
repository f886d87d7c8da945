/*
 * bigquery_call.c
 *	  Requests to BigQuery's API and what comes back.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_call.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "catalog/option.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/url.h"

#define PROBLEM_MAX		1000
#define JOB_TIMEOUT_MS	(6 * 60 * 60 * 1000)	/* after which BigQuery ends jobs itself */

BigQuery *
bigquery_open(Connection *connection, MemoryContext owner)
{
	BigQuery   *warehouse = MemoryContextAllocZero(owner, sizeof(BigQuery));
	const char *dataset = option_text(connection->options, "dataset", "");
	MemoryContext previous = MemoryContextSwitchTo(owner);

	warehouse->base.driver = &warehouse_bigquery_driver;
	warehouse->base.server = pstrdup(connection->server);
	warehouse->project = pstrdup(option_text(connection->options, "project", ""));
	warehouse->datasets[SIDE_PRODUCTION] = pstrdup(dataset);
	warehouse->datasets[SIDE_STAGING] =
		pstrdup(option_text(connection->options, "staging_dataset",
							psprintf("%s_staging", dataset)));
	warehouse->location = pstrdup(option_text(connection->options, "location", "US"));
	warehouse->maximum_bytes_billed =
		strtoll(option_text(connection->options, "maximum_bytes_billed", "0"), NULL, 10);
	warehouse->job_timeout_ms = option_ms(connection->options, "job_timeout", JOB_TIMEOUT_MS);
	warehouse->numeric_type = pg_strcasecmp(option_text(connection->options, "numeric_type", ""),
											"string") == 0 ? BIGQUERY_STRING : BIGQUERY_BIGNUMERIC;
	warehouse->base.choose = warehouse->numeric_type == BIGQUERY_STRING ?
		bigquery_ndjson_choose_string : bigquery_ndjson_choose;
	if (strcmp(warehouse->datasets[SIDE_STAGING], dataset) == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("connection \"%s\" has the same dataset and staging_dataset",
					   connection->server),
				errhint("Loads are checked in the one before they are published to the other."));
	MemoryContextSwitchTo(previous);
	warehouse->client = google_client_open(connection, GOOGLE_BIGQUERY, owner);
	return warehouse;
}

/* ---- requests ---- */

/* The body, which is known to be JSON, as an object; NULL when it is another value. */
static JsonbContainer *
read_body(HttpResponse *response)
{
	HttpBody   *body = http_body_open(response);
	StringInfoData text;
	const char *chunk;
	size_t		length;
	Jsonb	   *jsonb;

	initStringInfo(&text);
	while (http_body_read(body, &chunk, &length))
		appendBinaryStringInfo(&text, chunk, length);
	jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
	return JB_ROOT_IS_OBJECT(jsonb) ? &jsonb->root : NULL;
}

BigQueryReply
bigquery_call(BigQuery *warehouse, const BigQueryCall *call)
{
	GoogleCall	request = {
		.method = call->method,
		.path = psprintf("/bigquery/v2/projects/%s/%s", bigquery_encoded(warehouse->project),
						 call->path),
		.content_type = call->body != NULL ? "application/json" : NULL,
		.body = call->body,
		.body_length = call->body != NULL ? strlen(call->body) : 0,
		.repeatable = true,
		.quiet_404 = call->absent
	};
	GoogleReply *answer;
	BigQueryReply reply = {.reason = ""};

	FAULT_POINT("bigquery_request");
	answer = google_call(warehouse->client, &request);
	FAULT_POINT("bigquery_reply");
	reply.status = answer->status;
	reply.problem = answer->problem;
	reply.retry = answer->retry;
	reply.not_before = answer->not_before;
	reply.sqlstate = answer->sqlstate;
	if (answer->reason != NULL)
		reply.reason = answer->reason;
	if (!bigquery_answered(&reply) || answer->status == 204)
		return reply;
	reply.json = answer->json != NULL ? read_body(answer->response) : NULL;
	if (reply.json == NULL)
	{
		reply.status = 0;
		reply.problem = "the answer is not what its documentation says";
		reply.retry = true;
		reply.sqlstate = ERRCODE_MALFORMED_REPLY;
	}
	return reply;
}

WarehouseResult
bigquery_problem(const BigQueryReply *reply, const char *what)
{
	const char *problem = reply->problem != NULL ? reply->problem :
		psprintf("status %d", reply->status);

	return (WarehouseResult) {
		.outcome = reply->status == 0 ? WAREHOUSE_UNKNOWN : WAREHOUSE_FAILED,
		.problem = error_clean(psprintf("%s: %s", what, problem),
							   strlen(what) + 2 + strlen(problem), PROBLEM_MAX),
		.retry = reply->retry,
		.not_before = reply->not_before,
		.sqlstate = reply->sqlstate != 0 ? reply->sqlstate : ERRCODE_REMOTE_REFUSED
	};
}

WarehouseResult
bigquery_refusal(int sqlstate, char *problem)
{
	return (WarehouseResult) {
		.outcome = WAREHOUSE_FAILED, .problem = problem, .sqlstate = sqlstate
	};
}

/* ---- names ---- */

char *
bigquery_encoded(const char *text)
{
	StringInfoData out;

	initStringInfo(&out);
	url_encode(&out, text);
	return out.data;
}

void
bigquery_put_table(StringInfo out, const BigQuery *warehouse, WarehouseSide side, const char *table)
{
	appendStringInfo(out, "{\"projectId\":\"%s\",\"datasetId\":\"%s\",\"tableId\":\"%s\"}",
					 warehouse->project, warehouse->datasets[side], table);
}

char *
bigquery_table_name(const BigQuery *warehouse, WarehouseSide side, const char *table)
{
	return psprintf("`%s.%s.%s`", warehouse->project, warehouse->datasets[side], table);
}
