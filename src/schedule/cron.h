/*
 * cron.h
 *	  When a schedule is due: five cron fields, read in an IANA time zone.  Pure: no catalog, no
 *	  clock of its own.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CRON_H
#define DATAOPS_CRON_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

/* Bit n of a field is set when the value n matches. */
typedef struct CronSchedule
{
	uint64		minutes;		/* 0 to 59 */
	uint32		hours;			/* 0 to 23 */
	uint32		days;			/* 1 to 31 */
	uint32		months;			/* 1 to 12 */
	uint32		weekdays;		/* 0 (Sunday) to 6 */
	bool		any_day;		/* the day-of-month field began with a star */
	bool		any_weekday;	/* the day-of-week field began with a star */
} CronSchedule;

/*
 * Reads "minute hour day-of-month month day-of-week": numbers, lists, ranges, steps, JAN to DEC,
 * SUN to SAT, 7 as Sunday; or @hourly, @daily, @weekly, @monthly.  False, with a sentence in *why
 * (palloc'ed), when "text" is not such a schedule.  Does not throw.
 */
extern bool cron_parse(const char *text, CronSchedule *schedule, char **why);

/*
 * The first due time strictly after "after", by local time in "zone"; 0 when none comes within five
 * years (30 February).
 *
 * When both day fields are restricted, either is enough, as in Vixie cron.  A local time that the
 * clock skips is due once, at the first instant after the gap.  A local time that the clock repeats
 * is due once, the first time.  But a schedule of every hour goes on every hour: it is due in both
 * of two equal hours, and not at the end of a gap.
 */
extern TimestampTz cron_next(const CronSchedule *schedule, pg_tz *zone, TimestampTz after);

/* The zone of that name; else 22023 with the nearest name as a hint. */
extern pg_tz *cron_zone(const char *name);

#endif
