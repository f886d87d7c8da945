/*
 * tree.c
 *	  Builders for raw parse trees.  Operators and functions are those of pg_catalog by name, so
 *	  that no schema in a model's search_path can stand in for them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/tree.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

Node *
tree_column(const char *relation, const char *column)
{
	ColumnRef  *ref = makeNode(ColumnRef);

	if (relation != NULL)
		ref->fields = lappend(ref->fields, makeString(pstrdup(relation)));
	if (column != NULL)
		ref->fields = lappend(ref->fields, makeString(pstrdup(column)));
	else
		ref->fields = lappend(ref->fields, makeNode(A_Star));
	ref->location = -1;
	return (Node *) ref;
}

Node *
tree_string(const char *value)
{
	A_Const    *constant = makeNode(A_Const);

	constant->val.sval.type = T_String;
	constant->val.sval.sval = pstrdup(value);
	constant->location = -1;
	return (Node *) constant;
}

Node *
tree_cast(Node *value, Oid type)
{
	TypeCast   *cast = makeNode(TypeCast);

	cast->arg = value;
	cast->typeName = makeTypeNameFromOid(type, -1);
	cast->location = -1;
	return (Node *) cast;
}

Node *
tree_time(TimestampTz time)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(timestamptz_out,
														   TimestampTzGetDatum(time)));

	return tree_cast(tree_string(text), TIMESTAMPTZOID);
}

static List *
in_pg_catalog(const char *name)
{
	return list_make2(makeString("pg_catalog"), makeString(pstrdup(name)));
}

FuncCall *
tree_call(const char *name, List *args)
{
	return makeFuncCall(in_pg_catalog(name), args, COERCE_EXPLICIT_CALL, -1);
}

Node *
tree_count(Node *filter)
{
	FuncCall   *call = tree_call("count", NIL);

	call->agg_star = true;
	call->agg_filter = filter;
	return (Node *) call;
}

Node *
tree_compare(const char *operator, Node *left, Node *right)
{
	return (Node *) makeA_Expr(AEXPR_OP, in_pg_catalog(operator), left, right, -1);
}

Node *
tree_and(List *conditions)
{
	return list_length(conditions) == 1 ? linitial(conditions)
		: (Node *) makeBoolExpr(AND_EXPR, conditions, -1);
}

static Node *
boolean_test(Node *condition, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) condition;
	test->booltesttype = type;
	test->location = -1;
	return (Node *) test;
}

Node *
tree_is_false(Node *condition)
{
	return boolean_test(condition, IS_FALSE);
}

Node *
tree_is_unknown(Node *condition)
{
	return boolean_test(condition, IS_UNKNOWN);
}

Node *
tree_is_not_null(Node *value)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) value;
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return (Node *) test;
}

Node *
tree_row(List *values)
{
	RowExpr    *row = makeNode(RowExpr);

	row->args = values;
	row->row_format = COERCE_EXPLICIT_CALL;
	row->location = -1;
	return (Node *) row;
}

Node *
tree_when(Node *condition, Node *value)
{
	CaseExpr   *choice;
	CaseWhen   *when;

	if (condition == NULL)
		return value;
	when = makeNode(CaseWhen);
	when->expr = (Expr *) condition;
	when->result = (Expr *) value;
	when->location = -1;
	choice = makeNode(CaseExpr);
	choice->args = list_make1(when);
	choice->location = -1;
	return (Node *) choice;
}

ResTarget *
tree_target(Node *value, const char *name)
{
	ResTarget  *target = makeNode(ResTarget);

	target->val = value;
	target->name = name ? pstrdup(name) : NULL;
	target->location = -1;
	return target;
}

Node *
tree_subselect(SelectStmt *select, const char *alias)
{
	RangeSubselect *range = makeNode(RangeSubselect);

	range->subquery = (Node *) select;
	range->alias = makeAlias(alias, NIL);
	return (Node *) range;
}

SelectStmt *
tree_select(List *targets, Node *from)
{
	SelectStmt *select = makeNode(SelectStmt);

	select->targetList = targets;
	select->fromClause = from ? list_make1(from) : NIL;
	return select;
}

SortBy *
tree_sort(Node *value, SortByDir direction)
{
	SortBy	   *sort = makeNode(SortBy);

	sort->node = value;
	sort->sortby_dir = direction;
	sort->sortby_nulls = SORTBY_NULLS_LAST;
	sort->location = -1;
	return sort;
}

Node *
tree_not(Node *condition)
{
	return (Node *) makeBoolExpr(NOT_EXPR, list_make1(condition), -1);
}

Node *
tree_exists(List *from, Node *condition)
{
	SubLink    *exists = makeNode(SubLink);
	SelectStmt *select = makeNode(SelectStmt);

	select->fromClause = from;
	select->whereClause = condition;
	exists->subLinkType = EXISTS_SUBLINK;
	exists->subselect = (Node *) select;
	exists->location = -1;
	return (Node *) exists;
}

Node *
tree_any(Node *value, Node *array)
{
	return (Node *) makeA_Expr(AEXPR_OP_ANY, in_pg_catalog("="), value, array, -1);
}

Node *
tree_array(Datum *values, int count, Oid type)
{
	Oid			array = get_array_type(type);
	int16		length;
	bool		by_value;
	char		align;
	Oid			output;
	bool		varlena;
	ArrayType  *made;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	getTypeOutputInfo(array, &output, &varlena);
	made = construct_array(values, count, type, length, by_value, align);
	return tree_cast(tree_string(OidOutputFunctionCall(output, PointerGetDatum(made))), array);
}

Node *
tree_arrays(const char *alias, List *names, List *arrays)
{
	RangeFunction *function = makeNode(RangeFunction);
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, arrays)
		function->functions = lappend(function->functions,
									  list_make2(tree_call("unnest", list_make1(lfirst(cell))),
												 NIL));
	foreach(cell, names)
		columns = lappend(columns, makeString(pstrdup(lfirst(cell))));
	function->is_rowsfrom = true;
	function->alias = makeAlias(alias, columns);
	return (Node *) function;
}

static void
put_name(StringInfo out, const char *name)
{
	bool		plain = *name != '\0';

	for (const char *at = name; *at != '\0'; at++)
		plain = plain && (*at < 'A' || *at > 'Z') && strchr("\". \t\n\r\f\v", *at) == NULL;
	if (plain)
	{
		appendStringInfoString(out, name);
		return;
	}
	appendStringInfoChar(out, '"');
	for (const char *at = name; *at != '\0'; at++)
		appendStringInfo(out, *at == '"' ? "\"\"" : "%c", *at);
	appendStringInfoChar(out, '"');
}

char *
tree_relation_text(const char *schema, const char *name)
{
	StringInfoData out;

	initStringInfo(&out);
	put_name(&out, schema);
	appendStringInfoChar(&out, '.');
	put_name(&out, name);
	return out.data;
}

RangeVar *
tree_relation(const char *qualified_name)
{
	List	   *names;
	RangeVar   *relation;

	/* folds and unquotes as the server does for regclass */
	if (!SplitIdentifierString(pstrdup(qualified_name), '.', &names) || list_length(names) != 2)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not the name of a table in a schema", qualified_name),
				errhint("Write it as schema.table."));
	relation = makeRangeVar(pstrdup(linitial(names)), pstrdup(lsecond(names)), -1);
	return relation;
}
