/*
 * url_test.c
 *	  SQL access to URLs, for the regression tests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/url.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(dataops_test_url_resolve);

/* (base, reference) → the URL that is meant; null when it is none */
Datum
dataops_test_url_resolve(PG_FUNCTION_ARGS)
{
	const char *base = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *problem;
	char	   *resolved;
	Url			url;

	if (!url_parse(base, &url, &problem))
		elog(ERROR, "not a URL: %s", problem);
	resolved = url_resolve(&url, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (resolved == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(resolved));
}

#endif
