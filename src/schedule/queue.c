/*
 * queue.c
 *	  From ranges that are due to rows of the ledger.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/queue.h"

#include "catalog/unfinished.h"
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
	if (steps != NIL || within.from_ts >= within.to_ts)
		return NIL;
	return ledger_requeue_unfinished(pipeline->object, env, within);
}

TakenUp
queue_take_up(Definition *pipeline, const char *env, List *steps)
{
	TakenUp		taken = {0};
	TimeRange	always = {DT_NOBEGIN, DT_NOEND};
	UnfinishedRun *open;
	ListCell   *cell;

	if (plan_has_intervals(pipeline))
		return taken;
	open = steps == NIL ? unfinished_first(pipeline->object, env, always, true) : NULL;
	taken.blocked = open != NULL && strcmp(open->state, "waiting") == 0;
	foreach(cell, unfinished_landings(pipeline->object, env, pipeline->owner, steps))
	{
		UnfinishedRun *run = lfirst(cell);

		if (strcmp(run->state, "waiting") == 0)
		{
			taken.blocked = true;
			continue;
		}
		ledger_requeue(ledger_head(&run->id), true, NIL);
		taken.ids = lappend(taken.ids, &run->id);
		taken.whole |= !run->partial;
	}
	return taken;
}

List *
queue_due(Definition *pipeline, const char *env, TimestampTz now, TimestampTz scheduled_for,
		  List *steps)
{
	TakenUp		taken = queue_take_up(pipeline, env, steps);
	List	   *unfinished = taken.ids;

	if (taken.blocked || (taken.whole && steps == NIL))
		return unfinished;
	if (plan_has_intervals(pipeline))
		unfinished = requeue_unfinished(pipeline, env, plan_horizon(pipeline, now), steps);
	return list_concat(unfinished, queue_ranges(pipeline, env, plan_ranges(pipeline, env, now),
												scheduled_for, steps));
}

List *
queue_range(Definition *pipeline, const char *env, TimeRange range, TimestampTz now, List *steps)
{
	TakenUp		taken = queue_take_up(pipeline, env, steps);
	List	   *unfinished = taken.ids;
	List	   *ranges;

	if (taken.blocked)
		return unfinished;
	if (plan_has_intervals(pipeline))
		unfinished = requeue_unfinished(pipeline, env, range, steps);
	ranges = plan_ranges_within(pipeline, env, range, steps != NIL, now);
	return list_concat(unfinished, queue_ranges(pipeline, env, ranges, 0, steps));
}
