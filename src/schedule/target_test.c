/*
 * target_test.c
 *	  Runs the targets of a pipeline in the caller's transaction, without the run loop: for tests of
 *	  strategies and checks.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#ifdef DATAOPS_TEST

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/ledger.h"
#include "schedule/plan.h"
#include "schedule/target.h"

static const char *const outcomes[] = {"done", "unchanged", "failed", "later"};

static void
put_result(ReturnSetInfo *out, Step *step, StageResult *result)
{
	Datum		values[9] = {0};
	bool		nulls[9] = {false};

	values[0] = CStringGetTextDatum(step->name);
	values[1] = CStringGetTextDatum(outcomes[result->outcome]);
	values[2] = Int64GetDatum(result->rows_in);
	values[3] = Int64GetDatum(result->rows_out);
	values[4] = Int64GetDatum(result->rows_quarantined);
	nulls[5] = nulls[6] = !result->has_range;
	values[5] = TimestampTzGetDatum(result->changed_from);
	values[6] = TimestampTzGetDatum(result->changed_to);
	nulls[7] = result->error == NULL;
	if (!nulls[7])
		values[7] = CStringGetTextDatum(result->error);
	nulls[8] = result->hint == NULL;
	if (!nulls[8])
		values[8] = CStringGetTextDatum(result->hint);
	tuplestore_putvalues(out->setResult, out->setDesc, values, nulls);
}

/* _test_targets(pipeline, from_ts, to_ts): all steps but fetches; stops at the first failure */
PG_FUNCTION_INFO_V1(dataops__test_targets);
Datum
dataops__test_targets(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimeRange	range = {PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)};
	ReturnSetInfo *out = (ReturnSetInfo *) fcinfo->resultinfo;
	RunEnd		end = {.state = "succeeded"};
	RunScope	scope = {.env = "prod", .start_ts = range.from_ts, .end_ts = range.to_ts};
	Run		   *run;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	run = ledger_claim(ledger_queue(definition_get(DEFINITION_PIPELINE, "", name, "prod"), "prod",
									range, 0, NIL), CurrentMemoryContext);
	foreach(cell, plan_order(run->steps, name))
	{
		Step	   *step = lfirst(cell);
		StageResult result;

		if (step->kind == STEP_FETCH)
			continue;
		run_scope_set(&scope);
		ledger_step_start(run, step);
		result = target_run(run, step);
		ledger_step_finish(run, step, &result);
		put_result(out, step, &result);
		if (result.outcome == STAGE_FAILED)
		{
			end.state = "failed";
			break;
		}
	}
	ledger_finish(run, &end);
	run_scope_set(NULL);
	return (Datum) 0;
}

/* _test_source(name, spec): a source as far as models care, without a server behind it */
PG_FUNCTION_INFO_V1(dataops__test_source);
Datum
dataops__test_source(PG_FUNCTION_ARGS)
{
	definition_put(DEFINITION_SOURCE, "", text_to_cstring(PG_GETARG_TEXT_PP(0)), "prod",
				   PG_GETARG_JSONB_P(1), GetUserId());
	PG_RETURN_VOID();
}

#endif
