/*
 * template_test.c
 *	  SQL access to templates, for the regression tests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/template.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(dataops_test_template);
PG_FUNCTION_INFO_V1(dataops_test_template_check);

static const TemplateVariable variables[] = {
	{"start", TEMPLATE_TIMESTAMPTZ}, {"day", TEMPLATE_DATE}, {"number", TEMPLATE_INTEGER},
	{"name", TEMPLATE_TEXT}, {"absent", TEMPLATE_TEXT},
};

typedef struct TestValues
{
	const char *name;
	TimestampTz start;
} TestValues;

static bool
lookup(const char *name, TemplateValue *value, void *arg)
{
	TestValues *values = arg;

	if (strcmp(name, "start") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_TIMESTAMPTZ, .time = values->start};
	else if (strcmp(name, "day") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_DATE, .date = 59};	/* 2000-02-29 */
	else if (strcmp(name, "number") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_INTEGER, .integer = -42};
	else if (strcmp(name, "name") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_TEXT, .text = values->name};
	else
		return false;
	return true;
}

static TemplatePlace
place_named(const char *name)
{
	static const char *const names[] = {"url", "object name", "plain"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return (TemplatePlace) i;
	}
	elog(ERROR, "no such place: %s", name);
}

/* (template, place, name, start) → the template with these values */
Datum
dataops_test_template(PG_FUNCTION_ARGS)
{
	TestValues	values = {
		.name = text_to_cstring(PG_GETARG_TEXT_PP(2)),
		.start = PG_GETARG_TIMESTAMPTZ(3),
	};
	TemplateScope scope = {variables, lengthof(variables), lookup, &values};

	PG_RETURN_TEXT_P(cstring_to_text(
		template_expand(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						place_named(text_to_cstring(PG_GETARG_TEXT_PP(1))), &scope)));
}

Datum
dataops_test_template_check(PG_FUNCTION_ARGS)
{
	TemplateScope scope = {variables, lengthof(variables)};

	template_check(text_to_cstring(PG_GETARG_TEXT_PP(0)), &scope);
	PG_RETURN_VOID();
}

#endif
