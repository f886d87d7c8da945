/*
 * input.c
 *	  Every SQL text about consumption: set differences between what landed or changed and what a
 *	  step has consumed.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/input.h"

#include "catalog/sql.h"

static void
add_step(SqlArgs *args, Run *run, Step *step)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, step->name);
	sql_add_text(args, run->env);
}

static PendingBatches
batches_of(const SqlRows *rows)
{
	PendingBatches batches = {.ids = sql_uuids(rows, 0, 1), .records = sql_bigint(rows, 0, 2)};

	return batches;
}

PendingBatches
input_pending_batches(Run *run, Step *step, const char *source)
{
	static const char sql[] =
		"SELECT array_agg(b.id ORDER BY b.id), sum(b.records)::bigint FROM dataops.batch b "
		"WHERE b.env = $3 AND b.source = $4 AND NOT EXISTS (SELECT FROM dataops.consumed c "
		" WHERE c.pipeline = $1 AND c.step = $2 AND c.env = $3 AND c.input = b.id)";
	SqlArgs		args = {0};

	add_step(&args, run, step);
	sql_add_text(&args, source);
	return batches_of(sql_run_own(sql, &args));
}

PendingBatches
input_all_batches(Run *run, const char *source)
{
	static const char sql[] =
		"SELECT array_agg(b.id ORDER BY b.id), sum(b.records)::bigint FROM dataops.batch b "
		"WHERE b.env = $1 AND b.source = $2";
	SqlArgs		args = {0};

	sql_add_text(&args, run->env);
	sql_add_text(&args, source);
	return batches_of(sql_run_own(sql, &args));
}

PendingChanges
input_pending_changes(Run *run, Step *step, List *targets)
{
	static const char sql[] =
		"SELECT array_agg(s.id ORDER BY s.id), min(s.changed_from), max(s.changed_to) "
		"FROM dataops.step_run s JOIN dataops.run r ON r.id = s.run "
		"WHERE r.env = $3 AND s.target = ANY ($4) AND s.state = 'succeeded' "
		"AND s.changed_from IS NOT NULL AND NOT EXISTS (SELECT FROM dataops.consumed c "
		" WHERE c.pipeline = $1 AND c.step = $2 AND c.env = $3 AND c.input = s.id)";
	SqlArgs		args = {0};
	SqlRows    *rows;
	PendingChanges pending = {0};

	add_step(&args, run, step);
	sql_add_texts(&args, targets);
	rows = sql_run_own(sql, &args);
	pending.ids = sql_uuids(rows, 0, 1);
	pending.from = sql_timestamptz(rows, 0, 2);
	pending.to = sql_timestamptz(rows, 0, 3);
	return pending;
}

bool
input_all_written(Run *run, List *targets)
{
	static const char sql[] =
		"SELECT NOT EXISTS (SELECT FROM unnest($2::text[]) t (name) WHERE NOT EXISTS ("
		" SELECT FROM dataops.deployment p JOIN dataops.definition d ON d.id = p.definition "
		" WHERE p.kind = 'step' AND p.env = $1 AND d.spec->>'kind' = 'model' "
		" AND d.spec->>'target' = t.name))";
	SqlArgs		args = {0};

	sql_add_text(&args, run->env);
	sql_add_texts(&args, targets);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

bool
input_same_definition(Run *run, Step *step)
{
	static const char sql[] =
		"SELECT s.definition = $4 FROM dataops.step_run s JOIN dataops.run r ON r.id = s.run "
		"WHERE r.pipeline = $1 AND s.step = $2 AND r.env = $3 AND s.state = 'succeeded' "
		"ORDER BY s.id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	add_step(&args, run, step);
	sql_add_uuid(&args, &step->definition);
	rows = sql_run_own(sql, &args);
	return rows->count > 0 && sql_bool(rows, 0, 1);
}

List *
input_consumed_batches(Run *run, Step *step, const char *source, const pg_uuid_t *first)
{
	static const char sql[] =
		"SELECT array_agg(b.id) FROM dataops.batch b "
		"WHERE b.env = $3 AND b.source = $4 AND b.id >= $5 "
		"AND EXISTS (SELECT FROM dataops.consumed c WHERE c.pipeline = $1 AND c.step = $2 "
		" AND c.env = $3 AND c.input = b.id)";
	SqlArgs		args = {0};

	add_step(&args, run, step);
	sql_add_text(&args, source);
	sql_add_uuid(&args, first);
	return sql_uuids(sql_run_own(sql, &args), 0, 1);
}

void
input_consume(Run *run, Step *step, List *ids)
{
	static const char sql[] =
		"INSERT INTO dataops.consumed (pipeline, step, env, input, run) "
		"SELECT $1, $2, $3, i, $5 FROM unnest($4::uuid[]) i";
	SqlArgs		args = {0};

	if (ids == NIL)
		return;
	add_step(&args, run, step);
	sql_add_uuids(&args, ids);
	sql_add_uuid(&args, &run->id);
	sql_run_own(sql, &args);
}

void
input_forget(const char *pipeline, const char *step, const char *env)
{
	static const char sql[] =
		"DELETE FROM dataops.consumed WHERE pipeline = $1 AND step = $2 AND env = $3";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, step);
	sql_add_text(&args, env);
	sql_run_own(sql, &args);
}
