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
		"INSERT INTO dataops.check_result (id, run, step_run, pipeline, env, step, target, check_name, rule, "
		" on_fail, severity, verdict, rows_checked, rows_failed, value, message, sample, created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, now())";
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
		"WHERE run = $1 AND check_name = $2 AND verdict = 'failed'";
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
		"INSERT INTO dataops.quarantine_row (id, run, step_run, pipeline, env, step, source, target, check_name, "
		" rule, reason, sqlstate, \"row\", record, batch, page, ordinal, created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '23514', $12, $13, $14, $15, $16, now())";
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
