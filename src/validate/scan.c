/*
 * scan.c
 *	  One statement tallies all row rules, another computes all aggregates.  Uniqueness that an
 *	  index proves costs nothing.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "validate/scan.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "model/execute.h"
#include "model/table.h"
#include "model/tree.h"

typedef struct CheckScan
{
	const JudgedRows *rows;
	MemoryContext memory;
} CheckScan;

static void
execute(CheckScan *scan, SelectStmt *select, const char *text, DestReceiver *receiver)
{
	Snapshot	snapshot = scan->rows->snapshot;

	tree_execute_under(snapshot ? snapshot : GetTransactionSnapshot(), (Node *) select, text,
					   scan->rows->environment, receiver);
	receiver->rDestroy(receiver);
}

/* ---- aggregates ---- */

/* The left side of "aggregate > 5", also within the coalesce() of fresh(); or NULL. */
static Node *
shown_value(const Rule *rule)
{
	A_Expr	   *comparison = (A_Expr *) rule->expression;

	if (IsA(comparison, CoalesceExpr))
		comparison = linitial(((CoalesceExpr *) comparison)->args);
	return IsA(comparison, A_Expr) && comparison->lexpr && !IsA(comparison->lexpr, RowExpr)
		? comparison->lexpr : NULL;
}

static List *
add_targets(List *targets, Check *check)
{
	Rule	   *rule = check->rule;

	if (rule->kind != RULE_TABLE)
		return lappend(targets, tree_target(tree_count(rule->filter), NULL));
	targets = lappend(targets, tree_target(rule->expression, NULL));
	if (shown_value(rule) != NULL)
		targets = lappend(targets, tree_target(shown_value(rule), NULL));
	return targets;
}

typedef struct FusedResult
{
	List	   *checks;
	MemoryContext memory;
} FusedResult;

static void
receive_fused(TupleTableSlot *slot, void *arg)
{
	FusedResult *result = arg;
	int			column = 0;
	ListCell   *cell;

	foreach(cell, result->checks)
	{
		Check	   *check = lfirst(cell);
		RowJudge   *judge = &check->judge;

		if (check->rule->kind != RULE_TABLE)
		{
			judge->judged = DatumGetInt64(slot->tts_values[column++]);
			continue;
		}
		judge->judged = 1;
		judge->unknown = slot->tts_isnull[column];
		judge->failed = !slot->tts_isnull[column] && !DatumGetBool(slot->tts_values[column]);
		column++;
		if (shown_value(check->rule) != NULL)
		{
			MemoryContext previous = MemoryContextSwitchTo(result->memory);

			check->value = slot_text(slot, column++);
			MemoryContextSwitchTo(previous);
		}
	}
}

static void
scan_fused(CheckScan *scan, List *checks, Node *from)
{
	FusedResult result = {.checks = checks, .memory = scan->memory};
	DestReceiver *receiver;
	List	   *targets = NIL;
	ListCell   *cell;

	if (checks == NIL)
		return;
	foreach(cell, checks)
		targets = add_targets(targets, lfirst(cell));
	receiver = row_receiver(receive_fused, &result);
	execute(scan, tree_select(targets, from), "dataops checks", receiver);
}

/* ---- row rules ---- */

/* Column of the judged rows: what the rule number "i" says, or whether it is about the row. */
static char *
judged_column(const char *what, int i)
{
	return psprintf("%s %d", what, i);
}

/*
 * SELECT rule AS "rule 0" … FROM rows OFFSET 0.  Each rule stands here once, and the offset keeps
 * the planner from putting it into every count; sub-selects in columns of rows can be hashed.
 */
static SelectStmt *
judged_rows(List *checks, Node *from)
{
	SelectStmt *select = tree_select(NIL, from);
	ListCell   *cell;

	foreach(cell, checks)
	{
		const Rule *rule = ((Check *) lfirst(cell))->rule;
		int			i = foreach_current_index(cell);

		select->targetList = lappend(select->targetList,
									 tree_target(rule_condition(rule), judged_column("rule", i)));
		if (rule->filter != NULL)
			select->targetList = lappend(select->targetList,
										 tree_target(rule->filter, judged_column("filter", i)));
	}
	select->limitOffset = tree_cast(tree_string("0"), INT8OID);
	select->limitOption = LIMIT_OPTION_COUNT;
	return select;
}

static void
receive_judged(TupleTableSlot *slot, void *arg)
{
	int			column = 0;
	ListCell   *cell;

	foreach(cell, (List *) arg)
	{
		RowJudge   *judge = &((Check *) lfirst(cell))->judge;

		judge->judged = DatumGetInt64(slot->tts_values[column++]);
		judge->failed = DatumGetInt64(slot->tts_values[column++]);
		judge->unknown = DatumGetInt64(slot->tts_values[column++]);
	}
}

static void
scan_row_rules(CheckScan *scan, List *checks, Node *from)
{
	List	   *targets = NIL;
	ListCell   *cell;

	if (checks == NIL)
		return;
	foreach(cell, checks)
	{
		int			i = foreach_current_index(cell);
		Node	   *rule = tree_column(NULL, judged_column("rule", i));
		Node	   *unknown = tree_is_unknown(rule);
		Node	   *filter = NULL;

		if (((Check *) lfirst(cell))->rule->filter != NULL)
		{
			filter = tree_column(NULL, judged_column("filter", i));
			unknown = tree_and(list_make2(filter, unknown));
		}
		targets = lappend(targets, tree_target(tree_count(filter), NULL));
		targets = lappend(targets, tree_target(tree_count(tree_is_false(rule)), NULL));
		targets = lappend(targets, tree_target(tree_count(unknown), NULL));
	}
	from = tree_subselect(judged_rows(checks, from), "dataops judged");
	execute(scan, tree_select(targets, from), "dataops checks",
			row_receiver(receive_judged, checks));
}

/* ---- samples and violations ---- */

typedef struct Violations
{
	RowJudge   *judge;
	MemoryContext memory;
	TupleDesc	desc;
	bool		count;			/* each row is one violation */
} Violations;

static void
receive_violation(TupleTableSlot *slot, void *arg)
{
	Violations *violations = arg;
	RowJudge   *judge = violations->judge;
	MemoryContext previous;

	if (violations->count)
		judge->failed++;
	if (list_length(judge->samples) >= MAX_SAMPLES)
		return;
	previous = MemoryContextSwitchTo(violations->memory);
	judge->samples = lappend(judge->samples,
							 row_as_jsonb(BlessTupleDesc(slot->tts_tupleDescriptor),
										  slot->tts_values, slot->tts_isnull));
	MemoryContextSwitchTo(previous);
}

static void
run_violations(CheckScan *scan, Check *check, SelectStmt *select, bool count)
{
	Violations	violations = {.judge = &check->judge, .memory = scan->memory, .count = count};
	DestReceiver *receiver = row_receiver(receive_violation, &violations);

	execute(scan, select, check->rule->text, receiver);
}

/* SELECT alias.* FROM rows */
static SelectStmt *
whole_rows(CheckScan *scan)
{
	return tree_select(list_make1(tree_target(tree_column(scan->rows->alias, NULL), NULL)),
					   scan->rows->from);
}

static void
sample_rows(CheckScan *scan, Check *check)
{
	SelectStmt *select = whole_rows(scan);

	select->whereClause = tree_is_false(rule_condition(check->rule));
	select->limitCount = tree_cast(tree_string(psprintf("%d", MAX_SAMPLES)), INT8OID);
	select->limitOption = LIMIT_OPTION_COUNT;
	run_violations(scan, check, select, false);
}

/* ---- rules of their own ---- */

/* True when an index proves it: then no row is looked at. */
static bool
scan_unique(CheckScan *scan, Check *check)
{
	if (table_is_unique(scan->rows->relation, check->rule->columns))
	{
		check->message = pstrdup("proved by a unique index");
		return true;
	}
	run_violations(scan, check, rule_violations(check->rule, scan->rows->from), true);
	check->message = psprintf("repeated keys: " INT64_FORMAT, check->judge.failed);
	return false;
}

static void
scan_columns(CheckScan *scan, Check *check)
{
	StringInfoData missing;
	ListCell   *cell;

	initStringInfo(&missing);
	check->judge.judged = list_length(check->rule->columns);
	foreach(cell, check->rule->columns)
	{
		if (get_attnum(scan->rows->relation, lfirst(cell)) != InvalidAttrNumber)
			continue;
		check->judge.failed++;
		appendStringInfo(&missing, "%s%s", missing.len ? ", " : "", (char *) lfirst(cell));
	}
	if (check->judge.failed > 0)
		check->message = psprintf("missing columns: %s", missing.data);
}

static Node *
filtered(CheckScan *scan, Node *filter)
{
	SelectStmt *select = whole_rows(scan);

	select->whereClause = filter;
	return tree_subselect(select, scan->rows->alias);
}

/*
 * Runs what needs a statement of its own.  True when that answers the check; false when the fused
 * statement has to, or has to count the rows.  Not for row rules.
 */
static bool
scan_alone(CheckScan *scan, Check *check)
{
	switch (check->rule->kind)
	{
		case RULE_ROW:
			return false;
		case RULE_TABLE:
			if (check->rule->filter == NULL)
				return false;
			scan_fused(scan, list_make1(check), filtered(scan, check->rule->filter));
			return true;
		case RULE_UNIQUE:
			return scan_unique(scan, check);
		case RULE_NO_GAPS:
			run_violations(scan, check, rule_violations(check->rule, scan->rows->from), true);
			check->message = psprintf("gaps: " INT64_FORMAT, check->judge.failed);
			return false;
		case RULE_HAS_COLUMNS:
			scan_columns(scan, check);
			return true;
		case RULE_MATCHES:
			return true;		/* who loads compares */
	}
	return true;
}

void
checks_scan(List *checks, const JudgedRows *rows)
{
	CheckScan	scan = {.rows = rows, .memory = CurrentMemoryContext};
	List	   *row_rules = NIL;
	List	   *fused = NIL;
	ListCell   *cell;

	foreach(cell, checks)
	{
		Check	   *check = lfirst(cell);

		if (rule_is_row(check->rule))
			row_rules = lappend(row_rules, check);
		else if (!scan_alone(&scan, check))
			fused = lappend(fused, check);
	}
	scan_row_rules(&scan, row_rules, rows->from);
	scan_fused(&scan, fused, rows->from);
	foreach(cell, checks)
	{
		Check	   *check = lfirst(cell);

		if (rule_is_row(check->rule) && check->judge.failed > 0)
			sample_rows(&scan, check);
		else if (check->rule->kind == RULE_TABLE)
			check->message = psprintf("%s%s", check->judge.failed ? "false" : check->judge.unknown
									  ? "unknown" : "true",
									  check->value ? psprintf(", value %s", check->value) : "");
	}
}
