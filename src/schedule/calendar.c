/*
 * calendar.c
 *	  schedule(), unschedule(), pause(), resume(), and the pg_cron job "dataops tick" of each role
 *	  that schedules.  pg_cron may be absent or live in another database: then we say what to run.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/calendar.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog/definition.h"
#include "catalog/ledger.h"
#include "catalog/role.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "schedule/cron.h"
#include "schedule/plan.h"
#include "schedule/procedure.h"

PG_FUNCTION_INFO_V1(dataops_schedule);
PG_FUNCTION_INFO_V1(dataops_unschedule);
PG_FUNCTION_INFO_V1(dataops_pause);
PG_FUNCTION_INFO_V1(dataops_resume);

TimestampTz
calendar_next(const char *cron, const char *timezone, TimestampTz after)
{
	CronSchedule schedule;
	char	   *why;
	TimestampTz next;

	if (!cron_parse(cron, &schedule, &why))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a schedule: %s", cron, why),
				errhint("A schedule has five fields: minute, hour, day of month, month, "
						"day of week."));
	next = cron_next(&schedule, cron_zone(timezone), after);
	if (next == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("schedule \"%s\" is never due", cron));
	return next;
}

/* ---- the tick job ---- */

static void
make_tick_job(void *arg)
{
	static const char sql[] =
		"SELECT cron.schedule('dataops tick', '* * * * *', 'CALL dataops.tick()')";

	SPI_connect();
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of cron.schedule()");
	SPI_finish();
}

/* As the caller, whom pg_cron shows his own jobs. */
static void
find_tick_job(void *arg)
{
	static const char sql[] =
		"SELECT FROM cron.job WHERE active "
		"AND command OPERATOR(pg_catalog.=) 'CALL dataops.tick()' "
		"AND username OPERATOR(pg_catalog.=) CURRENT_USER::pg_catalog.text "
		"AND database OPERATOR(pg_catalog.=) pg_catalog.current_database()::pg_catalog.text";

	SPI_connect();
	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a query of cron.job");
	*(bool *) arg = SPI_processed > 0;
	SPI_finish();
}

/* Is the extension here?  A schema "cron" that somebody made himself may hold anything. */
static bool
cron_is_here(void)
{
	static const char sql[] =
		"SELECT count(*) = 2 FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid "
		"WHERE e.extname = 'pg_cron' AND d.refclassid = 'pg_extension'::regclass "
		"AND d.deptype = 'e' AND (d.classid, d.objid) IN "
		" (('pg_proc'::regclass::oid, to_regprocedure('cron.schedule(text,text,text)')::oid), "
		"  ('pg_class'::regclass::oid, to_regclass('cron.job')::oid))";

	return sql_bool(sql_run_own(sql, NULL), 0, 1);
}

/*
 * Makes sure that somebody calls tick() for this role, or says what an administrator must run.  For
 * a role that cannot log in that is who has become it.
 */
static void
ensure_tick_job(void)
{
	ErrorData  *error = NULL;
	char	   *database = get_database_name(MyDatabaseId);
	bool		connects = role_can_log_in(GetUserId());
	bool		exists = false;

	if (connects && cron_is_here())
	{
		error = sql_run_guarded(find_tick_job, &exists);
		if (error == NULL && !exists)
			error = sql_run_guarded(make_tick_job, NULL);
		if (error == NULL)
			return;
	}
	ereport(NOTICE,
			errmsg("nothing calls dataops.tick() for role \"%s\" yet",
				   GetUserNameFromId(GetUserId(), false)),
			!connects ? errdetail("It cannot log in, so pg_cron cannot do so.") :
			error ? errdetail("pg_cron answered: %s", error->message) :
			errdetail("The extension pg_cron is not installed in database \"%s\".", database),
			errhint("In the database of pg_cron an administrator runs: "
					"SELECT cron.schedule_in_database("
					"'dataops tick %s', '* * * * *', 'CALL dataops.tick()', %s, %s)",
					database, quote_literal_cstr(database),
					quote_literal_cstr(GetUserNameFromId(role_to_connect_as(), false))));
}

/* ---- commands ---- */

/* schedule(pipeline, env) → the next due time */
Datum
dataops_schedule(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"INSERT INTO dataops.schedule AS s (pipeline, env, cron, timezone, state, next_at, "
		"scheduled_by) "
		"VALUES ($1, $2, $3, $4, 'active', $5, $6::name) ON CONFLICT (pipeline, env) DO UPDATE "
		"SET cron = $3, timezone = $4, state = 'active', next_at = $5, scheduled_by = $6::name";
	char	   *env;
	Definition *pipeline = argument_pipeline(fcinfo, &env);
	const char *what = psprintf("pipeline \"%s\"", pipeline->object);
	char	   *cron = spec_text(pipeline->spec, "schedule", what);
	char	   *timezone = spec_text(pipeline->spec, "timezone", what);
	TimestampTz next;
	SqlArgs		args = {0};

	if (cron == NULL)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("pipeline \"%s\" has no schedule", pipeline->object),
				errhint("Name one in dataops.create_pipeline(…, schedule => '*/15 * * * *')."));
	timezone = timezone ? timezone : "UTC";
	next = calendar_next(cron, timezone, GetCurrentTimestamp());
	sql_add_text(&args, pipeline->object);
	sql_add_text(&args, env);
	sql_add_text(&args, cron);
	sql_add_text(&args, timezone);
	sql_add_timestamptz(&args, next);
	sql_add_text(&args, GetUserNameFromId(GetUserId(), false));
	sql_run_own(sql, &args);
	audit_record("schedule", pipeline->object, NULL);
	ensure_tick_job();
	PG_RETURN_TIMESTAMPTZ(next);
}

/* Runs "sql" with (pipeline, env, next due time from now); true when a row was changed. */
static bool
change_schedule(FunctionCallInfo fcinfo, const char *sql, const char *action, bool with_next)
{
	char	   *env;
	Definition *pipeline = argument_pipeline(fcinfo, &env);
	SqlArgs		args = {0};
	bool		changed;

	sql_add_text(&args, pipeline->object);
	sql_add_text(&args, env);
	if (with_next)
	{
		const char *what = psprintf("pipeline \"%s\"", pipeline->object);
		char	   *timezone = spec_text(pipeline->spec, "timezone", what);
		char	   *cron = spec_text_required(pipeline->spec, "schedule", what);

		sql_add_timestamptz(&args, calendar_next(cron, timezone ? timezone : "UTC",
												 GetCurrentTimestamp()));
	}
	changed = sql_run_own(sql, &args)->count > 0;
	if (changed)
		audit_record(action, pipeline->object, NULL);
	return changed;
}

/* unschedule(pipeline, env) → false when it was not scheduled */
Datum
dataops_unschedule(PG_FUNCTION_ARGS)
{
	static const char sql[] = "DELETE FROM dataops.schedule WHERE pipeline = $1 AND env = $2";

	PG_RETURN_BOOL(change_schedule(fcinfo, sql, "unschedule", false));
}

/* pause(pipeline, env) → false when it was not scheduled */
Datum
dataops_pause(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"UPDATE dataops.schedule SET state = 'paused' WHERE pipeline = $1 AND env = $2";

	PG_RETURN_BOOL(change_schedule(fcinfo, sql, "pause", false));
}

/*
 * resume(pipeline, env) → false when it was neither scheduled nor held; missed intervals come
 * with the next run
 */
Datum
dataops_resume(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"UPDATE dataops.schedule SET state = 'active', next_at = $3 "
		"WHERE pipeline = $1 AND env = $2";
	char	   *env;
	Definition *pipeline = argument_pipeline(fcinfo, &env);
	bool		released = ledger_release(pipeline->object, env);

	if (spec_has(pipeline->spec, "schedule") && change_schedule(fcinfo, sql, "resume", true))
		PG_RETURN_BOOL(true);
	if (released)
		audit_record("resume", pipeline->object, NULL);
	PG_RETURN_BOOL(released);
}
