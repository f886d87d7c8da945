/*
 * cron.c
 *	  Reads cron texts and finds the next due time.  The search walks local days, because that is
 *	  what the fields speak of, and turns the matching local minutes of a day into instants: so the
 *	  days on which the clock changes need no case of their own outside of local_instants().
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/cron.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "core/error.h"

#define YEARS_AHEAD			5
#define ALL_HOURS			UINT32_C(0xFFFFFF)
#define UNIX_EPOCH_DAY		UNIX_EPOCH_JDATE

/* ---- reading ---- */

typedef struct CronField
{
	const char *name;
	int			low;
	int			high;
	const char *const *words;	/* of low, low + 1, …; or NULL */
	int			nwords;
} CronField;

static const char *const month_words[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"
};
static const char *const weekday_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum
{
	FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT
};

static const CronField cron_fields[FIELD_COUNT] = {
	[FIELD_MINUTE] = {"minute", 0, 59, NULL, 0},
	[FIELD_HOUR] = {"hour", 0, 23, NULL, 0},
	[FIELD_DAY] = {"day of month", 1, 31, NULL, 0},
	[FIELD_MONTH] = {"month", 1, 12, month_words, lengthof(month_words)},
	[FIELD_WEEKDAY] = {"day of week", 0, 7, weekday_words, lengthof(weekday_words)},
};

static const char *const cron_shortcuts[][2] = {
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
};

/* An unsigned number at *text, which moves past it; false when there is none. */
static bool
read_number(const char **text, int *value)
{
	const char *start = *text;

	*value = 0;
	while (**text >= '0' && **text <= '9' && *text - start < 4)
		*value = *value * 10 + (*(*text)++ - '0');
	return *text > start;
}

/* A value at *text, which moves past it, as a number or a word.  "element" is for why. */
static bool
read_value(const CronField *field, const char *element, const char **text, int *value, char **why)
{
	for (int i = 0; i < field->nwords; i++)
		if (pg_strncasecmp(*text, field->words[i], 3) == 0)
		{
			*text += 3;
			*value = field->low + i;
			return true;
		}
	if (!read_number(text, value))
	{
		*why = psprintf("\"%s\" is not a value of the field \"%s\".", element, field->name);
		return false;
	}
	if (*value < field->low || *value > field->high)
	{
		*why = psprintf("%d is not a %s: it must be from %d to %d.", *value, field->name,
						field->low, field->high);
		return false;
	}
	return true;
}

/* One element of a list: a star, a value or a range, with a step or without. */
static bool
read_element(const CronField *field, const char *text, uint64 *bits, char **why)
{
	const char *at = text;
	int			from = field->low;
	int			to = field->high;
	int			step = 1;
	bool		is_range = true;

	if (*at == '*')
	{
		at++;
		if (field == &cron_fields[FIELD_WEEKDAY])
			to = 6;				/* 7 is 0 again */
	}
	else
	{
		if (!read_value(field, text, &at, &from, why))
			return false;
		is_range = *at == '-';
		if (!is_range)
			to = from;
		else if (at++, !read_value(field, text, &at, &to, why))
			return false;
	}
	if (to < from)
	{
		*why = psprintf("The range \"%s\" of the field \"%s\" runs backwards.", text, field->name);
		return false;
	}
	if (*at == '/' && (at++, !read_number(&at, &step) || step == 0 || !is_range))
	{
		*why = psprintf("\"%s\" of the field \"%s\" has no range or no step to go through it.",
						text, field->name);
		return false;
	}
	if (*at != '\0')
	{
		*why = psprintf("\"%s\" is not a value of the field \"%s\".", text, field->name);
		return false;
	}
	for (int value = from; value <= to; value += step)
		*bits |= UINT64_C(1) << value;
	return true;
}

/* A whole field: a list of elements.  Writes into "text". */
static bool
read_field(const CronField *field, char *text, uint64 *bits, char **why)
{
	*bits = 0;
	for (char *element = text; element != NULL;)
	{
		char	   *comma = strchr(element, ',');

		if (comma != NULL)
			*comma = '\0';
		if (!read_element(field, element, bits, why))
			return false;
		element = comma ? comma + 1 : NULL;
	}
	return true;
}

static const char *
expand_shortcut(const char *text)
{
	for (int i = 0; i < lengthof(cron_shortcuts); i++)
		if (pg_strcasecmp(text, cron_shortcuts[i][0]) == 0)
			return cron_shortcuts[i][1];
	return text;
}

bool
cron_parse(const char *text, CronSchedule *schedule, char **why)
{
	const char *full = expand_shortcut(text);
	uint64		bits[FIELD_COUNT];
	char	   *words[FIELD_COUNT + 1];
	int			count = 0;
	char	   *copy = error_clean(full, strlen(full), strlen(full));
	char	   *rest;

	for (char *word = strtok_r(copy, " ", &rest);
		 word != NULL && count <= FIELD_COUNT; word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	if (count != FIELD_COUNT)
	{
		*why = pstrdup("It must have five fields: minute, hour, day of month, month, day of week.");
		return false;
	}
	schedule->any_day = words[FIELD_DAY][0] == '*';
	schedule->any_weekday = words[FIELD_WEEKDAY][0] == '*';
	for (int i = 0; i < FIELD_COUNT; i++)
		if (!read_field(&cron_fields[i], words[i], &bits[i], why))
			return false;
	schedule->minutes = bits[FIELD_MINUTE];
	schedule->hours = bits[FIELD_HOUR];
	schedule->days = bits[FIELD_DAY];
	schedule->months = bits[FIELD_MONTH];
	schedule->weekdays = (bits[FIELD_WEEKDAY] | bits[FIELD_WEEKDAY] >> 7) & 0x7F;
	return true;
}

/* ---- local times and instants, in seconds since 1970 ---- */

typedef struct LocalInstants
{
	int			count;			/* how often the clock shows that time: 0, 1 or 2 */
	pg_time_t	at[2];			/* ascending; the end of the gap when count is 0 */
} LocalInstants;

static LocalInstants
local_instants(pg_time_t local, pg_tz *zone)
{
	LocalInstants instants;
	pg_time_t	from = local - 2 * SECS_PER_DAY;	/* before it by any zone's offset */

	for (;;)
	{
		long		before;
		long		after;
		int			is_dst;
		pg_time_t	change;
		bool		changes;

		changes = pg_next_dst_boundary(&from, &before, &is_dst, &change, &after, &is_dst,
									   zone) == 1;
		instants.at[0] = local - before;
		if (!changes || instants.at[0] < change)
		{
			instants.at[1] = local - after;
			instants.count = changes && instants.at[1] >= change ? 2 : 1;
			return instants;
		}
		if (local - after < change)
		{
			instants.at[0] = change;
			instants.count = 0;
			return instants;
		}
		from = change;
	}
}

/* The local day, as a Julian day number, at "instant". */
static int
local_day(TimestampTz instant, pg_tz *zone)
{
	pg_time_t	seconds = timestamptz_to_time_t(instant);
	struct pg_tm *local = pg_localtime(&seconds, zone);

	if (local == NULL)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	return date2j(local->tm_year + 1900, local->tm_mon + 1, local->tm_mday);
}

/* ---- searching ---- */

static bool
day_matches(const CronSchedule *schedule, int julian_day)
{
	int			year;
	int			month;
	int			day;
	bool		day_fits;
	bool		weekday_fits;

	j2date(julian_day, &year, &month, &day);
	day_fits = (schedule->days >> day & 1) != 0;
	weekday_fits = (schedule->weekdays >> j2day(julian_day) & 1) != 0;
	if ((schedule->months >> month & 1) == 0)
		return false;
	if (schedule->any_day || schedule->any_weekday)
		return day_fits && weekday_fits;
	return day_fits || weekday_fits;
}

/* The first due time after "after" among the local minutes of a day; 0 when there is none. */
static TimestampTz
first_of_day(const CronSchedule *schedule, pg_tz *zone, int julian_day, TimestampTz after)
{
	pg_time_t	midnight = (pg_time_t) (julian_day - UNIX_EPOCH_DAY) * SECS_PER_DAY;
	bool		every_hour = schedule->hours == ALL_HOURS;
	TimestampTz first = 0;

	for (int minute = 0; minute < MINS_PER_HOUR * HOURS_PER_DAY; minute++)
	{
		LocalInstants instants;

		if ((schedule->hours >> minute / MINS_PER_HOUR & 1) == 0 ||
			(schedule->minutes >> minute % MINS_PER_HOUR & 1) == 0)
			continue;
		instants = local_instants(midnight + minute * SECS_PER_MINUTE, zone);
		/* what goes by the hour takes no notice of a clock that is put forward or back */
		for (int i = 0; i < (every_hour ? instants.count : 1); i++)
		{
			TimestampTz due = time_t_to_timestamptz(instants.at[i]);

			if (due > after && (first == 0 || due < first))
				first = due;
		}
	}
	return first;
}

TimestampTz
cron_next(const CronSchedule *schedule, pg_tz *zone, TimestampTz after)
{
	int			today;

	if (TIMESTAMP_NOT_FINITE(after))
		return 0;
	today = local_day(after, zone);
	/* from the day before: a clock set back at midnight shows yesterday's minutes again */
	for (int day = today - 1; day <= today + YEARS_AHEAD * 366; day++)
	{
		TimestampTz due = day_matches(schedule, day) ? first_of_day(schedule, zone, day, after) : 0;

		if (due != 0)
			return due;
	}
	return 0;
}

/* ---- zones ---- */

static const char *
nearest_zone(const char *name)
{
	const char **names = NULL;
	int			count = 0;
	int			room = 0;
	pg_tzenum  *zones = pg_tzenumerate_start();

	for (pg_tz *zone = pg_tzenumerate_next(zones); zone != NULL; zone = pg_tzenumerate_next(zones))
	{
		if (count == room)
		{
			room = room == 0 ? 1024 : room * 2;
			names = names ? repalloc(names, room * sizeof(char *)) : palloc(room * sizeof(char *));
		}
		names[count++] = pstrdup(pg_get_timezone_name(zone));
	}
	pg_tzenumerate_end(zones);
	return count == 0 ? NULL : nearest_name(name, names, count);
}

pg_tz *
cron_zone(const char *name)
{
	pg_tz	   *zone = strlen(name) <= TZ_STRLEN_MAX ? pg_tzset(name) : NULL;
	const char *nearest;

	if (zone != NULL && pg_tz_acceptable(zone))
		return zone;
	nearest = nearest_zone(name);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("time zone \"%s\" does not exist", error_clean(name, strlen(name), 100)),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) :
			errhint("Use a name of pg_timezone_names, such as \"Europe/Paris\"."));
}

/* ---- SQL ---- */

PG_FUNCTION_INFO_V1(dataops__cron_next);

/*
 * _cron_next(cron, timezone, after, count) → the next due times; fewer when none comes in years
 */
Datum
dataops__cron_next(PG_FUNCTION_ARGS)
{
	char	   *cron = text_to_cstring(PG_GETARG_TEXT_PP(0));
	pg_tz	   *zone = cron_zone(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
	int			wanted = Max(0, Min(PG_GETARG_INT32(3), 1000));
	Datum	   *times = palloc(sizeof(Datum) * (wanted + 1));
	int			count = 0;
	CronSchedule schedule;
	char	   *why;

	if (!cron_parse(cron, &schedule, &why))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a cron schedule", error_clean(cron, strlen(cron), 100)),
				errdetail("%s", why),
				errhint("For example '*/15 * * * *' is every quarter of an hour, "
						"'30 6 * * MON-FRI' is 6:30 on working days."));
	while (count < wanted && (after = cron_next(&schedule, zone, after)) != 0)
		times[count++] = TimestampTzGetDatum(after);
	PG_RETURN_ARRAYTYPE_P(construct_array(times, count, TIMESTAMPTZOID, sizeof(TimestampTz),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
