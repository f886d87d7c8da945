/*
 * pipeline.c
 *	  Pipelines and their list of steps.  What a step of each kind may say is checked by the file of
 *	  that kind; here is what they have in common.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "define/pipeline.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/installation.h"
#include "catalog/interval.h"
#include "catalog/ledger.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/names.h"
#include "define/check.h"
#include "define/export.h"
#include "define/load.h"
#include "define/model.h"
#include "define/source.h"
#include "schedule/calendar.h"
#include "schedule/plan.h"
#include "schedule/procedure.h"

PG_FUNCTION_INFO_V1(dataops__create_pipeline);
PG_FUNCTION_INFO_V1(dataops__add_step);
PG_FUNCTION_INFO_V1(dataops_drop_step);
PG_FUNCTION_INFO_V1(dataops_drop_pipeline);

const char *
define_env(void)
{
	return DEFAULT_ENV;
}

Definition *
pipeline_to_change(const char *pipeline, const char *env)
{
	Definition *definition = definition_get(DEFINITION_PIPELINE, "", pipeline, env);

	definition_check_right(definition->owner, "pipeline", pipeline);
	return definition;
}

/* ---- pipelines ---- */

/* start_at and delay also bound the one range of a pipeline without intervals; this does not. */
static void
check_catchup(const PipelineTimes *times, const char *what)
{
	if (times->every == NULL && strcmp(times->catchup, "merged") != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"catchup\" of %s has no effect without \"every\"", what),
				errdetail("Without \"every\" there are no intervals that could be missing: a run "
						  "is about the time since the last one."),
				errhint("Give every, as every => '1 hour', or leave catchup out."));
}

static void
check_pipeline_spec(Jsonb *spec, const char *what)
{
	static const char *const keys[] = {
		"schedule", "timezone", "every", "start_at", "delay", "catchup", "due_within",
		"if_running", "on_failure"
	};
	static const char *const running[] = {"skip", "queue"};
	static const char *const failure[] = {"continue", "hold"};
	PipelineTimes times;
	char	   *schedule = spec_text(spec, "schedule", what);
	char	   *timezone = spec_text(spec, "timezone", what);

	spec_check_keys(spec, keys, lengthof(keys), what);
	plan_times(spec, what, &times);
	check_catchup(&times, what);
	spec_choice(spec, "if_running", running, lengthof(running), "skip", what);
	spec_choice(spec, "on_failure", failure, lengthof(failure), "continue", what);
	spec_interval_from(spec, "due_within", INTERVAL_POSITIVE, what);
	calendar_next(schedule ? schedule : "* * * * *", timezone ? timezone : "UTC",
				  GetCurrentTimestamp());
}

/* ---- replace_steps: what is not added again in this transaction goes ---- */

typedef struct Replacement
{
	char	   *pipeline;
	char	   *env;
} Replacement;

/* Of the current transaction, in TopTransactionContext: gone with it. */
static List *replacements = NIL;

static void
drop_what_was_not_added(const Replacement *replacement)
{
	/* a savepoint may have undone the call of create_pipeline() since */
	static const char sql[] =
		"DELETE FROM dataops.deployment WHERE pipeline = $1 AND env = $2 "
		"AND kind IN ('step', 'check') AND changed_by <> $3 "
		"AND EXISTS (SELECT FROM dataops.deployment WHERE kind = 'pipeline' AND object = $1 "
		" AND env = $2 AND changed_by = $3)";
	SqlArgs		args = {0};

	sql_add_text(&args, replacement->pipeline);
	sql_add_text(&args, replacement->env);
	sql_add_bigint(&args, (int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	sql_run_own(sql, &args);
	check_settle_gates(replacement->pipeline, replacement->env);
}

static void
replace_at_commit(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event == XACT_EVENT_PRE_COMMIT)
		foreach(cell, replacements)
			drop_what_was_not_added(lfirst(cell));
	if (event != XACT_EVENT_PARALLEL_PRE_COMMIT && event != XACT_EVENT_PARALLEL_COMMIT &&
		event != XACT_EVENT_PARALLEL_ABORT)
		replacements = NIL;
}

static void
replace_steps(const char *pipeline, const char *env)
{
	static bool registered = false;
	MemoryContext previous;
	Replacement *replacement;

	if (!IsTransactionBlock())
		ereport(ERROR,
				errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
				errmsg("replace_steps needs a transaction block around the calls that add steps"),
				errhint("Begin the script with BEGIN and end it with COMMIT: "
						"steps that it does not add again go."));
	previous = MemoryContextSwitchTo(TopTransactionContext);
	replacement = palloc(sizeof(Replacement));
	replacement->pipeline = pstrdup(pipeline);
	replacement->env = pstrdup(env);
	replacements = lappend(replacements, replacement);
	MemoryContextSwitchTo(previous);
	if (!registered)
		RegisterXactCallback(replace_at_commit, NULL);
	registered = true;
}

/* _create_pipeline(name, spec, replace_steps) → name */
Datum
dataops__create_pipeline(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *spec = PG_GETARG_JSONB_P(1);
	const char *env = define_env();
	Definition *current;
	char	   *on_failure;

	spec_check_name(name, "pipeline");
	check_pipeline_spec(spec, psprintf("pipeline \"%s\"", name));
	installation_check();
	current = definition_find(DEFINITION_PIPELINE, "", name, env);
	if (current != NULL)
		definition_check_right(current->owner, "pipeline", name);
	definition_put(DEFINITION_PIPELINE, "", name, env, spec,
				   current ? current->owner : GetUserId());
	on_failure = spec_text(spec, "on_failure", name);
	if (on_failure == NULL || strcmp(on_failure, "hold") != 0)
		(void) ledger_release(name, env);
	if (PG_GETARG_BOOL(2))
		replace_steps(name, env);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* ---- steps ---- */

static void
check_after(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	ListCell   *cell;

	foreach(cell, spec_texts(spec, "after", psprintf("step \"%s\"", name)))
		(void) definition_get(DEFINITION_STEP, pipeline->object, lfirst(cell), env);
}

static void
check_retry(const char *name, Jsonb *spec)
{
	static const char *const keys[] = {"attempts", "delay", "max_delay"};
	const char *what = psprintf("\"retry\" of step \"%s\"", name);
	Jsonb	   *retry = spec_object(spec, "retry", what);

	spec_check_keys(retry, keys, lengthof(keys), what);
	if (spec_integer(retry, "attempts", 1, what) < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"attempts\" of %s is less than 1", what));
	spec_interval_from(retry, "delay", INTERVAL_NOT_NEGATIVE, what);
	spec_interval_from(retry, "max_delay", INTERVAL_NOT_NEGATIVE, what);
	spec_interval_from(spec, "timeout", INTERVAL_POSITIVE, psprintf("step \"%s\"", name));
}

/* What the file of the kind makes of the spec: validated, with what it derived from it. */
static Jsonb *
define_step(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	static const char *const kinds[] = {
		"fetch", "model", "sql", "export", "load", "promote", "check"
	};
	const char *kind = spec_choice(spec, "kind", kinds, lengthof(kinds), NULL,
								   psprintf("step \"%s\"", name));

	if (kind == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("step \"%s\" needs a \"kind\"", name));
	if (strcmp(kind, "fetch") == 0)
		return fetch_define(pipeline, name, spec, env);
	if (strcmp(kind, "export") == 0)
		return export_define(pipeline, name, spec);
	if (strcmp(kind, "load") == 0)
		return load_define(pipeline, name, spec, env);
	if (strcmp(kind, "promote") == 0)
		return promote_define(pipeline, name, spec, env);
	return model_define(pipeline, name, spec, env);
}

/* _add_step(pipeline, name, spec) → name; a null name is that of the target or source */
Datum
dataops__add_step(PG_FUNCTION_ARGS)
{
	const char *env = define_env();
	Definition *pipeline;
	Jsonb	   *spec;
	char	   *name;

	argument_required(fcinfo, 0, "pipeline");
	argument_required(fcinfo, 2, "spec");
	pipeline = pipeline_to_change(text_to_cstring(PG_GETARG_TEXT_PP(0)), env);
	spec = PG_GETARG_JSONB_P(2);
	if (PG_ARGISNULL(1))
	{
		name = spec_text(spec, spec_has(spec, "target") ? "target" : "source", "a step");
		if (name == NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("a step of this kind needs a name"));
	}
	else
	{
		name = text_to_cstring(PG_GETARG_TEXT_PP(1));
		spec_check_name(name, "step");
	}
	installation_check();
	check_after(pipeline, name, spec, env);
	check_retry(name, spec);
	spec = define_step(pipeline, name, spec, env);
	definition_put(DEFINITION_STEP, pipeline->object, name, env, spec, pipeline->owner);
	(void) plan_order(ledger_current_steps(pipeline, env), pipeline->object);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* drop_step(pipeline, name) → name; its target and its data stay */
Datum
dataops_drop_step(PG_FUNCTION_ARGS)
{
	char	   *pipeline = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *env = define_env();
	ListCell   *cell;

	(void) pipeline_to_change(pipeline, env);
	(void) definition_get(DEFINITION_STEP, pipeline, name, env);
	foreach(cell, definition_list(DEFINITION_STEP, pipeline, env))
	{
		Definition *other = lfirst(cell);

		if (names_have(spec_texts(other->spec, "after", "a step"), name))
			ereport(ERROR,
					errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					errmsg("step \"%s\" of pipeline \"%s\" comes after step \"%s\"",
						   other->object, pipeline, name),
					errhint("Drop or redefine \"%s\" first.", other->object));
	}
	check_drop_of_gate(pipeline, name, env);
	definition_drop(DEFINITION_STEP, pipeline, name, env);
	check_settle_gates(pipeline, env);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* drop_pipeline(name) → name; targets, raw tables and the ledger stay */
Datum
dataops_drop_pipeline(PG_FUNCTION_ARGS)
{
	static const char unschedule[] =
		"DELETE FROM dataops.schedule WHERE pipeline = $1 AND env = $2";
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *env = define_env();
	Definition *pipeline;
	SqlArgs		args = {0};
	ListCell   *cell;
	int			holder;

	pipeline = definition_get(DEFINITION_PIPELINE, "", name, env);
	definition_check_drop(pipeline->owner, "pipeline", name);
	holder = ledger_holder(name, env);
	if (holder != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("pipeline \"%s\" is running in process %d", name, holder),
				errhint("Cancel the run first: SELECT dataops.cancel(run_id)."));
	foreach(cell, definition_list(DEFINITION_CHECK, name, env))
		definition_drop(DEFINITION_CHECK, name, ((Definition *) lfirst(cell))->object, env);
	foreach(cell, definition_list(DEFINITION_STEP, name, env))
		definition_drop(DEFINITION_STEP, name, ((Definition *) lfirst(cell))->object, env);
	definition_drop(DEFINITION_PIPELINE, "", name, env);
	sql_add_text(&args, name);
	sql_add_text(&args, env);
	sql_run_own(unschedule, &args);
	ledger_cancel_all(name, env);
	(void) ledger_release(name, env);
	interval_forget(name, env);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
