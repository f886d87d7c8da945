/*
 * replay.c
 *	  replay_quarantine(): quarantined rows once more through the model and the rules as they are
 *	  now.
 *
 * What takes in batches gets the raw records of those rows; what is made by time makes the windows
 * again in which they lie, so that nothing is there twice.  It is recorded as a run of that one
 * step, so that models after it learn which times changed.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "catalog/input.h"
#include "catalog/ledger.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/verdict.h"
#include "model/tree.h"
#include "schedule/aside.h"
#include "schedule/judge.h"
#include "schedule/procedure.h"
#include "transform/again.h"
#include "transform/write.h"
#include "validate/decide.h"
#include "validate/scan.h"

typedef struct Replay
{
	Run		   *run;
	Step	   *step;
	ModelSpec  *model;
	StepChecks	checks;
	StageResult result;
	int64		closed;			/* entries, of which some came back as newer ones */
	int64		gone;			/* entries that stay because their raw records are gone */
	int64		changed;		/* likewise, because the model makes other rows of them now */
} Replay;

static SqlRole
become_owner(Replay *replay)
{
	return sql_become_owner(replay->run->owner, replay->model->search_path,
							replay->run->timezone);
}

/* ---- checks ---- */

/* Row rules that set aside or stop hold a row back; the others let it pass as in a run. */
static List *
strict_judges(Replay *replay)
{
	List	   *judges = NIL;
	ListCell   *cell;

	foreach(cell, replay->checks.checks)
	{
		Check	   *check = lfirst(cell);

		if (!check_judges_rows(check))
			continue;
		check->judge.divert = check->on_fail == ON_FAIL_QUARANTINE ||
			check->on_fail == ON_FAIL_STOP;
		judges = lappend(judges, &check->judge);
	}
	return judges;
}

static void
bind_checks(Replay *replay)
{
	RangeVar   *rows = tree_relation(replay->model->target);
	SqlRole		before;

	rows->alias = makeAlias(rows->relname, NIL);
	replay->checks = step_checks_read(replay->run, replay->step);
	before = become_owner(replay);
	step_checks_bind(&replay->checks, (Node *) rows, true);
	sql_leave(&before);
}

/*
 * What held rows back is recorded.  Checks about the whole table count as ever: one that stops
 * undoes the replay.
 */
static void
conclude_checks(Replay *replay)
{
	RangeVar   *target = tree_relation(replay->model->target);
	RangeVar   *rows = copyObject(target);
	SqlRole		before = become_owner(replay);
	JudgedRows	judged = {.from = (Node *) rows, .alias = target->relname};
	List	   *whole = NIL;
	ListCell   *cell;

	judged.relation = RangeVarGetRelid(target, NoLock, false);
	rows->alias = makeAlias(target->relname, NIL);
	foreach(cell, replay->checks.checks)
	{
		Check	   *check = lfirst(cell);

		if (check->whole)
			whole = lappend(whole, check);
		else if (check_judges_rows(check))
		{
			(void) check_decide(check);
			replay->checks.decided = lappend(replay->checks.decided, check);
		}
	}
	checks_scan(whole, &judged);
	step_checks_decide(&replay->checks, whole);
	sql_leave(&before);
	step_checks_record(&replay->checks);
}

/* ---- rows ---- */

static void
add_written(StageResult *result, const Written *written)
{
	result->rows_in += written->split->rows;
	result->rows_out += written->rows_out;
	result->rows_quarantined += written->split->rows_diverted;
	if (!written->has_range)
		return;
	result->changed_from = result->has_range ? Min(result->changed_from, written->changed_from)
		: written->changed_from;
	result->changed_to = result->has_range ? Max(result->changed_to, written->changed_to)
		: written->changed_to;
	result->has_range = true;
}

static void
write_rows(Replay *replay, WriteJob *job)
{
	SqlRole		before = become_owner(replay);
	Written    *written;

	job->run = replay->run;
	job->step = replay->step;
	job->model = replay->model;
	job->judges = strict_judges(replay);
	if (job->replay != NULL)
		replayed_find(job->replay);
	written = transform_write(job);
	sql_leave(&before);
	add_written(&replay->result, written);
	replay->closed += aside_record(job, written);
}

/* Closes what was taken, and counts what could not be. */
static void
close_records(Replay *replay, const Replayed *replayed)
{
	List	   *ids = NIL;
	ListCell   *cell;

	foreach(cell, replayed->records)
	{
		ReplayedRecord *record = lfirst(cell);
		ListCell   *other;

		foreach(other, record->entries)
		{
			QuarantineEntry *entry = lfirst(other);

			if (entry->taken)
				ids = lappend(ids, &entry->id);
			else if (record->found)
				replay->changed++;
			else
				replay->gone++;
		}
	}
	quarantine_close(replay->run, replay->step, ids);
	replay->closed += list_length(ids);
}

static void
replay_records(Replay *replay, Replayed *replayed)
{
	WriteJob	job = {.replay = replayed};
	ReplayedRecord *oldest = linitial(replayed->records);

	if (replay->model->strategy == STRATEGY_MERGE)
	{
		replayed->later.batches = input_consumed_batches(replay->run, replay->step,
														 replayed->input.source,
														 &oldest->address.batch);
		replayed->replays = quarantine_closings(replay->run, replay->step);
	}
	write_rows(replay, &job);
	close_records(replay, replayed);
}

static void
replay_windows(Replay *replay, List *places, Replayed *replayed)
{
	SqlRole		before = become_owner(replay);
	List	   *windows;
	ListCell   *cell;

	if (replayed != NULL)
		replayed_find(replayed);
	windows = again_windows(replay->run, replay->model, places, replayed, &replay->gone);
	sql_leave(&before);
	foreach(cell, windows)
		write_rows(replay, &(WriteJob) {.window = lfirst(cell)});
}

/* ---- what is told ---- */

static int64
left_quarantine(const Replay *replay)
{
	return Max(replay->closed - replay->result.rows_quarantined, 0);
}

static void
tell_kept(Replay *replay, int64 rows, const char *why, const char *hint)
{
	if (rows == 0)
		return;
	ledger_step_note(replay->run, replay->step,
					 psprintf(INT64_FORMAT " stay because %s", rows, why));
	ereport(NOTICE,
			errmsg(INT64_FORMAT " quarantined rows of %s stay because %s", rows,
				   replay->model->what, why),
			errhint("%s", hint));
}

static void
tell(Replay *replay)
{
	char	   *what = psprintf("a replay of quarantined rows, of which " INT64_FORMAT
								" left the quarantine", left_quarantine(replay));

	ledger_step_note(replay->run, replay->step, what);
	tell_kept(replay, replay->gone, "their raw records are gone",
			  "The quarantine has the records: insert their rows into the target.");
	tell_kept(replay, replay->changed, "other rows of their records were appended before, "
			  "and the model makes other rows of them now",
			  "Insert the rows into the target, or give the model's rows their former columns.");
}

/* The step's model, if single rows can be added to its target. */
static ModelSpec *
replayable_model(Definition *step)
{
	ModelSpec  *model;

	if (strcmp(spec_text_required(step->spec, "kind", "a step"), "model") != 0)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("step \"%s\" is not a model", step->object));
	model = model_spec_read(step->spec);
	if (model->strategy == STRATEGY_TABLE || model->strategy == STRATEGY_VIEW)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s is made as a whole: it has nothing to replay", model->what),
				errhint("Its next run judges all rows again: SELECT dataops.start(%s).",
						quote_literal_cstr(step->pipeline)));
	return model;
}

/* Other passes over the target, and other replays, come before this one or after it. */
static void
lock_target(const Definition *pipeline, const ModelSpec *model)
{
	SqlRole		before = sql_become_owner(pipeline->owner, model->search_path, NULL);

	table_close(table_openrv(tree_relation(model->target), ShareRowExclusiveLock), NoLock);
	sql_leave(&before);
}

/* What there is to do for a step. */
typedef struct ReplayInput
{
	Replayed   *replayed;		/* the records, as far as they are known; or NULL */
	List	   *places;			/* partition: QuarantinePlace * */
} ReplayInput;

static ReplayInput
find_input(const Definition *pipeline, const Definition *step, const ModelSpec *model,
		   TimeWindow set_aside)
{
	ReplayInput input = {0};
	/* stand-ins: there is no run if there is nothing to do */
	Run			run = {.pipeline = pipeline->object, .env = DEFAULT_ENV};
	Step		by_name = {.name = step->object};
	List	   *sources = model_sources(model);
	QuarantineWindow window = {
		.time_column = model->grain != NULL ? model->time_column : NULL,
		.timezone = spec_text(pipeline->spec, "timezone", "the pipeline"),
		.from = set_aside.from,
		.to = set_aside.to
	};

	if (window.timezone == NULL)
		window.timezone = "UTC";
	if (model->strategy == STRATEGY_PARTITION)
		input.places = quarantine_places(&run, &by_name, &window);
	if (list_length(sources) == 1)
		input.replayed = replayed_make(linitial(sources),
									   quarantine_open(&run, &by_name, linitial(sources)),
									   set_aside.from, set_aside.to);
	return input;
}

PG_FUNCTION_INFO_V1(dataops_replay_quarantine);
Datum
dataops_replay_quarantine(PG_FUNCTION_ARGS)
{
	Definition *pipeline = pipeline_to_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), DEFAULT_ENV);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	TimeWindow	set_aside = {PG_GETARG_TIMESTAMPTZ(2), PG_GETARG_TIMESTAMPTZ(3)};
	Definition *step = definition_get(DEFINITION_STEP, pipeline->object, name, DEFAULT_ENV);
	Replay		replay = {.model = replayable_model(step)};
	TimeRange	always = {DT_NOBEGIN, DT_NOEND};
	RunScope	scope = {.env = DEFAULT_ENV, .start_ts = DT_NOBEGIN, .end_ts = DT_NOEND};
	RunEnd		end = {.state = "succeeded"};
	ReplayInput input;

	lock_target(pipeline, replay.model);
	input = find_input(pipeline, step, replay.model, set_aside);
	if (input.replayed == NULL && input.places == NIL)
		PG_RETURN_INT64(0);
	replay.run = ledger_claim(ledger_queue(pipeline, DEFAULT_ENV, always, 0, list_make1(name)),
							  CurrentMemoryContext);
	replay.step = linitial(replay.run->steps);
	run_scope_set(&scope);
	ledger_step_start(replay.run, replay.step);
	bind_checks(&replay);
	if (replay.model->strategy == STRATEGY_PARTITION)
		replay_windows(&replay, input.places, input.replayed);
	else
		replay_records(&replay, input.replayed);
	conclude_checks(&replay);
	tell(&replay);
	ledger_step_finish(replay.run, replay.step, &replay.result);
	ledger_finish(replay.run, &end);
	run_scope_set(NULL);
	audit_record("replay quarantine", psprintf("%s/%s", pipeline->object, name), NULL);
	PG_RETURN_INT64(left_quarantine(&replay));
}
