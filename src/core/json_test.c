/*
 * json_test.c
 *	  SQL access to the reading of replies, for the regression tests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/json.h"

#include "core/compat.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(dataops_test_json_error);
PG_FUNCTION_INFO_V1(dataops_test_json_reply);
PG_FUNCTION_INFO_V1(dataops_test_json_members);

/* (body) → the sentence for people, or null */
Datum
dataops_test_json_error(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(0);
	char	   *message = json_error_message(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));

	if (message == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(message));
}

/* (body, path) → what stands there: a text, an integer, nothing; or why the body is refused */
Datum
dataops_test_json_reply(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(0);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *why;
	JsonReply  *reply = json_reply_parse(CurrentMemoryContext, VARDATA_ANY(body),
										 VARSIZE_ANY_EXHDR(body), &why);
	const char *found;
	int64		number;
	char	   *shown;

	if (reply == NULL)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf("refused: %s", why)));
	found = json_reply_text(reply, path);
	shown = found != NULL ? psprintf("text %s", found) : pstrdup("no text");
	if (json_reply_int64(reply, path, &number))
		shown = psprintf("%s, integer " INT64_FORMAT, shown, number);
	PG_RETURN_TEXT_P(cstring_to_text(shown));
}

/* (body, path) → "name=text" of each member, a question mark for what is no text */
Datum
dataops_test_json_members(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(0);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *why;
	JsonReply  *reply = json_reply_parse(CurrentMemoryContext, VARDATA_ANY(body),
										 VARSIZE_ANY_EXHDR(body), &why);
	StringInfoData members;
	const char *name;
	const char *text;

	initStringInfo(&members);
	for (int i = 0; reply != NULL && json_reply_member(reply, path, i, &name, &text); i++)
		appendStringInfo(&members, "%s%s=%s", i > 0 ? ", " : "", name, text != NULL ? text : "?");
	PG_RETURN_TEXT_P(cstring_to_text(members.data));
}

#endif
