/*
 * judge.c
 *	  From tallies of a step's checks to verdicts and their rows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "schedule/judge.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/verdict.h"
#include "core/uuid.h"
#include "validate/decide.h"

StepChecks
step_checks_read(Run *run, Step *step)
{
	StepChecks	checks = {.run = run, .step = step};
	ListCell   *cell;

	foreach(cell, step->checks)
		checks.checks = lappend(checks.checks, check_read(((Definition *) lfirst(cell))->spec));
	return checks;
}

void
step_checks_bind(StepChecks *checks, Node *rows, bool can_divert)
{
	ListCell   *cell;

	foreach(cell, checks->checks)
		check_bind(lfirst(cell), rows, can_divert);
}

void
step_checks_decide(StepChecks *checks, List *some)
{
	Check	   *stops;
	ListCell   *cell;

	checks->decided = list_concat(checks->decided, some);
	foreach(cell, some)
	{
		Check	   *check = lfirst(cell);

		if (!check_decide(check))
			continue;
		if (verdict_accepted(checks->run, check->target, check->name))
			check->verdict = VERDICT_ACCEPTED;
		else if (checks->stopped_by == NULL)
			checks->stopped_by = check;
	}
	stops = checks->stopped_by;
	if (stops != NULL)
		ereport(ERROR,
				errcode(ERRCODE_CHECK_VIOLATION),
				errmsg("check \"%s\" of %s failed: %s", stops->name, stops->target,
					   stops->message));
}

void
step_checks_record(StepChecks *checks)
{
	ListCell   *cell;

	foreach(cell, checks->decided)
	{
		Check	   *check = lfirst(cell);
		VerdictRow	row = {
			.target = check->target,
			.check = check->name,
			.rule = check->rule->text,
			.on_fail = on_fail_name(check->on_fail),
			.severity = check->severity,
			.verdict = verdict_name(check->verdict),
			.judged = check->judge.judged,
			.failed = check->judge.failed,
			.value = check->value,
			.message = check->message,
			.samples = check->judge.samples
		};

		verdict_record(checks->run, checks->step, &row);
	}
	checks->decided = NIL;
}

char *
step_checks_hint(const StepChecks *checks)
{
	char	   *run = uuid_text(&checks->run->id);
	char	   *check = quote_literal_cstr(checks->stopped_by->name);
	char	   *hint;

	hint = psprintf("Look: SELECT * FROM dataops.check_results "
					"WHERE run_id = '%s' AND check_name = %s. "
					"Let it pass: SELECT dataops.accept_check('%s', %s, 'reason'), "
					"then SELECT dataops.retry('%s').",
					run, check, run, check, run);
	return MemoryContextStrdup(checks->run->memory, hint);
}
