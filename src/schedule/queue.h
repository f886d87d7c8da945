/*
 * queue.h
 *	  What is to be done becomes queued runs.
 *
 * A run that failed or was cancelled is gone on with rather than replaced: what it landed would be
 * landed again by a new run over the same range.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_QUEUE_H
#define DATAOPS_QUEUE_H

#include "catalog/ledger.h"

/* What of a pipeline without intervals goes before anything new. */
typedef struct TakenUp
{
	List	   *ids;			/* pg_uuid_t *: runs that are queued again */
	bool		whole;			/* one of them is about the whole pipeline: it does what is due */
	bool		blocked;		/* a run waits, so nothing new may begin */
} TakenUp;

/*
 * Queues again the failed runs that landed a part of what the request is about ("steps", NIL for
 * all): with the current definitions, from where their last batch ended.  Nothing for a pipeline
 * with intervals.
 */
extern TakenUp queue_take_up(Definition *pipeline, const char *env, List *steps);

/*
 * Queues what is due at "now": unfinished runs, then a run for each missing range.  Without
 * intervals a run that is taken up stands for the new one, and nothing is queued while one waits.
 * scheduled_for (0: by hand) goes to the first new one.  Only "steps" where given.  Returns ids
 * (pg_uuid_t *), in the order in which they will be executed.
 */
extern List *queue_due(Definition *pipeline, const char *env, TimestampTz now,
					   TimestampTz scheduled_for, List *steps);

/* The same for what is missing at "now" in a range that a person named. */
extern List *queue_range(Definition *pipeline, const char *env, TimeRange range, TimestampTz now,
						 List *steps);

#endif
