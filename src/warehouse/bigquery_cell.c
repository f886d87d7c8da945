/*
 * bigquery_cell.c
 *	  Cells to values.
 *
 * The API gives every scalar as a text, so nothing has lost digits on the way; timestamps were
 * asked for as microseconds, since the usual seconds are doubles.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_cell.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/error.h"
#include "core/json_scan.h"
#include "format/jsonb_writer.h"
#include "format/numeric_bytes.h"
#include "warehouse/bigquery_json_value.h"

typedef struct RowWriter
{
	JsonbParseState *state;
	JsonbValue *whole;
} RowWriter;

static void put_cell(RowWriter *writer, JsonbContainer *field, JsonbValue *cell,
					 JsonbIteratorToken token);

pg_noreturn static void refuse_shape(void);

static void
refuse_shape(void)
{
	ereport(ERROR,
			errcode(ERRCODE_MALFORMED_REPLY),
			errmsg("BigQuery answered rows that do not fit their schema"));
}

static JsonbValue
text_value(const char *text)
{
	return (JsonbValue) {
		.type = jbvString, .val.string = {.val = pstrdup(text), .len = strlen(text)}
	};
}

/* A number; NaN, an infinity, and what is none either, stays a text. */
static JsonbValue
number_value(const char *text)
{
	const char *end = text + strlen(text);
	JsonNumber	number;

	if (json_number_scan(text, end, &number) != end || !numeric_bytes_fit(&number))
		return text_value(text);
	return (JsonbValue) {
		.type = jbvNumeric,
		.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
														   ObjectIdGetDatum(InvalidOid),
														   Int32GetDatum(-1)))
	};
}

/* Microseconds since 1970; BigQuery's years are 1 to 9999. */
static JsonbValue
timestamp_value(const char *text)
{
	char	   *end;
	int64		micros;
	Timestamp	timestamp;
	struct pg_tm tm;
	fsec_t		fraction;
	char		shown[MAXDATELEN + 1];

	errno = 0;
	micros = strtoll(text, &end, 10);
	timestamp = micros - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	if (errno != 0 || end == text || *end != '\0' ||
		timestamp2tm(timestamp, NULL, &tm, &fraction, NULL, NULL) != 0)
		refuse_shape();
	EncodeDateTime(&tm, fraction, false, 0, NULL, USE_XSD_DATES, shown);
	return text_value(psprintf("%sZ", shown));
}

/* Any JSON. */
static JsonbValue
json_value(const char *text)
{
	JsonbWriter *writer = jsonb_writer_create(CurrentMemoryContext);
	JsonRefusal why;
	Jsonb	   *jsonb;
	JsonbValue	value;

	if (!jsonb_write(writer, text, strlen(text), &jsonb, &why))
		refuse_shape();
	if (JB_ROOT_IS_SCALAR(jsonb))
	{
		(void) JsonbExtractScalar(&jsonb->root, &value);
		return value;
	}
	return (JsonbValue) {
		.type = jbvBinary,
		.val.binary = {.len = VARSIZE(jsonb) - VARHDRSZ, .data = &jsonb->root}
	};
}

static JsonbValue
scalar_value(const char *type, const char *text)
{
	static const struct
	{
		const char *type;
		JsonbValue	(*read) (const char *text);
	}			readers[] = {
		{"INTEGER", number_value}, {"INT64", number_value}, {"FLOAT", number_value},
		{"FLOAT64", number_value}, {"NUMERIC", number_value}, {"BIGNUMERIC", number_value},
		{"TIMESTAMP", timestamp_value}, {"JSON", json_value}
	};

	for (int i = 0; i < lengthof(readers); i++)
		if (strcmp(type, readers[i].type) == 0)
			return readers[i].read(text);
	if (strcmp(type, "BOOLEAN") == 0 || strcmp(type, "BOOL") == 0)
		return (JsonbValue) {.type = jbvBool, .val.boolean = strcmp(text, "true") == 0};
	return text_value(text);
}

/* The element of an array that must be an object. */
static JsonbContainer *
object_at(JsonbContainer *array, uint32 index)
{
	JsonbContainer *element = json_element_container(array, index);

	if (!JsonContainerIsObject(element))
		refuse_shape();
	return element;
}

/* The value of a cell: {"v": …}. */
static JsonbValue *
cell_at(JsonbContainer *cells, uint32 index)
{
	return getKeyJsonValueFromContainer(object_at(cells, index), "v", 1, NULL);
}

/* The members of a record: row is {"f": [{"v": …}, …]}. */
static void
put_record(RowWriter *writer, JsonbContainer *fields, JsonbContainer *row)
{
	JsonbContainer *cells = json_value_container(row, "f");

	check_stack_depth();
	if (fields == NULL || cells == NULL || JsonContainerSize(fields) != JsonContainerSize(cells))
		refuse_shape();
	pushJsonbValue(&writer->state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 i = 0; i < JsonContainerSize(fields); i++)
	{
		JsonbContainer *field = object_at(fields, i);
		JsonbValue	name = text_value(json_value_text(field, "name", ""));

		pushJsonbValue(&writer->state, WJB_KEY, &name);
		put_cell(writer, field, cell_at(cells, i), WJB_VALUE);
	}
	writer->whole = pushJsonbValue(&writer->state, WJB_END_OBJECT, NULL);
}

static void
put_single(RowWriter *writer, JsonbContainer *field, JsonbValue *cell, JsonbIteratorToken token)
{
	const char *type = json_value_text(field, "type", "STRING");
	JsonbValue	value = {.type = jbvNull};

	if (cell != NULL && cell->type == jbvBinary)
	{
		put_record(writer, json_value_container(field, "fields"), cell->val.binary.data);
		return;
	}
	if (cell != NULL && cell->type == jbvString)
		value = scalar_value(type, pnstrdup(cell->val.string.val, cell->val.string.len));
	else if (cell != NULL && cell->type != jbvNull)
		refuse_shape();
	pushJsonbValue(&writer->state, token, &value);
}

static void
put_cell(RowWriter *writer, JsonbContainer *field, JsonbValue *cell, JsonbIteratorToken token)
{
	JsonbContainer *elements;

	if (strcmp(json_value_text(field, "mode", ""), "REPEATED") != 0)
	{
		put_single(writer, field, cell, token);
		return;
	}
	if (cell == NULL || cell->type != jbvBinary)
		refuse_shape();
	elements = cell->val.binary.data;
	pushJsonbValue(&writer->state, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; i < JsonContainerSize(elements); i++)
		put_single(writer, field, cell_at(elements, i), WJB_ELEM);
	pushJsonbValue(&writer->state, WJB_END_ARRAY, NULL);
}

Jsonb *
bigquery_row(JsonbContainer *fields, JsonbContainer *row)
{
	RowWriter	writer = {NULL};

	put_record(&writer, fields, row);
	return JsonbValueToJsonb(writer.whole);
}
