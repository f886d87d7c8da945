/*
 * jsonb.c
 *	  Fuzzer: a JSON text to jsonb, as the server makes it or refuses it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "format/bigquery_json.h"
#include "test/jsonb_both.h"
#include "utils/memutils.h"

const size_t fuzz_prefix = 0;

void
fuzz_one(const char *bytes, size_t length)
{
	/* used for all inputs, as for all records of a page */
	static JsonbWriter *writer = NULL;
	static JsonTape *tape = NULL;
	JsonbBoth	both;

	if (writer == NULL)
	{
		writer = jsonb_writer_create(TopMemoryContext);
		tape = MemoryContextAlloc(TopMemoryContext, sizeof(JsonTape));
		bigquery_json_init(tape, TopMemoryContext);
	}
	both = jsonb_both(writer, bytes, length);
	/* how deep either can go is a matter of its stack */
	if (!both.agree && both.server.sqlstate != ERRCODE_STATEMENT_TOO_COMPLEX &&
		both.ours.sqlstate != ERRCODE_STATEMENT_TOO_COMPLEX)
	{
		jsonb_both_show(&both, bytes, length);
		fuzz_fail("jsonb differs");
	}
	if (both.server.value != NULL)
		(void) bigquery_json_check(tape, fuzz_text(bytes, length), length);
}
