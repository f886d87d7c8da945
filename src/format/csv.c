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

#include "core/compat.h"
#include "format/append.h"
#include "format/jsonb_text.h"
#include "format/numeric_bytes.h"
#include "format/plain_text.h"
#include "format/value_text.h"

/* ---- texts that never need quotes ---- */

static const char *
encode_bool(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_char(out, DatumGetBool(value) ? 't' : 'f');
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
	(void) numeric_append_text(out, value);
	return NULL;
}

static const char *
encode_time(ColumnEncoder *column, Datum value, StringInfo out)
{
	text_append_time(out, value, column->type, TIME_SQL, column->state);
	return NULL;
}

static const char *
encode_uuid(ColumnEncoder *column, Datum value, StringInfo out)
{
	text_append_uuid(out, value);
	return NULL;
}

/* ---- texts that may ---- */

static const SpecialBytes special = {{',', '"', '\n', '\r'}, false};

/* From its last byte on, so that nothing is overwritten before it is moved. */
static void
quote_field(char *field, size_t length, size_t nquotes)
{
	char	   *from = field + length;
	char	   *to = from + nquotes + 2;

	*--to = '"';
	while (from > field)
	{
		char		byte = *--from;

		*--to = byte;
		if (byte == '"')
			*--to = '"';
	}
	*--to = '"';
}

/* The field that begins at "start" is complete, and not plain. */
static void
quote(StringInfo out, int start)
{
	size_t		length = out->len - start;
	size_t		nquotes = 0;

	for (size_t i = 0; i < length; i++)
		nquotes += out->data[start + i] == '"';
	quote_field(append_room(out, nquotes + 2) - length, length, nquotes);
	out->len += nquotes + 2;
}

void
csv_append(StringInfo out, const char *bytes, size_t length)
{
	char	   *to = append_room(out, length);
	int			start = out->len;

	out->len += length;
	/* an empty text is quoted, to be told from null */
	if (likely(length > 0 && plain_copy(to, bytes, length, special)))
		return;
	memcpy(to, bytes, length);
	quote(out, start);
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
	int			start = out->len;

	jsonb_append_text(out, value);
	if (!plain_text(out->data + start, out->len - start, special))
		quote(out, start);
	return NULL;
}

static const char *
encode_output(ColumnEncoder *column, Datum value, StringInfo out)
{
	char	   *text = OutputFunctionCall(column->state, value);

	csv_append(out, text, strlen(text));
	return NULL;
}

static const TypeEncoder encoders[] = {
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
	text_choose(column, attribute, encoders, lengthof(encoders));
	if (column->encode == NULL)
	{
		column->encode = encode_output;
		column->state = text_output_function(column->type);
	}
}
