/*
 * loading.c
 *	  Which rows a load takes, and what of them is compared.
 *
 * All that reads the relation does so under one snapshot, which is kept with the load: the rows
 * that it did not see are the next load's.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/loading.h"

#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "catalog/sql.h"
#include "core/uuid.h"
#include "model/execute.h"
#include "model/rule.h"
#include "model/tree.h"

void
loading_begin(Loading *loading, Run *run, Step *step, const LoadJudge *judge)
{
	memset(loading, 0, sizeof(Loading));
	loading->run = run;
	loading->step = step;
	loading->judge = judge;
	loading->spec = load_spec_read(step->spec);
	loading->warehouse = warehouse_open(connection_open(loading->spec->server, run->owner),
										CurrentMemoryContext);
	loading->table = load_table(loading->spec);
	loading_new(loading);
}

void
loading_new(Loading *loading)
{
	LoadRecord *record = &loading->record;

	memset(record, 0, sizeof(LoadRecord));
	record->id = uuid_v7();
	record->relation = loading->spec->relation;
	record->server = loading->spec->server;
	record->target = loading->table->name;
	record->mode = load_mode_name(loading->spec->mode);
	record->name = uuid_text(&record->id);
}

/* ---- which rows ---- */

pg_noreturn static void
refuse_unknown_base(const LoadSpec *spec)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("%s cannot tell which rows it has appended already", spec->what),
			errdetail("Its former loads were made in another database, "
					  "or what they read was not noted."),
			errhint("Let it run once with mode => 'truncate', which replaces the rows; "
					"then define it as before."));
}

static void
set_mark(void *arg)
{
	Loading    *loading = arg;

	loading->mark = changed_mark(loading->spec->relation);
}

/*
 * Notes what this load reads.  Where all rows are wanted anyway nothing depends on it but a later
 * change of the definition, so it may be missing.
 */
static void
note_mark(Loading *loading)
{
	if (loading->spec->changed_rows)
		set_mark(loading);
	else
		(void) sql_run_guarded(set_mark, loading);
	if (loading->mark == NULL)
		return;
	loading->record.snapshot = loading->mark->snapshot;
	loading->record.tables = loading->mark->tables;
}

char *
loading_query(Loading *loading, bool whole)
{
	const LoadSpec *spec = loading->spec;
	LoadBase	base = {0};

	if (spec->changed_rows && !whole)
		base = load_base(loading->run, loading->step, &loading->record);
	if (base.unknown && spec->mode == WAREHOUSE_APPEND)
		refuse_unknown_base(spec);
	note_mark(loading);
	loading->record.whole = base.snapshot == NULL;
	if (base.snapshot != NULL)
	{
		loading->since = palloc(sizeof(ChangeMark));
		loading->since->snapshot = base.snapshot;
		loading->since->tables = base.tables;
	}
	return changed_query(spec->relation, spec->changed_rows ? loading->mark : NULL,
						 loading->since);
}

Node *
loading_rows(Loading *loading, const char *query)
{
	RawStmt    *statement = linitial_node(RawStmt, raw_parser(query, RAW_PARSE_DEFAULT));

	return tree_subselect((SelectStmt *) statement->stmt, loading->table->name);
}

/* ---- what both sides must agree on ---- */

char *
loading_count(Loading *loading, const char *query)
{
	SelectStmt *count = tree_select(list_make1(tree_target(tree_count(NULL), NULL)),
									loading_rows(loading, query));

	return linitial(tree_row_texts(GetActiveSnapshot(), (Node *) count, "dataops load"));
}

List *
loading_values(Loading *loading, List *expressions)
{
	RangeVar   *relation = tree_relation(loading->spec->relation);
	List	   *targets = NIL;
	ListCell   *cell;

	if (expressions == NIL)
		return NIL;
	foreach(cell, expressions)
		targets = lappend(targets,
						  tree_target(expression_parse(lfirst(cell), "a value to compare"), NULL));
	relation->alias = makeAlias(relation->relname, NIL);
	return tree_row_texts(GetActiveSnapshot(),
						  (Node *) tree_select(targets, (Node *) relation), "dataops load");
}

static JsonbValue
string_value(const char *text)
{
	JsonbValue	value = {.type = text ? jbvString : jbvNull};

	if (text != NULL)
	{
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	return value;
}

Jsonb *
loading_expected(List *expressions, List *texts)
{
	List	   *keys = lcons(pstrdup("count(*)"), list_copy(expressions));
	JsonbParseState *state = NULL;
	ListCell   *key;
	ListCell   *text;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	forboth(key, keys, text, texts)
	{
		JsonbValue	name = string_value(lfirst(key));
		JsonbValue	value = string_value(lfirst(text));

		pushJsonbValue(&state, WJB_KEY, &name);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

StageResult
loading_unchanged(Run *run, const char *why)
{
	return (StageResult) {
		.outcome = STAGE_UNCHANGED, .error = MemoryContextStrdup(run->memory, why)
	};
}
