/*
 * fetch_test.c
 *	  The tests' way to fetch and land a source without a pipeline; not in an ordinary build.
 *	  sql/test/fetch.sql has the signature.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#ifdef DATAOPS_TEST

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "catalog/lock.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "core/uuid.h"
#include "fetch/fetch.h"
#include "land/land.h"

PG_FUNCTION_INFO_V1(dataops_test_fetch);
PGDLLEXPORT Datum dataops_test_fetch(PG_FUNCTION_ARGS);

/* The run and an attempt of its one step, as the ledger would write them. */
static void
record_run(Run *run, Step *step)
{
	static const char run_sql[] =
		"INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, "
		"state, created_at) "
		"VALUES ($1, $2, $3, $4, '{}', $5::regrole, session_user, 'running', clock_timestamp()) "
		"ON CONFLICT (id) DO NOTHING";
	static const char step_sql[] =
		"INSERT INTO dataops.step_run (id, run, step, attempt, kind, state, claim, started_at) "
		"VALUES ($1, $2, $3, (SELECT count(*) + 1 FROM dataops.step_run WHERE run = $2), 'fetch', "
		"'running', 0, "
		"clock_timestamp())";
	SqlArgs		run_args = {0};
	SqlArgs		step_args = {0};

	txn_begin(run);
	sql_add_uuid(&run_args, &run->id);
	sql_add_text(&run_args, run->pipeline);
	sql_add_timestamptz(&run_args, run->from_ts);
	sql_add_timestamptz(&run_args, run->to_ts);
	sql_add_oid(&run_args, run->owner);
	sql_run_own(run_sql, &run_args);
	sql_add_uuid(&step_args, &step->step_run);
	sql_add_uuid(&step_args, &run->id);
	sql_add_text(&step_args, step->name);
	sql_run_own(step_sql, &step_args);
	txn_commit(run);
}

static void
report(const StageResult *result)
{
	static const char *const outcomes[] = {"done", "unchanged", "failed"};

	ereport(NOTICE,
			errmsg("%s: " INT64_FORMAT " records, " INT64_FORMAT " quarantined%s%s",
				   result->next_attempt_at != 0 ? "later" : outcomes[result->outcome],
				   result->rows_out, result->rows_quarantined, result->error != NULL ? ": " : "",
				   result->error != NULL ? result->error : ""),
			result->hint != NULL ? errhint("%s", result->hint) : 0);
}

Datum
dataops_test_fetch(PG_FUNCTION_ARGS)
{
	MemoryContext memory = AllocSetContextCreate(PortalContext, "dataops test run",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(memory);
	char	   *source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *archive = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Run		   *run = palloc0(sizeof(Run));
	Step	   *step = palloc0(sizeof(Step));
	StageResult result;
	ErrorData  *volatile error = NULL;

	run->pipeline = psprintf("test_%s", source);
	run->env = "prod";
	run->owner = GetUserId();
	run->timezone = "UTC";
	run->search_path = "pg_catalog";
	run->from_ts = PG_GETARG_TIMESTAMPTZ(2);
	run->to_ts = PG_GETARG_TIMESTAMPTZ(3);
	run->id = PG_ARGISNULL(4) ? uuid_v7() : *PG_GETARG_UUID_P(4);
	run->memory = memory;
	step->name = source;
	step->target = source;
	step->kind = STEP_FETCH;
	step->step_run = uuid_v7();
	step->attempt = 1;
	step->spec = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(
		psprintf("{\"archive\": \"%s\"}", archive))));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	if (!lock_acquire(memory, run->pipeline, run->env))
		ereport(ERROR, errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("another session fetches source \"%s\"", source));
	SPI_commit();
	MemoryContextSwitchTo(memory);
	record_run(run, step);
	run->guarded = true;
	PG_TRY();
	{
		result = fetch_stage(run, step, land_sink(memory));
	}
	PG_CATCH();
	{
		/* as the step loop does: an error leaves no transaction of the run behind */
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		txn_abort(run);
	}
	PG_END_TRY();
	if (error != NULL)
		ReThrowError(error);
	SPI_finish();
	report(&result);
	MemoryContextSwitchTo(previous);
	PG_RETURN_VOID();
}

#endif
