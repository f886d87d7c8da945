/*
 * window.c
 *	  Alignment of time windows to a grain in a time zone.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/window.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"

#include "model/tree.h"

/* 2000-01-03, a Monday: so weeks begin on Mondays, and all days and hours are as they should */
#define FIRST_MONDAY (INT64CONST(2) * USECS_PER_DAY)

static Timestamp
local_time(TimestampTz time, const char *timezone)
{
	return DatumGetTimestamp(DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(timezone),
												 TimestampTzGetDatum(time)));
}

static TimestampTz
zone_time(Timestamp local, const char *timezone)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, CStringGetTextDatum(timezone),
												   TimestampGetDatum(local)));
}

/* Local start of the grain that holds "local", "ahead" grains further on. */
static Timestamp
grain_start(Timestamp local, const Interval *grain, int ahead)
{
	int64		size = grain->day * USECS_PER_DAY + grain->time;
	int64		grains;

	if (grain->month != 0)
	{
		struct pg_tm tm;
		fsec_t		fraction;
		Timestamp	start;
		int			months;

		if (timestamp2tm(local, NULL, &tm, &fraction, NULL, NULL) != 0)
			ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("timestamp out of range"));
		months = (tm.tm_year - 2000) * MONTHS_PER_YEAR + tm.tm_mon - 1;
		months -= ((months % grain->month) + grain->month) % grain->month;
		months += ahead * grain->month + 2000 * MONTHS_PER_YEAR;
		memset(&tm, 0, sizeof(tm));
		tm.tm_year = months / MONTHS_PER_YEAR;
		tm.tm_mon = months % MONTHS_PER_YEAR + 1;
		tm.tm_mday = 1;
		if (tm2timestamp(&tm, 0, NULL, &start) != 0)
			ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					errmsg("timestamp out of range"));
		return start;
	}
	grains = (local - FIRST_MONDAY) / size;
	if (local < FIRST_MONDAY + grains * size)
		grains--;				/* division rounds toward zero */
	return FIRST_MONDAY + (grains + ahead) * size;
}

static bool
is_border(Timestamp local, const Interval *grain)
{
	return grain_start(local, grain, 0) == local;
}

/* The grain's border at or before "time", or at or after it. */
static TimestampTz
align(TimestampTz time, const Interval *grain, const char *timezone, bool up)
{
	Timestamp	local = local_time(time, timezone);
	Timestamp	start = grain_start(local, grain, 0);
	TimestampTz border;

	if (start == local)
		return time;
	if (up)
		start = grain_start(local, grain, 1);

	/*
	 * When clocks are set back, an hour of local time comes twice: the border is in the one that
	 * "time" is in, if one is there without the clocks being changed on the way.
	 */
	border = time + (start - local);
	return is_border(local_time(border, timezone), grain) ? border : zone_time(start, timezone);
}

TimeWindow
window_align(TimeWindow window, const Interval *grain, const char *timezone)
{
	if (grain == NULL)
		return window;
	if (!TIMESTAMP_NOT_FINITE(window.from))
		window.from = align(window.from, grain, timezone, false);
	if (!TIMESTAMP_NOT_FINITE(window.to))
		window.to = align(window.to, grain, timezone, true);
	return window;
}

TimeWindow
window_hull(TimeWindow one, TimeWindow other)
{
	TimeWindow	hull = {.from = Min(one.from, other.from), .to = Max(one.to, other.to)};

	return hull;
}

Node *
window_condition(Node *column, Oid type, TimeWindow window)
{
	List	   *conditions = NIL;
	Node	   *from = tree_cast(tree_time(window.from), type);
	Node	   *to = tree_cast(tree_time(window.to), type);

	if (!TIMESTAMP_IS_NOBEGIN(window.from))
		conditions = lappend(conditions, tree_compare(">=", column, from));
	if (!TIMESTAMP_IS_NOEND(window.to))
		conditions = lappend(conditions, tree_compare("<", column, to));
	return conditions == NIL ? NULL : tree_and(conditions);
}
