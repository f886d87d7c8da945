/*
 * watermark.h
 *	  The highest cursor value of a source's records, as text: comparing, and asking from it on.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WATERMARK_H
#define DATAOPS_WATERMARK_H

#include "postgres.h"

#include "fetch/source_spec.h"
#include "lib/stringinfo.h"

/* The highest value seen; "value" is empty when there is none. */
typedef struct Watermark
{
	const WatermarkSpec *spec;
	StringInfoData value;
} Watermark;

/* Starts from "value" (may be NULL); lives in CurrentMemoryContext. */
extern void watermark_init(Watermark *watermark, const WatermarkSpec *spec, const char *value);

/* Takes in one record's value if it is higher. Does not throw but out of memory. */
extern void watermark_raise(Watermark *watermark, const char *record, size_t length);

/* The value, or NULL when there is none. */
extern const char *watermark_value(const Watermark *watermark);

/*
 * What a request sends to get records from "value" on: with the lookback taken off and in the
 * format wanted. NULL when value and initial are; throws 22023 when a lookback cannot be applied.
 */
extern char *watermark_param(const WatermarkSpec *spec, const char *value);

/*
 * A cursor value as a time: ISO 8601 ("2024-02-29", "2024-02-29T12:00:00.5Z", "+02:00"), or a
 * number by the cursor's format. "spec" may be NULL. False when it is none.
 */
extern bool watermark_read_time(const WatermarkSpec *spec, const char *value, TimestampTz *time);

/* A time in a format of core/template.h, ISO 8601 when NULL; palloc'ed. */
extern char *watermark_time_text(TimestampTz time, const char *format);

#endif
