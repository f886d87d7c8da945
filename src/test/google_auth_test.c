/*
 * google_auth_test.c
 *	  The tests' own way to Google's credentials and tokens; sql/test/google_auth.sql has the
 *	  signatures. Credentials come from files: a statement's text may be logged.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#ifdef DATAOPS_TEST

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "net/google_auth.h"
#include "net/google_grant.h"
#include "net/wait.h"

#define FILE_MAX	(128 * 1024)
#define WAIT_MS		(60 * 1000)

static char *
read_file(const char *path)
{
	FILE	   *file = AllocateFile(path, "r");
	char	   *bytes = palloc0(FILE_MAX + 1);

	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open the test's file: %m"));
	if (fread(bytes, 1, FILE_MAX, file) == 0)
		bytes[0] = '\0';
	FreeFile(file);
	return bytes;
}

/* Reads all files but those named "forbidden". */
static const char *
read_subject_token(const char *path, void *arg)
{
	if (strstr(path, "forbidden") != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("the test does not allow this file"));
	return read_file(path);
}

static GatePolicy *
loopback_gate(void)
{
	static const char *hosts[] = {"127.0.0.1"};
	static GateRange ranges[1];
	GatePolicy *gate = palloc0(sizeof(GatePolicy));

	gate_range_parse("127.0.0.1", &ranges[0]);
	*gate = (GatePolicy) {
		.hosts = hosts, .nhosts = 1, .ranges = ranges, .nranges = 1, .limit_ranges = ranges,
		.nlimit_ranges = 1, .allow_http = true
	};
	return gate;
}

/* All endpoints are one server. */
static GoogleAuth *
auth_open(char *credentials, char *origin, char *scopes, bool files)
{
	GoogleAuthOptions options = {
		.role = GetUserId(),
		.credentials = credentials,
		.scopes = scopes,
		.oauth2_endpoint = origin,
		.sts_endpoint = origin,
		.iamcredentials_endpoint = origin,
		.metadata_host = origin + strlen("http://"),
		.subject_token = files ? read_subject_token : NULL
	};

	return google_auth_create(CurrentMemoryContext, &options);
}

static char *
argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* A token as a step asks for it: "get" and "renew" wait, "look" and "renew_look" look in for it. */
static GoogleToken
token_by(const char *step, GoogleAuth *auth, HttpPool *pool)
{
	bool		renew = strncmp(step, "renew", 5) == 0;
	bool		wait = strstr(step, "look") == NULL;
	int64		until = wait_clock_ms() + WAIT_MS;
	GoogleToken token;

	while (!google_auth_token(auth, pool, renew, wait, &token))
	{
		if (wait_clock_ms() > until)
			elog(ERROR, "no token came");
		latch_sleep(1);
	}
	return token;
}

PG_FUNCTION_INFO_V1(dataops_test_google_tokens);
/* (file of credentials, or null; origin; scopes; steps; files) → what each step gave */
Datum
dataops_test_google_tokens(PG_FUNCTION_ARGS)
{
	char	   *file = argument(fcinfo, 0);
	GoogleAuth *auth = auth_open(file != NULL ? read_file(file) : NULL, argument(fcinfo, 1),
								 argument(fcinfo, 2), PG_GETARG_BOOL(4));
	PoolOptions options = {.gate = loopback_gate()};
	HttpPool   *pool = pool_create(CurrentMemoryContext, &options);
	Datum	   *steps;
	int			nsteps;

	wait_interactive(CurrentMemoryContext, WAIT_MS, "a test");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &steps, NULL,
					  &nsteps);
	for (int i = 0; i < nsteps; i++)
	{
		GoogleToken token = token_by(TextDatumGetCString(steps[i]), auth, pool);

		steps[i] = CStringGetTextDatum(token.token != NULL ? token.token :
									   psprintf("%s, %s: %s", unpack_sql_state(token.sqlstate),
												token.retry ? "may pass" : "final",
												token.problem));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(steps, nsteps, TEXTOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(dataops_test_google_project);
Datum
dataops_test_google_project(PG_FUNCTION_ARGS)
{
	const char *project = google_auth_project(auth_open(read_file(argument(fcinfo, 0)),
														"http://127.0.0.1:1", "scope", true));

	if (project == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(project));
}

PG_FUNCTION_INFO_V1(dataops_test_google_addresses);
/* (file of credentials, origin) → where their tokens are asked for */
Datum
dataops_test_google_addresses(PG_FUNCTION_ARGS)
{
	char	   *file = argument(fcinfo, 0);
	List	   *addresses = google_auth_addresses(auth_open(file != NULL ? read_file(file) : NULL,
														   argument(fcinfo, 1), "scope", true));
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, addresses)
		appendStringInfo(&text, "%s%s", text.len > 0 ? " " : "", (char *) lfirst(cell));
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

PG_FUNCTION_INFO_V1(dataops_test_google_assertion);
/* (file of credentials, scopes, seconds since 1970) → the token that is sent for one */
Datum
dataops_test_google_assertion(PG_FUNCTION_ARGS)
{
	const GoogleCredential *credential = google_credential_parse(CurrentMemoryContext,
																  read_file(argument(fcinfo, 0)));

	PG_RETURN_TEXT_P(cstring_to_text(google_assertion(credential, argument(fcinfo, 1),
													  PG_GETARG_INT64(2))));
}

#endif
