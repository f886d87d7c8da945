/*
 * verdict.c
 *	  Results of checks and quarantined rows, as rows of the ledger.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/verdict.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "catalog/sql.h"
#include "core/compat.h"
#include "core/uuid.h"

static void
add_place(SqlArgs *args, pg_uuid_t *id, Run *run, Step *step)
{
	*id = uuid_v7();
	sql_add_uuid(args, id);
	sql_add_uuid(args, &run->id);
	sql_add_uuid(args, &step->step_run);
	sql_add_text(args, run->pipeline);
	sql_add_text(args, run->env);
	sql_add_text(args, step->name);
}

/* One jsonb array of them, NULL when there is none. */
static Jsonb *
samples_array(List *samples)
{
	JsonbParseState *state = NULL;
	JsonbValue *array;
	ListCell   *cell;

	if (samples == NIL)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, samples)
	{
		JsonbValue	element;

		JsonbToJsonbValue(lfirst(cell), &element);
		pushJsonbValue(&state, WJB_ELEM, &element);
	}
	array = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(array);
}

void
verdict_record(Run *run, Step *step, const VerdictRow *row)
{
	static const char sql[] =
		"INSERT INTO dataops.check_result (id, run, step_run, pipeline, env, step, target, "
		" check_name, rule, on_fail, severity, verdict, rows_checked, rows_failed, value, message, "
		" sample, created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
		" now())";
	SqlArgs		args = {0};
	pg_uuid_t	id;

	add_place(&args, &id, run, step);
	sql_add_text(&args, row->target);
	sql_add_text(&args, row->check);
	sql_add_text(&args, row->rule);
	sql_add_text(&args, row->on_fail);
	sql_add_text(&args, row->severity);
	sql_add_text(&args, row->verdict);
	sql_add_bigint(&args, row->judged);
	sql_add_bigint(&args, row->failed);
	sql_add_text(&args, row->value);
	sql_add_text(&args, row->message);
	sql_add_jsonb(&args, samples_array(row->samples));
	sql_run_own(sql, &args);
}

bool
verdict_accepted(Run *run, const char *target, const char *check)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM dataops.check_result WHERE run = $1 AND target = $2 "
		"AND check_name = $3 AND accepted_at IS NOT NULL)";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &run->id);
	sql_add_text(&args, target);
	sql_add_text(&args, check);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

int64
verdict_accept(const pg_uuid_t *run, const char *check, const char *reason)
{
	static const char sql[] =
		"UPDATE dataops.check_result SET verdict = 'accepted', accepted_at = now(), "
		" accepted_by = $3::name, accept_reason = $4 "
		"WHERE run = $1 AND check_name = $2 "
		"AND (verdict = 'failed' OR verdict = 'accepted' AND accepted_at IS NOT NULL)";
	SqlArgs		args = {0};

	sql_add_uuid(&args, run);
	sql_add_text(&args, check);
	sql_add_text(&args, GetUserNameFromId(GetUserId(), true));
	sql_add_text(&args, reason);
	return sql_run_own(sql, &args)->count;
}

void
quarantine_record(Run *run, Step *step, const QuarantineRow *row)
{
	static const char sql[] =
		"INSERT INTO dataops.quarantine_row (id, run, step_run, pipeline, env, step, source, "
		" target, check_name, rule, reason, sqlstate, \"row\", record, batch, page, ordinal, "
		" created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '23514', $12, $13, $14, $15, $16, "
		" now())";
	SqlArgs		args = {0};
	pg_uuid_t	id;

	add_place(&args, &id, run, step);
	sql_add_text(&args, row->source);
	sql_add_text(&args, row->target);
	sql_add_text(&args, row->check);
	sql_add_text(&args, row->rule);
	sql_add_text(&args, row->reason);
	sql_add_jsonb(&args, row->row);
	sql_add_jsonb(&args, row->record);
	sql_add_uuid(&args, row->batch);
	if (row->batch != NULL)
	{
		sql_add_int(&args, row->page);
		sql_add_int(&args, row->ordinal);
	}
	else
	{
		sql_add_null(&args, INT4OID);
		sql_add_null(&args, INT4OID);
	}
	sql_run_own(sql, &args);
}

List *
quarantine_open(const char *pipeline, const char *step, const char *env, TimestampTz from,
				TimestampTz to)
{
	static const char sql[] =
		"SELECT step_run, source, created_at, array_agg(batch ORDER BY id), "
		" array_agg(page::text ORDER BY id), array_agg(ordinal::text ORDER BY id) "
		"FROM (SELECT * FROM dataops.quarantine_row WHERE pipeline = $1 AND step = $2 AND env = $3 "
		" AND created_at >= $4 AND created_at < $5 AND state = 'open' AND check_name IS NOT NULL "
		" AND batch IS NOT NULL AND source IS NOT NULL FOR UPDATE) q "
		"GROUP BY step_run, source, created_at ORDER BY created_at, step_run";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *groups = NIL;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, step);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, from);
	sql_add_timestamptz(&args, to);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		QuarantineGroup *group = palloc0(sizeof(QuarantineGroup));

		group->step_run = *sql_uuid(rows, i, 1);
		group->source = sql_text(rows, i, 2);
		group->created_at = sql_timestamptz(rows, i, 3);
		group->batches = sql_uuids(rows, i, 4);
		group->pages = sql_texts(rows, i, 5);
		group->ordinals = sql_texts(rows, i, 6);
		groups = lappend(groups, group);
	}
	return groups;
}

static void
add_addresses(SqlArgs *args, const QuarantineGroup *group)
{
	sql_add_uuids(args, group->batches);
	sql_add_texts(args, group->pages);
	sql_add_texts(args, group->ordinals);
}

int64
quarantine_replayed(const QuarantineGroup *group, const QuarantineGroup *failed_again,
					const pg_uuid_t *run)
{
	static const char sql[] =
		"UPDATE dataops.quarantine_row "
		"SET state = 'replayed', replayed_at = now(), replayed_by = $2 "
		"WHERE step_run = $1 AND state = 'open' AND source = $3 "
		"AND (batch, page::text, ordinal::text) IN "
		" (SELECT * FROM unnest($4::uuid[], $5::text[], $6::text[]) "
		"  EXCEPT SELECT * FROM unnest($7::uuid[], $8::text[], $9::text[]))";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &group->step_run);
	sql_add_uuid(&args, run);
	sql_add_text(&args, group->source);
	add_addresses(&args, group);
	add_addresses(&args, failed_again);
	return sql_run_own(sql, &args)->count;
}
