/*
 * interval.c
 *	  Every SQL text about the times that are done, and the gaps between them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/interval.h"

#include "catalog/sql.h"

void
interval_done(Run *run)
{
	static const char sql[] =
		"INSERT INTO dataops.interval (pipeline, env, start_at, end_at, run, done_at) "
		"VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT DO NOTHING";
	SqlArgs		args = {0};

	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_timestamptz(&args, run->from_ts);
	sql_add_timestamptz(&args, run->to_ts);
	sql_add_uuid(&args, &run->id);
	sql_run_own(sql, &args);
}

List *
interval_missing(const char *pipeline, const char *env, TimestampTz start, TimestampTz fallback,
			   TimestampTz end)
{
	static const char sql[] =
		"WITH taken AS (SELECT start_at, end_at "
		"FROM dataops.interval WHERE pipeline = $1 AND env = $2 "
		" UNION ALL SELECT from_ts, to_ts "
		"FROM dataops.run WHERE pipeline = $1 AND env = $2 AND steps IS NULL "
		"  AND state IN ('queued', 'running', 'waiting')), "
		"done AS (SELECT range_agg(tstzrange(start_at, end_at)) AS ranges, min(start_at) AS first "
		" FROM taken WHERE start_at < end_at), "
		"wanted AS (SELECT CASE WHEN $3 > '-infinity' "
		"THEN $3 ELSE coalesce(first, $4) END AS start FROM done) "
		"SELECT lower(gap), upper(gap) FROM done, wanted, "
		" unnest(tstzmultirange(tstzrange(start, greatest(start, $5))) - coalesce(ranges, "
		"'{}')) gap "
		"ORDER BY 1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *list = NIL;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, start);
	sql_add_timestamptz(&args, fallback);
	sql_add_timestamptz(&args, end);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		TimeRange  *range = palloc(sizeof(TimeRange));

		range->from_ts = sql_timestamptz(rows, i, 1);
		range->to_ts = sql_timestamptz(rows, i, 2);
		list = lappend(list, range);
	}
	return list;
}

TimestampTz
interval_last_end(const char *pipeline, const char *env, TimestampTz until)
{
	static const char sql[] =
		"SELECT coalesce(max(end_at), '-infinity') FROM dataops.interval "
		"WHERE pipeline = $1 AND env = $2 AND end_at <= $3";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, until);
	return sql_timestamptz(sql_run_own(sql, &args), 0, 1);
}

void
interval_forget(const char *pipeline, const char *env)
{
	static const char sql[] = "DELETE FROM dataops.interval WHERE pipeline = $1 AND env = $2";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_run_own(sql, &args);
}
