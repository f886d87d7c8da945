/*
 * bigquery_ndjson.c
 *	  Values as BigQuery's load jobs read them from newline-delimited JSON, without loss.
 *
 * Whether a value fits is decided here, before anything is sent: a load job refuses a whole file
 * because of one value, and rounds some silently.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/row_encoder.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "format/append.h"
#include "format/bigquery_json.h"
#include "format/bigquery_type.h"
#include "format/json_text.h"
#include "format/jsonb_text.h"
#include "format/numeric_bytes.h"
#include "format/value_text.h"

#define INTEGER_MAX			((INT64CONST(1) << 53) - 1)	/* beyond it readers may use a double */
#define BIGNUMERIC_SCALE	38
#define BIGNUMERIC_MAX		"578960446186580977117854925043439539266." \
	"34992332820282019728792003956564819967"
#define BIGNUMERIC_MIN		"578960446186580977117854925043439539266." \
	"34992332820282019728792003956564819968"
#define BIGNUMERIC_INTEGERS	39	/* digits of these before the point */

/* What the encoder of a column needs beside its type. */
typedef struct BigQueryState
{
	BigQueryType type;
	EncodeValue scalar;			/* of one element when the column is repeated */
	FmgrInfo	output;			/* of types that become their text */
	DayText    *last_day;		/* of dates and timestamps */
	int16		length;			/* of an element */
	bool		by_value;
	char		align;
	ColumnEncoder *fields;		/* of a record, one per attribute; name NULL when dropped */
	StringInfoData *labels;		/* their names as JSON texts with a colon */
	JsonTape	tape;			/* of JSON */
} BigQueryState;

static void choose(ColumnEncoder *column, Oid type, int32 typmod, BigQueryKind numeric_type);

/* ---- texts ---- */

/* The database's encoding is UTF8, but not everything that makes texts checks them. */
static const char *
check_text(const char *text, size_t length)
{
	return pg_verify_mbstr(PG_UTF8, text, length, true) ? NULL : "is not valid UTF-8";
}

static const char *
append_string(StringInfo out, const char *text, size_t length)
{
	const char *problem = check_text(text, length);

	if (problem == NULL)
		json_append_string(out, text, length);
	return problem;
}

static const char *
encode_text(ColumnEncoder *column, Datum value, StringInfo out)
{
	text	   *bytes = DatumGetTextPP(value);

	return append_string(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static const char *
encode_output(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	char	   *text = OutputFunctionCall(&state->output, value);

	return append_string(out, text, strlen(text));
}

/* As a plain number: the text of type money follows the server's locale. */
static const char *
encode_money(ColumnEncoder *column, Datum value, StringInfo out)
{
	append_char(out, '"');
	(void) numeric_append_text(out, DirectFunctionCall1(cash_numeric, value));
	append_char(out, '"');
	return NULL;
}

static const char *
encode_bytes(ColumnEncoder *column, Datum value, StringInfo out)
{
	bytea	   *bytes = DatumGetByteaPP(value);
	char	   *text = compat_base64(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	append_char(out, '"');
	append_bytes(out, text, strlen(text));
	append_char(out, '"');
	return NULL;
}

static void
append_json(StringInfo out, Datum value, bool binary)
{
	if (binary)
		jsonb_append_text(out, value);
	else
	{
		text	   *bytes = DatumGetTextPP(value);

		append_bytes(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
}

static const char *
encode_json(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	int			from = out->len;
	const char *problem;
	char	   *json;

	append_json(out, value, state->type.type == JSONBOID);
	json = append_ended(out, from);
	problem = check_text(json, out->len - from);
	if (problem == NULL)
		problem = bigquery_json_check(&state->tape, json, out->len - from);
	json_in_one_line(json, out->len - from);
	return problem;
}

/* ---- numbers ---- */

static const char *
append_integer(StringInfo out, int64 number)
{
	bool		quoted = number > INTEGER_MAX || number < -INTEGER_MAX;

	if (quoted)
		append_char(out, '"');
	text_append_int8(out, number);
	if (quoted)
		append_char(out, '"');
	return NULL;
}

static const char *
encode_int8(ColumnEncoder *column, Datum value, StringInfo out)
{
	return append_integer(out, DatumGetInt64(value));
}

static const char *
encode_oid(ColumnEncoder *column, Datum value, StringInfo out)
{
	return append_integer(out, DatumGetObjectId(value));
}

static const char *
encode_float(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	bool		single = state->type.type == FLOAT4OID;
	bool		quoted = !isfinite(single ? DatumGetFloat4(value) : DatumGetFloat8(value));

	if (quoted)
		append_char(out, '"');
	if (single)
		(void) text_append_float4(out, DatumGetFloat4(value));
	else
		(void) text_append_float8(out, DatumGetFloat8(value));
	if (quoted)
		append_char(out, '"');
	return NULL;
}

/* Digits of a plain decimal text before and behind its point, trailing zeros not counted. */
static void
count_digits(const char *text, int *integers, int *fractions)
{
	const char *point = strchr(text, '.');
	const char *end = text + strlen(text);

	*integers = point != NULL ? point - text : end - text;
	if (point != NULL)
		while (end[-1] == '0')
			end--;
	*fractions = point != NULL ? end - point - 1 : 0;
}

static const char *
encode_numeric(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	const char *kind = bigquery_kind_name(state->type.kind);
	const char *text;
	const char *digits;
	const char *limit;
	int			from = out->len + 1;
	int			integers,
				fractions;

	append_char(out, '"');
	if (!numeric_append_text(out, value))
		return psprintf("is %s, which %s does not have", append_ended(out, from), kind);
	text = append_ended(out, from);
	digits = text[0] == '-' ? text + 1 : text;
	limit = text[0] == '-' ? BIGNUMERIC_MIN : BIGNUMERIC_MAX;
	count_digits(digits, &integers, &fractions);
	if (state->type.precision == 0)
	{
		if (fractions > BIGNUMERIC_SCALE)
			return psprintf("has more than %d digits behind the point, %s would round it",
							BIGNUMERIC_SCALE, kind);
		/* with as many digits before the point the texts compare as the numbers do */
		if (integers > BIGNUMERIC_INTEGERS ||
			(integers == BIGNUMERIC_INTEGERS &&
			 strncmp(digits, limit, integers + 1 + BIGNUMERIC_SCALE) > 0))
			return psprintf("is out of range for %s", kind);
	}
	append_char(out, '"');
	return NULL;
}

/* ---- dates and times ---- */

static const char *
encode_date(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	DateADT		date = DatumGetDateADT(value);
	char	   *to = append_room(out, MAXDATELEN);

	if (DATE_NOT_FINITE(date))
		return "is infinite, which DATE cannot be";
	if (!text_day_is_common(date))
		return "is not within the years 1 to 9999 of DATE";
	*to++ = '"';
	to = text_put_day(to, date, state->last_day);
	*to++ = '"';
	append_until(out, to);
	return NULL;
}

static char *
put_time(char *to, TimeADT time)
{
	to = text_put_clock(to, time);
	return time % USECS_PER_SEC != 0 ? text_put_fraction(to, time) : to;
}

/* Of both kinds: without a zone what is stored is already that of UTC. */
static const char *
encode_timestamp(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	Timestamp	timestamp = DatumGetTimestamp(value);
	const char *kind = bigquery_kind_name(state->type.kind);
	char	   *to = append_room(out, MAXDATELEN);
	DateADT		day;
	TimeADT		time;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		return psprintf("is infinite, which %s cannot be", kind);
	if (!text_split_timestamp(timestamp, &day, &time))
		return psprintf("is not within the years 1 to 9999 of %s", kind);
	*to++ = '"';
	to = text_put_day(to, day, state->last_day);
	*to++ = 'T';
	to = put_time(to, time);
	if (state->type.kind == BIGQUERY_TIMESTAMP)
		*to++ = 'Z';
	*to++ = '"';
	append_until(out, to);
	return NULL;
}

static const char *
encode_time(ColumnEncoder *column, Datum value, StringInfo out)
{
	TimeADT		time = DatumGetTimeADT(value);
	char	   *to = append_room(out, MAXDATELEN);

	if (time >= USECS_PER_DAY)
		return "is 24:00:00, which TIME does not have";
	*to++ = '"';
	to = put_time(to, time);
	*to++ = '"';
	append_until(out, to);
	return NULL;
}

static const char *
encode_boolean(ColumnEncoder *column, Datum value, StringInfo out)
{
	if (DatumGetBool(value))
		append_literal(out, "true");
	else
		append_literal(out, "false");
	return NULL;
}

/* ---- arrays and composites ---- */

static const char *
encode_array(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	const char *problem = NULL;

	if (ARR_NDIM(array) > 1)
		return "is an array of several dimensions";
	if (ARR_NDIM(array) == 1 && ARR_LBOUND(array)[0] != 1)
		return "is an array that does not begin with element 1";
	/* the array may name a domain where the state has its base type */
	deconstruct_array(array, ARR_ELEMTYPE(array), state->length, state->by_value, state->align,
					  &elements, &nulls, &count);
	append_char(out, '[');
	for (int i = 0; i < count && problem == NULL; i++)
	{
		if (i > 0)
			append_char(out, ',');
		problem = nulls[i] ? "is null, which elements of arrays cannot be" :
			state->scalar(column, elements[i], out);
		if (problem != NULL)
			problem = psprintf("has an element %d that %s", i + 1, problem);
	}
	append_char(out, ']');
	return problem;
}

/* A field that is null is left out, unless that would change it. */
static const char *
encode_record(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	TupleDesc	desc = state->type.fields;
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	bool		first = true;

	heap_deform_tuple(&tuple, desc, values, nulls);
	append_char(out, '{');
	for (int i = 0; i < desc->natts; i++)
	{
		ColumnEncoder *field = &state->fields[i];
		const char *problem;

		if (field->name == NULL || (nulls[i] && field->null_problem == NULL))
			continue;
		if (!first)
			append_char(out, ',');
		first = false;
		append_bytes(out, state->labels[i].data, state->labels[i].len);
		problem = nulls[i] ? field->null_problem : field->encode(field, values[i], out);
		if (problem != NULL)
			return psprintf("has a field \"%s\" that %s", field->name, problem);
	}
	append_char(out, '}');
	return NULL;
}

/* ---- the choice ---- */

static void
choose_fields(BigQueryState *state, const ColumnEncoder *column, BigQueryKind numeric_type)
{
	TupleDesc	desc = state->type.fields;

	state->fields = palloc0(desc->natts * sizeof(ColumnEncoder));
	state->labels = palloc0(desc->natts * sizeof(StringInfoData));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char *name = NameStr(attribute->attname);

		if (attribute->attisdropped)
			continue;
		state->fields[i].name = pstrdup(name);
		state->fields[i].nulls_pass = column->nulls_pass;
		choose(&state->fields[i], attribute->atttypid, attribute->atttypmod, numeric_type);
		initStringInfo(&state->labels[i]);
		json_append_string(&state->labels[i], name, strlen(name));
		append_char(&state->labels[i], ':');
	}
}

static EncodeValue
choose_integer(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return text_encode_int2;
		case INT4OID:
			return text_encode_int4;
		case OIDOID:
			return encode_oid;
		default:
			return encode_int8;
	}
}

static EncodeValue
choose_string(BigQueryState *state)
{
	switch (state->type.type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return encode_text;
		case CASHOID:
			return encode_money;
		default:
			state->output = *text_output_function(state->type.type);
			return encode_output;
	}
}

static EncodeValue
choose_scalar(BigQueryState *state)
{
	switch (state->type.kind)
	{
		case BIGQUERY_INTEGER:
			return choose_integer(state->type.type);
		case BIGQUERY_NUMERIC:
		case BIGQUERY_BIGNUMERIC:
			return encode_numeric;
		case BIGQUERY_FLOAT:
			return encode_float;
		case BIGQUERY_BOOLEAN:
			return encode_boolean;
		case BIGQUERY_BYTES:
			return encode_bytes;
		case BIGQUERY_DATE:
			return encode_date;
		case BIGQUERY_TIMESTAMP:
		case BIGQUERY_DATETIME:
			return encode_timestamp;
		case BIGQUERY_TIME:
			return encode_time;
		case BIGQUERY_JSON:
			bigquery_json_init(&state->tape, CurrentMemoryContext);
			return encode_json;
		case BIGQUERY_RECORD:
			return encode_record;
		case BIGQUERY_STRING:
			break;
	}
	return choose_string(state);
}

static void
choose(ColumnEncoder *column, Oid type, int32 typmod, BigQueryKind numeric_type)
{
	BigQueryState *state = palloc0(sizeof(BigQueryState));

	column->type = type;
	column->typmod = typmod;
	column->state = state;
	state->type = bigquery_type_of(column->name, type, typmod, numeric_type);
	state->last_day = text_day_create();
	state->scalar = choose_scalar(state);
	if (state->type.kind == BIGQUERY_RECORD)
		choose_fields(state, column, numeric_type);
	column->encode = state->scalar;
	if (state->type.repeated)
	{
		column->encode = encode_array;
		if (!column->nulls_pass)
			column->null_problem = "is null, which BigQuery would make an empty array";
		get_typlenbyvalalign(state->type.type, &state->length, &state->by_value, &state->align);
	}
}

void
bigquery_ndjson_choose(ColumnEncoder *column, Form_pg_attribute attribute)
{
	column->name = pstrdup(NameStr(attribute->attname));
	choose(column, attribute->atttypid, attribute->atttypmod, BIGQUERY_BIGNUMERIC);
}

void
bigquery_ndjson_choose_string(ColumnEncoder *column, Form_pg_attribute attribute)
{
	column->name = pstrdup(NameStr(attribute->attname));
	choose(column, attribute->atttypid, attribute->atttypmod, BIGQUERY_STRING);
}
