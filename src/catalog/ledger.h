/*
 * ledger.h
 *	  Every SQL text about runs and step runs.
 *
 * A run goes queued → running → succeeded | failed | cancelled, or → waiting → running.
 * The ledger never says "dead": that is "running" with the pipeline's lock free (catalog/lock.h),
 * and whoever takes the lock next goes on from there with a higher claim.
 *
 * All functions need an open transaction; results live in CurrentMemoryContext unless said.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LEDGER_H
#define DATAOPS_LEDGER_H

#include "catalog/definition.h"
#include "catalog/run.h"

/* [from_ts, to_ts) */
typedef struct TimeRange
{
	TimestampTz from_ts;
	TimestampTz to_ts;
} TimeRange;

/* How many times a run that died is taken up again before it counts as failed. */
#define LEDGER_MAX_RESUMES 3

/*
 * A new run in state queued over "range", with the current definitions of the pipeline and of the
 * sources that it fetches.  "steps" (char *) restricts it, NIL means all; scheduled_for 0 means by
 * hand.
 */
extern pg_uuid_t *ledger_queue(Definition *pipeline, const char *env, TimeRange range,
							   TimestampTz scheduled_for, List *steps);

/*
 * Runs of the pipeline that somebody who holds its lock should execute now, oldest first: dead
 * ones, queued ones, waiting ones that are due at "now"; none while the pipeline is held.  List of
 * pg_uuid_t *.
 */
extern List *ledger_pending(const char *pipeline, const char *env, TimestampTz now);

/*
 * Claims the run for this process: state running, claim raised, attempts that a dead process left
 * "running" marked interrupted.  Returns the run with its steps and their checks, allocated in
 * "memory"; NULL when it has ended meanwhile or was interrupted too often (it is failed then).
 */
extern Run *ledger_claim(const pg_uuid_t *id, MemoryContext memory);

/*
 * A failed run of a pipeline with on_failure "hold" holds it: nothing of the pipeline is pending
 * until a person acts.  Retrying and cancelling that run, and ledger_release(), end the hold.  The
 * condition is for statements about dataops.run AS r.
 */
#define LEDGER_NOT_HELD \
	"NOT EXISTS (SELECT FROM dataops.run h WHERE h.holds AND h.pipeline = r.pipeline " \
	"AND h.env = r.env)"

extern bool ledger_is_held(const char *pipeline, const char *env);

/* Ends the hold, the failed run stays failed.  False when there was none. */
extern bool ledger_release(const char *pipeline, const char *env);

/*
 * Ends the hold by putting the run that holds back to queued, with the current definitions, so that
 * it comes before what was queued behind it.  Returns its id (pg_uuid_t *), or NIL.
 */
extern List *ledger_requeue_held(const char *pipeline, const char *env);

/* The name of a kind of step, as in its document. */
extern const char *ledger_kind_name(StepKind kind);

/* What became of the step in this run so far. */
typedef enum StepStatus
{
	STEP_PENDING,
	STEP_SUCCEEDED,				/* or skipped because there was nothing new */
	STEP_WAITING
} StepStatus;

typedef struct StepStanding
{
	StepStatus	status;
	TimestampTz next_attempt_at;	/* of one that waits */
	bool		cancel_requested;	/* cancel() was called for the run */
} StepStanding;

/* Also sets step->attempt to the last attempt made, and step->failures. */
extern StepStanding ledger_step_standing(Run *run, Step *step);

/* Begins the attempt after step->attempt: raises that, and sets step->step_run. */
extern void ledger_step_start(Run *run, Step *step);

/*
 * Adds a note to the attempt in hand, for who reads the ledger later: what is worth knowing however
 * the attempt ends. Beyond some thousand characters it only says that there is more.
 */
extern void ledger_step_note(Run *run, Step *step, const char *note);

/* Ends the attempt with what the stage returned. */
extern void ledger_step_finish(Run *run, Step *step, const StageResult *result);

/* Ends the attempt as cancelled. */
extern void ledger_step_cancel(Run *run, Step *step);

/* Ends the run; failed_step, error and hint may be NULL.  next_attempt_at only for "waiting". */
typedef struct RunEnd
{
	const char *state;
	const char *failed_step;
	const char *error;
	const char *hint;
	const char *sqlstate;
	TimestampTz next_attempt_at;
	/* of a loop */
	const char *run_id;
	bool		drained;		/* nothing was pending when it looked last */
} RunEnd;

extern void ledger_finish(Run *run, const RunEnd *end);

/* Head of a run for commands that act on one, and its state now. */
typedef struct RunHead
{
	pg_uuid_t	id;
	char	   *pipeline;
	char	   *env;
	char	   *state;
	Oid			owner;
	char	   *failed_step;
	char	   *error;
	char	   *hint;
	TimestampTz next_attempt_at;
	int			claim;
} RunHead;

/* 42704 when there is none that the current user may see. */
extern RunHead *ledger_head(const pg_uuid_t *id);

/*
 * Puts an ended or waiting run back to queued; with "current" it takes the current definitions.
 * "redo" (char *): steps to do again although they succeeded.  55006 when somebody claimed it since
 * "head" was read.
 */
extern void ledger_requeue(const RunHead *head, bool current, List *redo);

/*
 * Puts runs that failed or were cancelled back to queued, with the current definitions, where they
 * are the last to have had their range and nothing of it is done: going on with them lands no
 * record twice, as a new run over the same range would.  Only those that overlap "within".  Returns
 * their ids (pg_uuid_t *), by range.
 */
extern List *ledger_requeue_unfinished(const char *pipeline, const char *env, TimeRange within);

/* The current steps of a pipeline with their checks: List of Step *, as defined. */
extern List *ledger_current_steps(Definition *pipeline, const char *env);

/*
 * Records that a step of the run counts as done although it was not attempted. 42704: no such step.
 */
extern void ledger_skip_step(const pg_uuid_t *id, const char *step, const char *reason);

typedef enum CancelOutcome
{
	CANCEL_TOO_LATE,			/* it had ended */
	CANCEL_DONE,				/* it will not be gone on with; cancelled now */
	CANCEL_REQUESTED			/* it is running; whoever works on it obeys */
} CancelOutcome;

/* With "gives_up" a failed one is cancelled, too; in any case one that holds its pipeline is. */
extern CancelOutcome ledger_request_cancel(const pg_uuid_t *id, bool gives_up);

/* Of a pipeline that is dropped: cancels what had still to run. */
extern void ledger_cancel_all(const char *pipeline, const char *env);

/* The process that holds the pipeline's lock, or 0. */
extern int	ledger_holder(const char *pipeline, const char *env);

#endif
