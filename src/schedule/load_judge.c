/*
 * load_judge.c
 *	  Rules about rows are judged here, on the rows as they go out: they need no second dialect.
 *	  matches() and the number of rows are compared once the rows have arrived.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "schedule/load_judge.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "model/tree.h"
#include "validate/scan.h"

/* The checks that compare, or the others; of the others, those about the whole relation or not. */
static List *
chosen(StepChecks *checks, bool compares, bool whole)
{
	List	   *some = NIL;
	ListCell   *cell;

	foreach(cell, checks->checks)
	{
		Check	   *check = lfirst(cell);

		if ((check->rule->kind == RULE_MATCHES) == compares && (compares || check->whole == whole))
			some = lappend(some, check);
	}
	return some;
}

/* The relation, named like itself, with the checks bound to its rows; NULL without checks. */
static RangeVar *
bind_to_relation(StepChecks *checks)
{
	RangeVar   *relation;

	if (checks->checks == NIL)
		return NULL;
	relation = tree_relation(((Check *) linitial(checks->checks))->relation);
	relation->alias = makeAlias(relation->relname, NIL);
	step_checks_bind(checks, (Node *) relation, false);
	return relation;
}

static void
judge_rows(Node *rows, void *arg)
{
	StepChecks *checks = arg;
	RangeVar   *relation = bind_to_relation(checks);
	JudgedRows	judged = {.from = rows, .snapshot = GetActiveSnapshot()};

	if (relation == NULL)
		return;
	judged.alias = relation->relname;
	judged.relation = RangeVarGetRelid(relation, NoLock, false);
	checks_scan(chosen(checks, false, false), &judged);
	judged.from = (Node *) relation;
	checks_scan(chosen(checks, false, true), &judged);
	step_checks_decide(checks, list_concat(chosen(checks, false, false),
										   chosen(checks, false, true)));
}

static List *
values_to_compare(void *arg)
{
	List	   *values = NIL;
	ListCell   *cell;

	foreach(cell, chosen(arg, true, true))
		values = list_concat(values, ((Check *) lfirst(cell))->rule->values);
	return values;
}

/* ---- comparison ---- */

/* Can it be read as a numeric, without an error? */
static bool
is_number(const char *text)
{
	const char *at = text + (*text == '-' || *text == '+');
	size_t		digits = strspn(at, "0123456789");

	at += digits;
	if (*at == '.')
	{
		digits += strspn(at + 1, "0123456789");
		at += 1 + strspn(at + 1, "0123456789");
	}
	if (digits == 0 || digits > 10000)
		return false;
	if (*at == 'e' || *at == 'E')
	{
		at += 1 + (at[1] == '-' || at[1] == '+');
		digits = strspn(at, "0123456789");
		if (digits == 0 || digits > 3)
			return false;
		at += digits;
	}
	return *at == '\0';
}

static Datum
as_numeric(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/* 1 and -1 for infinities, however they are spelt; else 0. */
static int
infinity_of(const char *text)
{
	const char *at = text + (*text == '-' || *text == '+');

	if (pg_strcasecmp(at, "inf") != 0 && pg_strcasecmp(at, "infinity") != 0)
		return 0;
	return *text == '-' ? -1 : 1;
}

/* 1.50 is 1.5, as both sides write numbers in their own way. */
static bool
is_same(const char *here, const char *there)
{
	if (here == NULL || there == NULL)
		return here == there;
	if (infinity_of(here) != 0)
		return infinity_of(here) == infinity_of(there);
	if (is_number(here) && is_number(there))
		return DatumGetBool(DirectFunctionCall2(numeric_eq, as_numeric(here), as_numeric(there)));
	return strcmp(here, there) == 0;
}

/* Compares the check's values with as many at "at" in both lists; returns the next place. */
static int
compare_values(Check *check, List *here, List *there, int at)
{
	StringInfoData message;
	ListCell   *cell;

	check->judge.judged = check->judge.failed = 0;
	initStringInfo(&message);
	foreach(cell, check->rule->values)
	{
		char	   *mine = list_nth(here, at);
		char	   *other = list_nth(there, at);

		at++;
		check->judge.judged++;
		check->judge.failed += !is_same(mine, other);
		appendStringInfo(&message, "%s%s: %s here, %s there", message.len ? "; " : "",
						 (char *) lfirst(cell), mine ? mine : "null", other ? other : "null");
	}
	check->message = message.data;
	check->value = list_length(check->rule->values) == 1 ? list_nth(there, at - 1) : NULL;
	return at;
}

static Check *
row_count_check(StepChecks *checks)
{
	Check	   *check = palloc0(sizeof(Check));

	check->name = pstrdup("row_count");
	check->target = checks->step->target;
	check->rule = palloc0(sizeof(Rule));
	check->rule->text = "count(*)";
	check->rule->kind = RULE_MATCHES;
	check->rule->values = list_make1(pstrdup("rows"));
	check->on_fail = ON_FAIL_STOP;
	check->severity = pstrdup("error");
	return check;
}

static void
compare_sides(List *here, List *there, void *arg)
{
	StepChecks *checks = arg;
	List	   *comparing = lcons(row_count_check(checks), chosen(checks, true, true));
	int			at = 0;
	ListCell   *cell;

	/* another process may have judged the rows */
	(void) bind_to_relation(checks);
	foreach(cell, comparing)
		at = compare_values(lfirst(cell), here, there, at);
	step_checks_decide(checks, comparing);
}

static bool
settle(char **hint, void *arg)
{
	StepChecks *checks = arg;

	step_checks_record(checks);
	if (checks->stopped_by != NULL)
		*hint = step_checks_hint(checks);
	return checks->stopped_by != NULL;
}

LoadJudge
load_judge(StepChecks *checks)
{
	LoadJudge	judge = {
		.arg = checks,
		.rows = judge_rows,
		.values = values_to_compare,
		.compare = compare_sides,
		.settle = settle
	};

	return judge;
}
