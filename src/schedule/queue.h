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

/*
 * Queues what is due at "now": unfinished runs of a pipeline with intervals, then a run for each
 * missing range.  scheduled_for (0: by hand) goes to the first new one.  Only "steps" where given.
 * Returns ids (pg_uuid_t *), in the order in which they will be executed.
 */
extern List *queue_due(Definition *pipeline, const char *env, TimestampTz now,
					   TimestampTz scheduled_for, List *steps);

/* The same for what is missing at "now" in a range that a person named. */
extern List *queue_range(Definition *pipeline, const char *env, TimeRange range, TimestampTz now,
						 List *steps);

#endif
