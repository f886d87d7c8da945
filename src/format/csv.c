/*
 * csv.c
 *	  Values as COPY … (FORMAT csv) writes them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/row_encoder.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "format/value_text.h"

/* ---- texts that never need quotes ---- */

static const char *
encode_bool(ColumnEncoder *column, Datum value, StringInfo out)
{
	appendStringInfoChar(out, DatumGetBool(value) ? 't' : 'f');
	return NULL;
}

static const char *
encode_float4(ColumnEncoder *column, Datum value, StringInfo out)
{
	(void) text_append_float4(out, DatumGetFloat4(value));
	return NULL;
}

static const char *
encode_float8(ColumnEncoder *column, Datum value, StringInfo out)
{
	(void) text_append_float8(out, DatumGetFloat8(value));
	return NULL;
}

static const char *
encode_numeric(ColumnEncoder *column, Datum value, StringInfo out)
{
	(void) text_append_numeric(out, value);
	return NULL;
}

static const char *
encode_time(ColumnEncoder *column, Datum value, StringInfo out)
{
	text_append_time(out, value, column->type, TIME_SQL);
	return NULL;
}

static const char *
encode_uuid(ColumnEncoder *column, Datum value, StringInfo out)
{
	text_append_uuid(out, value);
	return NULL;
}

/* ---- texts that may ---- */

static bool
needs_quotes(const char *bytes, size_t length)
{
	/* an empty text is quoted, to be told from null */
	if (length == 0)
		return true;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r')
			return true;
	return false;
}

void
csv_append(StringInfo out, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	const char *quote;

	if (!needs_quotes(bytes, length))
	{
		appendBinaryStringInfo(out, bytes, length);
		return;
	}
	appendStringInfoCharMacro(out, '"');
	while ((quote = memchr(bytes, '"', end - bytes)) != NULL)
	{
		appendBinaryStringInfo(out, bytes, quote + 1 - bytes);
		appendStringInfoCharMacro(out, '"');
		bytes = quote + 1;
	}
	appendBinaryStringInfo(out, bytes, end - bytes);
	appendStringInfoCharMacro(out, '"');
}

/* json's bytes are a text's, too */
static const char *
encode_text(ColumnEncoder *column, Datum value, StringInfo out)
{
	text	   *bytes = DatumGetTextPP(value);

	csv_append(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return NULL;
}

static const char *
encode_jsonb(ColumnEncoder *column, Datum value, StringInfo out)
{
	Jsonb	   *document = DatumGetJsonbP(value);
	StringInfoData text;

	initStringInfo(&text);
	(void) JsonbToCString(&text, &document->root, VARSIZE(document));
	csv_append(out, text.data, text.len);
	return NULL;
}

static const char *
encode_output(ColumnEncoder *column, Datum value, StringInfo out)
{
	char	   *text = OutputFunctionCall(column->state, value);

	csv_append(out, text, strlen(text));
	return NULL;
}

static const struct
{
	Oid			type;
	EncodeValue encode;
}			encoders[] = {
	{INT2OID, text_encode_int2}, {INT4OID, text_encode_int4}, {INT8OID, text_encode_int8},
	{BOOLOID, encode_bool}, {FLOAT4OID, encode_float4}, {FLOAT8OID, encode_float8},
	{NUMERICOID, encode_numeric}, {DATEOID, encode_time}, {TIMESTAMPOID, encode_time},
	{TIMESTAMPTZOID, encode_time}, {UUIDOID, encode_uuid}, {TEXTOID, encode_text},
	{VARCHAROID, encode_text}, {BPCHAROID, encode_text}, {JSONOID, encode_text},
	{JSONBOID, encode_jsonb},
};

void
csv_choose(ColumnEncoder *column, Form_pg_attribute attribute)
{
	column->name = pstrdup(NameStr(attribute->attname));
	column->type = getBaseType(attribute->atttypid);
	column->typmod = attribute->atttypmod;
	for (int i = 0; i < lengthof(encoders); i++)
		if (encoders[i].type == column->type)
			column->encode = encoders[i].encode;
	if (column->encode == NULL)
	{
		column->encode = encode_output;
		column->state = text_output_function(column->type);
	}
}
