/*
 * unfinished.c
 *	  Every SQL text about runs that have not done all of their work.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/unfinished.h"

#include "catalog/landing.h"
#include "catalog/sql.h"

static UnfinishedRun *
read_run(SqlRows *rows, uint64 row)
{
	UnfinishedRun *run = palloc(sizeof(UnfinishedRun));

	run->id = *sql_uuid(rows, row, 1);
	run->state = sql_text(rows, row, 2);
	run->partial = sql_bool(rows, row, 3);
	run->next_attempt_at = sql_timestamptz(rows, row, 4);
	return run;
}

List *
unfinished_landings(const char *pipeline, const char *env, Oid owner, List *steps)
{
	/* whatever came before the last success has been read again, if it was there still */
	static const char sql[] =
		"SELECT r.id, r.state, r.steps IS NOT NULL, r.next_attempt_at FROM dataops.run r "
		"WHERE r.pipeline = $1 AND r.env = $2 AND r.owner = $3::regrole "
		"AND r.state IN ('failed', 'waiting') "
		"AND r.id > coalesce((SELECT s.id FROM dataops.run s WHERE s.pipeline = $1 AND s.env = $2 "
		"  AND s.steps IS NULL AND s.state = 'succeeded' ORDER BY s.id DESC LIMIT 1), "
		" '00000000-0000-0000-0000-000000000000') "
		"AND EXISTS (SELECT FROM dataops.deployment p "
		" JOIN dataops.definition d ON d.id = p.definition "
		" CROSS JOIN LATERAL (SELECT d.spec->>'source' AS name OFFSET 0) source "
		" WHERE p.kind = 'step' AND p.pipeline = $1 AND p.env = $2 AND d.spec->>'kind' = 'fetch' "
		" AND (r.steps IS NULL OR p.object = ANY (r.steps)) "
		" AND ($4::text[] IS NULL OR p.object = ANY ($4)) "
		" AND EXISTS (SELECT FROM dataops.batch b WHERE b.run = r.id AND b.source = source.name "
		"  AND b.env = $2) "
		" AND NOT EXISTS (SELECT FROM dataops.step_run s WHERE s.run = r.id AND s.step = p.object "
		"  AND s.state IN ('succeeded', 'skipped') "
		"  AND (s.claim > r.redo_claim OR s.step <> ALL (coalesce(r.redo, '{}')))) "
		" AND EXISTS (SELECT FROM dataops.cursor c "
		"  JOIN dataops.deployment t "
		"   ON t.kind = 'source' AND t.object = c.source AND t.env = c.env "
		"  JOIN dataops.definition now ON now.id = t.definition "
		"  JOIN dataops.definition old ON old.id = c.definition "
		"  WHERE c.source = source.name AND c.env = $2 AND c.run = r.id "
		"  AND " LANDING_SAME_PAGES("old", "now") ")) "
		"ORDER BY r.id";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *runs = NIL;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_oid(&args, owner);
	sql_add_texts(&args, steps);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
		runs = lappend(runs, read_run(rows, i));
	return runs;
}

UnfinishedRun *
unfinished_first(const char *pipeline, const char *env, TimeRange within, bool whole)
{
	static const char sql[] =
		"SELECT id, state, steps IS NOT NULL, next_attempt_at FROM dataops.run "
		"WHERE pipeline = $1 AND env = $2 AND state IN ('queued', 'running', 'waiting') "
		"AND (steps IS NULL OR NOT $5) AND from_ts < $4 AND to_ts > $3 "
		"ORDER BY state <> 'waiting', id LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, within.from_ts);
	sql_add_timestamptz(&args, within.to_ts);
	sql_add_bool(&args, whole);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? NULL : read_run(rows, 0);
}
