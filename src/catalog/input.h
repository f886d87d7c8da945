/*
 * input.h
 *	  What a step has not taken in yet: batches of sources, and time ranges that other models
 *	  changed.  Inputs are told apart by their ids, never by time: what commits late is not lost.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_INPUT_H
#define DATAOPS_INPUT_H

#include "catalog/run.h"

typedef struct PendingBatches
{
	List	   *ids;			/* pg_uuid_t *, oldest first */
	int64		records;		/* landed in them */
} PendingBatches;

/* Batches of "source" that the step has not consumed. */
extern PendingBatches input_pending_batches(Run *run, Step *step, const char *source);

/* All that landed of "source". */
extern PendingBatches input_all_batches(Run *run, const char *source);

typedef struct PendingChanges
{
	List	   *ids;			/* pg_uuid_t * of step runs */
	TimestampTz from;			/* hull of what they changed; valid when there are ids */
	TimestampTz to;
} PendingChanges;

/*
 * What step runs of models with one of "targets" ("schema.table", char *) changed since the step
 * last looked, in whatever pipeline of the environment.
 */
extern PendingChanges input_pending_changes(Run *run, Step *step, List *targets);

/* Does a model of this environment write each of "targets"?  True for NIL. */
extern bool input_all_written(Run *run, List *targets);

/* Was the step's last successful attempt made by the definition that it has now? */
extern bool input_same_definition(Run *run, Step *step);

/* Batches of "source" that the step has consumed, from the batch "first" on. */
extern List *input_consumed_batches(Run *run, Step *step, const char *source,
									const pg_uuid_t *first);

/* Records that the step has taken in "ids", for good when this transaction commits. */
extern void input_consume(Run *run, Step *step, List *ids);

/* A step of that name begins anew, with an empty target: it has consumed nothing yet. */
extern void input_forget(const char *pipeline, const char *step, const char *env);

#endif
