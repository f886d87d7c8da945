/*
 * table.c
 *	  DDL on targets, as the pipeline's owner and through ProcessUtility, so that event triggers see
 *	  it.  A column is never dropped and never changes its type here.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "define/table.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/spec.h"
#include "catalog/sql.h"
#include "model/execute.h"
#include "model/tree.h"

static const char merge_times[] =
	"CREATE TABLE t (created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), "
	"updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now())";

/* The statement that the grammar makes of a text of ours. */
static Node *
parse_own(const char *text)
{
	return linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt;
}

static char *
quoted_list(List *names)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, names)
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_identifier(lfirst(cell)));
	return list.data;
}

static TargetColumn *
find_column(List *columns, const char *name)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(((TargetColumn *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

void
schema_ensure(RangeVar *target)
{
	CreateSchemaStmt *create = makeNode(CreateSchemaStmt);

	if (OidIsValid(get_namespace_oid(target->schemaname, true)))
		return;
	create->schemaname = pstrdup(target->schemaname);
	tree_execute((Node *) create, "dataops schema", NULL, NULL);
}

/* ---- a new table ---- */

static void
create_table(const ModelSpec *model, RangeVar *target, List *columns)
{
	CreateStmt *create = makeNode(CreateStmt);
	ListCell   *cell;

	create->relation = copyObject(target);
	create->oncommit = ONCOMMIT_NOOP;
	foreach(cell, columns)
	{
		TargetColumn *column = lfirst(cell);

		create->tableElts = lappend(create->tableElts,
									makeColumnDef(column->name, column->type, column->typmod,
												  column->collation));
	}
	if (model->strategy == STRATEGY_MERGE)
		foreach(cell, ((CreateStmt *) parse_own(merge_times))->tableElts)
			if (find_column(columns, lfirst_node(ColumnDef, cell)->colname) == NULL)
				create->tableElts = lappend(create->tableElts, lfirst(cell));
	if (model->key != NIL)
	{
		char	   *text = psprintf("CREATE TABLE t (PRIMARY KEY (%s))", quoted_list(model->key));

		create->tableElts = list_concat(create->tableElts,
										((CreateStmt *) parse_own(text))->tableElts);
	}
	tree_execute((Node *) create, "dataops target", NULL, NULL);
	if (model->strategy == STRATEGY_PARTITION &&
		(model->key == NIL || strcmp(linitial(model->key), model->time_column) != 0))
		tree_execute(parse_own(psprintf("CREATE INDEX ON %s (%s)",
										quote_qualified_identifier(target->schemaname,
																   target->relname),
										quote_identifier(model->time_column))),
					 "dataops target", NULL, NULL);
}

/* ---- an existing table ---- */

/* Adds what "columns" (ColumnDef *) define and the table lacks. */
static void
add_columns(RangeVar *target, List *definitions)
{
	AlterTableStmt *alter = makeNode(AlterTableStmt);
	ListCell   *cell;

	if (definitions == NIL)
		return;
	alter->relation = copyObject(target);
	alter->objtype = OBJECT_TABLE;
	foreach(cell, definitions)
	{
		AlterTableCmd *command = makeNode(AlterTableCmd);

		command->subtype = AT_AddColumn;
		command->def = lfirst(cell);
		command->behavior = DROP_RESTRICT;
		alter->cmds = lappend(alter->cmds, command);
	}
	tree_execute((Node *) alter, "dataops target", NULL, NULL);
}

pg_noreturn static void
refuse_change(const ModelSpec *model, const char *problem)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			errmsg("could not bring table \"%s\" and its model together: %s", model->target,
				   problem),
			errhint("Alter the table yourself, or start afresh: "
					"SELECT dataops.drop_step(…), DROP TABLE %s.",
					model->target));
}

static void
check_column(const ModelSpec *model, const TargetColumn *column, Form_pg_attribute existing)
{
	Oid			from = getBaseType(column->type);
	Oid			to = getBaseType(existing->atttypid);

	if (existing->attgenerated != '\0')
		refuse_change(model, psprintf("column \"%s\" is generated in the table", column->name));
	if (from == to || can_coerce_type(1, &from, &to, COERCION_ASSIGNMENT))
		return;
	refuse_change(model, psprintf("column \"%s\" is of type %s in the table and %s in the model",
								  column->name, format_type_be(existing->atttypid),
								  format_type_be(column->type)));
}

/* A column of the table that the model does not make must get along without it. */
static void
check_other_column(const ModelSpec *model, Form_pg_attribute existing)
{
	if (existing->attnotnull && !existing->atthasdef && existing->attidentity == '\0')
		refuse_change(model, psprintf("column \"%s\" is NOT NULL without a default, and the model "
									  "does not make it",
									  NameStr(existing->attname)));
}

static void
check_unique_key(const ModelSpec *model, Oid table)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique "
		" AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL "
		" AND (i.indnullsnotdistinct OR NOT EXISTS (SELECT FROM pg_attribute n "
		"  WHERE n.attrelid = $1 AND n.attnum = ANY (i.indkey) AND NOT n.attnotnull)) "
		" AND (SELECT array_agg(a.attname::text COLLATE \"C\" "
		"ORDER BY a.attname::text COLLATE \"C\") "
		"  FROM pg_attribute a WHERE a.attrelid = $1 "
		"  AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) = "
		"  (SELECT array_agg(k ORDER BY k COLLATE \"C\") FROM unnest($2::text[]) k))";
	SqlArgs		args = {0};

	sql_add_oid(&args, table);
	sql_add_texts(&args, model->key);
	if (!sql_bool(sql_run_own(sql, &args), 0, 1))
		refuse_change(model, psprintf("there is no unique index on the key; "
									  "ALTER TABLE %s ADD PRIMARY KEY (%s) makes one",
									  model->target, quoted_list(model->key)));
}

static void
check_deferred(const ModelSpec *model, Oid table)
{
	static const char sql[] =
		"SELECT conname FROM pg_constraint "
		"WHERE $1 IN (conrelid, confrelid) AND condeferred LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_oid(&args, table);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("constraint \"%s\" of table \"%s\" is deferred", sql_text(rows, 0, 1),
				   model->target),
			errdetail("It would be checked only after the checks of the run have passed."),
			errhint("Make it immediate: "
					"ALTER TABLE … ALTER CONSTRAINT … INITIALLY IMMEDIATE."));
}

typedef struct FormerColumns
{
	const ModelSpec *model;
	List	   *columns;
} FormerColumns;

static void
check_former_column(const char *name, JsonbValue *value, void *arg)
{
	FormerColumns *former = arg;
	TargetColumn *column = find_column(former->columns, name);
	char	   *type = spec_value_text(value);

	if (column == NULL)
		refuse_change(former->model, psprintf("the model no longer makes column \"%s\"", name));
	if (strcmp(format_type_with_typemod(column->type, column->typmod), type) != 0)
		refuse_change(former->model,
					  psprintf("column \"%s\" was of type %s and would be %s", name, type,
							   format_type_with_typemod(column->type, column->typmod)));
}

/* Definitions of the columns that "table" lacks; checks the others. */
static List *
missing_columns(const ModelSpec *model, Relation table, List *columns)
{
	List	   *missing = NIL;
	ListCell   *cell;

	foreach(cell, columns)
	{
		TargetColumn *column = lfirst(cell);
		AttrNumber	number = get_attnum(RelationGetRelid(table), column->name);

		if (number == InvalidAttrNumber)
			missing = lappend(missing, makeColumnDef(column->name, column->type, column->typmod,
													 column->collation));
		else
			check_column(model, column, TupleDescAttr(RelationGetDescr(table), number - 1));
	}
	if (model->strategy == STRATEGY_MERGE)
		foreach(cell, ((CreateStmt *) parse_own(merge_times))->tableElts)
		{
			ColumnDef  *definition = lfirst_node(ColumnDef, cell);

			if (find_column(columns, definition->colname) == NULL &&
				get_attnum(RelationGetRelid(table), definition->colname) == InvalidAttrNumber)
				missing = lappend(missing, definition);
		}
	for (int i = 0; i < RelationGetDescr(table)->natts; i++)
	{
		Form_pg_attribute existing = TupleDescAttr(RelationGetDescr(table), i);

		if (!existing->attisdropped && find_column(columns, NameStr(existing->attname)) == NULL)
			check_other_column(model, existing);
	}
	return missing;
}

bool
table_ensure(const ModelSpec *model, List *columns, Jsonb *previous)
{
	RangeVar   *target = tree_relation(model->target);
	FormerColumns former = {.model = model, .columns = columns};
	Oid			existing = RangeVarGetRelid(target, AccessShareLock, true);
	Relation	table;
	List	   *missing;

	if (!OidIsValid(existing))
	{
		create_table(model, target, columns);
		return true;
	}
	if (previous != NULL)
		spec_each(previous, check_former_column, &former);
	table = table_open(existing, NoLock);
	if (table->rd_rel->relkind != RELKIND_RELATION &&
		table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a table", model->target));
	missing = missing_columns(model, table, columns);
	table_close(table, NoLock);
	check_deferred(model, existing);
	if (model->strategy == STRATEGY_MERGE)
		check_unique_key(model, existing);
	add_columns(target, missing);
	return false;
}

void
view_ensure(const ModelSpec *model, ModelTree *tree)
{
	ViewStmt   *create = makeNode(ViewStmt);
	RangeVar   *target = tree_relation(model->target);
	Oid			existing = RangeVarGetRelid(target, NoLock, true);

	if (OidIsValid(existing) && get_rel_relkind(existing) != RELKIND_VIEW)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a view", model->target),
				errhint("Drop the table, or choose strategy => 'table'."));
	create->view = target;
	create->query = (Node *) tree->select;
	create->replace = true;
	create->withCheckOption = NO_CHECK_OPTION;
	tree_execute((Node *) create, model->query, NULL, NULL);
}
