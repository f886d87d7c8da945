/*
 * rule.c
 *	  Rules as raw trees.  A rule's node goes into the statements that judge rows, never its text:
 *	  "true) FROM x --" is one expression or a syntax error.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/rule.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "core/error.h"
#include "model/execute.h"
#include "model/named.h"
#include "model/tree.h"

Node *
expression_parse(const char *text, const char *what)
{
	SelectStmt *select;
	ResTarget  *target;

	/* the grammar of PL/pgSQL expressions: a select list and all that may follow it */
	select = (SelectStmt *) linitial_node(RawStmt, raw_parser(text, RAW_PARSE_PLPGSQL_EXPR))->stmt;
	target = list_length(select->targetList) == 1 ? linitial(select->targetList) : NULL;
	if (target == NULL || target->name != NULL || select->fromClause || select->whereClause ||
		select->groupClause || select->havingClause || select->windowClause ||
		select->distinctClause || select->sortClause || select->limitCount ||
		select->limitOffset || select->lockingClause || select->op != SETOP_NONE)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("%s is one SQL expression", what));
	return target->val;
}

/* An unqualified function that does not exist but is nearly a named check. */
static void
check_misspelt(FuncCall *call, const char *text)
{
	const char *name = strVal(linitial(call->funcname));
	const char *nearest = named_check_nearest(name);

	if (nearest == NULL ||
		FuncnameGetCandidates(call->funcname, -1, NIL, false, false, false, true) != NULL)
		return;
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_FUNCTION),
			errmsg("check %s() does not exist", name),
			errhint("Perhaps you meant %s().", nearest),
			error_location(text, call->location));
}

Rule *
rule_parse(const char *text, const char *filter, const char *alias)
{
	Rule	   *rule = palloc0(sizeof(Rule));
	ErrorText	place;

	rule->text = text;
	rule->filter_text = filter;
	if (filter != NULL)
	{
		error_text_push(&place, filter);
		rule->filter = expression_parse(filter, "a filter");
		error_text_pop(&place);
	}
	error_text_push(&place, text);
	rule->expression = expression_parse(text, "a rule");
	if (IsA(rule->expression, FuncCall) &&
		list_length(((FuncCall *) rule->expression)->funcname) == 1)
	{
		FuncCall   *call = (FuncCall *) rule->expression;

		if (!named_check_expand(rule, call, alias))
			check_misspelt(call, text);
	}
	error_text_pop(&place);
	return rule;
}

static Query *
analyse_condition(Node *condition, const char *text, Node *from, const char *what)
{
	ErrorText	place;
	Query	   *query;
	Node	   *value;

	error_text_push(&place, text);
	query = tree_analyse((Node *) tree_select(list_make1(tree_target(condition, NULL)), from), text,
						 NULL);
	value = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	if (query->hasWindowFuncs || query->hasTargetSRFs)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s has no window function and no set-returning function", what));
	if (exprType(value) != BOOLOID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("%s must be true or false, this is of type %s", what,
					   format_type_be(exprType(value))),
				error_location(text, exprLocation(condition)));
	error_text_pop(&place);
	return query;
}

/* They are computed over all rows of both sides: one row of values each. */
static void
analyse_values(const Rule *rule, Node *from)
{
	ListCell   *cell;

	if (rule->filter != NULL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("check matches() has no filter"),
				errhint("Compare what a condition lets through: "
						"matches(sum(CASE WHEN … THEN … END))."));
	foreach(cell, rule->values)
	{
		char	   *text = lfirst(cell);
		ErrorText	place;
		Node	   *value;
		Query	   *query;

		error_text_push(&place, text);
		value = expression_parse(text, "a value to compare");
		query = tree_analyse((Node *) tree_select(list_make1(tree_target(value, NULL)), from),
							 text, NULL);
		error_text_pop(&place);
		if (!query->hasAggs || query->hasTargetSRFs)
			ereport(ERROR,
					errcode(ERRCODE_GROUPING_ERROR),
					errmsg("check matches() compares values of the whole table"),
					errdetail("\"%s\" has no aggregate.", text),
					errhint("Write for example matches(sum(amount), max(updated_at))."));
	}
}

void
rule_analyse(Rule *rule, Node *from)
{
	if (rule->kind == RULE_MATCHES)
	{
		analyse_values(rule, from);
		return;
	}

	if (rule->filter != NULL &&
		analyse_condition(rule->filter, rule->filter_text, from, "a filter")->hasAggs)
		ereport(ERROR,
				errcode(ERRCODE_GROUPING_ERROR),
				errmsg("a filter is about each row: it has no aggregate"));
	if (rule->kind == RULE_UNIQUE || rule->kind == RULE_NO_GAPS)
	{
		ErrorText	place;

		error_text_push(&place, rule->text);
		tree_analyse((Node *) rule_violations(rule, from), rule->text, NULL);
		error_text_pop(&place);
	}
	else if (rule->expression != NULL)
		rule->kind = analyse_condition(rule->expression, rule->text, from, "a rule")->hasAggs
			? RULE_TABLE : RULE_ROW;
}

Node *
rule_condition(const Rule *rule)
{
	return rule_is_row(rule) ? tree_when(rule->filter, rule->expression) : rule->expression;
}

/* a, b, count(*) … WHERE a, b are not null GROUP BY a, b HAVING count(*) > 1: as UNIQUE has it */
static SelectStmt *
repeated_keys(const Rule *rule, Node *from)
{
	SelectStmt *select = tree_select(NIL, from);
	List	   *conditions = rule->filter ? list_make1(rule->filter) : NIL;
	ListCell   *cell;

	foreach(cell, rule->columns)
	{
		Node	   *column = tree_column(NULL, lfirst(cell));

		select->targetList = lappend(select->targetList, tree_target(column, lfirst(cell)));
		select->groupClause = lappend(select->groupClause, column);
		conditions = lappend(conditions, tree_is_not_null(column));
	}
	select->targetList = lappend(select->targetList, tree_target(tree_count(NULL), "rows with it"));
	select->whereClause = tree_and(conditions);
	select->havingClause = tree_compare(">", tree_count(NULL),
										tree_cast(tree_string("1"), INT8OID));
	return select;
}

/* by.., gap_after, gap_before FROM (by.., time, lead(time) OVER ..) WHERE before > after + every */
static SelectStmt *
gaps(const Rule *rule, Node *from)
{
	Node	   *time = tree_column(NULL, rule->time);
	WindowDef  *window = makeNode(WindowDef);
	FuncCall   *lead = tree_call("lead", list_make1(time));
	SelectStmt *steps;
	List	   *shown = NIL;
	List	   *inner = NIL;
	ListCell   *cell;

	foreach(cell, rule->columns)
	{
		window->partitionClause = lappend(window->partitionClause,
										  tree_column(NULL, lfirst(cell)));
		inner = lappend(inner, tree_target(tree_column(NULL, lfirst(cell)), lfirst(cell)));
		shown = lappend(shown, tree_target(tree_column("steps", lfirst(cell)), lfirst(cell)));
	}
	window->orderClause = list_make1(tree_sort(time, SORTBY_DEFAULT));
	window->frameOptions = FRAMEOPTION_DEFAULTS;
	window->location = -1;
	lead->over = window;
	inner = lappend(inner, tree_target(time, "gap_after"));
	inner = lappend(inner, tree_target((Node *) lead, "gap_before"));
	steps = tree_select(inner, from);
	steps->whereClause = tree_and(rule->filter ? list_make2(rule->filter, tree_is_not_null(time))
								  : list_make1(tree_is_not_null(time)));
	shown = lappend(shown, tree_target(tree_column("steps", "gap_after"), NULL));
	shown = lappend(shown, tree_target(tree_column("steps", "gap_before"), NULL));
	steps = tree_select(shown, tree_subselect(steps, "steps"));
	steps->whereClause = tree_compare(">", tree_column("steps", "gap_before"),
									  tree_compare("+", tree_column("steps", "gap_after"),
												   tree_cast(rule->every, INTERVALOID)));
	return steps;
}

SelectStmt *
rule_violations(const Rule *rule, Node *from)
{
	return rule->kind == RULE_UNIQUE ? repeated_keys(rule, from) : gaps(rule, from);
}
