/*
 * model.c
 *	  What add_model() and add_sql() store: checked now, so that a run finds no surprises.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "define/model.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/input.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/verdict.h"
#include "core/error.h"
#include "core/names.h"
#include "define/check.h"
#include "model/execute.h"
#include "model/inputs.h"
#include "model/model.h"
#include "model/parse.h"
#include "model/table.h"
#include "model/tree.h"
#include "model/command.h"

static const char *const model_keys[] = {
	"kind", "target", "query", "strategy", "key", "time_column", "grain", "lookback", "after",
	"retry", "timeout", "derived"
};
static const char *const gate_keys[] = {"kind", "target", "after", "retry", "timeout", "derived"};
static const char *const command_keys[] = {"kind", "command", "after", "retry", "timeout",
										   "derived"};

char *
model_search_path(void)
{
	StringInfoData path;
	ListCell   *cell;

	initStringInfo(&path);
	foreach(cell, fetch_search_path(false))
		if (!isAnyTempNamespace(lfirst_oid(cell)))
			appendStringInfo(&path, "%s%s", path.len ? ", " : "",
							 quote_identifier(get_namespace_name(lfirst_oid(cell))));
	return path.len > 0 ? path.data : pstrdup("pg_catalog");
}

Definition *
model_of_target(Definition *pipeline, const char *target, const char *env)
{
	ListCell   *cell;

	foreach(cell, definition_writers(target, env))
	{
		Definition *step = lfirst(cell);

		if (strcmp(step->pipeline, pipeline->object) == 0)
			return step;
	}
	return NULL;
}

Node *
model_rows(const char *query, const char *alias)
{
	return tree_subselect(model_parse(query, NIL)->select, alias);
}

/* ---- the target ---- */

/* What lies in the schema of the raw tables counts as records of a source. */
static void
refuse_raw_table(const ModelSpec *model, const char *env)
{
	RangeVar   *target = tree_relation(model->target);
	bool		of_source;

	if (strcmp(target->schemaname, RAW_SCHEMA) != 0)
		return;
	of_source = definition_find(DEFINITION_SOURCE, "", target->relname, env) != NULL;
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			of_source ?
			errmsg("\"%s\" is the raw table of source \"%s\"", model->target, target->relname) :
			errmsg("\"%s\" is in the schema of the raw tables of sources", model->target),
			of_source ?
			errhint("Choose another target; a model reads the records by dataops.records('%s').",
					target->relname) :
			errhint("Choose another target, as staging.%s.", target->relname));
}

/* Whose model could not write the table anyway shall not keep others from it. */
static bool
may_write(Oid role, const char *target)
{
	RangeVar   *name = tree_relation(target);
	Oid			schema = get_namespace_oid(name->schemaname, true);
	Oid			table = OidIsValid(schema) ? get_relname_relid(name->relname, schema) : InvalidOid;

	return !OidIsValid(table) || pg_class_aclcheck(table, role, ACL_INSERT) == ACLCHECK_OK;
}

/* Of one pipeline, one model writes a table; of several, those that all only add to it. */
static void
refuse_second_writer(Definition *pipeline, const char *name, const ModelSpec *model,
					 const char *env)
{
	ListCell   *cell;

	foreach(cell, definition_writers(model->target, env))
	{
		Definition *other = lfirst(cell);
		bool		same_pipeline = strcmp(other->pipeline, pipeline->object) == 0;

		if (same_pipeline ? strcmp(other->object, name) == 0 :
			!may_write(other->owner, model->target) ||
			(model_is_incremental(model) && model_is_incremental(model_spec_read(other->spec))))
			continue;
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				definition_in_sight(other->owner) ?
				errmsg("step \"%s\" of pipeline \"%s\" writes table \"%s\" already",
					   other->object, other->pipeline, model->target) :
				errmsg("a step of another role's pipeline writes table \"%s\" already",
					   model->target),
				same_pipeline ?
				errhint("Give both models one name to replace it, or join them with UNION ALL.") :
				errhint("Choose another target. Pipelines write one table together only where all "
						"of them append or merge."));
	}
}

static bool
replaces_rows(const ModelSpec *model)
{
	return model->strategy == STRATEGY_TABLE || model->strategy == STRATEGY_PARTITION;
}

/* Called with the owner's rights.  Once a version that replaces them was accepted, it is known. */
static void
warn_of_foreign_rows(const ModelSpec *model, Definition *former)
{
	if (!replaces_rows(model) || (former != NULL && replaces_rows(model_spec_read(former->spec))) ||
		definition_made(model->target, NULL) || !table_has_rows(tree_relation(model->target)))
		return;
	ereport(WARNING,
			errmsg("table \"%s\" has rows that no model made, and they will be replaced",
				   model->target),
			errdetail(model->strategy == STRATEGY_TABLE ? "The next run replaces all of them." :
					  "Each run replaces those of the times that it is about."),
			errhint("To keep them choose another target, or strategy => 'append' or 'merge'."));
}

/* ---- the query ---- */

static List *
query_columns(const ModelSpec *model, Query *query)
{
	List	   *columns = NIL;
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		TargetColumn *column;

		if (entry->resjunk)
			continue;
		if (strcmp(entry->resname, "?column?") == 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_COLUMN_DEFINITION),
					errmsg("column %d of %s has no name", entry->resno, model->what),
					errhint("Name it: expression AS name."),
					error_location(model->query, exprLocation((Node *) entry->expr)));
		foreach(other, columns)
			if (strcmp(((TargetColumn *) lfirst(other))->name, entry->resname) == 0)
				ereport(ERROR,
						errcode(ERRCODE_DUPLICATE_COLUMN),
						errmsg("column \"%s\" of %s comes twice", entry->resname, model->what),
						error_location(model->query, exprLocation((Node *) entry->expr)));
		column = palloc0(sizeof(TargetColumn));
		column->name = entry->resname;
		column->type = exprType((Node *) entry->expr);
		column->typmod = exprTypmod((Node *) entry->expr);
		column->collation = exprCollation((Node *) entry->expr);
		columns = lappend(columns, column);
	}
	if (columns == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_COLUMN_DEFINITION),
				errmsg("%s has no columns", model->what));
	return columns;
}

static TargetColumn *
required_column(const ModelSpec *model, List *columns, const char *name, const char *purpose)
{
	const char **names = palloc(sizeof(char *) * list_length(columns));
	const char *nearest;
	ListCell   *cell;

	foreach(cell, columns)
	{
		TargetColumn *column = lfirst(cell);

		if (strcmp(column->name, name) == 0)
			return column;
		names[foreach_current_index(cell)] = column->name;
	}
	nearest = nearest_name(name, names, list_length(columns));
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("%s column \"%s\" is not among the columns of %s", purpose, name, model->what),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0);
}

static bool
is_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

/* The only column of a time type among "columns" that is not about our bookkeeping, or NULL. */
static char *
only_time_column(List *columns, List *among)
{
	char	   *found = NULL;
	ListCell   *cell;

	foreach(cell, columns)
	{
		TargetColumn *column = lfirst(cell);

		if ((among != NIL && !names_have(among, column->name)) || !is_time(column->type) ||
			strcmp(column->name, CREATED_AT) == 0 || strcmp(column->name, UPDATED_AT) == 0 ||
			strcmp(column->name, "landed_at") == 0)
			continue;
		if (found != NULL)
			return NULL;
		found = column->name;
	}
	return found;
}

/* Checks key and time column; finds the latter where only one can be meant. */
static void
settle_columns(ModelSpec *model, List *columns)
{
	ListCell   *cell;

	foreach(cell, model->key)
		required_column(model, columns, lfirst(cell), "key");
	if (model->time_column == NULL)
	{
		model->time_column = model->key ? only_time_column(columns, model->key) : NULL;
		if (model->time_column == NULL)
			model->time_column = only_time_column(columns, NIL);
		return;
	}
	if (!is_time(required_column(model, columns, model->time_column, "time")->type))
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("time column \"%s\" of %s is not a timestamp or date", model->time_column,
					   model->what));
}

static void
check_sources(const ModelSpec *model, ModelTree *tree, const char *env)
{
	ListCell   *cell;

	foreach(cell, tree->sources)
		definition_get(DEFINITION_SOURCE, "", lfirst(cell), env);
	if (tree->joins_sources && model_is_incremental(model))
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s joins the new records of two sources", model->what),
				errdetail("Records that match but landed in different runs would never meet."),
				errhint("Stage each source in a model of its own and join the staged tables."));
}

static Jsonb *
with_derived(Jsonb *spec, const ModelSpec *model, List *columns, bool is_volatile, bool made)
{
	static const char sql[] =
		"SELECT ($1 - 'derived') || jsonb_build_object('target', $2, 'derived', "
		" jsonb_strip_nulls(jsonb_build_object('inputs', coalesce(to_jsonb($3::text[]), '[]'), "
		"  'search_path', $4::text, 'time_column', $5::text, "
		"  'columns', jsonb_object($6::text[], $7::text[]), 'volatile', $8::boolean, "
		"  'made', nullif($9, false))))";
	SqlArgs		args = {0};
	List	   *names = NIL;
	List	   *types = NIL;
	ListCell   *cell;

	foreach(cell, columns)
	{
		TargetColumn *column = lfirst(cell);

		names = lappend(names, column->name);
		types = lappend(types, format_type_with_typemod(column->type, column->typmod));
	}
	sql_add_jsonb(&args, spec);
	sql_add_text(&args, model->target);
	sql_add_texts(&args, model->inputs);
	sql_add_text(&args, model->search_path);
	sql_add_text(&args, model->time_column);
	sql_add_texts(&args, names);
	sql_add_texts(&args, types);
	sql_add_bool(&args, is_volatile);
	sql_add_bool(&args, made);
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

/* The current version of the step, NULL when it has another target. */
static Definition *
former_version(Definition *pipeline, const char *name, const ModelSpec *model, const char *env)
{
	Definition *former = definition_find(DEFINITION_STEP, pipeline->object, name, env);
	char	   *target = former ? spec_text(former->spec, "target", "a step") : NULL;

	return target != NULL && strcmp(target, model->target) == 0 &&
		strcmp(spec_text_required(former->spec, "kind", "a step"), "model") == 0 ? former : NULL;
}

/* What it made: name → type. */
static Jsonb *
former_columns(Definition *former)
{
	Jsonb	   *derived = former ? spec_object(former->spec, "derived", "a step") : NULL;

	return derived ? spec_object(derived, "columns", "a step") : NULL;
}

/* The target's checks now run with the model.  A step of the gate's name replaces it by itself. */
static void
drop_gate(Definition *pipeline, const char *name, const char *target, const char *env)
{
	Definition *gate = definition_find(DEFINITION_STEP, pipeline->object, target, env);

	if (gate != NULL && strcmp(name, target) != 0 &&
		strcmp(spec_text_required(gate->spec, "kind", "a step"), "check") == 0)
		definition_drop(DEFINITION_STEP, pipeline->object, target, env);
}

static TableChange
ensure_target(const ModelSpec *model, List *columns, Definition *former, bool made)
{
	TargetTable target = {
		.name = tree_relation(model->target),
		.maker = "model",
		.columns = columns,
		.key = model->key,
		.merged = model->strategy == STRATEGY_MERGE,
		.indexed = model->strategy == STRATEGY_PARTITION ? model->time_column : NULL,
		.former = former_columns(former),
		.way_out = made ?
			psprintf("Alter the table yourself, or start afresh: "
					 "SELECT dataops.drop_step(…), DROP TABLE %s.", model->target) :
			"No step of this pipeline made the table. Choose another target, or alter the table "
			"yourself."
	};

	return table_ensure(&target);
}

static Jsonb *
define_query(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	ModelSpec  *model = model_spec_read(spec);
	char	   *timezone = spec_text(pipeline->spec, "timezone", "the pipeline");
	Definition *former;
	ModelTree  *tree;
	Query	   *query;
	List	   *columns;
	ErrorText	place;
	SqlRole		before;
	bool		is_volatile;
	bool		is_new = false;
	bool		made;

	spec_check_keys(spec, model_keys, lengthof(model_keys), model->what);
	refuse_raw_table(model, env);
	refuse_second_writer(pipeline, name, model, env);
	former = former_version(pipeline, name, model, env);
	made = definition_made(model->target, pipeline->object);
	model->search_path = model_search_path();

	before = sql_become_owner(pipeline->owner, model->search_path, timezone);
	tree = model_parse(model->query, NIL);
	check_sources(model, tree, env);
	error_text_push(&place, model->query);
	query = tree_analyse((Node *) tree->select, model->query, NULL);
	columns = query_columns(model, query);
	model->inputs = query_inputs(query, model->query);
	error_text_pop(&place);
	is_volatile = contain_volatile_functions((Node *) query);
	settle_columns(model, columns);
	schema_ensure(tree_relation(model->target));
	if (model->strategy == STRATEGY_VIEW)
		view_ensure(model->target, model->query, tree);
	else
	{
		is_new = ensure_target(model, columns, former, made) == TABLE_CREATED;
		if (!is_new)
			warn_of_foreign_rows(model, former);
	}
	check_define_again(pipeline, model->target, model->query, env);
	sql_leave(&before);
	if (is_new)
	{
		input_forget(pipeline->object, name, env);
		quarantine_forget(pipeline->object, name, env);
	}
	drop_gate(pipeline, name, model->target, env);
	return with_derived(spec, model, columns, is_volatile, made || is_new);
}

static Jsonb *
define_command(const char *name, Jsonb *spec)
{
	static const char sql[] =
		"SELECT $1 || jsonb_build_object('derived', jsonb_build_object('search_path', $2::text))";
	char	   *what = psprintf("step \"%s\"", name);
	SqlArgs		args = {0};

	spec_check_keys(spec, command_keys, lengthof(command_keys), what);
	command_check(spec_text_required(spec, "command", what));
	sql_add_jsonb(&args, spec);
	sql_add_text(&args, model_search_path());
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

static Jsonb *
define_gate(const char *name, Jsonb *spec)
{
	char	   *what = psprintf("step \"%s\"", name);

	spec_check_keys(spec, gate_keys, lengthof(gate_keys), what);
	(void) tree_relation(spec_text_required(spec, "target", what));
	return spec;
}

Jsonb *
model_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	char	   *kind = spec_text_required(spec, "kind", psprintf("step \"%s\"", name));

	if (strcmp(kind, "sql") == 0)
		return define_command(name, spec);
	if (strcmp(kind, "check") == 0)
		return define_gate(name, spec);
	return define_query(pipeline, name, spec, env);
}
