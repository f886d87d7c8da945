/*
 * ledger.c
 *	  The life of a run and its steps, as rows.  Each UPDATE carries the claim of the process that
 *	  does it: one that lost its lock finds 0 rows and throws.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/ledger.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/compat.h"
#include "core/names.h"
#include "core/uuid.h"

/*
 * The ids of what a run executes, as a subquery: pipeline, steps and checks, and the sources that
 * it fetches.
 */
#define CURRENT_DEFINITIONS(pipeline_name, env_name) \
	"(SELECT array_agg(p.definition ORDER BY p.kind, p.position) FROM dataops.deployment p " \
	"WHERE p.env = " env_name " AND (p.pipeline = " pipeline_name " " \
	" OR p.kind = 'pipeline' AND p.object = " pipeline_name " " \
	" OR p.kind = 'source' AND p.object IN (SELECT d.spec->>'source' FROM dataops.deployment s " \
	"  JOIN dataops.definition d ON d.id = s.definition WHERE s.kind = 'step' " \
	"  AND s.pipeline = " pipeline_name " AND s.env = " env_name ")))"

/* ---- queue and claim ---- */

pg_uuid_t *
ledger_queue(Definition *pipeline, const char *env, TimeRange range, TimestampTz scheduled_for,
			 List *steps)
{
	static const char sql[] =
		"INSERT INTO dataops.run (id, pipeline, env, scheduled_for, from_ts, to_ts, steps, "
		"definitions, "
		" owner, requested_by, state, created_at) "
		"SELECT $1, $2, $3, $4, $5, $6, $7, " CURRENT_DEFINITIONS("$2", "$3") ", "
		"$8::regrole, $9::name, 'queued', clock_timestamp()";
	SqlArgs		args = {0};
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	*id = uuid_v7();
	sql_add_uuid(&args, id);
	sql_add_text(&args, pipeline->object);
	sql_add_text(&args, env);
	if (scheduled_for != 0)
		sql_add_timestamptz(&args, scheduled_for);
	else
		sql_add_null(&args, TIMESTAMPTZOID);
	sql_add_timestamptz(&args, range.from_ts);
	sql_add_timestamptz(&args, range.to_ts);
	sql_add_texts(&args, steps);
	sql_add_oid(&args, pipeline->owner);
	sql_add_text(&args, GetUserNameFromId(GetSessionUserId(), false));
	sql_run_own(sql, &args);
	return id;
}

List *
ledger_pending(const char *pipeline, const char *env, TimestampTz now)
{
	static const char sql[] =
		"SELECT array_agg(id ORDER BY id) FROM dataops.run r WHERE pipeline = $1 AND env = $2 "
		"AND (state IN ('queued', 'running') OR state = 'waiting' AND next_attempt_at <= $3) "
		"AND " LEDGER_NOT_HELD;
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, now);
	return sql_uuids(sql_run_own(sql, &args), 0, 1);
}

bool
ledger_is_held(const char *pipeline, const char *env)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM dataops.run WHERE holds AND pipeline = $1 AND env = $2)";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

bool
ledger_release(const char *pipeline, const char *env)
{
	static const char sql[] =
		"UPDATE dataops.run SET holds = false WHERE holds AND pipeline = $1 AND env = $2";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	return sql_run_own(sql, &args)->count > 0;
}

List *
ledger_requeue_held(const char *pipeline, const char *env)
{
	static const char sql[] =
		"SELECT array_agg(id ORDER BY id) FROM dataops.run "
		"WHERE holds AND pipeline = $1 AND env = $2";
	SqlArgs		args = {0};
	List	   *ids;
	ListCell   *cell;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	ids = sql_uuids(sql_run_own(sql, &args), 0, 1);
	foreach(cell, ids)
		ledger_requeue(ledger_head(lfirst(cell)), true, NIL);
	return ids;
}

static const char *const kind_names[] = {
	[STEP_FETCH] = "fetch", [STEP_MODEL] = "model", [STEP_SQL] = "sql", [STEP_EXPORT] = "export",
	[STEP_LOAD] = "load", [STEP_PROMOTE] = "promote", [STEP_CHECK] = "check"
};

const char *
ledger_kind_name(StepKind kind)
{
	return kind_names[kind];
}

static StepKind
step_kind(const char *name)
{
	for (int i = 0; i < lengthof(kind_names); i++)
		if (strcmp(name, kind_names[i]) == 0)
			return i;
	elog(ERROR, "unknown kind of step \"%s\"", name);
}

static Step *
step_from_definition(Definition *definition)
{
	Step	   *step = palloc0(sizeof(Step));

	step->name = definition->object;
	step->kind = step_kind(spec_text_required(definition->spec, "kind", "a step"));
	step->target = spec_text(definition->spec, step->kind == STEP_FETCH ? "source" : "target",
							 "a step");
	step->spec = definition->spec;
	step->definition = definition->id;
	step->hash = definition->hash;
	return step;
}

/*
 * What a run executes is executed with the rights of its owner, so nothing of anybody else gets in:
 * not by a dropped pipeline whose name another role has taken since, nor by rows written by hand.
 */
static void
check_same_owner(const Run *run, const Definition *definition)
{
	if (definition->owner != run->owner)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("run %s of pipeline \"%s\" cannot execute \"%s\"", uuid_text(&run->id),
					   run->pipeline, definition->object),
				errdetail("The run belongs to role \"%s\", the definition to role \"%s\".",
						  GetUserNameFromId(run->owner, true),
						  GetUserNameFromId(definition->owner, true)),
				errhint("Cancel this run and start the pipeline anew."));
}

/* What the pipeline pins for its steps. */
static void
load_pipeline(Run *run, Jsonb *spec)
{
	char	   *on_failure = spec_text(spec, "on_failure", "the pipeline");

	run->timezone = spec_text(spec, "timezone", "the pipeline");
	run->intervals = spec_text(spec, "every", "the pipeline") != NULL;
	run->hold = on_failure != NULL && strcmp(on_failure, "hold") == 0;
}

/* Gives the step its checks, or the source that it fetches. */
static void
attach(Step *step, Definition *definition)
{
	if (step->target == NULL)
		return;
	if (definition->kind == DEFINITION_SOURCE)
	{
		if (step->kind == STEP_FETCH && strcmp(definition->object, step->target) == 0)
			step->source = definition;
	}
	else if (step->kind != STEP_FETCH &&
			 strcmp(spec_text_required(definition->spec, "target", "a check"), step->target) == 0)
		step->checks = lappend(step->checks, definition);
}

/*
 * Fills run->steps, their checks and sources and what the pipeline pins, from the versions the run
 * stores.
 */
static void
load_definitions(Run *run, List *definitions, List *only)
{
	List	   *attached = NIL;
	ListCell   *cell;

	foreach(cell, definitions)
	{
		Definition *definition = lfirst(cell);

		check_same_owner(run, definition);
		if (definition->kind == DEFINITION_CHECK || definition->kind == DEFINITION_SOURCE)
			attached = lappend(attached, definition);
		else if (definition->kind == DEFINITION_PIPELINE)
			load_pipeline(run, definition->spec);
		else if (definition->kind == DEFINITION_STEP)
		{
			if (only == NIL || names_have(only, definition->object))
				run->steps = lappend(run->steps, step_from_definition(definition));
		}
	}
	if (run->timezone == NULL)
		run->timezone = "UTC";
	foreach(cell, run->steps)
	{
		ListCell   *other;

		foreach(other, attached)
			attach(lfirst(cell), lfirst(other));
	}
}

static void
mark_redo(List *steps, List *names)
{
	ListCell   *cell;
	ListCell   *name;

	foreach(cell, steps)
	{
		Step	   *step = lfirst(cell);

		foreach(name, names)
			step->redo |= strcmp(step->name, lfirst(name)) == 0;
	}
}

/* Marks what a dead process left; its own attempts, and the run itself when it died too often. */
static bool
take_over(const pg_uuid_t *id)
{
	static const char interrupt[] =
		"UPDATE dataops.step_run SET state = 'interrupted', finished_at = clock_timestamp() "
		"WHERE run = $1 AND state = 'running'";
	static const char claim[] =
		"UPDATE dataops.run SET claim = claim + 1, started_at = coalesce(started_at, "
		"clock_timestamp()), "
		" finished_at = NULL, next_attempt_at = NULL, error = NULL, hint = NULL, sqlstate = NULL, "
		"failed_step = NULL, "
		" resumes = CASE state WHEN 'running' THEN resumes + 1 ELSE resumes END, state = 'running' "
		"WHERE id = $1 AND state IN ('queued', 'running', 'waiting') RETURNING resumes";
	static const char give_up[] =
		"UPDATE dataops.run SET state = 'failed', finished_at = clock_timestamp(), "
		"sqlstate = '57P01', "
		" error = format('interrupted %s times', resumes), "
		" hint = format('SELECT dataops.retry(%L)', id), "
		" holds = EXISTS (SELECT FROM dataops.definition d WHERE d.id = ANY (definitions) "
		"  AND d.kind = 'pipeline' AND d.spec->>'on_failure' = 'hold') WHERE id = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_uuid(&args, id);
	rows = sql_run_own(claim, &args);
	if (rows->count == 0)
		return false;
	sql_run_own(interrupt, &args);
	if (sql_bigint(rows, 0, 1) <= LEDGER_MAX_RESUMES)
		return true;
	sql_run_own(give_up, &args);
	return false;
}

Run *
ledger_claim(const pg_uuid_t *id, MemoryContext memory)
{
	static const char sql[] =
		"SELECT pipeline, env, owner, from_ts, to_ts, claim, definitions, steps, redo "
		"FROM dataops.run WHERE id = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	MemoryContext previous;
	Run		   *run;
	List	   *only;

	if (!take_over(id))
		return NULL;
	previous = MemoryContextSwitchTo(memory);
	sql_add_uuid(&args, id);
	rows = sql_run_own(sql, &args);
	run = palloc0(sizeof(Run));
	run->id = *id;
	run->pipeline = sql_text(rows, 0, 1);
	run->env = sql_text(rows, 0, 2);
	run->owner = DatumGetObjectId(sql_datum(rows, 0, 3));
	run->from_ts = sql_timestamptz(rows, 0, 4);
	run->to_ts = sql_timestamptz(rows, 0, 5);
	run->claim = sql_bigint(rows, 0, 6);
	run->memory = memory;
	only = sql_texts(rows, 0, 8);
	run->partial = only != NIL;
	load_definitions(run, definition_by_ids(sql_uuids(rows, 0, 7)), only);
	mark_redo(run->steps, sql_texts(rows, 0, 9));
	MemoryContextSwitchTo(previous);
	return run;
}

/* ---- steps ---- */

static StepStatus
status_of(const char *state)
{
	if (strcmp(state, "succeeded") == 0 || strcmp(state, "skipped") == 0)
		return STEP_SUCCEEDED;
	return strcmp(state, "waiting") == 0 ? STEP_WAITING : STEP_PENDING;
}

StepStanding
ledger_step_standing(Run *run, Step *step)
{
	/* the last attempt first; one row without an attempt where there was none */
	static const char sql[] =
		"SELECT r.cancel_requested, s.attempt, s.state, s.next_attempt_at, "
		"s.claim > r.redo_claim, s.step = ANY (r.redo) "
		"FROM dataops.run r LEFT JOIN dataops.step_run s ON s.run = r.id AND s.step = $2 "
		"WHERE r.id = $1 ORDER BY s.attempt DESC";
	StepStanding standing = {.status = STEP_PENDING};
	bool		found = false;
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_uuid(&args, &run->id);
	sql_add_text(&args, step->name);
	rows = sql_run_own(sql, &args);
	standing.cancel_requested = sql_bool(rows, 0, 1);
	step->attempt = sql_bigint(rows, 0, 2);
	step->failures = 0;
	for (uint64 i = 0; step->attempt > 0 && i < rows->count; i++)
	{
		char	   *state = sql_text(rows, i, 3);
		bool		since_redo = sql_bool(rows, i, 5);

		if (since_redo && (strcmp(state, "failed") == 0 || strcmp(state, "waiting") == 0))
			step->failures++;
		if (found || (!since_redo && sql_bool(rows, i, 6)))
			continue;
		found = true;
		standing.status = status_of(state);
		standing.next_attempt_at = sql_timestamptz(rows, i, 4);
	}
	return standing;
}

void
ledger_step_start(Run *run, Step *step)
{
	static const char sql[] =
		"INSERT INTO dataops.step_run (id, run, step, attempt, kind, definition, target, state, "
		"claim, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, clock_timestamp())";
	SqlArgs		args = {0};

	step->step_run = uuid_v7();
	step->attempt++;
	sql_add_uuid(&args, &step->step_run);
	sql_add_uuid(&args, &run->id);
	sql_add_text(&args, step->name);
	sql_add_int(&args, step->attempt);
	sql_add_text(&args, ledger_kind_name(step->kind));
	sql_add_uuid(&args, &step->definition);
	sql_add_text(&args, step->target);
	sql_add_int(&args, run->claim);
	sql_run_own(sql, &args);
}

pg_noreturn static void
claim_lost(Run *run)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("run %s of pipeline \"%s\" was taken over by another process",
				   uuid_text(&run->id), run->pipeline));
}

static void
add_timestamptz_or_null(SqlArgs *args, TimestampTz value, bool is_set)
{
	if (is_set)
		sql_add_timestamptz(args, value);
	else
		sql_add_null(args, TIMESTAMPTZOID);
}

void
ledger_step_note(Run *run, Step *step, const char *note)
{
	static const char sql[] =
		"UPDATE dataops.step_run SET note = CASE WHEN note IS NULL THEN $3 "
		"WHEN length(note) < 1000 THEN note || '; ' || $3 "
		"WHEN right(note, 10) = '; and more' THEN note ELSE note || '; and more' END "
		"WHERE id = $1 AND claim = $2 AND state = 'running'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &step->step_run);
	sql_add_int(&args, run->claim);
	sql_add_text(&args, note);
	if (sql_run_own(sql, &args)->count != 1)
		claim_lost(run);
}

static const char *
outcome_state(const StageResult *result)
{
	switch (result->outcome)
	{
		case STAGE_DONE:
			return "succeeded";
		case STAGE_UNCHANGED:
			return "skipped";
		case STAGE_LATER:
			return "waiting";
		case STAGE_FAILED:
			break;
	}
	return "failed";
}

void
ledger_step_finish(Run *run, Step *step, const StageResult *result)
{
	static const char sql[] =
		"UPDATE dataops.step_run SET state = $3, finished_at = clock_timestamp(), rows_in = $4, "
		"rows_out = $5, "
		" rows_quarantined = $6, bytes = $7, changed_from = $8, changed_to = $9, error = $10, "
		"hint = $11, "
		" sqlstate = $12, next_attempt_at = $13 "
		"WHERE id = $1 AND claim = $2 AND state = 'running'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &step->step_run);
	sql_add_int(&args, run->claim);
	sql_add_text(&args, outcome_state(result));
	sql_add_bigint(&args, result->rows_in);
	sql_add_bigint(&args, result->rows_out);
	sql_add_bigint(&args, result->rows_quarantined);
	sql_add_bigint(&args, result->bytes);
	add_timestamptz_or_null(&args, result->changed_from, result->has_range);
	add_timestamptz_or_null(&args, result->changed_to, result->has_range);
	sql_add_text(&args, result->error);
	sql_add_text(&args, result->hint);
	sql_add_text(&args, result->sqlstate ? unpack_sql_state(result->sqlstate) : NULL);
	add_timestamptz_or_null(&args, result->next_attempt_at, result->outcome == STAGE_LATER);
	if (sql_run_own(sql, &args)->count != 1)
		claim_lost(run);
}

void
ledger_step_cancel(Run *run, Step *step)
{
	static const char sql[] =
		"UPDATE dataops.step_run SET state = 'cancelled', finished_at = clock_timestamp() "
		"WHERE id = $1 AND claim = $2 AND state = 'running'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &step->step_run);
	sql_add_int(&args, run->claim);
	sql_run_own(sql, &args);
}

/* ---- the end of a run ---- */

void
ledger_finish(Run *run, const RunEnd *end)
{
	static const char sql[] =
		"UPDATE dataops.run SET state = $3, failed_step = $4, error = $5, hint = $6, "
		"sqlstate = $7, "
		" next_attempt_at = $8, cancel_requested = false, holds = $9 AND $3 = 'failed', "
		" finished_at = CASE $3 WHEN 'waiting' THEN NULL ELSE clock_timestamp() END "
		"WHERE id = $1 AND claim = $2 AND state = 'running'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &run->id);
	sql_add_int(&args, run->claim);
	sql_add_text(&args, end->state);
	sql_add_text(&args, end->failed_step);
	sql_add_text(&args, end->error);
	sql_add_text(&args, end->hint);
	sql_add_text(&args, end->sqlstate);
	add_timestamptz_or_null(&args, end->next_attempt_at, end->next_attempt_at != 0);
	sql_add_bool(&args, run->hold);
	if (sql_run_own(sql, &args)->count != 1)
		claim_lost(run);
}

/* ---- commands on a run ---- */

List *
ledger_current_steps(Definition *pipeline, const char *env)
{
	Run			run = {.pipeline = pipeline->object, .owner = pipeline->owner};

	load_definitions(&run, list_concat(definition_list(DEFINITION_STEP, pipeline->object, env),
									   definition_list(DEFINITION_CHECK, pipeline->object, env)),
					 NIL);
	return run.steps;
}

void
ledger_skip_step(const pg_uuid_t *id, const char *step, const char *reason)
{
	static const char sql[] =
		"INSERT INTO dataops.step_run (id, run, step, attempt, kind, definition, target, state, "
		"claim, "
		" started_at, finished_at, error) "
		"SELECT $1, r.id, d.object, coalesce((SELECT max(attempt) "
		"FROM dataops.step_run WHERE run = r.id AND step = $3), 0) + 1, "
		" d.spec->>'kind', d.id, coalesce(d.spec->>'target', d.spec->>'source'), 'skipped', "
		"r.claim + 1, "
		" clock_timestamp(), clock_timestamp(), $4 "
		"FROM dataops.run r JOIN dataops.definition d ON d.id = ANY (r.definitions) "
		"WHERE r.id = $2 AND d.kind = 'step' AND d.object = $3";
	SqlArgs		args = {0};
	pg_uuid_t	step_run = uuid_v7();

	sql_add_uuid(&args, &step_run);
	sql_add_uuid(&args, id);
	sql_add_text(&args, step);
	sql_add_text(&args, reason);
	if (sql_run_own(sql, &args)->count == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("run %s has no step \"%s\"", uuid_text(id), step));
}

RunHead *
ledger_head(const pg_uuid_t *id)
{
	static const char sql[] =
		"SELECT pipeline, env, state, owner, failed_step, error, hint, next_attempt_at, claim "
		"FROM dataops.run WHERE id = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	RunHead    *head = palloc0(sizeof(RunHead));

	sql_add_uuid(&args, id);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("run %s does not exist", uuid_text(id)));
	head->id = *id;
	head->pipeline = sql_text(rows, 0, 1);
	head->env = sql_text(rows, 0, 2);
	head->state = sql_text(rows, 0, 3);
	head->owner = DatumGetObjectId(sql_datum(rows, 0, 4));
	head->failed_step = sql_text(rows, 0, 5);
	head->error = sql_text(rows, 0, 6);
	head->hint = sql_text(rows, 0, 7);
	head->next_attempt_at = sql_timestamptz(rows, 0, 8);
	head->claim = sql_bigint(rows, 0, 9);
	return head;
}

void
ledger_requeue(const RunHead *head, bool current, List *redo)
{
	static const char sql[] =
		"UPDATE dataops.run r SET state = 'queued', resumes = 0, cancel_requested = false, "
		"redo = $3, holds = false, "
		" redo_claim = claim, next_attempt_at = NULL, definitions = CASE WHEN $2 "
		"  THEN " CURRENT_DEFINITIONS("r.pipeline", "r.env") " ELSE definitions END "
		"WHERE id = $1 AND claim = $4";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &head->id);
	sql_add_bool(&args, current);
	sql_add_texts(&args, redo);
	sql_add_int(&args, head->claim);
	if (sql_run_own(sql, &args)->count != 1)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("run %s of pipeline \"%s\" has just been started", uuid_text(&head->id),
					   head->pipeline));
}

List *
ledger_requeue_unfinished(const char *pipeline, const char *env, TimeRange within)
{
	static const char sql[] =
		"WITH done AS (SELECT coalesce(range_agg(tstzrange(start_at, end_at)), '{}') AS ranges "
		" FROM dataops.interval WHERE pipeline = $1 AND env = $2 AND start_at < end_at) "
		"SELECT array_agg(r.id ORDER BY r.from_ts) FROM dataops.run r, done "
		"WHERE r.pipeline = $1 AND r.env = $2 AND r.steps IS NULL "
		"AND r.state IN ('failed', 'cancelled') "
		"AND r.from_ts < r.to_ts AND tstzrange(r.from_ts, r.to_ts) && tstzrange($3, $4) "
		"AND NOT tstzrange(r.from_ts, r.to_ts) && ranges "
		"AND NOT EXISTS (SELECT FROM dataops.run later WHERE later.pipeline = $1 "
		" AND later.env = $2 AND later.steps IS NULL AND later.id > r.id "
		" AND later.from_ts < later.to_ts "
		" AND tstzrange(later.from_ts, later.to_ts) && tstzrange(r.from_ts, r.to_ts))";
	SqlArgs		args = {0};
	List	   *ids;
	ListCell   *cell;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_timestamptz(&args, within.from_ts);
	sql_add_timestamptz(&args, within.to_ts);
	ids = sql_uuids(sql_run_own(sql, &args), 0, 1);
	foreach(cell, ids)
		ledger_requeue(ledger_head(lfirst(cell)), true, NIL);
	return ids;
}

CancelOutcome
ledger_request_cancel(const pg_uuid_t *id, bool gives_up)
{
	static const char sql[] =
		"UPDATE dataops.run SET cancel_requested = (state = 'running'), holds = false, "
		" finished_at = CASE state WHEN 'running' THEN NULL ELSE clock_timestamp() END, "
		" state = CASE state WHEN 'running' THEN state ELSE 'cancelled' END "
		"WHERE id = $1 AND (state IN ('queued', 'waiting', 'running') OR holds "
		" OR $2 AND state = 'failed') RETURNING cancel_requested";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_uuid(&args, id);
	sql_add_bool(&args, gives_up);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return CANCEL_TOO_LATE;
	return sql_bool(rows, 0, 1) ? CANCEL_REQUESTED : CANCEL_DONE;
}

void
ledger_cancel_all(const char *pipeline, const char *env)
{
	static const char sql[] =
		"UPDATE dataops.run SET state = 'cancelled', finished_at = clock_timestamp(), "
		" error = 'the pipeline was dropped' "
		"WHERE pipeline = $1 AND env = $2 AND state IN ('queued', 'running', 'waiting')";
	SqlArgs		args = {0};

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_run_own(sql, &args);
}

int
ledger_holder(const char *pipeline, const char *env)
{
	static const char sql[] =
		"SELECT pid FROM pg_locks, dataops._lock_key($1, $2) AS key WHERE locktype = 'advisory' "
		"AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
		"AND objsubid = 3 AND granted AND classid = ((key >> 32) & 4294967295)::oid "
		"AND objid = (key & 4294967295)::oid";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? 0 : (int) sql_bigint(rows, 0, 1);
}
