/*
 * loop.c
 *	  Executes runs.  Per step: one short transaction that claims it, the stage, and the record of
 *	  its end; a model's data, its checks and that record are one transaction.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/loop.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "catalog/interval.h"
#include "catalog/lock.h"
#include "catalog/spec.h"
#include "catalog/txn.h"
#include "core/compat.h"
#include "core/fault.h"
#include "core/names.h"
#include "core/uuid.h"
#include "export/export.h"
#include "export/load.h"
#include "fetch/fetch.h"
#include "land/land.h"
#include "net/wait.h"
#include "schedule/load_judge.h"
#include "schedule/plan.h"
#include "schedule/target.h"

#define SHORT_WAIT_MS		30000	/* longer ones end the process, not the run */
#define CONFLICT_ATTEMPTS	3		/* of a deadlock or serialization failure */
#define MAX_BACKOFF_MS		3600000
#define MAX_TIME_LIMIT_US	(100 * 366 * (double) USECS_PER_DAY)

/* ---- time limit of a step ---- */

static TimeoutId step_timeout = MAX_TIMEOUTS;
static volatile sig_atomic_t step_timed_out = false;

static void
on_step_timeout(void)
{
	step_timed_out = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* NULL: none */
static Interval *
time_limit(Step *step)
{
	return spec_interval(step->spec, "timeout", psprintf("step \"%s\"", step->name));
}

static double
interval_ms(const Interval *interval, double missing)
{
	return interval == NULL ? missing :
		interval->time / 1000.0 + (interval->day + interval->month * 30.0) * 86400000.0;
}

static void
arm_time_limit(Step *step)
{
	Interval   *limit = time_limit(step);

	step_timed_out = false;
	if (limit == NULL)
		return;
	if (step_timeout == MAX_TIMEOUTS)
		step_timeout = RegisterTimeout(USER_TIMEOUT, on_step_timeout);
	/* not by enable_timeout_after(): its milliseconds are an int, 24 days */
	enable_timeout_at(step_timeout, GetCurrentTimestamp() +
					  (TimestampTz) Min(interval_ms(limit, 0) * 1000, MAX_TIME_LIMIT_US));
}

static void
disarm_time_limit(void)
{
	if (step_timeout != MAX_TIMEOUTS)
		disable_timeout(step_timeout, false);
	/* it may have struck when the step had ended already: that is no cancel of the next one */
	if (step_timed_out)
		QueryCancelPending = false;
}

/* ---- attempts ---- */

typedef struct RetryRule
{
	int			attempts;
	double		delay_ms;
	double		max_delay_ms;
} RetryRule;

static RetryRule
retry_rule(Step *step, const StageResult *result)
{
	const char *what = psprintf("\"retry\" of step \"%s\"", step->name);
	Jsonb	   *retry = spec_object(step->spec, "retry", what);
	RetryRule	rule;

	rule.attempts = spec_integer(retry, "attempts", 1, what);
	rule.delay_ms = interval_ms(spec_interval(retry, "delay", what), 1000);
	rule.max_delay_ms = interval_ms(spec_interval(retry, "max_delay", what), MAX_BACKOFF_MS);
	if (result->sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
		result->sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE)
		rule.attempts = Max(rule.attempts, CONFLICT_ATTEMPTS);
	return rule;
}

/*
 * After a failure: how long to wait before the next attempt, -1 for none.  A long wait, or one that
 * a service asked for, turns the failure into "later": the run waits in the ledger, this process
 * does not.
 */
static long
decide_retry(Step *step, StageResult *result)
{
	RetryRule	rule;
	double		delay;

	if (result->outcome != STAGE_FAILED)
		return -1;
	if (result->next_attempt_at != 0)
	{
		result->outcome = STAGE_LATER;
		return -1;
	}
	rule = retry_rule(step, result);
	if (!result->retry && result->sqlstate != ERRCODE_T_R_DEADLOCK_DETECTED &&
		result->sqlstate != ERRCODE_T_R_SERIALIZATION_FAILURE)
		return -1;
	if (step->failures + 1 >= rule.attempts)
		return -1;
	delay = Min(rule.delay_ms * (1 << Min(step->failures, 20)), rule.max_delay_ms);
	delay *= 0.5 + pg_prng_double(&pg_global_prng_state) / 2;
	if (delay <= SHORT_WAIT_MS)
		return (long) delay;
	result->outcome = STAGE_LATER;
	result->next_attempt_at = GetCurrentTimestamp() + (TimestampTz) (delay * 1000);
	return -1;
}

/* ---- one step ---- */

static char *
keep_text(Run *run, const char *text)
{
	return text == NULL ? NULL : MemoryContextStrdup(run->memory, text);
}

/* Checked targets and commands: data, verdicts and the step's end in one transaction. */
static StageResult
target_stage(Run *run, Step *step, long *wait_ms)
{
	StageResult result;

	txn_begin(run);
	result = target_run(run, step);
	*wait_ms = decide_retry(step, &result);
	ledger_step_finish(run, step, &result);
	result.error = keep_text(run, result.error);
	result.hint = keep_text(run, result.hint);
	FAULT_POINT("model_before_commit");
	/* step and record are lost together, or kept; the run's end waits for both */
	txn_commit_async(run);
	FAULT_POINT("model_after_commit");
	return result;
}

/* Fetch and land commit batch by batch; only the step's end is left to record. */
static StageResult
source_stage(Run *run, Step *step, long *wait_ms)
{
	StageResult result = fetch_stage(run, step, land_sink(run->step_memory));

	*wait_ms = decide_retry(step, &result);
	txn_begin(run);
	ledger_step_finish(run, step, &result);
	FAULT_POINT("fetch_before_end");
	txn_commit(run);
	return result;
}

/* Does the step bring something out of the server, where nothing is part of our transactions? */
static bool
leaves_server(Run *run, Step *step)
{
	bool		leaves = step->kind == STEP_EXPORT;

	if (step->kind != STEP_LOAD && step->kind != STEP_PROMOTE)
		return leaves;
	txn_begin(run);
	leaves = load_is_remote(run, step);
	txn_commit(run);
	return leaves;
}

/* What leaves commits part by part; its ledger row and the step's end are recorded together. */
static StageResult
delivery_stage(Run *run, Step *step, long *wait_ms)
{
	StageResult result;
	StepChecks	checks;
	LoadJudge	judge;

	switch (step->kind)
	{
		case STEP_LOAD:
			MemoryContextSwitchTo(run->step_memory);
			checks = step_checks_read(run, step);
			judge = load_judge(&checks);
			result = load_remote(run, step, &judge);
			break;
		case STEP_PROMOTE:
			result = promote_remote(run, step);
			break;
		default:
			result = export_stage(run, step);
	}
	*wait_ms = decide_retry(step, &result);
	txn_begin(run);
	if (result.conclude != NULL)
		result.conclude(result.conclude_arg);
	ledger_step_finish(run, step, &result);
	FAULT_POINT("delivery_before_commit");
	txn_commit(run);
	FAULT_POINT("delivery_after_commit");
	return result;
}

/*
 * SQL of the step may have dropped the lock.  Its failure can still be recorded, unless somebody
 * else works on the pipeline by now: then the record finds neither the lock nor its claim.
 */
static void
regain_lock(Run *run)
{
	if (!lock_is_held(run->pipeline, run->env))
		(void) lock_acquire(run->memory, run->pipeline, run->env);
}

/* The failure that an error of a stage is, recorded in a transaction of its own. */
static StageResult
record_error(Run *run, Step *step, ErrorData *error, long *wait_ms)
{
	StageResult result = {.outcome = STAGE_FAILED};

	result.sqlstate = error->sqlerrcode;
	result.error = error->message;
	result.hint = error->hint ? error->hint : error->detail;
	if (step_timed_out)
	{
		result.sqlstate = ERRCODE_QUERY_CANCELED;
		result.error = psprintf("the step's time limit of %s was reached",
								spec_text(step->spec, "timeout", step->name));
		result.hint = "Find out what is slow, or define the step with a longer timeout.";
	}
	result.retry = result.sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE;
	*wait_ms = decide_retry(step, &result);
	regain_lock(run);
	txn_begin(run);
	ledger_step_finish(run, step, &result);
	txn_commit(run);
	return result;
}

pg_noreturn static void
record_cancel(Run *run, Step *step, ErrorData *error)
{
	RunEnd		end = {.state = "cancelled", .failed_step = step->name, .error = error->message};

	txn_begin(run);
	ledger_step_cancel(run, step);
	ledger_finish(run, &end);
	txn_commit(run);
	ReThrowError(error);
}

/*
 * The guard around a stage: an error is rolled back and becomes the step's result.  A cancel is
 * recorded and thrown on; a termination is FATAL and never comes here.  Cancels are held off
 * everywhere else in the loop, so that each finds its step here.  Sleeps *wait_ms first; sets it to
 * the wait before the next attempt, -1 for none.
 */
static StageResult
step_run_guarded(Run *run, Step *step, long *wait_ms)
{
	StageResult result = {0};
	ErrorData  *volatile error = NULL;

	run->guarded = true;
	PG_TRY();
	{
		RESUME_CANCEL_INTERRUPTS();
		latch_sleep(*wait_ms);
		arm_time_limit(step);
		if (step->kind == STEP_FETCH)
			result = source_stage(run, step, wait_ms);
		else if (leaves_server(run, step))
			result = delivery_stage(run, step, wait_ms);
		else
			result = target_stage(run, step, wait_ms);
		disarm_time_limit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run->memory);
		error = CopyErrorData();
		FlushErrorState();
		disarm_time_limit();
		txn_abort(run);
	}
	PG_END_TRY();
	run->guarded = false;
	HOLD_CANCEL_INTERRUPTS();	/* an error ended the former hold */
	run_scope_set(NULL);
	if (error == NULL)
		return result;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !step_timed_out)
		record_cancel(run, step, error);
	return record_error(run, step, error, wait_ms);
}

/* ---- what a person reads while it runs ---- */

static void
announce(Run *run, Step *step, const StageResult *result, TimestampTz started)
{
	double		seconds = (GetCurrentTimestamp() - started) / 1000000.0;

	if (run->in_worker && result->outcome != STAGE_FAILED)
		return;
	switch (result->outcome)
	{
		case STAGE_DONE:
			ereport(NOTICE,
					errmsg("%s: " INT64_FORMAT " rows in, " INT64_FORMAT " out%s (%.2f s)",
						   step->name, result->rows_in, result->rows_out,
						   result->rows_quarantined == 0 ? "" :
						   psprintf(", " INT64_FORMAT " quarantined", result->rows_quarantined),
						   seconds));
			break;
		case STAGE_UNCHANGED:
			ereport(NOTICE, errmsg("%s: %s", step->name,
								   result->error ? result->error : "nothing new"));
			break;
		case STAGE_LATER:
			ereport(NOTICE, errmsg("%s: waits until %s%s%s", step->name,
								   timestamptz_to_str(result->next_attempt_at),
								   result->error ? ": " : "", result->error ? result->error : ""));
			break;
		case STAGE_FAILED:
			ereport(run->in_worker ? LOG : NOTICE,
					errmsg("%s: attempt %d failed: %s", step->name, step->attempt, result->error),
					result->hint ? errhint("%s", result->hint) : 0);
			break;
	}
}

/* ---- one run ---- */

static bool
name_in(List *names, List *wanted)
{
	ListCell   *name;

	foreach(name, names)
		if (names_have(wanted, lfirst(name)))
			return true;
	return false;
}

/* Cancels the run because cancel() asked for it; a signal may have been too early to be seen. */
pg_noreturn static void
obey_cancel_request(Run *run)
{
	RunEnd		end = {.state = "cancelled", .error = "cancelled by request"};

	ledger_finish(run, &end);
	txn_commit(run);
	ereport(ERROR,
			errcode(ERRCODE_QUERY_CANCELED),
			errmsg("run %s of pipeline \"%s\" was cancelled", uuid_text(&run->id), run->pipeline));
}

/* Whatever else such a step does, it does it in this database alone. */
static bool
stays_in_database(const Step *step)
{
	return step->kind == STEP_MODEL || step->kind == STEP_SQL || step->kind == STEP_CHECK;
}

/*
 * What became of the step so far.  If it is to be done now and the caller wants that, an attempt
 * begins.
 */
static StepStanding
begin_attempt(Run *run, Step *step, TimestampTz now, bool wanted)
{
	StepStanding standing;

	txn_begin(run);
	standing = ledger_step_standing(run, step);
	if (standing.status == STEP_WAITING &&
		standing.next_attempt_at <= Max(now, GetCurrentTimestamp()))
		standing.status = STEP_PENDING;
	if (standing.status == STEP_PENDING && wanted)
	{
		if (standing.cancel_requested)
			obey_cancel_request(run);
		ledger_step_start(run, step);
	}
	if (stays_in_database(step))
		txn_commit_async(run);
	else
		txn_commit(run);
	return standing;
}

/* Does the step, whose attempt has begun, until it is done, fails for good or must wait. */
static StageResult
work_on_step(Run *run, Step *step)
{
	RunScope	scope = {.env = run->env, .start_ts = run->from_ts, .end_ts = run->to_ts};
	long		wait_ms = 0;

	for (;;)
	{
		StageResult result;
		TimestampTz started = GetCurrentTimestamp();

		run_scope_set(&scope);
		run->step_memory = AllocSetContextCreate(run->memory, "dataops step",
												 ALLOCSET_DEFAULT_SIZES);
		result = step_run_guarded(run, step, &wait_ms);
		MemoryContextDelete(run->step_memory);
		run->step_memory = NULL;
		announce(run, step, &result, started);
		if (wait_ms < 0)
			return result;
		(void) begin_attempt(run, step, started, true);
	}
}

/* Folds one step's result into what becomes of the run. */
static void
note_result(Run *run, Step *step, const StageResult *result, RunEnd *end)
{
	if (result->outcome == STAGE_LATER)
	{
		if (end->next_attempt_at == 0 || result->next_attempt_at < end->next_attempt_at)
			end->next_attempt_at = result->next_attempt_at;
		return;
	}
	if (end->failed_step != NULL)
		return;
	end->failed_step = step->name;
	end->error = result->error;
	end->hint = result->hint;
	end->sqlstate = pstrdup(unpack_sql_state(result->sqlstate ? result->sqlstate :
											 ERRCODE_EXTERNAL_ROUTINE_EXCEPTION));
}

static void
finish_run(Run *run, RunEnd *end, bool interrupted)
{
	if (interrupted)
		end->state = "queued";
	else if (end->failed_step != NULL)
	{
		end->state = "failed";
		end->next_attempt_at = 0;
	}
	else
		end->state = end->next_attempt_at != 0 ? "waiting" : "succeeded";
	txn_begin(run);
	if (strcmp(end->state, "succeeded") == 0 && !run->partial)
		interval_done(run);
	ledger_finish(run, end);
	FAULT_POINT("run_before_commit");
	txn_commit(run);
	FAULT_POINT("run_after_commit");
}

/* Every step whose predecessors are done; what waits for a failed step is left alone. */
static RunEnd
execute(Run *run, const LoopOptions *options)
{
	RunEnd		end = {0};
	List	   *blocked = NIL;
	ListCell   *cell;
	int			attempted = 0;
	bool		limited = false;

	HOLD_CANCEL_INTERRUPTS();
	foreach(cell, run->steps)
	{
		Step	   *step = lfirst(cell);
		StageResult result = {.outcome = STAGE_LATER};
		bool		allowed = options->step_limit == 0 || attempted < options->step_limit;
		StepStanding standing;

		if (name_in(step->after, blocked))
		{
			blocked = lappend(blocked, step->name);
			continue;
		}
		standing = begin_attempt(run, step, options->now, allowed);
		if (standing.status == STEP_SUCCEEDED)
			continue;
		limited = standing.status == STEP_PENDING && !allowed;
		if (limited)
			break;
		result.next_attempt_at = standing.next_attempt_at;
		if (standing.status == STEP_PENDING)
		{
			attempted++;
			result = work_on_step(run, step);
		}
		if (result.outcome == STAGE_DONE || result.outcome == STAGE_UNCHANGED)
			continue;
		blocked = lappend(blocked, step->name);
		note_result(run, step, &result, &end);
	}
	finish_run(run, &end, limited);
	RESUME_CANCEL_INTERRUPTS();
	return end;
}

/* ---- the queue of one pipeline ---- */

/* The next pending run, claimed; NULL when none is left. */
static Run *
claim_next(const char *pipeline, const char *env, const LoopOptions *options, MemoryContext memory)
{
	/* a stand-in that carries what transactions need before the run is known */
	Run			claimant = {
		.pipeline = unconstify(char *, pipeline),
		.env = unconstify(char *, env),
		.in_worker = options->in_worker,
		.memory = memory
	};
	Run		   *run = NULL;
	ListCell   *cell;

	txn_begin(&claimant);
	foreach(cell, ledger_pending(pipeline, env, options->now))
	{
		run = ledger_claim(lfirst(cell), memory);
		/* one that was interrupted too often has failed just now, and may hold the others */
		if (run != NULL || ledger_is_held(pipeline, env))
			break;
	}
	if (run != NULL)
	{
		MemoryContextSwitchTo(memory);
		run->in_worker = options->in_worker;
		run->steps = plan_order(run->steps, pipeline);
	}
	txn_commit(&claimant);
	return run;
}

/* A copy in CurrentMemoryContext that outlives the run. */
static RunEnd
keep_end(Run *run, const RunEnd *end)
{
	RunEnd		kept = {.state = end->state, .next_attempt_at = end->next_attempt_at};

	kept.failed_step = end->failed_step ? pstrdup(end->failed_step) : NULL;
	kept.error = end->error ? pstrdup(end->error) : NULL;
	kept.hint = end->hint ? pstrdup(end->hint) : NULL;
	kept.run_id = uuid_text(&run->id);
	kept.sqlstate = end->sqlstate ? pstrdup(end->sqlstate) : NULL;
	return kept;
}

RunEnd
loop_work_off(const char *pipeline, const char *env, const LoopOptions *options,
			  MemoryContext memory)
{
	RunEnd		last = {0};
	RunEnd		end;
	bool		drained = false;
	bool		go_on = true;

	while (go_on)
	{
		MemoryContext run_memory = AllocSetContextCreate(memory, "dataops run",
														 ALLOCSET_DEFAULT_SIZES);
		Run		   *run = claim_next(pipeline, env, options, run_memory);

		go_on = run != NULL;
		drained = run == NULL;
		if (go_on)
		{
			end = execute(run, options);
			go_on = options->step_limit == 0 &&
				(strcmp(end.state, "succeeded") == 0 || strcmp(end.state, "failed") == 0);
			MemoryContextSwitchTo(memory);
			if (last.failed_step == NULL)
				last = keep_end(run, &end);
		}
		MemoryContextSwitchTo(memory);
		MemoryContextDelete(run_memory);
		go_on = go_on && lock_is_held(pipeline, env);	/* a run that lost it ends the loop */
	}
	last.drained = drained;
	return last;
}
