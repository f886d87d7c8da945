/*
 * value_text.c
 *	  Writers of common types' values, without a detour over the function manager.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/value_text.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

static const char *
append_int(StringInfo out, int64 value)
{
	enlargeStringInfo(out, MAXINT8LEN + 1);
	out->len += pg_lltoa(value, out->data + out->len);
	return NULL;
}

const char *
text_encode_int2(ColumnEncoder *column, Datum value, StringInfo out)
{
	return append_int(out, DatumGetInt16(value));
}

const char *
text_encode_int4(ColumnEncoder *column, Datum value, StringInfo out)
{
	return append_int(out, DatumGetInt32(value));
}

const char *
text_encode_int8(ColumnEncoder *column, Datum value, StringInfo out)
{
	return append_int(out, DatumGetInt64(value));
}

void
text_append_uuid(StringInfo out, Datum value)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	char		text[36];
	char	   *at = text;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	appendBinaryStringInfo(out, text, sizeof(text));
}

static bool
append_no_number(StringInfo out, double value)
{
	appendStringInfoString(out, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
	return false;
}

bool
text_append_float4(StringInfo out, float4 value)
{
	if (!isfinite(value))
		return append_no_number(out, value);
	enlargeStringInfo(out, FLOAT_SHORTEST_DECIMAL_LEN);
	out->len += float_to_shortest_decimal_bufn(value, out->data + out->len);
	out->data[out->len] = '\0';
	return true;
}

bool
text_append_float8(StringInfo out, float8 value)
{
	if (!isfinite(value))
		return append_no_number(out, value);
	enlargeStringInfo(out, DOUBLE_SHORTEST_DECIMAL_LEN);
	out->len += double_to_shortest_decimal_bufn(value, out->data + out->len);
	out->data[out->len] = '\0';
	return true;
}

bool
text_append_numeric(StringInfo out, Datum value)
{
	Numeric		number = DatumGetNumeric(value);

	appendStringInfoString(out, DatumGetCString(DirectFunctionCall1(numeric_out,
																   NumericGetDatum(number))));
	return !numeric_is_nan(number) && !numeric_is_inf(number);
}

static void
encode_date(DateADT date, int style, char *text)
{
	struct pg_tm tm;

	if (DATE_NOT_FINITE(date))
	{
		EncodeSpecialDate(date, text);
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, style, text);
}

static void
encode_timestamp(Timestamp time, bool with_zone, int style, char *text)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(time))
	{
		EncodeSpecialTimestamp(time, text);
		return;
	}
	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	tm.tm_isdst = 0;			/* negative would mean that no zone is known */
	EncodeDateTime(&tm, fsec, with_zone, 0, NULL, style, text);
}

void
text_append_time(StringInfo out, Datum value, Oid type, TimeShape shape)
{
	int			style = shape == TIME_JSON ? USE_XSD_DATES : USE_ISO_DATES;
	char		text[MAXDATELEN + 1];

	if (type == DATEOID)
		encode_date(DatumGetDateADT(value), style, text);
	else
		encode_timestamp(DatumGetTimestamp(value), type == TIMESTAMPTZOID, style, text);
	appendStringInfoString(out, text);
}

FmgrInfo *
text_output_function(Oid type)
{
	FmgrInfo   *function = palloc(sizeof(FmgrInfo));
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	fmgr_info(output, function);
	return function;
}
