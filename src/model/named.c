/*
 * named.c
 *	  Each named check becomes an expression of raw nodes, or a rule of its own kind where no
 *	  expression over one scan can tell.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/named.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/scanner.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#include "core/error.h"
#include "model/execute.h"
#include "model/tree.h"

pg_noreturn static void
wrong_arguments(const Rule *rule, FuncCall *call, const char *usage)
{
	ereport(ERROR,
			errcode(ERRCODE_SYNTAX_ERROR),
			errmsg("wrong arguments of check %s()", strVal(linitial(call->funcname))),
			errhint("Write %s.", usage),
			error_location(rule->text, call->location));
}

/* The name of the column that "node" is, or NULL. */
static char *
column_name(Node *node)
{
	ColumnRef  *ref = (ColumnRef *) node;

	if (!IsA(node, ColumnRef) || list_length(ref->fields) != 1 ||
		!IsA(linitial(ref->fields), String))
		return NULL;
	return strVal(linitial(ref->fields));
}

/* Names of the columns in "args"; NIL when there is none or one is not a plain column. */
static List *
column_names(List *args)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, args)
	{
		char	   *name = column_name(lfirst(cell));

		if (name == NULL)
			return NIL;
		names = lappend(names, name);
	}
	return names;
}

static void
not_null(Rule *rule, FuncCall *call, const char *alias)
{
	List	   *conditions = NIL;
	ListCell   *cell;

	if (call->args == NIL)
		wrong_arguments(rule, call, "not_null(column, …)");
	foreach(cell, call->args)
		conditions = lappend(conditions, tree_is_not_null(lfirst(cell)));
	rule->expression = tree_and(conditions);
}

static void
accepted(Rule *rule, FuncCall *call, const char *alias)
{
	if (list_length(call->args) < 2)
		wrong_arguments(rule, call, "accepted(column, value, …)");
	rule->expression = (Node *) makeSimpleA_Expr(AEXPR_IN, "=", linitial(call->args),
												 (Node *) list_copy_tail(call->args, 1),
												 call->location);
}

/*
 * a IS NULL OR EXISTS (SELECT FROM (SELECT schema.table.b FROM schema.table) AS other (b)
 * WHERE other.b = alias.a): the planner chooses between the index of the other table and a hash of
 * it.  The other table may be named as the alias is; and an unknown column is named as it was
 * written.
 */
static void
foreign_key(Rule *rule, FuncCall *call, const char *alias)
{
	static const char usage[] = "fk(column, schema.table.column)";
	char	   *column = list_length(call->args) == 2 ? column_name(linitial(call->args)) : NULL;
	ColumnRef  *other = column ? lsecond(call->args) : NULL;
	RangeVar   *table;
	SelectStmt *referenced;
	SelectStmt *found;
	SubLink    *exists;
	NullTest   *is_null;

	if (other == NULL || !IsA(other, ColumnRef) || list_length(other->fields) != 3 ||
		!IsA(llast(other->fields), String))
		wrong_arguments(rule, call, usage);
	table = makeRangeVar(strVal(linitial(other->fields)), strVal(lsecond(other->fields)),
						 other->location);
	referenced = tree_select(list_make1(tree_target((Node *) other, "value")), (Node *) table);
	found = tree_select(NIL, tree_subselect(referenced, "dataops_fk"));
	found->whereClause = (Node *) makeSimpleA_Expr(AEXPR_OP, "=",
												   tree_column("dataops_fk", "value"),
												   tree_column(alias, column), call->location);
	exists = makeNode(SubLink);
	exists->subLinkType = EXISTS_SUBLINK;
	exists->subselect = (Node *) found;
	exists->location = call->location;
	is_null = (NullTest *) tree_is_not_null(tree_column(alias, column));
	is_null->nulltesttype = IS_NULL;
	rule->expression = (Node *) makeBoolExpr(OR_EXPR, list_make2(is_null, exists), call->location);
}

static void
is_unique(Rule *rule, FuncCall *call, const char *alias)
{
	rule->columns = column_names(call->args);
	if (rule->columns == NIL)
		wrong_arguments(rule, call, "is_unique(column, …)");
	rule->kind = RULE_UNIQUE;
	rule->expression = NULL;
}

/* coalesce(max(time) >= now() - interval, false): a table without rows is not fresh */
static void
fresh(Rule *rule, FuncCall *call, const char *alias)
{
	CoalesceExpr *coalesce = makeNode(CoalesceExpr);
	Node	   *since;
	Node	   *newest;
	A_Const    *no = makeNode(A_Const);

	if (list_length(call->args) != 2)
		wrong_arguments(rule, call, "fresh(time_column, '1 hour')");
	since = tree_compare("-", (Node *) tree_call("now", NIL),
						 tree_cast(lsecond(call->args), INTERVALOID));
	no->val.boolval.type = T_Boolean;
	no->val.boolval.boolval = false;
	no->location = -1;
	newest = (Node *) tree_call("max", list_make1(linitial(call->args)));
	coalesce->args = list_make2(tree_compare(">=", newest, since), no);
	coalesce->location = call->location;
	rule->expression = (Node *) coalesce;
	rule->whole_table = true;
}

/* Columns of "by": one, or several in parentheses. */
static List *
by_columns(Node *by)
{
	return column_names(IsA(by, RowExpr) ? ((RowExpr *) by)->args : list_make1(by));
}

static void
no_gaps(Rule *rule, FuncCall *call, const char *alias)
{
	static const char usage[] = "no_gaps(time_column, every => '15 minutes', by => (column, …))";
	int			position = 0;
	ListCell   *cell;

	foreach(cell, call->args)
	{
		NamedArgExpr *named = lfirst(cell);
		Node	   *value = IsA(named, NamedArgExpr) ? (Node *) named->arg : lfirst(cell);

		if (!IsA(named, NamedArgExpr) && position == 0)
			rule->time = column_name(value);
		else if (IsA(named, NamedArgExpr) ? strcmp(named->name, "every") == 0 : position == 1)
			rule->every = value;
		else if (IsA(named, NamedArgExpr) ? strcmp(named->name, "by") == 0 : position == 2)
		{
			rule->columns = by_columns(value);
			if (rule->columns == NIL)
				wrong_arguments(rule, call, usage);
		}
		else
			wrong_arguments(rule, call, usage);
		position++;
	}
	if (rule->time == NULL || rule->every == NULL)
		wrong_arguments(rule, call, usage);
	rule->kind = RULE_NO_GAPS;
	rule->expression = NULL;
}

static void
has_columns(Rule *rule, FuncCall *call, const char *alias)
{
	rule->columns = column_names(call->args);
	if (rule->columns == NIL)
		wrong_arguments(rule, call, "has_columns(column, …)");
	rule->kind = RULE_HAS_COLUMNS;
	rule->expression = NULL;
	rule->whole_table = true;
}

static char *
trimmed(const char *text, int length)
{
	while (length > 0 && scanner_isspace(text[length - 1]))
		length--;
	while (length > 0 && scanner_isspace(*text))
	{
		text++;
		length--;
	}
	return pnstrdup(text, length);
}

/*
 * The arguments as they are written: the other side may be no PostgreSQL.  Their commas are found
 * by the server's own scanner.
 */
static List *
argument_texts(const char *text, int location)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords, ScanKeywordTokens);
	core_YYSTYPE value;
	YYLTYPE		at;
	List	   *texts = NIL;
	int			depth = 0;
	int			start = 0;
	int			token;

	while ((token = core_yylex(&value, &at, scanner)) != 0)
	{
		bool		opens = token == '(' || token == '[';
		bool		closes = token == ')' || token == ']';

		if (at < location)
			continue;
		depth += opens - closes;
		if (depth == 1 && opens && start == 0)
			start = at + 1;
		else if ((depth == 0 && closes) || (depth == 1 && token == ','))
		{
			texts = lappend(texts, trimmed(text + start, at - start));
			start = at + 1;
		}
		if (depth == 0 && closes)
			break;
	}
	scanner_finish(scanner);
	return texts;
}

static void
matches(Rule *rule, FuncCall *call, const char *alias)
{
	ListCell   *cell;

	foreach(cell, call->args)
		if (IsA(lfirst(cell), NamedArgExpr))
			wrong_arguments(rule, call, "matches(aggregate, …)");
	if (call->args == NIL)
		wrong_arguments(rule, call, "matches(aggregate, …)");
	rule->values = argument_texts(rule->text, call->location);
	rule->kind = RULE_MATCHES;
	rule->expression = NULL;
	rule->whole_table = true;
}

typedef struct NamedCheck
{
	const char *name;
	void		(*expand) (Rule *rule, FuncCall *call, const char *alias);
} NamedCheck;

static const NamedCheck named_checks[] = {
	{"not_null", not_null},
	{"accepted", accepted},
	{"fk", foreign_key},
	{"is_unique", is_unique},
	{"fresh", fresh},
	{"no_gaps", no_gaps},
	{"has_columns", has_columns},
	{"matches", matches}
};

bool
named_check_expand(Rule *rule, FuncCall *call, const char *alias)
{
	const char *name = strVal(linitial(call->funcname));

	for (int i = 0; i < lengthof(named_checks); i++)
	{
		if (strcmp(named_checks[i].name, name) != 0)
			continue;
		if (call->agg_star || call->agg_distinct || call->agg_filter || call->agg_order ||
			call->over || call->func_variadic)
			wrong_arguments(rule, call, psprintf("%s(…) with plain arguments", name));
		named_checks[i].expand(rule, call, alias);
		return true;
	}
	return false;
}

const char *
named_check_nearest(const char *name)
{
	const char *names[lengthof(named_checks)];

	for (int i = 0; i < lengthof(named_checks); i++)
		names[i] = named_checks[i].name;
	return nearest_name(name, names, lengthof(names));
}
