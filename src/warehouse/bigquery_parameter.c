/*
 * bigquery_parameter.c
 *	  Types and values of parameters.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_parameter.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "core/compat.h"
#include "core/error.h"
#include "warehouse/bigquery_json_value.h"

#define MAX_NAME	128

pg_noreturn static void refuse(const char *name, const char *why);

static void
refuse(const char *name, const char *why)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("parameter \"%s\" %s", error_clean(name, strlen(name), 100), why),
			errhint("Give a number, a text, true or false, an array of one of these, or "
					"{\"type\": \"DATE\", \"value\": \"2024-02-29\"}."));
}

/* The smallest type that holds the number; its text is exact. */
static const char *
number_type(const char *name, const char *text)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	const char *point = strchr(digits, '.');
	size_t		integers = point != NULL ? point - digits : strlen(digits);
	size_t		fractions = point != NULL ? strlen(point + 1) : 0;
	char	   *end;

	errno = 0;
	(void) strtoll(text, &end, 10);
	if (errno == 0 && *end == '\0')
		return "INT64";
	if (integers <= 29 && fractions <= 9)
		return "NUMERIC";
	if (integers <= 38 && fractions <= 38)
		return "BIGNUMERIC";
	refuse(name, "has more digits than BIGNUMERIC");
}

/* The type that a scalar has by itself, and its text (NULL for null). */
static const char *
scalar_of(const char *name, JsonbValue *value, char **text)
{
	*text = NULL;
	switch (value->type)
	{
		case jbvNull:
			return "STRING";
		case jbvString:
			*text = pnstrdup(value->val.string.val, value->val.string.len);
			return "STRING";
		case jbvBool:
			*text = value->val.boolean ? "true" : "false";
			return "BOOL";
		case jbvNumeric:
			*text = DatumGetCString(DirectFunctionCall1(numeric_out,
														NumericGetDatum(value->val.numeric)));
			return number_type(name, *text);
		default:
			refuse(name, "is nested too deep");
	}
}

static void
put_value(StringInfo out, const char *text)
{
	appendStringInfoString(out, "{\"value\":");
	if (text != NULL)
		escape_json(out, text);
	else
		appendStringInfoString(out, "null");
	appendStringInfoChar(out, '}');
}

/* Of two types of numbers the one that holds both; NULL when they do not go together. */
static const char *
common_type(const char *a, const char *b)
{
	static const char *const numbers[] = {"INT64", "NUMERIC", "BIGNUMERIC"};
	int			widest = -1;
	int			found = 0;

	if (a == NULL || strcmp(a, b) == 0)
		return b;
	for (int i = 0; i < lengthof(numbers); i++)
		if (strcmp(a, numbers[i]) == 0 || strcmp(b, numbers[i]) == 0)
		{
			widest = i;
			found++;
		}
	return found == 2 ? numbers[widest] : NULL;
}

static void
put_array(StringInfo out, const char *name, JsonbContainer *array, const char *type)
{
	StringInfoData values;
	const char *common = type;

	initStringInfo(&values);
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		char	   *text;
		const char *own = scalar_of(name, getIthJsonbValueFromContainer(array, i), &text);

		if (text == NULL)
			refuse(name, "is an array with a null in it");
		if (type == NULL && (common = common_type(common, own)) == NULL)
			refuse(name, "is an array of different types");
		if (i > 0)
			appendStringInfoChar(&values, ',');
		put_value(&values, text);
	}
	appendStringInfo(out, "\"parameterType\":{\"type\":\"ARRAY\",\"arrayType\":{\"type\":\"%s\"}},"
					 "\"parameterValue\":{\"arrayValues\":[%s]}",
					 common != NULL ? common : "STRING", values.data);
}

/* "type": as the caller names it; NULL when the value tells. */
static void
put_typed(StringInfo out, const char *name, JsonbValue *value, const char *type)
{
	char	   *text;
	const char *own;

	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		put_array(out, name, value->val.binary.data, type);
		return;
	}
	own = scalar_of(name, value, &text);
	appendStringInfo(out, "\"parameterType\":{\"type\":\"%s\"},\"parameterValue\":",
					 type != NULL ? type : own);
	put_value(out, text);
}

/* {"type": …, "value": …} */
static void
put_explicit(StringInfo out, const char *name, JsonbContainer *given)
{
	const char *type = json_value_text(given, "type", NULL);
	JsonbValue *value = getKeyJsonValueFromContainer(given, "value", 5, NULL);

	if (type == NULL || value == NULL || JsonContainerSize(given) != 2 ||
		strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != strlen(type))
		refuse(name, "is an object without a \"type\" and a \"value\"");
	put_typed(out, name, value, type);
}

void
bigquery_put_parameters(StringInfo out, JsonbContainer *params)
{
	JsonbIterator *iterator = JsonbIteratorInit(params);
	JsonbValue	key,
				value;
	const char *separator = "";

	if (!JsonContainerIsObject(params))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the parameters of a query must be a JSON object"));
	if (JsonContainerSize(params) == 0)
		return;
	appendStringInfoString(out, ",\"parameterMode\":\"NAMED\",\"queryParameters\":[");
	while (json_value_next(&iterator, &key, &value))
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);

		if (strlen(name) > MAX_NAME)
			refuse(name, "has too long a name");
		appendStringInfo(out, "%s{\"name\":", separator);
		escape_json(out, name);
		appendStringInfoChar(out, ',');
		if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
			put_explicit(out, name, value.val.binary.data);
		else
			put_typed(out, name, &value, NULL);
		appendStringInfoChar(out, '}');
		separator = ",";
	}
	appendStringInfoChar(out, ']');
}
