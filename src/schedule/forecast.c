/*
 * forecast.c
 *	  What plan() shows: the ranges that are due and the steps in their order.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog/ledger.h"
#include "catalog/sql.h"
#include "schedule/plan.h"
#include "schedule/procedure.h"

PG_FUNCTION_INFO_V1(dataops__plan_ranges);
PG_FUNCTION_INFO_V1(dataops__plan_steps);

/* _plan_ranges(pipeline, env) → (run, from_ts, to_ts): what run() would do now, in order */
Datum
dataops__plan_ranges(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *returned = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *env;
	Definition *pipeline;
	ListCell   *cell;
	int			number = 0;

	InitMaterializedSRF(fcinfo, 0);
	pipeline = argument_pipeline(fcinfo, &env);
	foreach(cell, plan_ranges(pipeline, env, GetCurrentTimestamp()))
	{
		TimeRange  *range = lfirst(cell);
		Datum		values[3] = {Int32GetDatum(++number), TimestampTzGetDatum(range->from_ts),
								 TimestampTzGetDatum(range->to_ts)};
		bool		nulls[3] = {false};

		tuplestore_putvalues(returned->setResult, returned->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* _plan_steps(pipeline, env) → (position, step, kind, target, after): the order of a run */
Datum
dataops__plan_steps(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *returned = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *env;
	Definition *pipeline;
	ListCell   *cell;
	int			position = 0;

	InitMaterializedSRF(fcinfo, 0);
	pipeline = argument_pipeline(fcinfo, &env);
	foreach(cell, plan_order(ledger_current_steps(pipeline, env), pipeline->object))
	{
		Step	   *step = lfirst(cell);
		Datum		values[5] = {Int32GetDatum(++position), CStringGetTextDatum(step->name),
								 CStringGetTextDatum(ledger_kind_name(step->kind)),
								 step->target ? CStringGetTextDatum(step->target) : (Datum) 0,
								 sql_texts_datum(step->after)};
		bool		nulls[5] = {[3] = step->target == NULL};

		tuplestore_putvalues(returned->setResult, returned->setDesc, values, nulls);
	}
	return (Datum) 0;
}
