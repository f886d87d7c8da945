/*
 * bigquery.c
 *	  Fuzzer: rows that BigQuery answers, by the schema beside them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "core/error.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "warehouse/bigquery_cell.h"
#include "warehouse/bigquery_json_value.h"

const size_t fuzz_prefix = 0;

typedef struct Reply
{
	const char *text;
	Jsonb	   *jsonb;
	JsonbContainer *fields;
	JsonbContainer *row;
	Jsonb	   *result;
} Reply;

static void
parse_reply(void *arg)
{
	Reply	   *reply = arg;

	reply->jsonb = (Jsonb *) DatumGetPointer(DirectFunctionCall1(jsonb_in,
																CStringGetDatum(reply->text)));
	if (!JB_ROOT_IS_OBJECT(reply->jsonb))
		return;
	reply->fields = json_path_container(&reply->jsonb->root, "schema.fields");
	reply->row = json_value_container(&reply->jsonb->root, "row");
	(void) json_value_int64(&reply->jsonb->root, "totalRows", 0);
}

static void
read_row(void *arg)
{
	Reply	   *reply = arg;

	reply->result = bigquery_row(reply->fields, reply->row);
}

void
fuzz_one(const char *bytes, size_t length)
{
	Reply		reply = {.text = fuzz_text(bytes, length)};
	int			sqlstate;

	if (!fuzz_is_text(reply.text) || fuzz_guarded(parse_reply, &reply) != 0 || reply.row == NULL)
		return;
	sqlstate = fuzz_guarded(read_row, &reply);
	fuzz_check(sqlstate == 0 || sqlstate == ERRCODE_MALFORMED_REPLY ||
			   sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX);
	if (sqlstate == 0)
		(void) JsonbToCString(NULL, &reply.result->root, VARSIZE(reply.result));
}
