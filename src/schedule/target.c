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
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/verdict.h"
#include "core/uuid.h"
#include "model/tree.h"
#include "model/command.h"
#include "transform/write.h"
#include "model/check.h"
#include "validate/decide.h"
#include "validate/scan.h"

typedef struct TargetWork
{
	Run		   *run;
	Step	   *step;
	ModelSpec  *model;			/* NULL for a command and a gate */
	List	   *checks;			/* Check * */
	Written    *written;
	Check	   *stopped_by;
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

/* Those of work->checks that are about the whole target, or about this run's rows. */
static List *
table_checks(TargetWork *work, bool whole)
{
	List	   *chosen = NIL;
	ListCell   *cell;

	foreach(cell, work->checks)
	{
		Check	   *check = lfirst(cell);

		if (check->whole == whole && (whole || !rule_is_row(check->rule)))
			chosen = lappend(chosen, check);
	}
	return chosen;
}

static List *
row_judges(TargetWork *work)
{
	List	   *judges = NIL;
	ListCell   *cell;

	foreach(cell, work->checks)
		if (check_judges_rows(lfirst(cell)))
			judges = lappend(judges, &((Check *) lfirst(cell))->judge);
	return judges;
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

/* Settles all verdicts; throws when one of them stops. */
static void
decide(TargetWork *work)
{
	ListCell   *cell;

	foreach(cell, work->checks)
	{
		Check	   *check = lfirst(cell);

		if (!check_decide(check))
			continue;
		if (verdict_accepted(work->run, check->target, check->name))
			check->verdict = VERDICT_ACCEPTED;
		else if (work->stopped_by == NULL)
			work->stopped_by = check;
	}
	if (work->stopped_by != NULL)
		ereport(ERROR,
				errcode(ERRCODE_CHECK_VIOLATION),
				errmsg("check \"%s\" of %s failed: %s", work->stopped_by->name,
					   work->stopped_by->target, work->stopped_by->message));
}

/* ---- the three kinds of steps, inside the guard ---- */

static void
record_diverted(DivertedRow *row, void *arg)
{
	TargetWork *work = arg;
	List	   *sources = model_sources(work->model);
	QuarantineRow entry = {
		.source = list_length(sources) == 1 ? linitial(sources) : NULL,
		.target = work->model->target,
		.check = row->judge->name,
		.rule = row->judge->rule->text,
		.reason = row->reason,
		.row = row->row,
		.record = row->record
	};

	if (row->address != NULL)
	{
		entry.batch = &row->address->batch;
		entry.page = row->address->page;
		entry.ordinal = row->address->ordinal;
	}
	quarantine_record(work->run, work->step, &entry);
}

/* Binds the checks to rows as the model's own columns make them. */
static void
bind_checks(TargetWork *work, Node *rows, bool can_divert)
{
	ListCell   *cell;

	foreach(cell, work->checks)
		check_bind(lfirst(cell), rows, can_divert);
}

static void
run_model(TargetWork *work)
{
	bool		view = work->model->strategy == STRATEGY_VIEW;
	WriteJob	job = {.run = work->run, .step = work->step, .model = work->model};
	RangeVar   *target = tree_relation(work->model->target);
	SqlRole		before = become_owner(work);
	Written    *written;
	List	   *whole;

	bind_checks(work, target_rows(work->model->target), !view);
	job.judges = view ? NIL : row_judges(work);
	job.keep_rows = table_checks(work, false) != NIL;
	written = work->written = transform_write(&job);
	if (written->unchanged == NULL)
	{
		Oid			relation = target_relation(work->model->target);

		whole = view ? work->checks : table_checks(work, true);
		if (!view)
			checks_scan(table_checks(work, false), written->rows, target->relname,
						written->environment, relation);
		checks_scan(whole, written->whole, target->relname, NULL, relation);
		decide(work);
		transform_publish(written);
	}
	sql_leave(&before);
	if (written->unchanged != NULL)
		return;
	if (written->split != NULL)
	{
		split_each_diverted(written->split, record_diverted, work);
		split_end(written->split);
	}
	input_consume(work->run, work->step, written->consumed);
}

static void
run_gate(TargetWork *work)
{
	Node	   *rows = target_rows(work->step->target);
	SqlRole		before = become_owner(work);

	bind_checks(work, rows, false);
	checks_scan(work->checks, rows, tree_relation(work->step->target)->relname, NULL,
				target_relation(work->step->target));
	decide(work);
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

static void
run_step(void *arg)
{
	TargetWork *work = arg;
	ListCell   *cell;

	foreach(cell, work->step->checks)
		work->checks = lappend(work->checks, check_read(((Definition *) lfirst(cell))->spec));
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
		case STEP_FETCH:
		case STEP_EXPORT:
			elog(ERROR, "step \"%s\" has no target", work->step->name);
	}
}

/* ---- which rule throws ---- */

typedef struct Probe
{
	TargetWork *work;
	Check	   *check;			/* NULL: the model alone */
} Probe;

static void
run_probe(void *arg)
{
	Probe	   *probe = arg;
	WriteJob	job = {
		.run = probe->work->run,
		.step = probe->work->step,
		.model = probe->work->model,
		.judges = probe->check ? list_make1(&probe->check->judge) : NIL
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
	foreach(cell, work->checks)
	{
		probe.check = lfirst(cell);
		if (check_judges_rows(probe.check) && sql_run_guarded(run_probe, &probe) != NULL)
			return probe.check;
	}
	return NULL;
}

/* ---- results ---- */

static void
record_verdicts(TargetWork *work)
{
	ListCell   *cell;

	foreach(cell, work->checks)
	{
		Check	   *check = lfirst(cell);
		VerdictRow	row = {
			.target = check->target,
			.check = check->name,
			.rule = check->rule->text,
			.on_fail = on_fail_name(check->on_fail),
			.severity = check->severity,
			.verdict = verdict_name(check->verdict),
			.judged = check->judge.judged,
			.failed = check->judge.failed,
			.value = check->value,
			.message = check->message,
			.samples = check->judge.samples
		};

		verdict_record(work->run, work->step, &row);
	}
}

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

static void
set_failure(TargetWork *work, ErrorData *error)
{
	StageResult *result = &work->result;
	Check	   *thrower = NULL;
	StringInfoData text;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION)
		thrower = throwing_check(work);
	initStringInfo(&text);
	if (thrower != NULL)
		appendStringInfo(&text, "check \"%s\" could not be computed: ", thrower->name);
	appendStringInfoString(&text, error->message);
	if (error->detail != NULL)
		appendStringInfo(&text, " (%s)", error->detail);
	memset(result, 0, sizeof(StageResult));
	result->outcome = STAGE_FAILED;
	result->sqlstate = error->sqlerrcode;
	result->retry = worth_another_attempt(error->sqlerrcode);
	result->error = MemoryContextStrdup(work->run->memory, text.data);
	if (error->hint != NULL)
		result->hint = MemoryContextStrdup(work->run->memory, error->hint);
	else if (error->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION && error->column_name && work->model)
		result->hint = missing_value_hint(work, error->column_name);
}

static void
set_stopped(TargetWork *work)
{
	char	   *run = uuid_text(&work->run->id);
	char	   *check = quote_literal_cstr(work->stopped_by->name);
	char	   *hint;

	hint = psprintf("Look: SELECT * FROM dataops.check_results "
					"WHERE run_id = '%s' AND check_name = %s. "
					"Let it pass: SELECT dataops.accept_check('%s', %s, 'reason'), "
					"then SELECT dataops.retry('%s').",
					run, check, run, check, run);
	work->result.hint = MemoryContextStrdup(work->run->memory, hint);
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
	error = sql_run_guarded(run_step, &work);
	work.result.outcome = STAGE_DONE;
	if (error != NULL)
		set_failure(&work, error);
	else
		set_written(&work);
	if (work.stopped_by != NULL)
		set_stopped(&work);
	run_scope_set(&scope);
	if (error == NULL ? work.result.outcome == STAGE_DONE : work.stopped_by != NULL)
		record_verdicts(&work);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
	return work.result;
}
