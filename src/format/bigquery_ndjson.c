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
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "format/bigquery_json.h"
#include "format/bigquery_type.h"
#include "format/json_text.h"

#define INTEGER_MAX			((INT64CONST(1) << 53) - 1)	/* beyond it readers may use a double */
#define BIGNUMERIC_SCALE	38
#define BIGNUMERIC_MAX		"578960446186580977117854925043439539266." \
	"34992332820282019728792003956564819967"
#define BIGNUMERIC_MIN		"578960446186580977117854925043439539266." \
	"34992332820282019728792003956564819968"
#define BIGNUMERIC_INTEGERS	39	/* digits of these before the point */
#define YEAR_MAX			9999

/* What the encoder of a column needs beside its type. */
typedef struct BigQueryState
{
	BigQueryType type;
	EncodeValue scalar;			/* of one element when the column is repeated */
	FmgrInfo	output;			/* of types that become their text */
	int16		length;			/* of an element */
	bool		by_value;
	char		align;
	ColumnEncoder *fields;		/* of a record, one per attribute; name NULL when dropped */
	char	  **labels;			/* their names as JSON texts with a colon */
	JsonTape	tape;			/* of JSON */
} BigQueryState;

static void choose(ColumnEncoder *column, Oid type, int32 typmod, BigQueryKind numeric_type);

/* ---- texts ---- */

/* The database's encoding is UTF8, but not everything that makes texts checks them. */
static const char *
check_text(const char *text)
{
	return pg_verify_mbstr(PG_UTF8, text, strlen(text), true) ? NULL : "is not valid UTF-8";
}

static const char *
encode_string(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	char	   *text = OutputFunctionCall(&state->output, value);
	const char *problem = check_text(text);

	if (problem == NULL)
		json_append_string(out, text, strlen(text));
	return problem;
}

/* As a plain number: the text of type money follows the server's locale. */
static const char *
encode_money(ColumnEncoder *column, Datum value, StringInfo out)
{
	Datum		number = DirectFunctionCall1(cash_numeric, value);

	appendStringInfo(out, "\"%s\"", DatumGetCString(DirectFunctionCall1(numeric_out, number)));
	return NULL;
}

static const char *
encode_bytes(ColumnEncoder *column, Datum value, StringInfo out)
{
	bytea	   *bytes = DatumGetByteaPP(value);

	appendStringInfoChar(out, '"');
	appendStringInfoString(out, compat_base64(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
	appendStringInfoChar(out, '"');
	return NULL;
}

static const char *
encode_json(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	const char *problem;
	const char *json;
	int			from = out->len;

	if (state->type.type == JSONBOID)
	{
		Jsonb	   *jsonb = DatumGetJsonbP(value);

		json = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	}
	else
		json = TextDatumGetCString(value);
	problem = check_text(json);
	if (problem == NULL)
		problem = bigquery_json_check(&state->tape, json, strlen(json));
	if (problem != NULL)
		return problem;
	appendStringInfoString(out, json);
	json_in_one_line(out->data + from, out->len - from);
	return NULL;
}

/* ---- numbers ---- */

static const char *
encode_integer(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	int64		number;

	switch (state->type.type)
	{
		case INT2OID:
			number = DatumGetInt16(value);
			break;
		case INT4OID:
			number = DatumGetInt32(value);
			break;
		case OIDOID:
			number = DatumGetObjectId(value);
			break;
		default:
			number = DatumGetInt64(value);
			break;
	}
	if (number > INTEGER_MAX || number < -INTEGER_MAX)
		appendStringInfo(out, "\"" INT64_FORMAT "\"", number);
	else
		appendStringInfo(out, INT64_FORMAT, number);
	return NULL;
}

static const char *
encode_float(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	char		text[Max(DOUBLE_SHORTEST_DECIMAL_LEN, FLOAT_SHORTEST_DECIMAL_LEN)];
	double		number;

	if (state->type.type == FLOAT4OID)
	{
		number = DatumGetFloat4(value);
		float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
	}
	else
	{
		number = DatumGetFloat8(value);
		double_to_shortest_decimal_buf(number, text);
	}
	if (isfinite(number))
		appendStringInfoString(out, text);
	else
		appendStringInfo(out, "\"%s\"", isnan(number) ? "NaN" : number > 0 ? "Infinity" :
						 "-Infinity");
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
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	char	   *digits = text[0] == '-' ? text + 1 : text;
	const char *limit = text[0] == '-' ? BIGNUMERIC_MIN : BIGNUMERIC_MAX;
	const char *kind = bigquery_kind_name(state->type.kind);
	int			integers,
				fractions;

	if (digits[0] == 'N' || digits[0] == 'I')
		return psprintf("is %s, which %s does not have", text, kind);
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
	appendStringInfo(out, "\"%s\"", text);
	return NULL;
}

/* ---- dates and times ---- */

static const char *
encode_date(ColumnEncoder *column, Datum value, StringInfo out)
{
	DateADT		date = DatumGetDateADT(value);
	int			year,
				month,
				day;

	if (DATE_NOT_FINITE(date))
		return "is infinite, which DATE cannot be";
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	if (year < 1 || year > YEAR_MAX)
		return "is not within the years 1 to 9999 of DATE";
	appendStringInfo(out, "\"%04d-%02d-%02d\"", year, month, day);
	return NULL;
}

static void
put_fraction(int fraction, StringInfo out)
{
	if (fraction != 0)
		appendStringInfo(out, ".%06d", fraction);
}

/* Of both kinds: without a zone what is stored is already that of UTC. */
static const char *
encode_timestamp(ColumnEncoder *column, Datum value, StringInfo out)
{
	BigQueryState *state = column->state;
	Timestamp	timestamp = DatumGetTimestamp(value);
	const char *kind = bigquery_kind_name(state->type.kind);
	struct pg_tm tm;
	fsec_t		fraction;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		return psprintf("is infinite, which %s cannot be", kind);
	if (timestamp2tm(timestamp, NULL, &tm, &fraction, NULL, NULL) != 0 ||
		tm.tm_year < 1 || tm.tm_year > YEAR_MAX)
		return psprintf("is not within the years 1 to 9999 of %s", kind);
	appendStringInfo(out, "\"%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec);
	put_fraction(fraction, out);
	appendStringInfoString(out, state->type.kind == BIGQUERY_TIMESTAMP ? "Z\"" : "\"");
	return NULL;
}

static const char *
encode_time(ColumnEncoder *column, Datum value, StringInfo out)
{
	TimeADT		time = DatumGetTimeADT(value);
	int			seconds = time / USECS_PER_SEC;

	if (time >= USECS_PER_DAY)
		return "is 24:00:00, which TIME does not have";
	appendStringInfo(out, "\"%02d:%02d:%02d", seconds / SECS_PER_HOUR,
					 seconds / SECS_PER_MINUTE % MINS_PER_HOUR, seconds % SECS_PER_MINUTE);
	put_fraction(time % USECS_PER_SEC, out);
	appendStringInfoChar(out, '"');
	return NULL;
}

static const char *
encode_boolean(ColumnEncoder *column, Datum value, StringInfo out)
{
	appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
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
	appendStringInfoChar(out, '[');
	for (int i = 0; i < count && problem == NULL; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		problem = nulls[i] ? "is null, which elements of arrays cannot be" :
			state->scalar(column, elements[i], out);
		if (problem != NULL)
			problem = psprintf("has an element %d that %s", i + 1, problem);
	}
	appendStringInfoChar(out, ']');
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
	const char *separator = "";

	heap_deform_tuple(&tuple, desc, values, nulls);
	appendStringInfoChar(out, '{');
	for (int i = 0; i < desc->natts; i++)
	{
		ColumnEncoder *field = &state->fields[i];
		const char *problem;

		if (field->name == NULL || (nulls[i] && field->null_problem == NULL))
			continue;
		appendStringInfo(out, "%s%s", separator, state->labels[i]);
		separator = ",";
		problem = nulls[i] ? field->null_problem : field->encode(field, values[i], out);
		if (problem != NULL)
			return psprintf("has a field \"%s\" that %s", field->name, problem);
	}
	appendStringInfoChar(out, '}');
	return NULL;
}

/* ---- the choice ---- */

static void
choose_fields(BigQueryState *state, const ColumnEncoder *column, BigQueryKind numeric_type)
{
	TupleDesc	desc = state->type.fields;

	state->fields = palloc0(desc->natts * sizeof(ColumnEncoder));
	state->labels = palloc0(desc->natts * sizeof(char *));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		StringInfoData label;

		if (attribute->attisdropped)
			continue;
		state->fields[i].name = pstrdup(NameStr(attribute->attname));
		state->fields[i].nulls_pass = column->nulls_pass;
		choose(&state->fields[i], attribute->atttypid, attribute->atttypmod, numeric_type);
		initStringInfo(&label);
		escape_json(&label, state->fields[i].name);
		appendStringInfoChar(&label, ':');
		state->labels[i] = label.data;
	}
}

static EncodeValue
choose_scalar(BigQueryState *state)
{
	Oid			function;
	bool		is_varlena;

	switch (state->type.kind)
	{
		case BIGQUERY_INTEGER:
			return encode_integer;
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
	if (state->type.type == CASHOID)
		return encode_money;
	getTypeOutputInfo(state->type.type, &function, &is_varlena);
	fmgr_info(function, &state->output);
	return encode_string;
}

static void
choose(ColumnEncoder *column, Oid type, int32 typmod, BigQueryKind numeric_type)
{
	BigQueryState *state = palloc0(sizeof(BigQueryState));

	column->type = type;
	column->typmod = typmod;
	column->state = state;
	state->type = bigquery_type_of(column->name, type, typmod, numeric_type);
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
