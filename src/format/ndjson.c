/*
 * ndjson.c
 *	  Values as row_to_json() writes them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/row_encoder.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "format/append.h"
#include "format/json_text.h"
#include "format/jsonb_text.h"
#include "format/numeric_bytes.h"
#include "format/value_text.h"

static const char *
encode_bool(ColumnEncoder *column, Datum value, StringInfo out)
{
	if (DatumGetBool(value))
		append_literal(out, "true");
	else
		append_literal(out, "false");
	return NULL;
}

/* What was appended from "start" on becomes a string; it has nothing to be escaped. */
static void
quote_from(StringInfo out, int start)
{
	append_literal(out, "\"\"");
	memmove(out->data + start + 1, out->data + start, out->len - start - 2);
	out->data[start] = '"';
}

static const char *
encode_float4(ColumnEncoder *column, Datum value, StringInfo out)
{
	int			start = out->len;

	if (!text_append_float4(out, DatumGetFloat4(value)))
		quote_from(out, start);
	return NULL;
}

static const char *
encode_float8(ColumnEncoder *column, Datum value, StringInfo out)
{
	int			start = out->len;

	if (!text_append_float8(out, DatumGetFloat8(value)))
		quote_from(out, start);
	return NULL;
}

static const char *
encode_numeric(ColumnEncoder *column, Datum value, StringInfo out)
{
	int			start = out->len;

	if (!numeric_append_text(out, value))
		quote_from(out, start);
	return NULL;
}

static const char *
encode_time(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_char(out, '"');
	text_append_time(out, value, column->type, TIME_JSON, column->state);
	append_char(out, '"');
	return NULL;
}

static const char *
encode_uuid(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_char(out, '"');
	text_append_uuid(out, value);
	append_char(out, '"');
	return NULL;
}

static const char *
encode_text(ColumnEncoder *column, Datum value, StringInfo out)
{
	text	   *bytes = DatumGetTextPP(value);

	json_append_string(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return NULL;
}

static void
append_in_one_line(StringInfo out, const text *json)
{
	int			start = out->len;

	append_bytes(out, VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
	json_in_one_line(out->data + start, out->len - start);
}

static const char *
encode_json(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_in_one_line(out, DatumGetTextPP(value));
	return NULL;
}

static const char *
encode_jsonb(ColumnEncoder *column, Datum value, StringInfo out)
{
	jsonb_append_text(out, value);
	return NULL;
}

/* Types whose JSON is the string of their text. */
static const char *
encode_output(ColumnEncoder *column, Datum value, StringInfo out)
{
	char	   *text = OutputFunctionCall(column->state, value);

	json_append_string(out, text, strlen(text));
	return NULL;
}

/* Arrays, composites, and types that may have a cast to json: the server's own to_json(). */
static const char *
encode_by_server(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_in_one_line(out, DatumGetTextPP(FunctionCall1(column->state, value)));
	return NULL;
}

/* to_json() for values of one type: it learns the type from the expression that calls it. */
static FmgrInfo *
to_json_of(Form_pg_attribute attribute)
{
	FmgrInfo   *function = palloc(sizeof(FmgrInfo));
	Const	   *argument = makeNullConst(attribute->atttypid, attribute->atttypmod,
										 attribute->attcollation);

	fmgr_info(F_TO_JSON, function);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSON, JSONOID, list_make1(argument), InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL), function);
	return function;
}

static bool
server_decides(Oid type)
{
	return type >= FirstNormalObjectId || OidIsValid(get_element_type(type)) ||
		type == ANYARRAYOID || type == RECORDARRAYOID || type_is_rowtype(type);
}

static const TypeEncoder encoders[] = {
	{INT2OID, text_encode_int2}, {INT4OID, text_encode_int4}, {INT8OID, text_encode_int8},
	{BOOLOID, encode_bool}, {FLOAT4OID, encode_float4}, {FLOAT8OID, encode_float8},
	{NUMERICOID, encode_numeric}, {DATEOID, encode_time}, {TIMESTAMPOID, encode_time},
	{TIMESTAMPTZOID, encode_time}, {UUIDOID, encode_uuid}, {TEXTOID, encode_text},
	{VARCHAROID, encode_text}, {BPCHAROID, encode_text}, {JSONOID, encode_json},
	{JSONBOID, encode_jsonb},
};

void
ndjson_choose(ColumnEncoder *column, Form_pg_attribute attribute)
{
	text_choose(column, attribute, encoders, lengthof(encoders));
	if (column->encode != NULL)
		return;
	if (server_decides(column->type))
	{
		column->encode = encode_by_server;
		column->state = to_json_of(attribute);
	}
	else
	{
		column->encode = encode_output;
		column->state = text_output_function(column->type);
	}
}
