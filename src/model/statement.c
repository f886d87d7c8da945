/*
 * statement.c
 *	  INSERT, merge and DELETE as trees.  Columns are always named: a model may list its columns
 *	  in another order than the table has them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/statement.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"

#include "core/names.h"
#include "model/model.h"
#include "model/parse.h"
#include "model/tree.h"

#define TARGET_ALIAS "dataops target"

static List *
column_targets(const RowSource *rows)
{
	List	   *targets = NIL;
	ListCell   *cell;

	foreach(cell, rows->columns)
		targets = lappend(targets,
						  tree_target(tree_column(rows->alias, lfirst(cell)), lfirst(cell)));
	return targets;
}

static List *
returning_list(const RowSource *rows)
{
	return list_make1(tree_target(tree_column(TARGET_ALIAS, rows->returning), NULL));
}

InsertStmt *
statement_insert(RangeVar *into, const RowSource *rows)
{
	InsertStmt *insert = makeNode(InsertStmt);
	ListCell   *cell;

	insert->relation = copyObject(into);
	insert->relation->alias = makeAlias(TARGET_ALIAS, NIL);
	insert->selectStmt = (Node *) tree_select(column_targets(rows), rows->from);
	foreach(cell, rows->columns)
		insert->cols = lappend(insert->cols, tree_target(NULL, lfirst(cell)));
	if (rows->returning != NULL)
		compat_insert_returning(insert, returning_list(rows));
	return insert;
}

/* ORDER BY key, the newest first: DISTINCT ON takes the first; equal order, fewer deadlocks */
static SelectStmt *
last_of_key(const RowSource *rows)
{
	SelectStmt *select = tree_select(column_targets(rows), rows->from);
	ListCell   *cell;

	foreach(cell, rows->key)
	{
		Node	   *column = tree_column(rows->alias, lfirst(cell));

		select->sortClause = lappend(select->sortClause, tree_sort(column, SORTBY_DEFAULT));
		if (rows->addressed)
			select->distinctClause = lappend(select->distinctClause, column);
	}
	for (int i = 0; rows->addressed && i < ADDRESS_COLUMNS - 1; i++)
		select->sortClause = lappend(select->sortClause,
									 tree_sort(tree_column(rows->alias, address_columns[i]),
											   SORTBY_DESC));
	return select;
}

Node *
statement_last_of_key(const RowSource *rows)
{
	return tree_subselect(last_of_key(rows), rows->alias);
}

/* ---- by key ---- */

bool
statement_keeps(const RowSource *rows)
{
	return rows->keeps_created && names_have(rows->columns, CREATED_AT);
}

/* The columns that a row which is there takes from a new one with its key. */
static List *
changing_columns(const RowSource *rows)
{
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, rows->columns)
		if (!names_have(rows->key, lfirst(cell)) &&
			!(statement_keeps(rows) && strcmp(lfirst(cell), CREATED_AT) == 0))
			columns = lappend(columns, lfirst(cell));
	return columns;
}

/*
 * ROW(target's) *<> ROW(new): the operator compares bytes, so it knows every type, takes NULLs as
 * equal and sees that 1.0 became 1.00
 */
static Node *
row_differs(List *columns, const char *new_row)
{
	List	   *old = NIL;
	List	   *new = NIL;
	ListCell   *cell;

	foreach(cell, columns)
	{
		old = lappend(old, tree_column(TARGET_ALIAS, lfirst(cell)));
		new = lappend(new, tree_column(new_row, lfirst(cell)));
	}
	return tree_compare("*<>", tree_cast(tree_row(old), RECORDOID),
						tree_cast(tree_row(new), RECORDOID));
}

/* SET column = new.column, … */
static List *
changes(const RowSource *rows, List *changing, const char *new_row)
{
	List	   *targets = NIL;
	ListCell   *cell;

	foreach(cell, changing)
		targets = lappend(targets, tree_target(tree_column(new_row, lfirst(cell)), lfirst(cell)));
	if (!names_have(rows->columns, UPDATED_AT))
		targets = lappend(targets, tree_target((Node *) tree_call("now", NIL), UPDATED_AT));
	return targets;
}

static OnConflictClause *
on_conflict(const RowSource *rows)
{
	static const char new_row[] = "excluded";
	OnConflictClause *conflict = makeNode(OnConflictClause);
	List	   *changing = changing_columns(rows);
	ListCell   *cell;

	conflict->infer = makeNode(InferClause);
	conflict->infer->location = -1;
	conflict->location = -1;
	foreach(cell, rows->key)
	{
		IndexElem  *element = makeNode(IndexElem);

		element->name = pstrdup(lfirst(cell));
		conflict->infer->indexElems = lappend(conflict->infer->indexElems, element);
	}
	conflict->action = changing == NIL ? ONCONFLICT_NOTHING : ONCONFLICT_UPDATE;
	if (changing == NIL)
		return conflict;
	conflict->targetList = changes(rows, changing, new_row);
	conflict->whereClause = row_differs(changing, new_row);
	return conflict;
}

InsertStmt *
statement_upsert(RangeVar *into, const RowSource *rows)
{
	InsertStmt *insert = statement_insert(into, rows);

	insert->selectStmt = (Node *) last_of_key(rows);
	insert->onConflictClause = on_conflict(rows);
	return insert;
}

static MergeWhenClause *
when_matched(const RowSource *rows)
{
	MergeWhenClause *when = compat_merge_when(true);
	List	   *changing = changing_columns(rows);

	when->commandType = CMD_NOTHING;
	if (changing == NIL)
		return when;
	when->commandType = CMD_UPDATE;
	when->condition = row_differs(changing, rows->alias);
	when->targetList = changes(rows, changing, rows->alias);
	return when;
}

static MergeWhenClause *
when_not_matched(const RowSource *rows)
{
	MergeWhenClause *when = compat_merge_when(false);
	ListCell   *cell;

	when->commandType = CMD_INSERT;
	foreach(cell, rows->columns)
	{
		when->targetList = lappend(when->targetList, tree_target(NULL, lfirst(cell)));
		when->values = lappend(when->values, tree_column(rows->alias, lfirst(cell)));
	}
	return when;
}

MergeStmt *
statement_merge(RangeVar *into, const RowSource *rows)
{
	MergeStmt  *merge = makeNode(MergeStmt);
	List	   *same = NIL;
	ListCell   *cell;

	merge->relation = copyObject(into);
	merge->relation->alias = makeAlias(TARGET_ALIAS, NIL);
	merge->relation->inh = false;
	merge->sourceRelation = statement_last_of_key(rows);
	foreach(cell, rows->key)
		same = lappend(same, tree_compare("=", tree_column(TARGET_ALIAS, lfirst(cell)),
										  tree_column(rows->alias, lfirst(cell))));
	merge->joinCondition = tree_and(same);
	merge->mergeWhenClauses = list_make2(when_matched(rows), when_not_matched(rows));
	if (rows->returning != NULL)
		compat_merge_returning(merge, returning_list(rows));
	return merge;
}

Node *
statement_same_key(List *key, const char *one, const char *other)
{
	List	   *same = NIL;
	ListCell   *cell;

	foreach(cell, key)
		same = lappend(same, makeSimpleA_Expr(AEXPR_OP, "=", tree_column(one, lfirst(cell)),
											  tree_column(other, lfirst(cell)), -1));
	return tree_and(same);
}

SelectStmt *
statement_moved(RangeVar *into, const RowSource *rows)
{
	RangeVar   *target = copyObject(into);
	Node	   *old = tree_column(TARGET_ALIAS, rows->returning);
	Node	   *new = tree_column(rows->alias, rows->returning);
	SelectStmt *select;

	target->alias = makeAlias(TARGET_ALIAS, NIL);
	select = tree_select(list_make1(tree_target(old, NULL)), (Node *) target);
	select->fromClause = lappend(select->fromClause, rows->from);
	select->whereClause = tree_and(list_make2(statement_same_key(rows->key, TARGET_ALIAS,
																 rows->alias),
											  makeSimpleA_Expr(AEXPR_DISTINCT, "=", old, new, -1)));
	return select;
}

SelectStmt *
statement_repeated_key(const RowSource *rows)
{
	SelectStmt *select = tree_select(NIL, rows->from);
	ListCell   *cell;

	foreach(cell, rows->key)
	{
		Node	   *column = tree_column(rows->alias, lfirst(cell));

		select->targetList = lappend(select->targetList, tree_target(column, lfirst(cell)));
		select->groupClause = lappend(select->groupClause, column);
	}
	select->havingClause = tree_compare(">", tree_count(NULL),
										tree_cast(tree_string("1"), INT8OID));
	select->limitCount = tree_cast(tree_string("1"), INT8OID);
	select->limitOption = LIMIT_OPTION_COUNT;
	return select;
}

DeleteStmt *
statement_delete(RangeVar *from, Node *condition)
{
	DeleteStmt *delete = makeNode(DeleteStmt);

	delete->relation = copyObject(from);
	delete->whereClause = condition;
	return delete;
}
