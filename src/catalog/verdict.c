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
		" partial, created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '23514', $12, $13, $14, $15, $16, "
		" $17, coalesce($18, now()))";
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
	sql_add_bool(&args, row->partial);
	if (row->created_at != 0)
		sql_add_timestamptz(&args, row->created_at);
	else
		sql_add_null(&args, TIMESTAMPTZOID);
	sql_run_own(sql, &args);
}

/* ---- what becomes of it ---- */

static void
add_step(SqlArgs *args, Run *run, Step *step)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, step->name);
	sql_add_text(args, run->env);
}

/* The step's entries of rows that can be judged anew; add_step() comes first. */
#define OPEN_ENTRIES \
	"q.pipeline = $1 AND q.step = $2 AND q.env = $3 AND q.state = 'open' " \
	"AND q.check_name IS NOT NULL "

List *
quarantine_open(Run *run, Step *step, const char *source)
{
	static const char sql[] =
		"SELECT q.id, q.batch, q.page, q.ordinal, q.created_at, q.partial, "
		" CASE WHEN q.partial THEN q.\"row\" END "
		"FROM dataops.quarantine_row q WHERE " OPEN_ENTRIES
		"AND q.batch IS NOT NULL AND q.source = $4 ORDER BY q.batch, q.page, q.ordinal, q.id";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *entries = NIL;

	add_step(&args, run, step);
	sql_add_text(&args, source);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		QuarantineEntry *entry = palloc0(sizeof(QuarantineEntry));

		entry->id = *sql_uuid(rows, i, 1);
		entry->batch = *sql_uuid(rows, i, 2);
		entry->page = sql_bigint(rows, i, 3);
		entry->ordinal = sql_bigint(rows, i, 4);
		entry->created_at = sql_timestamptz(rows, i, 5);
		entry->partial = sql_bool(rows, i, 6);
		entry->row = entry->partial ? sql_jsonb(rows, i, 7) : NULL;
		entries = lappend(entries, entry);
	}
	return entries;
}

List *
quarantine_closings(Run *run, Step *step)
{
	static const char sql[] =
		"SELECT DISTINCT replayed_at FROM dataops.quarantine_row "
		"WHERE pipeline = $1 AND step = $2 AND env = $3 AND replayed_at IS NOT NULL";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *times = NIL;

	add_step(&args, run, step);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		TimestampTz *time = palloc(sizeof(TimestampTz));

		*time = sql_timestamptz(rows, i, 1);
		times = lappend(times, time);
	}
	return times;
}

/* UPDATE of entries that the run ($4) judged anew in its attempt $5; conditions follow. */
#define CLOSE_ENTRIES \
	"UPDATE dataops.quarantine_row q SET replayed_at = now(), replayed_by = $4, " \
	" state = CASE WHEN q.batch IS NULL OR (q.batch, q.page, q.ordinal) IN (" \
	"  SELECT n.batch, n.page, n.ordinal FROM dataops.quarantine_row n " \
	"  WHERE n.pipeline = $1 AND n.step = $2 AND n.env = $3 AND n.state = 'open' " \
	"  AND n.step_run = $5 AND n.batch IS NOT NULL) THEN 'superseded' ELSE 'replayed' END " \
	"WHERE " OPEN_ENTRIES "AND q.step_run <> $5 "

static void
add_attempt(SqlArgs *args, Run *run, Step *step)
{
	add_step(args, run, step);
	sql_add_uuid(args, &run->id);
	sql_add_uuid(args, &step->step_run);
}

void
quarantine_close(Run *run, Step *step, List *ids)
{
	static const char sql[] = CLOSE_ENTRIES "AND q.id = ANY ($6)";
	SqlArgs		args = {0};

	add_attempt(&args, run, step);
	sql_add_uuids(&args, ids);
	sql_run_own(sql, &args);
}

/*
 * The time of row q by its column, or NULL.  What stands there may have been made by another
 * definition of the step, so only what looks like a time is read as one.
 */
#define ROW_TIME(column, timezone) \
	"CASE WHEN q.\"row\"->>" column " ~ '^\\d{4,6}-\\d\\d-\\d\\dT[\\d:.]+[-+][\\d:]+$' " \
	" THEN (q.\"row\"->>" column ")::timestamptz " \
	"WHEN q.\"row\"->>" column " ~ '^\\d{4,6}-\\d\\d-\\d\\d(T[\\d:.]+)?$' " \
	" THEN (q.\"row\"->>" column ")::timestamp AT TIME ZONE " timezone " END"

int64
quarantine_close_window(Run *run, Step *step, const QuarantineWindow *window)
{
	static const char sql[] = CLOSE_ENTRIES
		"AND ($6 = '-infinity' AND $7 = 'infinity' "
		" OR coalesce((" ROW_TIME("$8", "$9") ") >= $6 AND (" ROW_TIME("$8", "$9") ") < $7, "
		"  EXISTS (SELECT FROM dataops.step_run s WHERE s.id = q.step_run "
		"   AND s.changed_from >= $6 AND s.changed_to <= $7)))";
	SqlArgs		args = {0};

	add_attempt(&args, run, step);
	sql_add_timestamptz(&args, window->from);
	sql_add_timestamptz(&args, window->to);
	sql_add_text(&args, window->time_column);
	sql_add_text(&args, window->timezone);
	return sql_run_own(sql, &args)->count;
}

void
quarantine_forget(const char *pipeline, const char *step, const char *env)
{
	static const char sql[] =
		"UPDATE dataops.quarantine_row q SET state = 'superseded', replayed_at = now() "
		"WHERE " OPEN_ENTRIES;
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, step);
	sql_add_text(&args, env);
	sql_run_own(sql, &args);
}

List *
quarantine_places(Run *run, Step *step, const QuarantineWindow *set_aside)
{
	static const char sql[] =
		"SELECT coalesce(at, changed_from, '-infinity'), "
		" coalesce(at + interval '1 microsecond', changed_to, 'infinity'), batch, page, ordinal "
		"FROM (SELECT " ROW_TIME("$6", "$7") " AS at, s.changed_from, s.changed_to, "
		"  q.batch, q.page, q.ordinal "
		" FROM dataops.quarantine_row q LEFT JOIN dataops.step_run s ON s.id = q.step_run "
		" WHERE " OPEN_ENTRIES "AND q.created_at >= $4 AND q.created_at < $5) e";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *places = NIL;

	add_step(&args, run, step);
	sql_add_timestamptz(&args, set_aside->from);
	sql_add_timestamptz(&args, set_aside->to);
	sql_add_text(&args, set_aside->time_column);
	sql_add_text(&args, set_aside->timezone);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		QuarantinePlace *place = palloc0(sizeof(QuarantinePlace));

		place->from = sql_timestamptz(rows, i, 1);
		place->to = sql_timestamptz(rows, i, 2);
		place->batch = sql_is_null(rows, i, 3) ? NULL : sql_uuid(rows, i, 3);
		place->page = sql_bigint(rows, i, 4);
		place->ordinal = sql_bigint(rows, i, 5);
		places = lappend(places, place);
	}
	return places;
}
