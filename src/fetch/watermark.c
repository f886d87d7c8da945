/*
 * watermark.c
 *	  Cursor values by type: numbers, times, or text in the order of its bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/watermark.h"

#include <ctype.h>
#include <errno.h>

#include "common/int.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/error.h"

#define EPOCH_SHIFT_US	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* ---- times ---- */

/* Reads "digits" digits as a number; NULL when they are not there. */
static const char *
take_digits(const char *at, int digits, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++, at++)
	{
		if (!isdigit((unsigned char) *at))
			return NULL;
		*number = *number * 10 + (*at - '0');
	}
	return at;
}

/* "Z", "+HH:MM", "+HHMM", "+HH" or nothing (UTC), to the end of the text. */
static bool
take_zone(const char *at, int64 *offset_us)
{
	int			sign = *at == '-' ? -1 : 1;
	int			hours;
	int			minutes = 0;

	*offset_us = 0;
	if (*at == '\0' || ((*at == 'Z' || *at == 'z') && at[1] == '\0'))
		return true;
	if (*at != '+' && *at != '-')
		return false;
	at = take_digits(at + 1, 2, &hours);
	if (at == NULL)
		return false;
	if (*at == ':')
		at++;
	if (*at != '\0')
		at = take_digits(at, 2, &minutes);
	*offset_us = sign * (hours * USECS_PER_HOUR + minutes * USECS_PER_MINUTE);
	return at != NULL && *at == '\0' && hours < 16 && minutes < 60;
}

static const char *
take_fraction(const char *at, fsec_t *fsec)
{
	int			scale = 100000;

	*fsec = 0;
	if (*at != '.' && *at != ',')
		return at;
	for (at++; isdigit((unsigned char) *at); at++, scale /= 10)
		*fsec += (*at - '0') * scale;
	return at;
}

static bool
parse_time(const char *text, TimestampTz *time)
{
	struct pg_tm tm = {0};
	fsec_t		fsec = 0;
	int64		offset_us = 0;
	const char *at = take_digits(text, 4, &tm.tm_year);

	if (at == NULL || *at != '-' || (at = take_digits(at + 1, 2, &tm.tm_mon)) == NULL ||
		*at != '-' || (at = take_digits(at + 1, 2, &tm.tm_mday)) == NULL)
		return false;
	if (*at == 'T' || *at == ' ')
	{
		if ((at = take_digits(at + 1, 2, &tm.tm_hour)) == NULL || *at != ':' ||
			(at = take_digits(at + 1, 2, &tm.tm_min)) == NULL)
			return false;
		if (*at == ':' && (at = take_digits(at + 1, 2, &tm.tm_sec)) == NULL)
			return false;
		at = take_fraction(at, &fsec);
		if (!take_zone(at, &offset_us))
			return false;
	}
	else if (*at != '\0')
		return false;
	if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
		tm.tm_hour > 24 || tm.tm_min > 59 || tm.tm_sec > 60 ||
		tm2timestamp(&tm, fsec, NULL, time) != 0)
		return false;
	*time -= offset_us;
	return true;
}

/* Microseconds in one unit of a numeric time format; 0 when the format is not numeric. */
static int64
format_unit_us(const char *format)
{
	if (format == NULL)
		return 0;
	return strcmp(format, "s") == 0 ? USECS_PER_SEC : strcmp(format, "ms") == 0 ? 1000 :
		strcmp(format, "us") == 0 ? 1 : 0;
}

/* ---- comparing ---- */

static bool
is_integer(const char *text)
{
	if (*text == '-')
		text++;
	return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

static int
compare_integers(const char *a, const char *b)
{
	bool		negative = *a == '-';
	int			order;

	if (negative != (*b == '-'))
		return negative ? -1 : 1;
	a += negative;
	b += negative;
	a += strspn(a, "0") == strlen(a) ? strlen(a) - 1 : strspn(a, "0");
	b += strspn(b, "0") == strlen(b) ? strlen(b) - 1 : strspn(b, "0");
	order = strlen(a) != strlen(b) ? (strlen(a) > strlen(b) ? 1 : -1) : strcmp(a, b);
	return negative ? -order : order;
}

static bool
compare_numbers(const char *a, const char *b, int *order)
{
	char	   *a_end;
	char	   *b_end;
	double		a_value;
	double		b_value;

	if (is_integer(a) && is_integer(b))
	{
		*order = compare_integers(a, b);
		return true;
	}
	a_value = strtod(a, &a_end);
	b_value = strtod(b, &b_end);
	*order = a_value > b_value ? 1 : a_value < b_value ? -1 : 0;
	return *a != '\0' && *b != '\0' && *a_end == '\0' && *b_end == '\0';
}

static bool
compare_times(const char *a, const char *b, int *order)
{
	TimestampTz a_time;
	TimestampTz b_time;

	if (!parse_time(a, &a_time) || !parse_time(b, &b_time))
		return false;
	*order = a_time > b_time ? 1 : a_time < b_time ? -1 : 0;
	return true;
}

static int
compare_values(WatermarkType type, const char *a, const char *b)
{
	int			order;

	if (type != WATERMARK_TEXT)
		if (compare_numbers(a, b, &order) || compare_times(a, b, &order))
			return order;
	return strcmp(a, b);
}

void
watermark_init(Watermark *watermark, const WatermarkSpec *spec, const char *value)
{
	watermark->spec = spec;
	initStringInfo(&watermark->value);
	if (value != NULL)
		appendStringInfoString(&watermark->value, value);
}

void
watermark_raise(Watermark *watermark, const char *record, size_t length)
{
	RecordValue found;

	if (watermark->spec == NULL ||
		!record_path_find(watermark->spec->path, record, length, &found) || found.length == 0)
		return;
	/* a text column must be able to hold it */
	for (size_t i = 0; i < found.length; i++)
		if ((unsigned char) found.text[i] < ' ' || (unsigned char) found.text[i] >= 0x7f)
			return;
	if (watermark->value.len > 0 &&
		compare_values(watermark->spec->type, found.text, watermark->value.data) <= 0)
		return;
	resetStringInfo(&watermark->value);
	appendBinaryStringInfo(&watermark->value, found.text, found.length);
}

const char *
watermark_value(const Watermark *watermark)
{
	return watermark->value.len > 0 ? watermark->value.data : NULL;
}

/* ---- asking ---- */

typedef struct OneTime
{
	TimestampTz time;
} OneTime;

static bool
lookup_time(const char *name, TemplateValue *value, void *arg)
{
	value->type = TEMPLATE_TIMESTAMPTZ;
	value->time = ((OneTime *) arg)->time;
	return true;
}

char *
watermark_time_text(TimestampTz time, const char *format)
{
	static const TemplateVariable variable = {"time", TEMPLATE_TIMESTAMPTZ};
	OneTime		one = {time};
	TemplateScope scope = {&variable, 1, lookup_time, &one};

	return template_expand(format == NULL ? "{time}" : psprintf("{time:%s}", format),
						   TEMPLATE_PLAIN, &scope);
}

/* A value as a time: by the format when that is numeric, else as it looks. */
static bool
read_time(const WatermarkSpec *spec, const char *value, TimestampTz *time, const char **format)
{
	int64		unit = format_unit_us(spec != NULL ? spec->format : NULL);
	int64		number;

	*format = spec != NULL ? spec->format : NULL;
	if (!is_integer(value))
		return parse_time(value, time);
	if (unit == 0)
	{
		/* milliseconds since 1970 have had 12 digits and more since 1973 */
		unit = strlen(value) >= 12 ? 1000 : USECS_PER_SEC;
		if (*format == NULL)
			*format = unit == 1000 ? "ms" : "s";
	}
	errno = 0;
	number = strtoll(value, NULL, 10);
	if (errno != 0 || pg_mul_s64_overflow(number, unit, &number) ||
		pg_sub_s64_overflow(number, EPOCH_SHIFT_US, time) || !IS_VALID_TIMESTAMP(*time))
		return false;
	return true;
}

bool
watermark_read_time(const WatermarkSpec *spec, const char *value, TimestampTz *time)
{
	const char *format;

	return read_time(spec, value, time, &format);
}

char *
watermark_param(const WatermarkSpec *spec, const char *value)
{
	TimestampTz time;
	const char *format;

	if (value == NULL)
		return spec->initial;
	if (spec->lookback == NULL && spec->format == NULL)
		return pstrdup(value);
	if (!read_time(spec, value, &time, &format))
	{
		if (spec->lookback == NULL)
			return pstrdup(value);
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("lookback cannot be applied to cursor value \"%s\"",
					   error_clean(value, strlen(value), 100)),
				errhint("A lookback needs values that are times, as ISO 8601 or as a number with a "
						"format."));
	}
	if (spec->lookback != NULL)
		time = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													   TimestampTzGetDatum(time),
													   IntervalPGetDatum(spec->lookback)));
	return watermark_time_text(time, format);
}
