/*
 * plan.c
 *	  Intervals that are due and the order of the steps.  Decides only; nothing here runs.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/plan.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog/interval.h"
#include "catalog/spec.h"
#include "core/compat.h"

#define MAX_SEPARATE_RANGES 1000	/* of catchup "each" in one go; the next run goes on */

/* ---- time ---- */

void
plan_times(Jsonb *spec, const char *what, PipelineTimes *times)
{
	static const char *const catchups[] = {"merged", "each", "none"};

	times->every = spec_interval_from(spec, "every", INTERVAL_POSITIVE, what);
	times->delay = spec_interval_from(spec, "delay", INTERVAL_NOT_NEGATIVE, what);
	times->start_at = spec_timestamptz(spec, "start_at", DT_NOBEGIN, what);
	times->catchup = spec_choice(spec, "catchup", catchups, lengthof(catchups), "merged", what);
	if (times->every && times->every->month != 0 &&
		(times->every->day != 0 || times->every->time != 0))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"every\" of %s mixes months with days or hours", what),
				errhint("Use whole months or years, or days and smaller units."));
}

/* Days and months are those of UTC, whatever the session's time zone: intervals are kept in UTC. */
static TimestampTz
shift(TimestampTz at, Interval *by, int sign)
{
	if (by == NULL)
		return at;
	return DatumGetTimestamp(DirectFunctionCall2(sign < 0 ? timestamp_mi_interval :
												 timestamp_pl_interval,
												 TimestampGetDatum(at), IntervalPGetDatum(by)));
}

/* Months since year 0 of a UTC time. */
static int
month_number(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				errmsg("timestamp out of range"));
	return tm.tm_year * 12 + tm.tm_mon - 1;
}

/*
 * The last boundary of "every" at or before "at", or the one "ahead" further on; counted from
 * start_at, without it from Monday 2001-01-01 UTC, so that hours, days, weeks, months and years
 * begin where a calendar has them.
 */
static TimestampTz
boundary(TimestampTz at, const PipelineTimes *times, int ahead)
{
	static const TimestampTz monday = INT64CONST(366) * USECS_PER_DAY;	/* since 2000-01-01 */
	TimestampTz origin = TIMESTAMP_NOT_FINITE(times->start_at) ? monday : times->start_at;
	Interval	months = {0};
	int			count;

	if (times->every->month == 0)
	{
		at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_bin,
													 IntervalPGetDatum(times->every),
													 TimestampTzGetDatum(at),
													 TimestampTzGetDatum(origin)));
		return ahead == 0 ? at : shift(at, times->every, 1);
	}
	/* always from the origin: of the last days of months, one leads to another */
	count = (month_number(at) - month_number(origin)) / times->every->month + 1;
	do
	{
		months.month = count-- * times->every->month;
	} while (shift(origin, &months, 1) > at);
	months.month += ahead * times->every->month;
	return shift(origin, &months, 1);
}

/* Cuts each range at the boundaries of "every". */
static List *
separate(List *ranges, const PipelineTimes *times)
{
	List	   *pieces = NIL;
	ListCell   *cell;

	foreach(cell, ranges)
	{
		TimeRange  *range = lfirst(cell);
		TimestampTz from = range->from_ts;

		while (from < range->to_ts && list_length(pieces) < MAX_SEPARATE_RANGES)
		{
			TimeRange  *piece = palloc(sizeof(TimeRange));

			piece->from_ts = from;
			piece->to_ts = Min(boundary(from, times, 1), range->to_ts);
			pieces = lappend(pieces, piece);
			from = piece->to_ts;
		}
	}
	return pieces;
}

static void
times_of(Definition *pipeline, PipelineTimes *times)
{
	plan_times(pipeline->spec, psprintf("pipeline \"%s\"", pipeline->object), times);
}

bool
plan_has_intervals(Definition *pipeline)
{
	PipelineTimes times;

	times_of(pipeline, &times);
	return times.every != NULL;
}

TimeRange
plan_horizon(Definition *pipeline, TimestampTz now)
{
	PipelineTimes times;
	TimeRange	horizon;

	times_of(pipeline, &times);
	horizon.from_ts = times.start_at;
	horizon.to_ts = shift(now, times.delay, -1);
	if (times.every == NULL)
		return horizon;
	horizon.to_ts = boundary(horizon.to_ts, &times, 0);
	if (strcmp(times.catchup, "none") == 0)
		horizon.from_ts = Max(times.start_at, boundary(horizon.to_ts - 1, &times, 0));
	return horizon;
}

List *
plan_ranges(Definition *pipeline, const char *env, TimestampTz now)
{
	PipelineTimes times;
	TimeRange	horizon = plan_horizon(pipeline, now);
	List	   *ranges;

	times_of(pipeline, &times);
	if (times.every == NULL)
	{
		TimeRange  *range = palloc(sizeof(TimeRange));

		range->from_ts = Max(times.start_at,
							 interval_last_end(pipeline->object, env, horizon.to_ts));
		range->to_ts = Max(horizon.to_ts, range->from_ts);
		return list_make1(range);
	}
	ranges = interval_missing(pipeline->object, env, horizon.from_ts,
							boundary(horizon.to_ts - 1, &times, 0), horizon.to_ts);
	return strcmp(times.catchup, "each") == 0 ? separate(ranges, &times) : ranges;
}

List *
plan_ranges_within(Definition *pipeline, const char *env, TimeRange range, bool partial,
				   TimestampTz now)
{
	PipelineTimes times;
	TimestampTz end;
	List	   *ranges;

	times_of(pipeline, &times);
	if (times.every == NULL || partial)
	{
		TimeRange  *whole = palloc(sizeof(TimeRange));

		*whole = range;
		return list_make1(whole);
	}
	/* an interval that is still open must not be kept as done */
	end = Min(range.to_ts, boundary(shift(now, times.delay, -1), &times, 0));
	ranges = interval_missing(pipeline->object, env, Max(range.from_ts, times.start_at), end, end);
	return strcmp(times.catchup, "each") == 0 ? separate(ranges, &times) : ranges;
}

/* ---- order ---- */

static Step *
find_step(List *steps, const char *name)
{
	ListCell   *cell;

	foreach(cell, steps)
	{
		Step	   *step = lfirst(cell);

		if (strcmp(step->name, name) == 0)
			return step;
	}
	return NULL;
}

/*
 * Steps that "input" waits for: the one whose target it is, the gate on it, or the fetch of
 * "source:NAME".
 */
static void
add_producers(List *steps, Step *consumer, const char *input)
{
	static const char prefix[] = "source:";
	bool		source = strncmp(input, prefix, strlen(prefix)) == 0;
	ListCell   *cell;

	foreach(cell, steps)
	{
		Step	   *step = lfirst(cell);

		if (step == consumer || step->target == NULL || (step->kind == STEP_FETCH) != source)
			continue;
		if (strcmp(step->target, source ? input + strlen(prefix) : input) == 0)
			consumer->after = lappend(consumer->after, step->name);
	}
}

static void
fill_after(List *steps, Step *step)
{
	const char *what = psprintf("step \"%s\"", step->name);
	Jsonb	   *derived = spec_object(step->spec, "derived", what);
	ListCell   *cell;

	step->after = NIL;
	foreach(cell, spec_texts(step->spec, "after", what))
		if (find_step(steps, lfirst(cell)) != NULL)	/* a partial run may lack it */
			step->after = lappend(step->after, lfirst(cell));
	foreach(cell, spec_texts(derived, "inputs", what))
		add_producers(steps, step, lfirst(cell));
	if (step->kind == STEP_CHECK && step->target)	/* a gate waits for whoever writes its target */
		add_producers(steps, step, step->target);
}

static bool
is_ready(Step *step, List *ordered)
{
	ListCell   *cell;

	foreach(cell, step->after)
		if (find_step(ordered, lfirst(cell)) == NULL)
			return false;
	return true;
}

pg_noreturn static void
report_cycle(List *rest, const char *pipeline)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, rest)
		appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "", ((Step *) lfirst(cell))->name);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("steps of pipeline \"%s\" wait for each other", pipeline),
			errdetail("The cycle is among %s.", names.data),
			errhint("Change \"after\" or the inputs of one of them."));
}

List *
plan_order(List *steps, const char *pipeline)
{
	List	   *rest = list_copy(steps);
	List	   *ordered = NIL;
	ListCell   *cell;

	foreach(cell, steps)
		fill_after(steps, lfirst(cell));
	while (rest != NIL)
	{
		Step	   *next = NULL;

		foreach(cell, rest)
		{
			next = lfirst(cell);
			if (is_ready(next, ordered))
				break;
			next = NULL;
		}
		if (next == NULL)
			report_cycle(rest, pipeline);
		ordered = lappend(ordered, next);
		rest = list_delete_ptr(rest, next);
	}
	return ordered;
}

/* ---- SQL ---- */

PG_FUNCTION_INFO_V1(dataops__due_until);

/* _due_until(spec, now) → the end of the last interval that is due; NULL without "every" */
Datum
dataops__due_until(PG_FUNCTION_ARGS)
{
	PipelineTimes times;

	plan_times(PG_GETARG_JSONB_P(0), "the pipeline", &times);
	if (times.every == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(boundary(shift(PG_GETARG_TIMESTAMPTZ(1), times.delay, -1), &times, 0));
}
