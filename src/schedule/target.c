/*
 * target.c
 *	  Write, check, publish, as one guarded unit.
 *
 * What must outlive a rollback (checks with their tallies and samples) is plain memory of the
 * caller's transaction; what must vanish with it (rows, quarantine, consumption) is written inside
 * the guard.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "schedule/target.h"

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/input.h"
#include "catalog/raw_table.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "model/command.h"
#include "model/tree.h"
#include "schedule/aside.h"
#include "schedule/culprit.h"
#include "schedule/judge.h"
#include "schedule/load_judge.h"
#include "transform/write.h"
#include "validate/scan.h"

typedef struct TargetWork
{
	Run		   *run;
	Step	   *step;
	ModelSpec  *model;			/* NULL for a command and a gate */
	StepChecks	judged;
	Written    *written;
	StageResult result;
} TargetWork;

/* ---- rights ---- */

static SqlRole
become_owner(TargetWork *work)
{
	const char *search_path = work->run->search_path;

	if (work->model != NULL && work->model->search_path != NULL)
		search_path = work->model->search_path;
	else if (spec_has(work->step->spec, "derived"))
		search_path = spec_text(spec_object(work->step->spec, "derived", "a step"), "search_path",
								"a step");
	return sql_become_owner(work->run->owner, search_path, work->run->timezone);
}

/* ---- checks ---- */

/*
 * Those of work->judged.checks that are about the whole target, or about this run's rows; of these
 * without the row rules when they were judged as the rows were made.
 */
static List *
table_checks(TargetWork *work, bool whole, bool judged)
{
	List	   *chosen = NIL;
	ListCell   *cell;

	foreach(cell, work->judged.checks)
	{
		Check	   *check = lfirst(cell);

		if (check->whole == whole && !(judged && check_judges_rows(check)))
			chosen = lappend(chosen, check);
	}
	return chosen;
}

static List *
row_judges(TargetWork *work)
{
	List	   *judges = NIL;
	ListCell   *cell;

	foreach(cell, work->judged.checks)
		if (check_judges_rows(lfirst(cell)))
			judges = lappend(judges, &((Check *) lfirst(cell))->judge);
	return judges;
}

/*
 * Are row rules judged while the rows are made?  They must be where one may divert a row, and where
 * the rows cannot be told from others later on; else the scan of the finished rows does it.
 */
static bool
judges_early(const ModelSpec *model, List *judges)
{
	ListCell   *cell;

	if (model->strategy != STRATEGY_TABLE)
		return model->strategy != STRATEGY_VIEW;
	foreach(cell, judges)
		if (((RowJudge *) lfirst(cell))->divert)
			return true;
	return false;
}

/* The target of a gate or of a model, as rows named like the table. */
static Node *
target_rows(const char *target)
{
	RangeVar   *relation = tree_relation(target);

	relation->alias = makeAlias(relation->relname, NIL);
	return (Node *) relation;
}

static Oid
target_relation(const char *target)
{
	return RangeVarGetRelid(tree_relation(target), NoLock, false);
}

/* ---- the three kinds of steps, inside the guard ---- */

static void
run_model(TargetWork *work)
{
	bool		view = work->model->strategy == STRATEGY_VIEW;
	WriteJob	job = {.run = work->run, .step = work->step, .model = work->model};
	RangeVar   *target = tree_relation(work->model->target);
	SqlRole		before = become_owner(work);
	Written    *written;
	bool		early;

	step_checks_bind(&work->judged, target_rows(work->model->target), !view);
	early = judges_early(work->model, row_judges(work));
	job.judges = early ? row_judges(work) : NIL;
	job.keep_rows = table_checks(work, false, true) != NIL;
	written = work->written = transform_write(&job);
	if (written->unchanged == NULL)
	{
		JudgedRows	rows = {
			.from = written->whole,
			.alias = target->relname,
			.relation = target_relation(work->model->target)
		};

		checks_scan(view ? work->judged.checks : table_checks(work, true, early), &rows);
		rows.from = written->rows;
		rows.environment = written->environment;
		if (!view)
			checks_scan(table_checks(work, false, early), &rows);
		step_checks_decide(&work->judged, work->judged.checks);
		transform_publish(written);
	}
	sql_leave(&before);
	if (written->unchanged != NULL)
		return;
	aside_record(&job, written);
	input_consume(work->run, work->step, written->consumed);
}

static void
run_gate(TargetWork *work)
{
	JudgedRows	rows = {.from = target_rows(work->step->target)};
	SqlRole		before = become_owner(work);

	step_checks_bind(&work->judged, rows.from, false);
	rows.alias = tree_relation(work->step->target)->relname;
	rows.relation = target_relation(work->step->target);
	checks_scan(work->judged.checks, &rows);
	step_checks_decide(&work->judged, work->judged.checks);
	sql_leave(&before);
}

static void
run_command(TargetWork *work)
{
	char	   *command = spec_text_required(work->step->spec, "command", "a command");
	SqlRole		before = become_owner(work);

	work->result.rows_out = command_run(command);
	sql_leave(&before);
}

/* Into a warehouse that takes part in this transaction. */
static void
run_delivery(TargetWork *work)
{
	SqlRole		before = become_owner(work);

	if (work->step->kind == STEP_LOAD)
	{
		LoadJudge	judge = load_judge(&work->judged);

		work->result = load_here(work->run, work->step, &judge);
	}
	else
		work->result = promote_here(work->run, work->step);
	sql_leave(&before);
}

static void
run_step(void *arg)
{
	TargetWork *work = arg;

	work->judged = step_checks_read(work->run, work->step);
	switch (work->step->kind)
	{
		case STEP_MODEL:
			work->model = model_spec_read(work->step->spec);
			run_model(work);
			break;
		case STEP_CHECK:
			run_gate(work);
			break;
		case STEP_SQL:
			run_command(work);
			break;
		case STEP_LOAD:
		case STEP_PROMOTE:
			run_delivery(work);
			break;
		case STEP_FETCH:
		case STEP_EXPORT:
			elog(ERROR, "step \"%s\" has no target", work->step->name);
	}
}

/* ---- which rule throws, and on which record ---- */

#define SEARCHED_RECORDS	1000000		/* among more none is looked for: it takes as long again */

typedef struct Probe
{
	TargetWork *work;
	Check	   *check;			/* NULL: the model alone */
	RecordsFilter *records;		/* NULL: as the step reads them */
} Probe;

static void
run_probe(void *arg)
{
	Probe	   *probe = arg;
	WriteJob	job = {
		.run = probe->work->run,
		.step = probe->work->step,
		.model = probe->work->model,
		.judges = probe->check ? list_make1(&probe->check->judge) : NIL,
		.only = probe->records
	};
	SqlRole		before = become_owner(probe->work);

	transform_probe(&job);
	sql_leave(&before);
}

/*
 * All row rules are computed in one statement, so an error in it names none of them.  Computes each
 * alone: the first that throws is the one.  NULL when the model itself throws, or no rule does.
 */
static Check *
throwing_check(TargetWork *work)
{
	Probe		probe = {.work = work};
	ListCell   *cell;

	if (work->model == NULL || work->model->strategy == STRATEGY_VIEW || row_judges(work) == NIL ||
		sql_run_guarded(run_probe, &probe) != NULL)
		return NULL;
	foreach(cell, work->judged.checks)
	{
		probe.check = lfirst(cell);
		if (check_judges_rows(probe.check) && sql_run_guarded(run_probe, &probe) != NULL)
			return probe.check;
	}
	return NULL;
}

static bool
throws_on(RecordsFilter *records, void *arg)
{
	Probe	   *probe = arg;

	probe->records = records;
	return sql_run_guarded(run_probe, probe) != NULL;
}

/* A text about the record on which the model, or the check, throws; NULL when it is not known. */
static char *
throwing_record(TargetWork *work, Check *check)
{
	Probe		probe = {.work = work, .check = check};
	List	   *sources = work->model != NULL ? model_sources(work->model) : NIL;
	PendingBatches input;
	SqlRole		before;
	char	   *record;

	if (list_length(sources) != 1 || work->model->strategy == STRATEGY_VIEW)
		return NULL;
	input = model_is_incremental(work->model) ?
		input_pending_batches(work->run, work->step, linitial(sources)) :
		input_all_batches(work->run, linitial(sources));
	if (input.ids == NIL || input.records > SEARCHED_RECORDS)
		return NULL;
	before = become_owner(work);
	record = culprit_find(linitial(sources), input.ids, throws_on, &probe);
	sql_leave(&before);
	return record;
}

/* ---- results ---- */

/* Can the same statement succeed a moment later? */
static bool
worth_another_attempt(int sqlstate)
{
	return sqlstate == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
		sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_CONNECTION_EXCEPTION ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES;
}

static char *
missing_value_hint(TargetWork *work, const char *column)
{
	char	   *rule = psprintf("not_null(%s)", quote_identifier(column));
	char	   *hint = psprintf("With SELECT dataops.add_check(%s, %s, %s) "
								"such rows go to quarantine and the others go on.",
								quote_literal_cstr(work->run->pipeline),
								quote_literal_cstr(work->model->target), quote_literal_cstr(rule));

	return MemoryContextStrdup(work->run->memory, hint);
}

/* Of the tables that the step needs, the first one that is not there, if there is such. */
static char *
missing_table_hint(TargetWork *work)
{
	List	   *names = work->step->target != NULL ? list_make1(work->step->target) : NIL;
	ListCell   *cell;

	if (work->model != NULL)
		names = list_concat(names, model_relations(work->model));
	foreach(cell, names)
	{
		char	   *name = lfirst(cell);

		if (!OidIsValid(RangeVarGetRelid(tree_relation(name), NoLock, true)))
			return MemoryContextStrdup(work->run->memory,
									   psprintf("There is no table %s. If a step makes it, define "
												"that step once more, as it was: it is made anew.",
												name));
	}
	foreach(cell, work->model != NULL ? model_sources(work->model) : NIL)
		if (!OidIsValid(raw_table_find(lfirst(cell), work->run->env)))
			return MemoryContextStrdup(work->run->memory,
									   psprintf("There is no raw table of source \"%s\". "
												"Define the source again: it makes its table.",
												(char *) lfirst(cell)));
	return NULL;
}

static void
set_failure(TargetWork *work, ErrorData *error)
{
	StageResult *result = &work->result;
	Check	   *thrower = NULL;
	char	   *record = NULL;
	StringInfoData text;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION)
	{
		thrower = throwing_check(work);
		record = throwing_record(work, thrower);
	}
	initStringInfo(&text);
	if (thrower != NULL)
		appendStringInfo(&text, "check \"%s\" could not be computed: ", thrower->name);
	appendStringInfoString(&text, error->message);
	if (error->detail != NULL)
		appendStringInfo(&text, " (%s)", error->detail);
	if (record != NULL)
		appendStringInfo(&text, " (%s)", record);
	memset(result, 0, sizeof(StageResult));
	result->outcome = STAGE_FAILED;
	result->sqlstate = error->sqlerrcode;
	result->retry = worth_another_attempt(error->sqlerrcode);
	result->error = MemoryContextStrdup(work->run->memory, text.data);
	if (error->hint != NULL)
		result->hint = MemoryContextStrdup(work->run->memory, error->hint);
	else if (error->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION && error->column_name && work->model)
		result->hint = missing_value_hint(work, error->column_name);
	else if (record != NULL)
		result->hint = "Let the query make null of such a value, as in "
			"CASE WHEN … THEN …::type END; "
			"with a rule such as not_null(column) the record is set aside and the others go on.";
	else if (error->sqlerrcode == ERRCODE_UNDEFINED_TABLE)
		result->hint = missing_table_hint(work);
}

static void
set_written(TargetWork *work)
{
	StageResult *result = &work->result;
	Written    *written = work->written;

	if (written == NULL)
		return;
	if (written->unchanged != NULL)
	{
		result->outcome = STAGE_UNCHANGED;
		result->error = MemoryContextStrdup(work->run->memory, written->unchanged);
		return;
	}
	result->rows_in = written->rows_in;
	result->rows_out = written->rows_out;
	result->rows_quarantined = written->split ? written->split->rows_diverted : 0;
	result->has_range = written->has_range;
	result->changed_from = written->changed_from;
	result->changed_to = written->changed_to;
}

StageResult
target_run(Run *run, Step *step)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(caller, "dataops target", ALLOCSET_DEFAULT_SIZES);
	TargetWork	work = {.run = run, .step = step};
	RunScope	scope = *run_scope();
	ErrorData  *error;

	MemoryContextSwitchTo(memory);
	work.result.outcome = STAGE_DONE;
	error = sql_run_guarded(run_step, &work);
	if (error != NULL)
		set_failure(&work, error);
	else
		set_written(&work);
	if (work.judged.stopped_by != NULL)
		work.result.hint = step_checks_hint(&work.judged);
	run_scope_set(&scope);
	if (error == NULL ? work.result.outcome == STAGE_DONE : work.judged.stopped_by != NULL)
		step_checks_record(&work.judged);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
	return work.result;
}
