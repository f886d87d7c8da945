/*
 * tick.c
 *	  The clock: what one call of tick() starts.  Due schedules become queued runs; then every
 *	  pipeline with work waiting (queued, due again, or left by a dead process) gets a worker.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "catalog/installation.h"
#include "catalog/lock.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "schedule/calendar.h"
#include "schedule/loop.h"
#include "schedule/procedure.h"
#include "schedule/queue.h"
#include "schedule/report.h"
#include "schedule/worker.h"

PG_FUNCTION_INFO_V1(dataops_tick);

/* ---- due schedules become queued runs ---- */

/*
 * Should this due time be left out?  Because a failed run holds the pipeline, or because the former
 * run still goes on and the pipeline skips then.
 */
static bool
is_held_back(Definition *pipeline, const char *env)
{
	static const char sql[] =
		"SELECT state FROM dataops.run WHERE pipeline = $1 AND env = $2 ORDER BY id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	char	   *state;

	if (ledger_is_held(pipeline->object, env))
		return true;
	sql_add_text(&args, pipeline->object);
	sql_add_text(&args, env);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return false;
	state = sql_text(rows, 0, 1);
	if (strcmp(state, "queued") == 0 || strcmp(state, "running") == 0 ||
		strcmp(state, "waiting") == 0)
	{
		char	   *choice = spec_text(pipeline->spec, "if_running", pipeline->object);

		return choice == NULL || strcmp(choice, "skip") == 0;
	}
	return false;
}

typedef struct DueSchedule
{
	char	   *pipeline;
	char	   *env;
	char	   *cron;
	char	   *timezone;
	TimestampTz due;
	TimestampTz now;
} DueSchedule;

static void
queue_scheduled(void *arg)
{
	const DueSchedule *schedule = arg;
	Definition *pipeline = definition_find(DEFINITION_PIPELINE, "", schedule->pipeline,
										   schedule->env);

	if (pipeline != NULL && !is_held_back(pipeline, schedule->env))
		queue_due(pipeline, schedule->env, schedule->now, schedule->due, NIL);
}

static void
advance(void *arg)
{
	static const char sql[] =
		"UPDATE dataops.schedule SET last_at = next_at, next_at = $3 "
		"WHERE pipeline = $1 AND env = $2";
	const DueSchedule *schedule = arg;
	SqlArgs		args = {0};

	sql_add_text(&args, schedule->pipeline);
	sql_add_text(&args, schedule->env);
	sql_add_timestamptz(&args, calendar_next(schedule->cron, schedule->timezone, schedule->now));
	sql_run_own(sql, &args);
}

/* One schedule that cannot be read must not keep the others from starting. */
static void
attempt(void (*act) (void *arg), DueSchedule *schedule)
{
	ErrorData  *error = sql_run_guarded(act, schedule);

	if (error != NULL)
		ereport(WARNING,
				errmsg("could not start pipeline \"%s\": %s", schedule->pipeline, error->message));
}

static void
queue_due_schedules(TimestampTz now)
{
	static const char sql[] =
		"SELECT s.pipeline, s.env, s.cron, s.timezone, s.next_at FROM dataops.schedule s "
		"JOIN dataops.deployment p ON p.kind = 'pipeline' AND p.object = s.pipeline "
		" AND p.env = s.env "
		"JOIN dataops.definition d ON d.id = p.definition "
		"WHERE s.state = 'active' AND s.next_at <= $1 "
		"AND ($3 OR pg_has_role($2::oid, d.owner::oid, 'USAGE')) "
		"ORDER BY s.next_at, s.pipeline FOR UPDATE OF s SKIP LOCKED";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_timestamptz(&args, now);
	sql_add_oid(&args, GetUserId());
	sql_add_bool(&args, role_has_level(GetUserId(), "operator"));
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		DueSchedule schedule = {
			.pipeline = sql_text(rows, i, 1),
			.env = sql_text(rows, i, 2),
			.cron = sql_text(rows, i, 3),
			.timezone = sql_text(rows, i, 4),
			.due = sql_timestamptz(rows, i, 5),
			.now = now
		};

		attempt(queue_scheduled, &schedule);
		attempt(advance, &schedule);
	}
}

/* ---- pipelines with work get a worker ---- */

/* (pipeline, env) that the current user may run, nobody works on and that have something to do. */
static SqlRows *
pipelines_with_work(TimestampTz now)
{
	static const char sql[] =
		"SELECT r.pipeline, r.env FROM dataops.run r "
		"WHERE (r.state IN ('queued', 'running') "
		" OR r.state = 'waiting' AND r.next_attempt_at <= $1) "
		"AND ($3 OR pg_has_role($2::oid, r.owner::oid, 'USAGE')) "
		"AND EXISTS (SELECT FROM dataops.deployment p WHERE p.kind = 'pipeline' "
		" AND p.object = r.pipeline AND p.env = r.env) "
		"AND " LEDGER_NOT_HELD " "
		"GROUP BY r.pipeline, r.env ORDER BY min(r.id::text)";
	SqlArgs		args = {0};

	sql_add_timestamptz(&args, now);
	sql_add_oid(&args, GetUserId());
	sql_add_bool(&args, role_has_level(GetUserId(), "operator"));
	return sql_run_own(sql, &args);
}

/* No worker slot is free: does one step here, so that even a full server goes on. */
static void
work_here(const char *pipeline, const char *env, TimestampTz now, MemoryContext memory)
{
	LoopOptions options = {.now = now, .step_limit = 1};
	RunEnd		end;

	if (!lock_acquire(memory, pipeline, env))
		return;
	end = loop_work_off(pipeline, env, &options, memory);
	if (end.state != NULL && strcmp(end.state, "failed") == 0)
		ereport(WARNING,
				errmsg("pipeline \"%s\" failed at step \"%s\": %s", pipeline, end.failed_step,
					   end.error),
				errhint("%s", report_hint(end.hint, end.run_id)));
}

/* tick(now): to be called each minute, by pg_cron or anything else */
Datum
dataops_tick(PG_FUNCTION_ARGS)
{
	MemoryContext memory = procedure_begin(fcinfo, "dataops.tick()");
	TimestampTz now = PG_ARGISNULL(0) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(0);
	Run			clock = {.memory = memory};	/* of no pipeline: only its transactions are used */
	SqlRows    *rows;
	uint64		left;

	installation_check();
	txn_begin(&clock);
	queue_due_schedules(now);
	txn_commit(&clock);

	txn_begin(&clock);
	MemoryContextSwitchTo(memory);
	rows = pipelines_with_work(now);
	for (left = 0; left < rows->count; left++)
	{
		char	   *pipeline = sql_text(rows, left, 1);
		char	   *env = sql_text(rows, left, 2);

		if (ledger_holder(pipeline, env) == 0 && !worker_launch(pipeline, env, now))
			break;
	}
	txn_commit(&clock);
	if (left < rows->count)
		work_here(sql_text(rows, left, 1), sql_text(rows, left, 2), now, memory);
	procedure_end(memory);
	PG_RETURN_VOID();
}
