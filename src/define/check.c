/*
 * check.c
 *	  add_check(), drop_check() and accept_check().
 *
 * A check on a table that no model of the pipeline writes needs a step of its own, a gate: it is
 * made with the first such check, named like the table, and goes with the last one.  A check on a
 * load belongs to that step and goes with it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "define/check.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "catalog/ledger.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/verdict.h"
#include "define/model.h"
#include "define/pipeline.h"
#include "export/load.h"
#include "model/model.h"
#include "model/tree.h"
#include "model/check.h"
#include "schedule/procedure.h"

static Node *
named_like_table(const char *target)
{
	RangeVar   *relation = tree_relation(target);

	relation->alias = makeAlias(relation->relname, NIL);
	if (!OidIsValid(RangeVarGetRelid(relation, NoLock, true)))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"%s\" does not exist", target),
				errhint("Define the model that makes it first, or create the table."));
	return (Node *) relation;
}

/* Binds the check to the rows it will see; with the owner's rights. */
static void
bind(Check *check, const char *query)
{
	Node	   *table = named_like_table(check->relation);

	/* rows are judged as the model makes them: a column that only the table has is not there */
	if (query != NULL && check_judges_rows(check))
	{
		check_bind(check, table, true);
		if (check_judges_rows(check))
			rule_analyse(check->rule, model_rows(query, tree_relation(check->relation)->relname));
	}
	else
		check_bind(check, table, query != NULL);
}

/* The query of a model whose rows are written (not a view's), or NULL. */
static char *
written_query(Definition *model)
{
	ModelSpec  *spec;

	if (model == NULL)
		return NULL;
	spec = model_spec_read(model->spec);
	return spec->strategy == STRATEGY_VIEW ? NULL : spec->query;
}

Jsonb *
check_define(Definition *pipeline, Jsonb *spec, const char *env)
{
	static const char sql[] =
		"SELECT $1 || jsonb_build_object('target', $2::text, 'name', $3::text)";
	Check	   *check = check_read(spec);
	char	   *query = written_query(model_of_target(pipeline, check->target, env));
	SqlRole		before;
	SqlArgs		args = {0};

	if (check->of_load && load_step_of(pipeline->object, check->target, env) == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("pipeline \"%s\" has no load of %s", pipeline->object, check->target),
				errhint("Define it first with add_load()."));
	before = sql_become_owner(pipeline->owner, model_search_path(),
							  spec_text(pipeline->spec, "timezone", "the pipeline"));
	bind(check, query);
	sql_leave(&before);
	sql_add_jsonb(&args, spec);
	sql_add_text(&args, check->target);
	sql_add_text(&args, check->name);
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

/* Current checks of "target": Definition *. */
static List *
checks_of_target(Definition *pipeline, const char *target, const char *env)
{
	List	   *checks = NIL;
	ListCell   *cell;

	foreach(cell, definition_list(DEFINITION_CHECK, pipeline->object, env))
		if (strcmp(spec_text_required(((Definition *) lfirst(cell))->spec, "target", "a check"),
				   target) == 0)
			checks = lappend(checks, lfirst(cell));
	return checks;
}

void
check_define_again(Definition *pipeline, const char *target, const char *query, const char *env)
{
	ListCell   *cell;

	foreach(cell, checks_of_target(pipeline, target, env))
		bind(check_read(((Definition *) lfirst(cell))->spec), query);
}

static bool
is_gate(const Definition *step)
{
	return step != NULL && strcmp(spec_text_required(step->spec, "kind", "a step"), "check") == 0;
}

/* Of checks with such a target: a load's checks have no other place. */
static bool
is_load_target(const char *target)
{
	return strchr(target, '@') != NULL;
}

/* Makes the gate of a table that no model writes, or takes it away when nothing needs it. */
static void
settle_gate(Definition *pipeline, const char *target, const char *env)
{
	static const char sql[] =
		"SELECT jsonb_build_object('kind', 'check', 'target', $1::text, "
		" 'derived', jsonb_build_object('search_path', $2::text))";
	Definition *gate = definition_find(DEFINITION_STEP, pipeline->object, target, env);
	bool		needed = !is_load_target(target) &&
		model_of_target(pipeline, target, env) == NULL &&
		checks_of_target(pipeline, target, env) != NIL;
	SqlArgs		args = {0};

	/* put again even when it is there: replace_steps takes away what nobody put */
	if (needed && (gate == NULL || is_gate(gate)))
	{
		sql_add_text(&args, target);
		sql_add_text(&args, model_search_path());
		definition_put(DEFINITION_STEP, pipeline->object, target, env,
					   sql_jsonb(sql_run_own(sql, &args), 0, 1), pipeline->owner);
	}
	else if (!needed && is_gate(gate))
		definition_drop(DEFINITION_STEP, pipeline->object, target, env);
}

void
check_settle_gates(const char *pipeline, const char *env)
{
	Definition *definition = definition_find(DEFINITION_PIPELINE, "", pipeline, env);
	ListCell   *cell;

	foreach(cell, definition_list(DEFINITION_CHECK, pipeline, env))
	{
		Definition *check = lfirst(cell);
		char	   *target = spec_text_required(check->spec, "target", "a check");

		if (is_load_target(target) && load_step_of(pipeline, target, env) == NULL)
			definition_drop(DEFINITION_CHECK, pipeline, check->object, env);
		else if (!is_gate(definition_find(DEFINITION_STEP, pipeline, target, env)))
			settle_gate(definition, target, env);
	}
}

void
check_drop_of_gate(const char *pipeline, const char *name, const char *env)
{
	Definition *gate = definition_find(DEFINITION_STEP, pipeline, name, env);
	Definition *definition = definition_find(DEFINITION_PIPELINE, "", pipeline, env);
	char	   *target;
	ListCell   *cell;

	if (!is_gate(gate))
		return;
	target = spec_text_required(gate->spec, "target", "a check");
	foreach(cell, checks_of_target(definition, target, env))
		definition_drop(DEFINITION_CHECK, pipeline, ((Definition *) lfirst(cell))->object, env);
}

PG_FUNCTION_INFO_V1(dataops__add_check);
Datum
dataops__add_check(PG_FUNCTION_ARGS)
{
	const char *env = define_env();
	Definition *pipeline = pipeline_to_change(text_to_cstring(PG_GETARG_TEXT_PP(0)), env);
	Jsonb	   *spec = check_define(pipeline, PG_GETARG_JSONB_P(1), env);
	char	   *target = spec_text_required(spec, "target", "a check");
	char	   *name = spec_text_required(spec, "name", "a check");

	definition_put(DEFINITION_CHECK, pipeline->object, psprintf("%s/%s", target, name), env, spec,
				   pipeline->owner);
	settle_gate(pipeline, target, env);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

PG_FUNCTION_INFO_V1(dataops_drop_check);
Datum
dataops_drop_check(PG_FUNCTION_ARGS)
{
	const char *env = define_env();
	Definition *pipeline = pipeline_to_change(text_to_cstring(PG_GETARG_TEXT_PP(0)), env);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Definition *found = NULL;
	ListCell   *cell;

	foreach(cell, definition_list(DEFINITION_CHECK, pipeline->object, env))
	{
		Definition *check = lfirst(cell);
		const char *slash = strrchr(check->object, '/');

		if (strcmp(check->object, name) != 0 && (slash == NULL || strcmp(slash + 1, name) != 0))
			continue;
		if (found != NULL)
			ereport(ERROR,
					errcode(ERRCODE_AMBIGUOUS_ALIAS),
					errmsg("several checks of pipeline \"%s\" are named \"%s\"", pipeline->object,
						   name),
					errhint("Write the target in front: \"%s\" or \"%s\".", found->object,
							check->object));
		found = check;
	}
	if (found == NULL)
		found = definition_get(DEFINITION_CHECK, pipeline->object, name, env);
	definition_drop(DEFINITION_CHECK, pipeline->object, found->object, env);
	settle_gate(pipeline, spec_text_required(found->spec, "target", "a check"), env);
	PG_RETURN_TEXT_P(cstring_to_text(found->object));
}

PG_FUNCTION_INFO_V1(dataops_accept_check);
Datum
dataops_accept_check(PG_FUNCTION_ARGS)
{
	static const char detail[] = "SELECT jsonb_build_object('check', $1::text, 'reason', $2::text)";
	RunHead    *run = ledger_head(PG_GETARG_UUID_P(0));
	char	   *check = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *reason = argument_reason(fcinfo, 2);
	SqlArgs		args = {0};

	definition_check_level(run->owner, "operator", "pipeline", run->pipeline);
	if (verdict_accept(&run->id, check, reason) == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("no check \"%s\" failed in this run", check),
				errhint("SELECT check_name, state FROM dataops.check_results "
						"WHERE run_id = '%s' lists them.",
						DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)))));
	sql_add_text(&args, check);
	sql_add_text(&args, reason);
	audit_record("accept check", run->pipeline, sql_jsonb(sql_run_own(detail, &args), 0, 1));
	PG_RETURN_TEXT_P(cstring_to_text(check));
}

/* The document of a step as it stands: what alter_model() changes a member of. */
PG_FUNCTION_INFO_V1(dataops__step_spec);
Datum
dataops__step_spec(PG_FUNCTION_ARGS)
{
	const char *env = define_env();
	Definition *pipeline = pipeline_to_change(text_to_cstring(PG_GETARG_TEXT_PP(0)), env);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));

	PG_RETURN_JSONB_P(definition_get(DEFINITION_STEP, pipeline->object, name, env)->spec);
}
