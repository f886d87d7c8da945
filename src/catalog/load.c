/*
 * load.c
 *	  The life of loads, as rows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/load.h"

#include "catalog/sql.h"
#include "core/uuid.h"

static void
add_place(SqlArgs *args, Run *run, Step *step, const LoadRecord *load)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, run->env);
	sql_add_text(args, step->name);
	sql_add_text(args, load->relation);
	sql_add_text(args, load->server);
	sql_add_text(args, load->target);
}

void
load_add(Run *run, Step *step, const LoadRecord *load)
{
	static const char sql[] =
		"INSERT INTO dataops.load (pipeline, env, step, relation, server, target, id, run, "
		" step_run, mode, name, snapshot, tables, installation, rows, rows_loaded, bytes, "
		" expected, state, whole, created_at, loaded_at, finished_at) "
		"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::pg_snapshot, $13, i.id, "
		" $14, CASE WHEN $18 IN ('loaded', 'done') THEN $15 END, $16, $17, $18, $19, t, "
		" CASE WHEN $18 IN ('loaded', 'done') THEN t END, "
		" CASE WHEN $18 IN ('loaded', 'done') THEN t END "
		"FROM dataops.installation i, clock_timestamp() t";
	SqlArgs		args = {0};

	add_place(&args, run, step, load);
	sql_add_uuid(&args, &load->id);
	sql_add_uuid(&args, &run->id);
	sql_add_uuid(&args, &step->step_run);
	sql_add_text(&args, load->mode);
	sql_add_text(&args, load->name);
	sql_add_text(&args, load->snapshot);
	sql_add_oids(&args, load->tables);
	sql_add_bigint(&args, load->rows);
	sql_add_bigint(&args, load->rows_loaded);
	sql_add_bigint(&args, load->bytes);
	sql_add_jsonb(&args, load->expected);
	sql_add_text(&args, load->state);
	sql_add_bool(&args, load->whole);
	sql_run_own(sql, &args);
}

/* ---- the life of a remote load ---- */

#define READ_LOAD \
	"SELECT l.id, l.relation, l.server, l.target, l.mode, l.name, l.rows, l.rows_loaded, " \
	" l.bytes, l.expected, l.job, l.state, l.run, e.server, l.whole " \
	"FROM dataops.load l LEFT JOIN dataops.export e ON e.load = l.id " \
	" AND e.state IN ('open', 'uploaded') " \
	"WHERE l.pipeline = $1 AND l.env = $2 AND l.step = $3 " \
	"AND l.installation = (SELECT id FROM dataops.installation) "

static LoadRecord *
read_load(const SqlRows *rows, uint64 row)
{
	LoadRecord *load = palloc0(sizeof(LoadRecord));

	load->id = *sql_uuid(rows, row, 1);
	load->relation = sql_text(rows, row, 2);
	load->server = sql_text(rows, row, 3);
	load->target = sql_text(rows, row, 4);
	load->mode = sql_text(rows, row, 5);
	load->name = sql_text(rows, row, 6);
	load->rows = sql_bigint(rows, row, 7);
	load->rows_loaded = sql_bigint(rows, row, 8);
	load->bytes = sql_bigint(rows, row, 9);
	load->expected = sql_jsonb(rows, row, 10);
	load->job = sql_text(rows, row, 11);
	load->state = sql_text(rows, row, 12);
	load->run = *sql_uuid(rows, row, 13);
	load->stage = sql_text(rows, row, 14);
	load->whole = sql_bool(rows, row, 15);
	return load;
}

static void
add_step(SqlArgs *args, Run *run, Step *step)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, run->env);
	sql_add_text(args, step->name);
}

LoadRecord *
load_unfinished(Run *run, Step *step)
{
	static const char sql[] =
		READ_LOAD "AND l.state IN ('open', 'loading', 'loaded') AND l.finished_at IS NULL "
		"ORDER BY l.id LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	add_step(&args, run, step);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? NULL : read_load(rows, 0);
}

static void
end_forsaken(const char *server, const char *target)
{
	static const char sql[] =
		"UPDATE dataops.load l SET "
		" state = CASE state WHEN 'open' THEN 'removed' ELSE 'failed' END, "
		" finished_at = clock_timestamp(), error = 'the step is not defined any more' "
		"WHERE l.server = $1 AND l.target = $2 AND l.finished_at IS NULL "
		"AND l.installation = (SELECT id FROM dataops.installation) "
		"AND NOT EXISTS (SELECT FROM dataops.deployment p WHERE p.kind = 'step' "
		" AND p.pipeline = l.pipeline AND p.env = l.env AND p.object = l.step)";
	SqlArgs		args = {0};

	sql_add_text(&args, server);
	sql_add_text(&args, target);
	sql_run_own(sql, &args);
}

char *
load_other_unfinished(Run *run, const char *step, const char *server, const char *target)
{
	static const char sql[] =
		"SELECT l.step, l.pipeline FROM dataops.load l WHERE l.server = $1 AND l.target = $2 "
		"AND l.state IN ('loading', 'loaded') AND l.finished_at IS NULL "
		"AND l.installation = (SELECT id FROM dataops.installation) "
		"AND ($3::text, $4::text, $5::text) IS DISTINCT FROM (l.pipeline, l.env, l.step) LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	end_forsaken(server, target);
	sql_add_text(&args, server);
	sql_add_text(&args, target);
	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_text(&args, step);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? NULL :
		psprintf("step \"%s\" of pipeline \"%s\"", sql_text(rows, 0, 1), sql_text(rows, 0, 2));
}

List *
load_with_files(Run *run, Step *step)
{
	static const char sql[] =
		READ_LOAD "AND l.finished_at IS NOT NULL AND e.id IS NOT NULL ORDER BY l.id";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *loads = NIL;

	add_step(&args, run, step);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
		loads = lappend(loads, read_load(rows, i));
	return loads;
}

void
load_set_state(LoadRecord *load, const char *state, bool ended)
{
	static const char sql[] =
		"UPDATE dataops.load SET state = $3, job = coalesce($4, job), "
		" publish_job = coalesce($5, publish_job), rows_loaded = $6, "
		" bytes_billed = bytes_billed + $7, error = $8, "
		" loaded_at = CASE WHEN $3 = 'loaded' THEN coalesce(loaded_at, clock_timestamp()) "
		"  ELSE loaded_at END, "
		" finished_at = CASE WHEN $9 THEN clock_timestamp() END "
		"WHERE id = $1 AND state = $2";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &load->id);
	sql_add_text(&args, load->state);
	sql_add_text(&args, state);
	sql_add_text(&args, load->job);
	sql_add_text(&args, load->publish_job);
	sql_add_bigint(&args, load->rows_loaded);
	sql_add_bigint(&args, load->bytes_billed);
	sql_add_text(&args, load->error);
	sql_add_bool(&args, ended);
	if (sql_run_own(sql, &args)->count != 1)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("load %s was ended by another process", load->name));
	load->state = state;
	load->bytes_billed = 0;
}

bool
load_follows_failure(const LoadRecord *load)
{
	static const char sql[] =
		"SELECT state = 'failed' FROM dataops.load WHERE server = $1 AND target = $2 "
		"AND state <> 'removed' AND id < $3 "
		"AND installation = (SELECT id FROM dataops.installation) "
		"ORDER BY id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, load->server);
	sql_add_text(&args, load->target);
	sql_add_uuid(&args, &load->id);
	rows = sql_run_own(sql, &args);
	return rows->count > 0 && sql_bool(rows, 0, 1);
}

void
load_forget_unpublished(const LoadRecord *load)
{
	static const char sql[] =
		"UPDATE dataops.load SET state = 'removed' WHERE server = $1 AND target = $2 "
		"AND state = 'loaded' AND finished_at IS NOT NULL";
	SqlArgs		args = {0};

	sql_add_text(&args, load->server);
	sql_add_text(&args, load->target);
	sql_run_own(sql, &args);
}

LoadBase
load_base(Run *run, Step *step, const LoadRecord *load)
{
	static const char sql[] =
		"SELECT CASE WHEN l.installation = i.id THEN l.snapshot::text END, l.tables "
		"FROM dataops.load l, dataops.installation i WHERE l.pipeline = $1 AND l.env = $2 "
		"AND l.step = $3 AND l.relation = $4 AND l.server = $5 AND l.target = $6 "
		"AND l.state IN ('loaded', 'done') ORDER BY l.id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	LoadBase	base = {0};

	add_place(&args, run, step, load);
	rows = sql_run_own(sql, &args);
	if (rows->count > 0)
	{
		base.snapshot = sql_text(rows, 0, 1);
		base.tables = sql_oids(rows, 0, 2);
		base.unknown = base.snapshot == NULL;
	}
	return base;
}

static void
add_table(SqlArgs *args, Run *run, const char *server, const char *target)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, run->env);
	sql_add_text(args, server);
	sql_add_text(args, target);
}

char *
load_last_unpublished(Run *run, const char *server, const char *target)
{
	static const char sql[] =
		"SELECT name FROM dataops.load WHERE pipeline = $1 AND env = $2 AND server = $3 "
		"AND target = $4 AND state = 'loaded' AND finished_at IS NOT NULL "
		"ORDER BY id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	add_table(&args, run, server, target);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? NULL : sql_text(rows, 0, 1);
}

void
load_set_published(Run *run, const char *server, const char *target, const char *job)
{
	static const char sql[] =
		"UPDATE dataops.load SET state = 'done', publish_job = $5, "
		" finished_at = clock_timestamp() "
		"WHERE pipeline = $1 AND env = $2 AND server = $3 AND target = $4 AND state = 'loaded' "
		"AND finished_at IS NOT NULL";
	SqlArgs		args = {0};

	add_table(&args, run, server, target);
	sql_add_text(&args, job);
	sql_run_own(sql, &args);
}
