/*
 * range.c
 *	  Ranges of window sources.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/range.h"

#include "utils/timestamp.h"

#include "fetch/watermark.h"

static TimestampTz
range_start(const SourceSpec *source, const char *value)
{
	const WatermarkSpec *watermark = source->watermark;
	TimestampTz start;

	if (value == NULL && watermark != NULL)
		value = watermark->initial;
	if (value == NULL || !watermark_read_time(watermark, value, &start))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s has no beginning to read from", source->what),
				errhint("Give the pipeline start_at and every, run it with from_ts, or give the "
						"source a cursor with \"initial\"."));
	return start;
}

/* The last whole step before now: the step that is still open stays out. */
static TimestampTz
range_end(const SourceSpec *source)
{
	int64		step_us = source->paging.step->time + source->paging.step->day * USECS_PER_DAY;
	TimestampTz now = GetCurrentTimestamp();

	return now - now % step_us;
}

void
range_resolve(const SourceSpec *source, const char *value, TimestampTz *start, TimestampTz *end)
{
	if (TIMESTAMP_NOT_FINITE(*start))
		*start = range_start(source, value);
	if (TIMESTAMP_NOT_FINITE(*end))
		*end = range_end(source);
}
