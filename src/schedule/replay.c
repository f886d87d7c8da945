/*
 * replay.c
 *	  replay_quarantine(): quarantined records once more through the model and the rules as they
 *	  are now.
 *
 * It is recorded as a run of that one step, so that models after it learn which times changed.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"

#include "catalog/ledger.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/verdict.h"
#include "model/check.h"
#include "model/tree.h"
#include "schedule/procedure.h"
#include "transform/write.h"
#include "validate/decide.h"
#include "validate/scan.h"

typedef struct Replay
{
	Run		   *run;
	Step	   *step;
	ModelSpec  *model;
	List	   *checks;			/* Check * */
	StageResult result;
	int64		replayed;
} Replay;

/* The group's rows as the records of its source that the model shall read. */
static RecordsFilter *
group_filter(const QuarantineGroup *group)
{
	RecordsFilter *filter = palloc0(sizeof(RecordsFilter));

	filter->source = group->source;
	filter->batches = group->batches;
	for (int i = 0; i < list_length(group->batches); i++)
	{
		RecordAddress *address = palloc(sizeof(RecordAddress));

		address->batch = *(pg_uuid_t *) list_nth(group->batches, i);
		address->page = pg_strtoint32(list_nth(group->pages, i));
		address->ordinal = pg_strtoint32(list_nth(group->ordinals, i));
		filter->addresses = lappend(filter->addresses, address);
	}
	return filter;
}

typedef struct FailedAgain
{
	QuarantineGroup addresses;
	MemoryContext memory;
} FailedAgain;

static void
note_failed(DivertedRow *row, void *arg)
{
	FailedAgain *failed = arg;
	MemoryContext previous;
	pg_uuid_t  *batch;

	if (row->address == NULL)
		return;
	previous = MemoryContextSwitchTo(failed->memory);
	batch = palloc(sizeof(pg_uuid_t));
	*batch = row->address->batch;
	failed->addresses.batches = lappend(failed->addresses.batches, batch);
	failed->addresses.pages = lappend(failed->addresses.pages, psprintf("%d", row->address->page));
	failed->addresses.ordinals = lappend(failed->addresses.ordinals,
										 psprintf("%d", row->address->ordinal));
	MemoryContextSwitchTo(previous);
}

/* Row rules that set aside or stop hold a row back; the others let it pass as in a run. */
static List *
strict_judges(Replay *replay)
{
	List	   *judges = NIL;
	ListCell   *cell;

	foreach(cell, replay->checks)
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
replay_group(Replay *replay, QuarantineGroup *group)
{
	WriteJob	job = {
		.run = replay->run,
		.step = replay->step,
		.model = replay->model,
		.judges = strict_judges(replay),
		.replay = group_filter(group),
		.replay_older_than = group->created_at
	};
	FailedAgain failed = {.memory = CurrentMemoryContext};
	SqlRole		before;
	Written    *written;

	before = sql_become_owner(replay->run->owner, replay->model->search_path,
							  replay->run->timezone);
	written = transform_write(&job);
	sql_leave(&before);
	add_written(&replay->result, written);
	split_each_diverted(written->split, note_failed, &failed);
	split_end(written->split);
	replay->replayed += quarantine_replayed(group, &failed.addresses, &replay->run->id);
}

/* Checks about the whole table count as ever: one that stops undoes the replay. */
static void
check_whole(Replay *replay, Node *rows, RangeVar *target)
{
	JudgedRows	judged = {
		.from = rows,
		.alias = target->relname,
		.relation = RangeVarGetRelid(target, NoLock, false)
	};
	List	   *whole = NIL;
	ListCell   *cell;

	foreach(cell, replay->checks)
		if (((Check *) lfirst(cell))->whole)
			whole = lappend(whole, lfirst(cell));
	checks_scan(whole, &judged);
	foreach(cell, whole)
	{
		Check	   *check = lfirst(cell);

		if (check_decide(check))
			ereport(ERROR,
					errcode(ERRCODE_CHECK_VIOLATION),
					errmsg("check \"%s\" of %s failed: %s", check->name, check->target,
						   check->message));
	}
}

static void
replay_groups(Replay *replay, List *groups)
{
	RangeVar   *target = tree_relation(replay->model->target);
	RangeVar   *rows = copyObject(target);
	SqlRole		before;
	ListCell   *cell;

	rows->alias = makeAlias(target->relname, NIL);
	foreach(cell, replay->step->checks)
		replay->checks = lappend(replay->checks,
								 check_read(((Definition *) lfirst(cell))->spec));
	before = sql_become_owner(replay->run->owner, replay->model->search_path,
							  replay->run->timezone);
	foreach(cell, replay->checks)
		check_bind(lfirst(cell), (Node *) rows, true);
	sql_leave(&before);
	foreach(cell, groups)
		replay_group(replay, lfirst(cell));
	before = sql_become_owner(replay->run->owner, replay->model->search_path,
							  replay->run->timezone);
	check_whole(replay, (Node *) rows, target);
	sql_leave(&before);
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

PG_FUNCTION_INFO_V1(dataops_replay_quarantine);
Datum
dataops_replay_quarantine(PG_FUNCTION_ARGS)
{
	const char *env = DEFAULT_ENV;
	Definition *pipeline = pipeline_to_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), env);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Definition *step = definition_get(DEFINITION_STEP, pipeline->object, name, env);
	Replay		replay = {.model = replayable_model(step)};
	TimeRange	always = {DT_NOBEGIN, DT_NOEND};
	RunScope	scope = {.env = env, .start_ts = DT_NOBEGIN, .end_ts = DT_NOEND};
	RunEnd		end = {.state = "succeeded"};
	List	   *groups;

	groups = quarantine_open(pipeline->object, name, env, PG_GETARG_TIMESTAMPTZ(2),
							 PG_GETARG_TIMESTAMPTZ(3));
	if (groups == NIL)
		PG_RETURN_INT64(0);
	replay.run = ledger_claim(ledger_queue(pipeline, env, always, 0, list_make1(name)),
							  CurrentMemoryContext);
	replay.step = linitial(replay.run->steps);
	run_scope_set(&scope);
	ledger_step_start(replay.run, replay.step);
	replay_groups(&replay, groups);
	ledger_step_finish(replay.run, replay.step, &replay.result);
	ledger_finish(replay.run, &end);
	run_scope_set(NULL);
	audit_record("replay quarantine", psprintf("%s/%s", pipeline->object, name), NULL);
	PG_RETURN_INT64(replay.replayed);
}
