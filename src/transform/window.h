/*
 * window.h
 *	  The time window that a partition model makes again.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WINDOW_H
#define DATAOPS_WINDOW_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/timestamp.h"

/* [from, to); DT_NOBEGIN and DT_NOEND are open ends. */
typedef struct TimeWindow
{
	TimestampTz from;
	TimestampTz to;
} TimeWindow;

/*
 * "window" aligned outward to whole grains of the zone's calendar: hours of its offset, days that
 * begin at its midnight, weeks that begin on Monday, months and their multiples counted from
 * January of year 2000.  "grain" is of one unit; NULL changes nothing.
 */
extern TimeWindow window_align(TimeWindow window, const Interval *grain, const char *timezone);

/* From the earlier begin to the later end. */
extern TimeWindow window_hull(TimeWindow one, TimeWindow other);

/*
 * "column" lies in the window, as a condition; NULL when the window is open on both sides.  The
 * bounds are cast to "type", the column's.
 */
extern Node *window_condition(Node *column, Oid type, TimeWindow window);

#endif
