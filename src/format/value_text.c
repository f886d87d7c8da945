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
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "format/append.h"

#define FIRST_COMMON_DAY	(-730119)	/* 0001-01-01, counted from 2000-01-01 */
#define LAST_COMMON_DAY		2921939		/* 9999-12-31 */

/* ---- the choice ---- */

void
text_choose(ColumnEncoder *column, Form_pg_attribute attribute, const TypeEncoder *encoders,
			int count)
{
	column->name = pstrdup(NameStr(attribute->attname));
	column->type = getBaseType(attribute->atttypid);
	column->typmod = attribute->atttypmod;
	column->encode = NULL;
	for (int i = 0; i < count; i++)
		if (encoders[i].type == column->type)
			column->encode = encoders[i].encode;
	if (column->type == DATEOID || column->type == TIMESTAMPOID || column->type == TIMESTAMPTZOID)
		column->state = text_day_create();
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

/* ---- numbers and such ---- */

const char *
text_encode_int2(ColumnEncoder *column, Datum value, StringInfo out)
{
	out->len += pg_ltoa(DatumGetInt16(value), append_room(out, MAXINT8LEN + 1));
	return NULL;
}

const char *
text_encode_int4(ColumnEncoder *column, Datum value, StringInfo out)
{
	out->len += pg_ltoa(DatumGetInt32(value), append_room(out, MAXINT8LEN + 1));
	return NULL;
}

const char *
text_encode_int8(ColumnEncoder *column, Datum value, StringInfo out)
{
	text_append_int8(out, DatumGetInt64(value));
	return NULL;
}

void
text_append_int8(StringInfo out, int64 value)
{
	out->len += pg_lltoa(value, append_room(out, MAXINT8LEN + 1));
}

void
text_append_uuid(StringInfo out, Datum value)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	char	   *to = append_room(out, 2 * UUID_LEN + 4);

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	append_until(out, to);
}

static bool
append_no_number(StringInfo out, double value)
{
	const char *text = isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";

	append_bytes(out, text, strlen(text));
	return false;
}

bool
text_append_float4(StringInfo out, float4 value)
{
	if (unlikely(!isfinite(value)))
		return append_no_number(out, value);
	out->len += float_to_shortest_decimal_bufn(value,
											   append_room(out, FLOAT_SHORTEST_DECIMAL_LEN));
	return true;
}

bool
text_append_float8(StringInfo out, float8 value)
{
	if (unlikely(!isfinite(value)))
		return append_no_number(out, value);
	out->len += double_to_shortest_decimal_bufn(value,
												append_room(out, DOUBLE_SHORTEST_DECIMAL_LEN));
	return true;
}

/* ---- dates and times ---- */

DayText *
text_day_create(void)
{
	DayText    *last = palloc(sizeof(DayText));

	last->day = DATEVAL_NOEND;	/* no common day */
	return last;
}

bool
text_day_is_common(DateADT day)
{
	return day >= FIRST_COMMON_DAY && day <= LAST_COMMON_DAY;
}

bool
text_split_timestamp(Timestamp timestamp, DateADT *day, TimeADT *time)
{
	int64		days = timestamp / USECS_PER_DAY;

	*time = timestamp - days * USECS_PER_DAY;
	if (*time < 0)
	{
		*time += USECS_PER_DAY;
		days--;
	}
	*day = (DateADT) days;
	return text_day_is_common(*day);
}

char *
text_put_day(char *to, DateADT day, DayText *last)
{
	if (day != last->day)
	{
		int			year,
					month,
					date;
		char	   *text;

		j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &date);
		text = put_four_digits(last->text, year);
		*text++ = '-';
		text = put_two_digits(text, month);
		*text++ = '-';
		(void) put_two_digits(text, date);
		last->day = day;
	}
	memcpy(to, last->text, DAY_TEXT_LENGTH);
	return to + DAY_TEXT_LENGTH;
}

char *
text_put_clock(char *to, TimeADT time)
{
	uint32		seconds = (uint32) (time / USECS_PER_SEC);

	to = put_two_digits(to, seconds / SECS_PER_HOUR);
	*to++ = ':';
	to = put_two_digits(to, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	*to++ = ':';
	return put_two_digits(to, seconds % SECS_PER_MINUTE);
}

char *
text_put_fraction(char *to, TimeADT time)
{
	uint32		microseconds = (uint32) (time % USECS_PER_SEC);

	*to++ = '.';
	to = put_two_digits(to, microseconds / 10000);
	return put_four_digits(to, microseconds % 10000);
}

/* As short as it is exact. */
static char *
put_short_fraction(char *to, TimeADT time)
{
	if (time % USECS_PER_SEC == 0)
		return to;
	to = text_put_fraction(to, time);
	while (to[-1] == '0')
		to--;
	return to;
}

/* Infinite ones and those of years that have no four digits: the server knows how. */
static void
append_rare_date(StringInfo out, DateADT date, int style)
{
	char		text[MAXDATELEN + 1];
	struct pg_tm tm;

	if (DATE_NOT_FINITE(date))
		EncodeSpecialDate(date, text);
	else
	{
		j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
		EncodeDateOnly(&tm, style, text);
	}
	append_bytes(out, text, strlen(text));
}

static void
append_rare_timestamp(StringInfo out, Timestamp timestamp, bool with_zone, int style)
{
	char		text[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(timestamp))
		EncodeSpecialTimestamp(timestamp, text);
	else if (timestamp2tm(timestamp, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	else
	{
		tm.tm_isdst = 0;		/* negative would mean that no zone is known */
		EncodeDateTime(&tm, fsec, with_zone, 0, NULL, style, text);
	}
	append_bytes(out, text, strlen(text));
}

static void
append_date(StringInfo out, DateADT date, int style, DayText *last)
{
	if (likely(text_day_is_common(date)))
		append_until(out, text_put_day(append_room(out, DAY_TEXT_LENGTH), date, last));
	else
		append_rare_date(out, date, style);
}

static void
append_timestamp(StringInfo out, Timestamp timestamp, bool with_zone, TimeShape shape,
				 DayText *last)
{
	DateADT		day;
	TimeADT		time;
	char	   *to;

	if (unlikely(!text_split_timestamp(timestamp, &day, &time)))
	{
		append_rare_timestamp(out, timestamp, with_zone,
							  shape == TIME_JSON ? USE_XSD_DATES : USE_ISO_DATES);
		return;
	}
	to = text_put_day(append_room(out, MAXDATELEN), day, last);
	*to++ = shape == TIME_JSON ? 'T' : ' ';
	to = put_short_fraction(text_put_clock(to, time), time);
	if (with_zone)
	{
		memcpy(to, "+00:00", 6);
		to += shape == TIME_JSON ? 6 : 3;
	}
	append_until(out, to);
}

void
text_append_time(StringInfo out, Datum value, Oid type, TimeShape shape, DayText *last)
{
	if (type == DATEOID)
		append_date(out, DatumGetDateADT(value),
					shape == TIME_JSON ? USE_XSD_DATES : USE_ISO_DATES, last);
	else
		append_timestamp(out, DatumGetTimestamp(value), type == TIMESTAMPTZOID, shape, last);
}
