/*
 * table.c
 *	  DDL on targets, as the pipeline's owner and through ProcessUtility, so that event triggers see
 *	  it.  A column is never dropped and never changes its type here.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/table.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/names.h"
#include "model/execute.h"
#include "model/model.h"
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

static const char *
shown_name(const TargetTable *target)
{
	return psprintf("%s.%s", target->name->schemaname, target->name->relname);
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
create_index(const TargetTable *target)
{
	char	   *name = quote_qualified_identifier(target->name->schemaname, target->name->relname);

	tree_execute(parse_own(psprintf("CREATE INDEX ON %s (%s)", name,
									quote_identifier(target->indexed))),
				 "dataops target", NULL, NULL);
}

static void
create_table(const TargetTable *target)
{
	CreateStmt *create = makeNode(CreateStmt);
	ListCell   *cell;

	create->relation = copyObject(target->name);
	create->oncommit = ONCOMMIT_NOOP;
	foreach(cell, target->columns)
	{
		TargetColumn *column = lfirst(cell);

		create->tableElts = lappend(create->tableElts,
									makeColumnDef(column->name, column->type, column->typmod,
												  column->collation));
	}
	if (target->merged)
		foreach(cell, ((CreateStmt *) parse_own(merge_times))->tableElts)
			if (find_column(target->columns, lfirst_node(ColumnDef, cell)->colname) == NULL)
				create->tableElts = lappend(create->tableElts, lfirst(cell));
	if (target->key != NIL)
	{
		char	   *text = psprintf("CREATE TABLE t (PRIMARY KEY (%s))", quoted_list(target->key));

		create->tableElts = list_concat(create->tableElts,
										((CreateStmt *) parse_own(text))->tableElts);
	}
	tree_execute((Node *) create, "dataops target", NULL, NULL);
	if (target->indexed != NULL &&
		(target->key == NIL || strcmp(linitial(target->key), target->indexed) != 0))
		create_index(target);
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
refuse_change(const TargetTable *target, const char *problem)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			errmsg("could not bring table \"%s\" and its %s together: %s", shown_name(target),
				   target->maker, problem),
			errhint("%s", target->way_out));
}

static void
check_column(const TargetTable *target, const TargetColumn *column, Form_pg_attribute existing)
{
	Oid			from = getBaseType(column->type);
	Oid			to = getBaseType(existing->atttypid);

	if (existing->attgenerated != '\0')
		refuse_change(target, psprintf("column \"%s\" is generated in the table", column->name));
	if (target->same_types ? from == to && column->typmod == existing->atttypmod :
		from == to || can_coerce_type(1, &from, &to, COERCION_ASSIGNMENT))
		return;
	refuse_change(target,
				  psprintf("column \"%s\" is of type %s in the table and %s in the %s",
						   column->name,
						   format_type_with_typemod(existing->atttypid, existing->atttypmod),
						   format_type_with_typemod(column->type, column->typmod),
						   target->maker));
}

/* The time of a row's last change is written into it. */
static void
check_time(const TargetTable *target, Form_pg_attribute existing)
{
	Oid			from = TIMESTAMPTZOID;
	Oid			to = getBaseType(existing->atttypid);

	if (existing->attgenerated != '\0' || !can_coerce_type(1, &from, &to, COERCION_ASSIGNMENT))
		refuse_change(target, psprintf("column \"%s\" is of type %s%s, and merge keeps the time "
									   "of the last change in it",
									   NameStr(existing->attname),
									   format_type_be(existing->atttypid),
									   existing->attgenerated != '\0' ? " and generated" : ""));
}

/* A column of the table that the model does not make must get along without it. */
static void
check_other_column(const TargetTable *target, Form_pg_attribute existing)
{
	if (existing->attnotnull && !existing->atthasdef && existing->attidentity == '\0')
		refuse_change(target, psprintf("column \"%s\" is NOT NULL without a default, and the %s "
									   "does not make it",
									   NameStr(existing->attname), target->maker));
}

static void
check_unique_key(const TargetTable *target, Oid table)
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
	sql_add_texts(&args, target->key);
	if (!sql_bool(sql_run_own(sql, &args), 0, 1))
		refuse_change(target, psprintf("there is no unique index on the key; "
									  "ALTER TABLE %s ADD PRIMARY KEY (%s) makes one",
									   shown_name(target), quoted_list(target->key)));
}

static void
check_deferred(const TargetTable *target, Oid table)
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
				   shown_name(target)),
			errdetail("It would be checked only after the checks of the run have passed."),
			errhint("Make it immediate: "
					"ALTER TABLE … ALTER CONSTRAINT … INITIALLY IMMEDIATE."));
}

static void
check_former_column(const char *name, JsonbValue *value, void *arg)
{
	const TargetTable *target = arg;
	TargetColumn *column = find_column(target->columns, name);
	char	   *type = spec_value_text(value);

	if (column == NULL)
		refuse_change(target, psprintf("the model no longer makes column \"%s\"", name));
	if (strcmp(format_type_with_typemod(column->type, column->typmod), type) != 0)
		refuse_change(target,
					  psprintf("column \"%s\" was of type %s and would be %s", name, type,
							   format_type_with_typemod(column->type, column->typmod)));
}

/* Of the times that a merge keeps, those that neither its maker nor the table has. */
static List *
missing_times(const TargetTable *target, Relation table)
{
	List	   *missing = NIL;
	ListCell   *cell;

	foreach(cell, ((CreateStmt *) parse_own(merge_times))->tableElts)
	{
		ColumnDef  *definition = lfirst_node(ColumnDef, cell);
		AttrNumber	number = get_attnum(RelationGetRelid(table), definition->colname);

		if (find_column(target->columns, definition->colname) != NULL)
			continue;
		if (number == InvalidAttrNumber)
			missing = lappend(missing, definition);
		else if (strcmp(definition->colname, UPDATED_AT) == 0)
			check_time(target, TupleDescAttr(RelationGetDescr(table), number - 1));
	}
	return missing;
}

/* Definitions of the columns that "table" lacks; checks the others. */
static List *
missing_columns(const TargetTable *target, Relation table)
{
	List	   *missing = NIL;
	ListCell   *cell;

	foreach(cell, target->columns)
	{
		TargetColumn *column = lfirst(cell);
		AttrNumber	number = get_attnum(RelationGetRelid(table), column->name);

		if (number == InvalidAttrNumber)
			missing = lappend(missing, makeColumnDef(column->name, column->type, column->typmod,
													 column->collation));
		else
			check_column(target, column, TupleDescAttr(RelationGetDescr(table), number - 1));
	}
	if (target->merged)
		missing = list_concat(missing, missing_times(target, table));
	for (int i = 0; i < RelationGetDescr(table)->natts; i++)
	{
		Form_pg_attribute existing = TupleDescAttr(RelationGetDescr(table), i);

		if (!existing->attisdropped &&
			find_column(target->columns, NameStr(existing->attname)) == NULL)
			check_other_column(target, existing);
	}
	return missing;
}

TableChange
table_ensure(const TargetTable *target)
{
	Oid			existing = RangeVarGetRelid(target->name, AccessShareLock, true);
	Relation	table;
	List	   *missing;

	if (!OidIsValid(existing))
	{
		create_table(target);
		return TABLE_CREATED;
	}
	if (target->former != NULL)
		spec_each(target->former, check_former_column, unconstify(TargetTable *, target));
	table = table_open(existing, NoLock);
	if (table->rd_rel->relkind != RELKIND_RELATION &&
		table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a table", shown_name(target)));
	missing = missing_columns(target, table);
	table_close(table, NoLock);
	check_deferred(target, existing);
	if (target->merged)
		check_unique_key(target, existing);
	add_columns(target->name, missing);
	return missing == NIL ? TABLE_KEPT : TABLE_EXTENDED;
}

bool
table_has_rows(RangeVar *name)
{
	Oid			table = RangeVarGetRelid(name, AccessShareLock, false);
	char	   *text;

	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return false;
	text = psprintf("SELECT FROM %s LIMIT 1",
					quote_qualified_identifier(name->schemaname, name->relname));
	return tree_execute(parse_own(text), "dataops target", NULL, NULL) > 0;
}

bool
table_is_plain(Relation table)
{
	Form_pg_class form = table->rd_rel;

	return form->relkind == RELKIND_RELATION && !form->relhassubclass && !form->relhasrules &&
		!form->relrowsecurity && table->trigdesc == NULL;
}

bool
table_has_types(Relation table, const Query *query)
{
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node	   *value = (Node *) entry->expr;
		AttrNumber	number;
		Form_pg_attribute column;

		if (entry->resjunk)
			continue;
		number = get_attnum(RelationGetRelid(table), entry->resname);
		if (number <= 0)
			return false;
		column = TupleDescAttr(RelationGetDescr(table), number - 1);
		if (exprType(value) != column->atttypid || exprTypmod(value) != column->atttypmod ||
			exprCollation(value) != column->attcollation)
			return false;
	}
	return true;
}

/* ---- unique indexes ---- */

/*
 * Is the index's key column number "key" one of the columns, and are two of its values that GROUP
 * BY takes for equal also equal in the index?
 */
static bool
column_covers_key(Relation table, Relation index, int key, List *columns)
{
	AttrNumber	number = index->rd_index->indkey.values[key];
	Form_pg_attribute column;
	TypeCacheEntry *type;

	if (number <= 0)			/* an expression */
		return false;
	column = TupleDescAttr(RelationGetDescr(table), number - 1);
	type = lookup_type_cache(column->atttypid, TYPECACHE_EQ_OPR);
	if (index->rd_indcollation[key] != column->attcollation ||
		!op_in_opfamily(type->eq_opr, index->rd_opfamily[key]))
		return false;
	return names_have(columns, NameStr(column->attname));
}

static bool
columns_cover_index(Relation table, Relation index, List *columns)
{
	for (int key = 0; key < index->rd_index->indnkeyatts; key++)
		if (!column_covers_key(table, index, key, columns))
			return false;
	return true;
}

bool
table_is_unique(Oid id, List *columns)
{
	Relation	table = table_open(id, AccessShareLock);
	/* rows of tables that inherit from it are in no index of its own */
	bool		complete = !table->rd_rel->relhassubclass ||
		table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	bool		proved = false;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(table))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		proved |= form->indisunique && form->indisvalid && form->indimmediate &&
			RelationGetIndexPredicate(index) == NIL &&
			columns_cover_index(table, index, columns);
		index_close(index, AccessShareLock);
	}
	table_close(table, AccessShareLock);
	return proved && complete;
}

/* ---- views ---- */

void
view_ensure(const char *name, const char *query, ModelTree *tree)
{
	ViewStmt   *create = makeNode(ViewStmt);
	RangeVar   *target = tree_relation(name);
	Oid			existing = RangeVarGetRelid(target, NoLock, true);

	if (OidIsValid(existing) && get_rel_relkind(existing) != RELKIND_VIEW)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a view", name),
				errhint("Drop the table, or choose strategy => 'table'."));
	create->view = target;
	create->query = (Node *) tree->select;
	create->replace = true;
	create->withCheckOption = NO_CHECK_OPTION;
	tree_execute((Node *) create, query, NULL, NULL);
}
