/*
 * bigquery_type.c
 *	  The mapping of types.
 *
 * What BigQuery has no type for becomes its text, which keeps every value; what would have to be
 * changed to fit is refused.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/bigquery_type.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "core/compat.h"

#define NUMERIC_SCALE		9
#define NUMERIC_INTEGERS	29
#define BIGNUMERIC_DIGITS	38	/* on each side of the point */

static const struct
{
	Oid			type;
	BigQueryKind kind;
}			mapped[] = {
	{INT2OID, BIGQUERY_INTEGER}, {INT4OID, BIGQUERY_INTEGER}, {INT8OID, BIGQUERY_INTEGER},
	{OIDOID, BIGQUERY_INTEGER}, {FLOAT4OID, BIGQUERY_FLOAT}, {FLOAT8OID, BIGQUERY_FLOAT},
	{BOOLOID, BIGQUERY_BOOLEAN}, {BYTEAOID, BIGQUERY_BYTES}, {DATEOID, BIGQUERY_DATE},
	{TIMESTAMPTZOID, BIGQUERY_TIMESTAMP}, {TIMESTAMPOID, BIGQUERY_DATETIME},
	{TIMEOID, BIGQUERY_TIME}, {JSONOID, BIGQUERY_JSON}, {JSONBOID, BIGQUERY_JSON}
};

static const char *const kind_names[] = {
	"INTEGER", "NUMERIC", "BIGNUMERIC", "FLOAT", "BOOLEAN", "STRING", "BYTES", "DATE", "TIMESTAMP",
	"DATETIME", "TIME", "JSON", "RECORD"
};

const char *
bigquery_kind_name(BigQueryKind kind)
{
	return kind_names[kind];
}

/* As in numeric.c, whose macros are its own: 11 bits of scale, which may be below zero. */
static int
typmod_scale(int32 typmod)
{
	return (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
}

static int
typmod_precision(int32 typmod)
{
	return ((typmod - VARHDRSZ) >> 16) & 0xffff;
}

static void
choose_numeric(BigQueryType *result, BigQueryKind numeric_type)
{
	int			integers;

	result->kind = numeric_type;
	if (result->typmod < (int32) VARHDRSZ)
		return;
	result->kind = BIGQUERY_BIGNUMERIC;
	result->scale = Max(typmod_scale(result->typmod), 0);
	integers = Max(typmod_precision(result->typmod) - typmod_scale(result->typmod), 0);
	result->precision = integers + result->scale;
	if (result->scale <= NUMERIC_SCALE && integers <= NUMERIC_INTEGERS)
		result->kind = BIGQUERY_NUMERIC;
	else if (result->scale > BIGNUMERIC_DIGITS || integers > BIGNUMERIC_DIGITS)
		result->kind = BIGQUERY_STRING;
}

pg_noreturn static void refuse_type(const char *column, const BigQueryType *type, const char *hint);

static void
refuse_type(const char *column, const BigQueryType *type, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("column \"%s\" of type %s%s has no counterpart in BigQuery", column,
				   format_type_with_typemod(type->type, type->typmod),
				   type->repeated ? "[]" : ""),
			errhint("%s", hint));
}

static void
choose_scalar(const char *column, BigQueryType *result, BigQueryKind numeric_type)
{
	char		typtype = get_typtype(result->type);

	for (int i = 0; i < lengthof(mapped); i++)
		if (mapped[i].type == result->type)
		{
			result->kind = mapped[i].kind;
			return;
		}
	if (result->type == NUMERICOID)
		choose_numeric(result, numeric_type);
	else if (typtype == TYPTYPE_COMPOSITE)
	{
		TupleDesc	shared = lookup_rowtype_tupdesc(result->type, result->typmod);

		result->kind = BIGQUERY_RECORD;
		result->fields = CreateTupleDescCopy(shared);
		ReleaseTupleDesc(shared);
	}
	else if (typtype == TYPTYPE_PSEUDO)
		refuse_type(column, result, "Cast it to a type of which rows can be stored.");
	else
		result->kind = BIGQUERY_STRING;
}

BigQueryType
bigquery_type_of(const char *column, Oid type, int32 typmod, BigQueryKind numeric_type)
{
	BigQueryType result = {.typmod = typmod};
	Oid			element;

	result.type = getBaseTypeAndTypmod(type, &result.typmod);
	element = get_element_type(result.type);
	if (OidIsValid(element))
	{
		result.repeated = true;
		result.type = getBaseTypeAndTypmod(element, &result.typmod);
		if (OidIsValid(get_element_type(result.type)))
			refuse_type(column, &result, "BigQuery has no arrays of arrays: make a composite type "
						"with the inner array as its field, or cast to jsonb.");
	}
	choose_scalar(column, &result, numeric_type);
	return result;
}
