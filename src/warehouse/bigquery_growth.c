/*
 * bigquery_growth.c
 *	  Comparing of schemas.
 *
 * Growing only adds fields that may be null.  What somebody else has set on the existing ones
 * (policies, defaults, descriptions) is given back as it came: a patch without it would remove it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_growth.h"

#include "utils/json.h"

#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_schema.h"

/* A comparison in hand. */
typedef struct Comparison
{
	StringInfo	out;
	bool		grows;
	char	   *problem;
} Comparison;

static void compare_fields(Comparison *comparison, JsonbContainer *existing, List *wanted,
						   const char *prefix);

/* Two names of a type mean the same: the API takes and gives those of either dialect. */
static bool
same_type(const char *existing, const char *kind)
{
	static const char *const synonyms[][2] = {
		{"INT64", "INTEGER"}, {"FLOAT64", "FLOAT"}, {"BOOL", "BOOLEAN"}, {"STRUCT", "RECORD"},
		{"DECIMAL", "NUMERIC"}, {"BIGDECIMAL", "BIGNUMERIC"}
	};

	for (int i = 0; i < lengthof(synonyms); i++)
		if (pg_strcasecmp(existing, synonyms[i][0]) == 0)
			existing = synonyms[i][1];
	return pg_strcasecmp(existing, kind) == 0;
}

/* Why the existing field does not take all values of the one wanted; NULL if it does. */
static char *
field_problem(JsonbContainer *field, const BigQueryField *wanted)
{
	const char *existing = json_value_text(field, "type", "");
	const char *mode = json_value_text(field, "mode", "NULLABLE");
	const char *kind = bigquery_kind_name(wanted->kind);
	int64		precision = json_value_int64(field, "precision", 0);
	int64		scale = json_value_int64(field, "scale", 0);

	if (!same_type(existing, kind))
		return psprintf("is %s and should be %s", existing, kind);
	if ((strcmp(mode, "REPEATED") == 0) != wanted->repeated)
		return wanted->repeated ? "is single and should be repeated" :
			"is repeated and should be single";
	if (precision > 0 && (wanted->precision == 0 || scale < wanted->scale ||
						  precision - scale < wanted->precision - wanted->scale))
		return psprintf("is %s(" INT64_FORMAT ", " INT64_FORMAT "), which is too narrow", existing,
						precision, scale);
	return NULL;
}

/* Gives an existing field back, with the fields of a record compared in their turn. */
static void
keep_record(Comparison *comparison, JsonbContainer *field, List *wanted, const char *prefix)
{
	JsonbContainer *inner = json_value_container(field, "fields");
	const char *separator = "";
	JsonbIterator *iterator = JsonbIteratorInit(field);
	JsonbValue	key,
				value;

	appendStringInfoChar(comparison->out, '{');
	while (json_value_next(&iterator, &key, &value))
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);

		appendStringInfoString(comparison->out, separator);
		separator = ",";
		escape_json(comparison->out, name);
		appendStringInfoChar(comparison->out, ':');
		if (strcmp(name, "fields") == 0 && inner != NULL)
			compare_fields(comparison, inner, wanted, prefix);
		else
			appendStringInfoString(comparison->out, json_value_source(&value));
	}
	appendStringInfoChar(comparison->out, '}');
}

/* Notes the first problem there is. */
static void
note_problem(Comparison *comparison, const char *prefix, const char *name, const char *problem)
{
	if (comparison->problem == NULL)
		comparison->problem = psprintf("column \"%s%s\" %s", prefix, name, problem);
}

/* "wanted" is NULL for a field that only the table there has. */
static void
keep_field(Comparison *comparison, JsonbContainer *field, const BigQueryField *wanted,
		   const char *prefix)
{
	char	   *problem = wanted != NULL ? field_problem(field, wanted) : NULL;

	if (problem != NULL)
		note_problem(comparison, prefix, wanted->name, problem);
	if (wanted == NULL && strcmp(json_value_text(field, "mode", ""), "REQUIRED") == 0)
		note_problem(comparison, prefix, json_value_text(field, "name", ""),
					 "is required there, and is missing here");
	if (wanted != NULL && problem == NULL && wanted->kind == BIGQUERY_RECORD)
		keep_record(comparison, field, wanted->fields, psprintf("%s%s.", prefix, wanted->name));
	else
		appendStringInfoString(comparison->out, json_container_source(field));
}

static void
compare_fields(Comparison *comparison, JsonbContainer *existing, List *wanted, const char *prefix)
{
	List	   *missing = list_copy(wanted);
	const char *separator = "";
	ListCell   *cell;

	appendStringInfoChar(comparison->out, '[');
	for (uint32 i = 0; i < JsonContainerSize(existing); i++)
	{
		JsonbContainer *field = json_element_container(existing, i);
		BigQueryField *same = bigquery_find_field(wanted, json_value_text(field, "name", ""));

		appendStringInfoString(comparison->out, separator);
		separator = ",";
		keep_field(comparison, field, same, prefix);
		missing = list_delete_ptr(missing, same);
	}
	foreach(cell, missing)
	{
		appendStringInfoString(comparison->out, separator);
		separator = ",";
		bigquery_put_field(comparison->out, lfirst(cell));
		comparison->grows = true;
	}
	appendStringInfoChar(comparison->out, ']');
}

bool
bigquery_has_field(JsonbContainer *existing, const char *name)
{
	for (uint32 i = 0; i < JsonContainerSize(existing); i++)
		if (pg_strcasecmp(json_value_text(json_element_container(existing, i), "name", ""),
						  name) == 0)
			return true;
	return false;
}

SchemaDifference
bigquery_schema_compare(JsonbContainer *existing, List *wanted, StringInfo out, char **problem)
{
	Comparison	comparison = {.out = out};

	compare_fields(&comparison, existing, wanted, "");
	*problem = comparison.problem;
	if (comparison.problem != NULL)
		return SCHEMA_CONFLICTS;
	return comparison.grows ? SCHEMA_GROWS : SCHEMA_SAME;
}
