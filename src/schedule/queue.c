/*
 * queue.c
 *	  From ranges that are due to rows of the ledger.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/queue.h"

#include "schedule/plan.h"

static List *
queue_ranges(Definition *pipeline, const char *env, List *ranges, TimestampTz scheduled_for,
			 List *steps)
{
	List	   *ids = NIL;
	ListCell   *cell;

	foreach(cell, ranges)
	{
		ids = lappend(ids, ledger_queue(pipeline, env, *(TimeRange *) lfirst(cell),
										scheduled_for, steps));
		scheduled_for = 0;		/* a due time belongs to one run */
	}
	return ids;
}

/* Single steps have no intervals of their own, so nothing of theirs is unfinished. */
static List *
requeue_unfinished(Definition *pipeline, const char *env, TimeRange within, List *steps)
{
	if (steps != NIL || !plan_has_intervals(pipeline))
		return NIL;
	return ledger_requeue_unfinished(pipeline->object, env, within);
}

List *
queue_due(Definition *pipeline, const char *env, TimestampTz now, TimestampTz scheduled_for,
		  List *steps)
{
	List	   *unfinished = requeue_unfinished(pipeline, env, plan_horizon(pipeline, now), steps);

	return list_concat(unfinished, queue_ranges(pipeline, env, plan_ranges(pipeline, env, now),
												scheduled_for, steps));
}

List *
queue_range(Definition *pipeline, const char *env, TimeRange range, TimestampTz now, List *steps)
{
	List	   *unfinished = requeue_unfinished(pipeline, env, range, steps);
	List	   *ranges = plan_ranges_within(pipeline, env, range, steps != NIL, now);

	return list_concat(unfinished, queue_ranges(pipeline, env, ranges, 0, steps));
}
