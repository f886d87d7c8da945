/*
 * jsonb_both.c
 *	  One text given to the jsonb writer and to the server's own jsonb input.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "test/jsonb_both.h"

#include "core/error.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* What the server makes of it. It holds nothing else on error. */
static JsonbOutcome
server_outcome(const char *text, size_t length)
{
	volatile JsonbOutcome outcome = {0};
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		char	   *copy = pnstrdup(text, length);

		pg_verifymbstr(text, (int) length, false);
		outcome.value = (Jsonb *) DatumGetPointer(DirectFunctionCall1(jsonb_in,
																	  CStringGetDatum(copy)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		outcome.sqlstate = geterrcode();
		if (outcome.sqlstate == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return (JsonbOutcome) {outcome.value, outcome.sqlstate};
}

bool
jsonb_same_bytes(const Jsonb *one, const Jsonb *other)
{
	return VARSIZE(one) == VARSIZE(other) && memcmp(one, other, VARSIZE(one)) == 0;
}

JsonbBoth
jsonb_both(JsonbWriter *writer, const char *text, size_t length)
{
	JsonbBoth	both = {.server = server_outcome(text, length)};
	JsonRefusal why;

	if (jsonb_write(writer, text, length, &both.ours.value, &why))
		both.agree = both.server.value != NULL &&
			jsonb_same_bytes(both.server.value, both.ours.value);
	else
	{
		both.ours = (JsonbOutcome) {NULL, why.sqlstate};
		both.agree = both.server.value == NULL && both.server.sqlstate == why.sqlstate;
	}
	return both;
}

void
jsonb_both_show(const JsonbBoth *both, const char *text, size_t length)
{
	ereport(WARNING,
			errmsg("jsonb writer (SQLSTATE %s) and server differ",
				   unpack_sql_state(both->ours.sqlstate)),
			errdetail("SQLSTATE of the server: %s. Text: %s",
					  unpack_sql_state(both->server.sqlstate), error_clean(text, length, 8000)));
}

#endif
