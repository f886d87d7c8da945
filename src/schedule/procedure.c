/*
 * procedure.c
 *	  The SQL entry points that run, wait for, cancel and repair.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/procedure.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/installation.h"
#include "catalog/lock.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "catalog/unfinished.h"
#include "core/names.h"
#include "core/uuid.h"
#include "model/model.h"
#include "net/wait.h"
#include "schedule/loop.h"
#include "schedule/plan.h"
#include "schedule/queue.h"
#include "schedule/report.h"
#include "schedule/worker.h"

PG_FUNCTION_INFO_V1(dataops_run);
PG_FUNCTION_INFO_V1(dataops_start);
PG_FUNCTION_INFO_V1(dataops_wait);
PG_FUNCTION_INFO_V1(dataops_cancel);
PG_FUNCTION_INFO_V1(dataops_retry);
PG_FUNCTION_INFO_V1(dataops_skip_step);

#define WAIT_POLL_MS 200

/* ---- shared ---- */

char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

void
argument_required(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s is null", name));
}

char *
argument_reason(FunctionCallInfo fcinfo, int number)
{
	char	   *reason = text_to_cstring(PG_GETARG_TEXT_PP(number));

	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the reason is empty"),
				errhint("It is for those who read the run's story later."));
	return reason;
}

char *
argument_env(FunctionCallInfo fcinfo, int number)
{
	char	   *env = argument_text(fcinfo, number);

	if (env == NULL)
		return pstrdup(DEFAULT_ENV);
	if (strcmp(env, DEFAULT_ENV) != 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("environment \"%s\" does not exist", env),
				errhint("The environment \"%s\" always exists.", DEFAULT_ENV));
	return env;
}

Definition *
pipeline_to_run(const char *pipeline, const char *env)
{
	Definition *definition = definition_get(DEFINITION_PIPELINE, "", pipeline, env);

	definition_check_level(definition->owner, "operator", "pipeline", pipeline);
	return definition;
}

Definition *
argument_pipeline(FunctionCallInfo fcinfo, char **env)
{
	argument_required(fcinfo, 0, "pipeline");
	*env = argument_env(fcinfo, 1);
	return pipeline_to_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), *env);
}

MemoryContext
procedure_begin(FunctionCallInfo fcinfo, const char *what)
{
	bool		atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
	MemoryContext memory;

	if (atomic)
		ereport(ERROR,
				errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("%s commits, so it needs to be a statement of its own", what),
				errhint("Call it outside of a transaction block, function and multi-statement "
						"string; inside one use dataops.start()."));
	memory = AllocSetContextCreate(PortalContext, "dataops procedure", ALLOCSET_DEFAULT_SIZES);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(memory);
	return memory;
}

void
procedure_end(MemoryContext memory)
{
	MemoryContextSwitchTo(PortalContext);
	MemoryContextDelete(memory);
	SPI_finish();
}

/* ---- run and start ---- */

typedef struct RunRequest
{
	char	   *pipeline;
	char	   *env;
	bool		has_range;		/* from_ts or to_ts given */
	TimeRange	range;
	List	   *steps;
} RunRequest;

static List *
argument_texts(FunctionCallInfo fcinfo, int number)
{
	List	   *list = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(number))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			list = lappend(list, TextDatumGetCString(elements[i]));
	return list;
}

/* Arguments (pipeline, env, from_ts, to_ts, steps). */
static RunRequest
run_request(FunctionCallInfo fcinfo)
{
	RunRequest	request = {0};

	argument_required(fcinfo, 0, "pipeline");
	request.pipeline = argument_text(fcinfo, 0);
	request.env = argument_env(fcinfo, 1);
	request.has_range = !PG_ARGISNULL(2) || !PG_ARGISNULL(3);
	request.range.from_ts = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2);
	request.range.to_ts = PG_ARGISNULL(3) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(3);
	request.steps = argument_texts(fcinfo, 4);
	if (request.has_range && request.range.from_ts >= request.range.to_ts)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("from_ts is not before to_ts"));
	return request;
}

static void
check_steps_exist(const RunRequest *request)
{
	ListCell   *cell;

	foreach(cell, request->steps)
		(void) definition_get(DEFINITION_STEP, request->pipeline, lfirst(cell), request->env);
}

/* Queues what the request asks for: its own range, or whatever is due.  List of pg_uuid_t *. */
static List *
queue_request(Definition *pipeline, const RunRequest *request)
{
	List	   *ids;

	check_steps_exist(request);
	if (request->has_range)
		ids = queue_range(pipeline, request->env, request->range, GetCurrentTimestamp(),
						  request->steps);
	else
		ids = queue_due(pipeline, request->env, GetCurrentTimestamp(), 0, request->steps);
	if (ids == NIL)
		report_nothing(pipeline, request->env, request->has_range ? &request->range : NULL);
	return ids;
}

/*
 * As queue_request(), with the failed run that holds the pipeline first: this request is the act of
 * a person that ends the hold.
 */
static List *
queue_after_held(Definition *pipeline, const RunRequest *request)
{
	List	   *held = ledger_requeue_held(pipeline->object, request->env);

	if (held == NIL || request->has_range || request->steps != NIL)
		return list_concat(held, queue_request(pipeline, request));
	/* without intervals, what is due now begins where that run does */
	if (!plan_has_intervals(pipeline))
		return held;
	return list_concat(held, queue_due(pipeline, request->env, GetCurrentTimestamp(), 0, NIL));
}

/* Another session works on the pipeline: skip, or leave the request for it. */
static void
yield_to_other(Definition *pipeline, const RunRequest *request)
{
	static const char *const choices[] = {"skip", "queue"};
	const char *choice = spec_choice(pipeline->spec, "if_running", choices, lengthof(choices),
									 "skip", psprintf("pipeline \"%s\"", pipeline->object));
	bool		queued = strcmp(choice, "queue") == 0 && queue_request(pipeline, request) != NIL;

	ereport(NOTICE,
			errmsg("pipeline \"%s\" is running in another session: %s", pipeline->object,
				   queued ? "queued behind it" : "skipped"),
			errhint("SELECT * FROM dataops.progress shows how far it is."));
}

/* Does the run that has ended so keep any other from beginning? */
static bool
waits_for_all(Definition *pipeline, const RunEnd *end)
{
	return end->state != NULL && strcmp(end->state, "waiting") == 0 &&
		!plan_has_intervals(pipeline);
}

/* run(pipeline, env, from_ts, to_ts, steps): in this session, until it has ended */
Datum
dataops_run(PG_FUNCTION_ARGS)
{
	MemoryContext memory = procedure_begin(fcinfo, "dataops.run()");
	MemoryContext held = AllocSetContextCreate(memory, "dataops lock", ALLOCSET_SMALL_SIZES);
	RunRequest	request = run_request(fcinfo);
	LoopOptions options = {.now = GetCurrentTimestamp()};
	Run			claimant = {.pipeline = request.pipeline, .env = request.env, .memory = memory};
	Definition *pipeline;
	TakenUp		taken;
	RunEnd		end;
	bool		done;

	installation_check();
	pipeline = pipeline_to_run(request.pipeline, request.env);
	if (!lock_acquire(held, request.pipeline, request.env))
	{
		yield_to_other(pipeline, &request);
		procedure_end(memory);
		PG_RETURN_VOID();
	}
	(void) ledger_requeue_held(request.pipeline, request.env);
	check_steps_exist(&request);
	taken = queue_take_up(pipeline, request.env, request.steps);
	SPI_commit();
	MemoryContextSwitchTo(memory);
	end = loop_work_off(request.pipeline, request.env, &options, memory);
	report_end(request.pipeline, &end);
	done = !request.has_range && request.steps == NIL &&
		(taken.whole || waits_for_all(pipeline, &end));
	if (!done)
	{
		txn_begin(&claimant);
		queue_request(pipeline, &request);
		txn_commit(&claimant);
		end = loop_work_off(request.pipeline, request.env, &options, memory);
	}
	MemoryContextDelete(held);
	worker_hand_over(request.pipeline, request.env, &end, false);
	report_end(request.pipeline, &end);
	procedure_end(memory);
	PG_RETURN_VOID();
}

/* start(pipeline, env, from_ts, to_ts, steps) → the run's id; a worker begins at commit */
Datum
dataops_start(PG_FUNCTION_ARGS)
{
	RunRequest	request = run_request(fcinfo);
	Definition *pipeline;
	List	   *ids;

	installation_check();
	pipeline = pipeline_to_run(request.pipeline, request.env);
	ids = queue_after_held(pipeline, &request);
	if (ids == NIL)
		PG_RETURN_NULL();
	worker_launch_at_commit(request.pipeline, request.env);
	PG_RETURN_UUID_P(linitial(ids));
}

/* ---- wait ---- */

static bool
is_final(const char *state)
{
	return strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0 ||
		strcmp(state, "cancelled") == 0;
}

/* The run's head, read in a transaction of its own; in CurrentMemoryContext. */
static RunHead *
read_head(const pg_uuid_t *id, MemoryContext memory)
{
	RunHead    *head;

	PushActiveSnapshot(GetTransactionSnapshot());
	head = ledger_head(id);
	definition_check_level(head->owner, "operator", "pipeline", head->pipeline);
	PopActiveSnapshot();
	SPI_commit();
	MemoryContextSwitchTo(memory);
	return head;
}

/* wait(run_id, timeout): returns when it has ended; an error when it did not succeed in time */
Datum
dataops_wait(PG_FUNCTION_ARGS)
{
	MemoryContext memory = procedure_begin(fcinfo, "dataops.wait()");
	MemoryContext round = AllocSetContextCreate(memory, "dataops wait", ALLOCSET_SMALL_SIZES);
	pg_uuid_t	id;
	TimestampTz until;
	RunHead    *head;

	argument_required(fcinfo, 0, "run_id");
	argument_required(fcinfo, 1, "timeout");
	id = *PG_GETARG_UUID_P(0);
	until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													TimestampTzGetDatum(GetCurrentTimestamp()),
													PG_GETARG_DATUM(1)));
	for (;;)
	{
		MemoryContextReset(round);
		MemoryContextSwitchTo(round);
		head = read_head(&id, round);
		if (is_final(head->state))
			break;
		if (GetCurrentTimestamp() >= until)
			ereport(ERROR,
					errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					errmsg("run %s of pipeline \"%s\" has not ended: it is %s", uuid_text(&id),
						   head->pipeline, head->state),
					errhint("The run goes on. SELECT * FROM dataops.progress shows how far it "
							"is."));
		latch_sleep(WAIT_POLL_MS);
	}
	report_waited(head);
	procedure_end(memory);
	PG_RETURN_VOID();
}

/* ---- commands on a run ---- */

static RunHead *
head_to_change(FunctionCallInfo fcinfo)
{
	RunHead    *head;

	argument_required(fcinfo, 0, "run_id");
	head = ledger_head(PG_GETARG_UUID_P(0));
	definition_check_level(head->owner, "operator", "pipeline", head->pipeline);
	return head;
}

/* Did the run fail so that the next one would begin by going on with it? */
static bool
will_be_taken_up(const RunHead *head)
{
	Definition *pipeline = definition_find(DEFINITION_PIPELINE, "", head->pipeline, head->env);
	ListCell   *cell;

	if (strcmp(head->state, "failed") != 0 || pipeline == NULL || plan_has_intervals(pipeline))
		return false;
	foreach(cell, unfinished_landings(head->pipeline, head->env, pipeline->owner, NIL))
	{
		UnfinishedRun *run = lfirst(cell);

		if (memcmp(&run->id, &head->id, sizeof(pg_uuid_t)) == 0)
			return true;
	}
	return false;
}

/*
 * cancel(run_id) → true when it was running and has been told to stop, will not start, or had
 * failed and will not be gone on with
 */
Datum
dataops_cancel(PG_FUNCTION_ARGS)
{
	static const char signal[] = "SELECT pg_cancel_backend($1)";
	RunHead    *head = head_to_change(fcinfo);
	CancelOutcome outcome = ledger_request_cancel(&head->id, will_be_taken_up(head));
	SqlArgs		args = {0};
	int			holder;

	if (outcome == CANCEL_TOO_LATE)
		PG_RETURN_BOOL(false);
	audit_record("cancel run", uuid_text(&head->id), NULL);
	if (outcome == CANCEL_DONE)
		PG_RETURN_BOOL(true);
	holder = ledger_holder(head->pipeline, head->env);
	if (holder == 0)
		PG_RETURN_BOOL(true);	/* it died; whoever takes it over obeys the request */
	sql_add_int(&args, holder);
	PG_RETURN_BOOL(sql_bool(sql_run_own(signal, &args), 0, 1));
}

/* Names of "first" and all steps that come after it. */
static List *
with_descendants(List *steps, const char *first)
{
	List	   *names = list_make1(pstrdup(first));
	ListCell   *cell;

	foreach(cell, steps)
	{
		Step	   *step = lfirst(cell);
		ListCell   *before;
		bool		follows = false;

		foreach(before, step->after)
			follows |= names_have(names, lfirst(before));
		if (follows)
			names = lappend(names, step->name);
	}
	return names;
}

/* Says which steps of "redo" will not make again the rows that they have made. */
static void
note_incremental(List *steps, List *redo)
{
	ListCell   *cell;
	ListCell   *name;

	foreach(cell, steps)
	{
		Step	   *step = lfirst(cell);
		ModelSpec  *model = step->kind == STEP_MODEL ? model_spec_read(step->spec) : NULL;

		if (model == NULL || !model_is_incremental(model) || model_sources(model) == NIL)
			continue;
		foreach(name, redo)
			if (strcmp(step->name, lfirst(name)) == 0)
				ereport(NOTICE,
						errmsg("step \"%s\" takes in new batches only: it does not make again what "
							   "it has made", step->name),
						errhint("To have all rows again add the step under a new name%s.",
								model->strategy == STRATEGY_APPEND ?
								", with its table emptied" : ""));
	}
}

/* retry(run_id, version, from_step) → the run's id; a worker goes on with it at commit */
Datum
dataops_retry(PG_FUNCTION_ARGS)
{
	RunHead    *head = head_to_change(fcinfo);
	char	   *version = argument_text(fcinfo, 1);
	char	   *from_step = argument_text(fcinfo, 2);
	Definition *pipeline;
	List	   *steps;
	List	   *redo = NIL;

	installation_check();
	if (version == NULL || (strcmp(version, "current") != 0 && strcmp(version, "same") != 0))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a version to retry with", version ? version : "null"),
				errhint("Use 'current' for the definitions as they are now or 'same' for those of "
						"the run."));
	pipeline = definition_get(DEFINITION_PIPELINE, "", head->pipeline, head->env);
	if (pipeline->owner != head->owner)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("run %s is of a former pipeline \"%s\", which had another owner",
					   uuid_text(&head->id), head->pipeline));
	if (strcmp(head->state, "running") == 0 && ledger_holder(head->pipeline, head->env) != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("run %s of pipeline \"%s\" is running", uuid_text(&head->id),
					   head->pipeline));
	if (from_step != NULL)
	{
		(void) definition_get(DEFINITION_STEP, head->pipeline, from_step, head->env);
		steps = plan_order(ledger_current_steps(pipeline, head->env), head->pipeline);
		redo = with_descendants(steps, from_step);
		note_incremental(steps, redo);
	}
	else if (strcmp(head->state, "succeeded") == 0)
		ereport(NOTICE,
				errmsg("this run of pipeline \"%s\" has succeeded: nothing of it is done again",
					   head->pipeline),
				errhint("SELECT dataops.retry(run_id, from_step => '...') does a step and all "
						"after it again."));
	ledger_requeue(head, strcmp(version, "current") == 0, redo);
	(void) ledger_release(head->pipeline, head->env);
	audit_record("retry run", uuid_text(&head->id), NULL);
	worker_launch_at_commit(head->pipeline, head->env);
	PG_RETURN_UUID_P(PG_GETARG_UUID_P(0));
}

/* skip_step(run_id, step, reason): it counts as done when the run is retried */
Datum
dataops_skip_step(PG_FUNCTION_ARGS)
{
	RunHead    *head = head_to_change(fcinfo);
	char	   *step = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *reason = argument_reason(fcinfo, 2);

	if (strcmp(head->state, "failed") != 0 && strcmp(head->state, "waiting") != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("run %s of pipeline \"%s\" is %s", uuid_text(&head->id), head->pipeline,
					   head->state),
				errhint("A step can be skipped when its run has failed or waits."));
	ledger_skip_step(&head->id, step, reason);
	audit_record("skip step", psprintf("%s/%s", uuid_text(&head->id), step), NULL);
	PG_RETURN_TEXT_P(cstring_to_text(step));
}
