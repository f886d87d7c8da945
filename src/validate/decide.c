/*
 * decide.c
 *	  on_fail, warn_if and error_if applied to the tallies of a check.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "validate/decide.h"

static bool
exceeds(const Threshold *threshold, const RowJudge *judge)
{
	double		amount = judge->failed;

	if (threshold->is_share)
		amount = judge->judged > 0 ? 100.0 * judge->failed / judge->judged : 0;
	return threshold->or_equal ? amount >= threshold->bound : amount > threshold->bound;
}

bool
check_decide(Check *check)
{
	RowJudge   *judge = &check->judge;
	bool		serious = check->on_fail == ON_FAIL_QUARANTINE || check->on_fail == ON_FAIL_STOP;

	if (check->error_if.given)
		serious = exceeds(&check->error_if, judge);
	if (judge->failed == 0)
		check->verdict = VERDICT_PASSED;
	else if (serious)
		check->verdict = VERDICT_FAILED;
	else if (check->warn_if.given && !exceeds(&check->warn_if, judge))
		check->verdict = VERDICT_PASSED;
	else
		check->verdict = VERDICT_WARNED;
	if (check->message == NULL && rule_is_row(check->rule))
		check->message = psprintf(INT64_FORMAT " of " INT64_FORMAT " rows%s", judge->failed,
								  judge->judged,
								  judge->unknown == 0 ? ""
								  : psprintf(", " INT64_FORMAT " unknown", judge->unknown));
	/* a quarantine stops as well once more rows fail than its bound allows */
	return check->verdict == VERDICT_FAILED &&
		(check->on_fail == ON_FAIL_STOP || check->error_if.given);
}
