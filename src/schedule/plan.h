/*
 * plan.h
 *	  What a run would do: which time ranges are due, and in which order the steps go.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PLAN_H
#define DATAOPS_PLAN_H

#include "catalog/ledger.h"

/* What create_pipeline() said about time. */
typedef struct PipelineTimes
{
	Interval   *every;			/* NULL: no intervals */
	Interval   *delay;			/* NULL: none */
	TimestampTz start_at;		/* DT_NOBEGIN: not given */
	const char *catchup;		/* merged, each, none */
} PipelineTimes;

/*
 * Reads and validates them: 22023 for what is negative, and for an "every" that is zero or mixes
 * months and days.
 */
extern void plan_times(Jsonb *spec, const char *what, PipelineTimes *times);

/*
 * The ranges that are due at "now", oldest first; List of TimeRange *.  Without "every" it is one
 * range from the last successful end to now.  Empty: everything is done.
 */
extern List *plan_ranges(Definition *pipeline, const char *env, TimestampTz now);

/* Does the pipeline run over intervals? */
extern bool plan_has_intervals(Definition *pipeline);

/* The times that runs at "now" care for: all before it, with catchup "none" the last interval. */
extern TimeRange plan_horizon(Definition *pipeline, TimestampTz now);

/*
 * What of a range that a person asked for is missing and due at "now".  All of it for a pipeline
 * without intervals, and where only some steps are wanted: the ledger does not keep intervals of
 * single steps.
 */
extern List *plan_ranges_within(Definition *pipeline, const char *env, TimeRange range,
								bool partial, TimestampTz now);

/*
 * Puts the steps (Step *) in an order that respects "after" and the models' inputs, and fills
 * step->after with both.  Steps that nothing orders keep the order of their definition.  42P20 for
 * a cycle, naming its steps.
 */
extern List *plan_order(List *steps, const char *pipeline);

#endif
