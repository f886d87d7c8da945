/*
 * write.c
 *	  Input, window, rows, target: the order of events of every strategy.
 *
 * Rows go straight from the model's SELECT into the target when nothing needs to look at them in
 * between; otherwise through a tuplestore (split.h).  A new table without defaults and CHECK
 * constraints is filled in bulk (fill.h); else the executor does the INSERT: constraints, defaults,
 * generated columns, triggers and row security work as ever.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/write.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/input.h"
#include "core/names.h"
#include "model/execute.h"
#include "model/merge.h"
#include "model/statement.h"
#include "model/tree.h"
#include "transform/fill.h"
#include "transform/rebuild.h"

typedef struct Writing
{
	WriteJob   *job;
	Written    *written;
	ModelTree  *tree;
	List	   *filters;		/* RecordsFilter * */
	TimeWindow	window;			/* partition only */
	List	   *columns;		/* the model's: char * */
	bool		addressed;
	Oid			time_type;		/* of the target's time column, or InvalidOid */
	const char *alias;
} Writing;

/* ---- input ---- */

/* The batches that an incremental model has not consumed; false when there are none. */
static bool
find_batches(Writing *writing)
{
	WriteJob   *job = writing->job;
	List	   *sources = model_sources(job->model);
	ListCell   *cell;

	if (job->replay != NULL || job->only != NULL)
	{
		writing->filters = list_make1(job->only != NULL ? job->only : &job->replay->input);
		return true;
	}
	if (!model_is_incremental(job->model) || sources == NIL)
		return true;
	foreach(cell, sources)
	{
		RecordsFilter *filter = palloc0(sizeof(RecordsFilter));
		PendingBatches pending = input_pending_batches(job->run, job->step, lfirst(cell));

		filter->source = lfirst(cell);
		filter->batches = pending.ids;
		writing->filters = lappend(writing->filters, filter);
		writing->written->rows_in += pending.records;
		writing->written->consumed = list_concat(writing->written->consumed, pending.ids);
	}
	return writing->written->consumed != NIL;
}

/* The run's interval, widened to what other models changed; false when nothing is to be done. */
static bool
find_pending(Writing *writing, TimeWindow *window)
{
	Run		   *run = writing->job->run;
	Step	   *step = writing->job->step;
	ModelSpec  *model = writing->job->model;
	List	   *relations = model_relations(model);
	PendingChanges pending = input_pending_changes(run, step, relations);

	window->from = run->from_ts;
	window->to = run->to_ts;
	if (!step->redo && pending.ids == NIL && relations != NIL && model_sources(model) == NIL &&
		input_all_written(run, relations) && input_same_definition(run, step))
		return false;
	if (pending.ids != NIL)
	{
		TimeWindow	changed = {.from = pending.from, .to = pending.to};

		*window = window->from < window->to ? window_hull(*window, changed) : changed;
	}
	writing->written->consumed = pending.ids;
	return true;
}

/* The window to be made, in whole grains; false when nothing is to be done. */
static bool
find_window(Writing *writing)
{
	ModelSpec  *model = writing->job->model;
	const char *timezone = writing->job->run->timezone;
	TimeWindow	window;

	if (model->strategy != STRATEGY_PARTITION)
		return true;
	if (writing->job->window != NULL)
		window = *writing->job->window;
	else if (!find_pending(writing, &window))
		return false;
	window = window_align(window, model->grain, timezone);
	if (model->lookback != NULL && !TIMESTAMP_NOT_FINITE(window.from))
	{
		window.from = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
															  TimestampTzGetDatum(window.from),
															  IntervalPGetDatum(model->lookback)));
		window = window_align(window, model->grain, timezone);
	}
	writing->window = window;
	return window.from < window.to;
}

/* start_ts() and end_ts() answer with the window while the model runs; target_run() undoes it. */
static void
narrow_scope(Writing *writing)
{
	RunScope	scope = *run_scope();

	if (writing->job->model->strategy != STRATEGY_PARTITION)
		return;
	scope.start_ts = writing->window.from;
	scope.end_ts = writing->window.to;
	run_scope_set(&scope);
}

/* ---- rows ---- */

static void
analyse_model(Writing *writing)
{
	ModelSpec  *model = writing->job->model;
	ErrorText	place;
	Query	   *query;
	ListCell   *cell;

	writing->tree = model_parse(model->query, writing->filters);
	error_text_push(&place, model->query);
	query = tree_analyse((Node *) writing->tree->select, model->query, NULL);
	error_text_pop(&place);
	foreach(cell, query->targetList)
		if (!lfirst_node(TargetEntry, cell)->resjunk)
			writing->columns = lappend(writing->columns, lfirst_node(TargetEntry, cell)->resname);
	writing->addressed = model_append_address(writing->tree, query);
	if (writing->job->replay != NULL && !writing->addressed)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("%s cannot take in quarantined records", model->what),
				errdetail("As it is now, its rows do not come from one raw record each."));
}

/* Condition that each row of a partition model lies in the window; NULL when it is open. */
static Node *
inside_window(Writing *writing)
{
	if (writing->job->model->strategy != STRATEGY_PARTITION)
		return NULL;
	return window_condition(tree_column(writing->alias, writing->job->model->time_column),
							writing->time_type, writing->window);
}

static void
check_inside(Writing *writing)
{
	ModelSpec  *model = writing->job->model;

	if (writing->written->split->rows_outside == 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("%s made " INT64_FORMAT " rows outside of its window", model->what,
				   writing->written->split->rows_outside),
			errdetail("Rows of this run have \"%s\" from %s to before %s.", model->time_column,
					  pstrdup(timestamptz_to_str(writing->window.from)),
					  pstrdup(timestamptz_to_str(writing->window.to))),
			errhint("Read only the rows of the window: "
					"WHERE … >= dataops.start_ts() AND … < dataops.end_ts(). "
					"The grain must be that of \"%s\".", model->time_column));
}

static bool
is_time_type(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

/*
 * Must all rows be there before the target changes?  A model may also read its target; and with a
 * time column it is asked which of its rows get another time.
 */
static bool
needs_split(Writing *writing)
{
	ModelSpec  *model = writing->job->model;

	return writing->job->judges != NIL || writing->job->replay != NULL ||
		model->strategy == STRATEGY_PARTITION ||
		(model->strategy == STRATEGY_TABLE && writing->written->aside == NULL) ||
		(model_is_incremental(model) && writing->job->keep_rows) ||
		(model->strategy == STRATEGY_MERGE &&
		 (!writing->addressed || is_time_type(writing->time_type)));
}

static void
split_rows(Writing *writing)
{
	Split	   *split = palloc0(sizeof(Split));

	split->model = writing->tree;
	split->alias = writing->alias;
	split->columns = writing->columns;
	split->addressed = writing->addressed;
	split->judges = writing->job->judges;
	split->inside = inside_window(writing);
	split->wanted = writing->job->replay != NULL ? replayed_wants : NULL;
	split->wanted_arg = writing->job->replay;
	split_run(split);
	if (writing->job->model->strategy == STRATEGY_APPEND)
		split_find_partial(split);
	else if (writing->job->replay != NULL)
		replayed_drop_outdated(writing->job->replay, split, writing->job->model,
							   writing->written->target);
	writing->written->split = split;
	writing->written->environment = split_environment(split);
	if (writing->written->rows_in == 0)
		writing->written->rows_in = split->rows;
	check_inside(writing);
}

static void
receive_repeated(TupleTableSlot *slot, void *arg)
{
	Jsonb	   *key = row_as_jsonb(BlessTupleDesc(slot->tts_tupleDescriptor), slot->tts_values,
								   slot->tts_isnull);
	ModelSpec  *model = arg;

	ereport(ERROR,
			errcode(ERRCODE_CARDINALITY_VIOLATION),
			errmsg("%s made several rows with the key %s in one run", model->what,
				   JsonbToCString(NULL, &key->root, VARSIZE(key))),
			errdetail("Which of them is the last cannot be told: "
					  "a row does not come from one raw record."),
			errhint("Make the key unique in the query, for example with GROUP BY or DISTINCT ON."));
}

/* In what cannot be ordered, one key may come only once. */
static void
check_keys(Writing *writing, const RowSource *rows)
{
	ModelSpec  *model = writing->job->model;
	DestReceiver *receiver;

	if (model->strategy != STRATEGY_MERGE || writing->addressed)
		return;
	receiver = row_receiver(receive_repeated, model);
	tree_execute((Node *) statement_repeated_key(rows), "dataops merge",
				 writing->written->environment, receiver);
	receiver->rDestroy(receiver);
}

/* ---- target ---- */

/* Range of the time column over the rows that were written, as they were and as they are. */
typedef struct ChangedRange
{
	Written    *written;
	Oid			type;
	int			column;			/* of the slots */
} ChangedRange;

static void
receive_written(TupleTableSlot *slot, void *arg)
{
	ChangedRange *range = arg;
	Written    *written = range->written;
	Datum		value;
	TimestampTz from;
	TimestampTz to;

	if (range->column < 0 || slot->tts_isnull[range->column])
		return;
	value = slot->tts_values[range->column];
	if (range->type == DATEOID)
	{
		from = DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz, value));
		to = DATE_NOT_FINITE(DatumGetDateADT(value)) ? from :
			DatumGetTimestampTz(DirectFunctionCall1(date_timestamptz,
													DateADTGetDatum(DatumGetDateADT(value) + 1)));
	}
	else
	{
		from = range->type == TIMESTAMPTZOID ? DatumGetTimestampTz(value)
			: DatumGetTimestampTz(DirectFunctionCall1(timestamp_timestamptz, value));
		to = TIMESTAMP_NOT_FINITE(from) ? from : from + 1;
	}
	if (!written->has_range || from < written->changed_from)
		written->changed_from = from;
	if (!written->has_range || to > written->changed_to)
		written->changed_to = to;
	written->has_range = true;
}

/* Below 0: not known. */
static double
expected_rows(const Writing *writing)
{
	if (writing->written->split != NULL)
		return writing->written->split->rows;
	return writing->written->rows_in > 0 ? writing->written->rows_in : -1;
}

/* Rows that come into a new table: false when they have to be inserted. */
static bool
fill_aside(Writing *writing, const RowSource *rows)
{
	Written    *written = writing->written;
	ChangedRange range = {.written = written, .type = writing->time_type,
		.column = rows->returning != NULL ? names_index(rows->columns, rows->returning) : -1};

	if (written->aside == NULL || !fill_suits(written->aside, rows, written->environment))
		return false;
	written->rows_out = fill_table(written->aside, rows, written->environment, receive_written,
								   &range);
	return true;
}

static void
insert_rows(Writing *writing, const RowSource *rows)
{
	Written    *written = writing->written;
	RangeVar   *into = written->aside ? written->aside : written->target;
	ChangedRange range = {.written = written, .type = writing->time_type};
	DestReceiver *receiver = row_receiver(receive_written, &range);

	if (writing->job->model->strategy == STRATEGY_MERGE && rows->returning != NULL)
		tree_execute((Node *) statement_moved(into, rows), "dataops merge", written->environment,
					 receiver);
	if (writing->job->model->strategy == STRATEGY_MERGE)
		written->rows_out = merge_rows(&(MergeJob) {
			.into = into, .rows = rows, .count = expected_rows(writing),
			.text = "dataops merge",
			.environment = written->environment, .dest = receiver
		});
	else
		written->rows_out = tree_execute((Node *) statement_insert(into, rows), "dataops insert",
										 written->environment, receiver);
	receiver->rDestroy(receiver);
}

/* Locks and empties what the new rows replace. */
static void
prepare_target(Writing *writing)
{
	ModelSpec  *model = writing->job->model;
	Written    *written = writing->written;
	Relation	target;

	if (model->strategy == STRATEGY_TABLE)
		written->aside = rebuild_begin(written->target, &writing->job->step->step_run);
	if (model->strategy == STRATEGY_PARTITION)
		table_close(table_openrv(written->target, ShareRowExclusiveLock), NoLock);
	target = table_openrv(written->target, RowExclusiveLock);
	if (model->time_column != NULL)
		writing->time_type = get_atttype(RelationGetRelid(target),
										 get_attnum(RelationGetRelid(target), model->time_column));
	table_close(target, NoLock);
}

static void
delete_replaced(Writing *writing)
{
	ModelSpec  *model = writing->job->model;
	Written    *written = writing->written;
	Node	   *condition = NULL;

	if (written->aside != NULL || model_is_incremental(model))
		return;
	if (model->strategy == STRATEGY_PARTITION)
		condition = window_condition(tree_column(NULL, model->time_column), writing->time_type,
									 writing->window);
	tree_execute((Node *) statement_delete(written->target, condition), "dataops delete", NULL,
				 NULL);
}

/* What the whole window replaced counts as changed: rows that are gone, too. */
static void
set_window_range(Writing *writing)
{
	if (writing->job->model->strategy != STRATEGY_PARTITION)
		return;
	writing->written->has_range = true;
	writing->written->changed_from = writing->window.from;
	writing->written->changed_to = writing->window.to;
}

static Node *
aliased(RangeVar *relation, const char *alias)
{
	RangeVar   *item = copyObject(relation);

	item->alias = makeAlias(alias, NIL);
	return (Node *) item;
}

static void
begin_writing(Writing *writing, WriteJob *job)
{
	Written    *written = palloc0(sizeof(Written));

	memset(writing, 0, sizeof(Writing));
	writing->job = job;
	writing->written = written;
	written->target = tree_relation(job->model->target);
	writing->alias = written->target->relname;
	written->whole = aliased(written->target, writing->alias);
}

void
transform_probe(WriteJob *job)
{
	Writing		writing;

	begin_writing(&writing, job);
	if (!find_batches(&writing) || !find_window(&writing))
		return;
	narrow_scope(&writing);
	analyse_model(&writing);
	split_rows(&writing);
	split_end(writing.written->split);
}

Written *
transform_write(WriteJob *job)
{
	Writing		writing;
	Written    *written;
	RowSource	rows = {.keeps_created = true};

	begin_writing(&writing, job);
	written = writing.written;
	if (job->model->strategy == STRATEGY_VIEW)
		return written;
	if (!find_batches(&writing) || !find_window(&writing))
	{
		written->unchanged = "no new input";
		return written;
	}
	narrow_scope(&writing);
	prepare_target(&writing);
	analyse_model(&writing);
	if (needs_split(&writing))
		split_rows(&writing);
	rows.from = written->split ? split_from(written->split)
		: tree_subselect(writing.tree->select, writing.alias);
	rows.alias = writing.alias;
	rows.columns = writing.columns;
	rows.addressed = writing.addressed;
	rows.key = job->model->key;
	check_keys(&writing, &rows);
	if (is_time_type(writing.time_type))
		rows.returning = job->model->time_column;
	delete_replaced(&writing);
	if (!fill_aside(&writing, &rows))
		insert_rows(&writing, &rows);
	if (written->rows_in == 0)
		written->rows_in = written->rows_out;
	set_window_range(&writing);

	if (written->aside != NULL)
		written->whole = aliased(written->aside, writing.alias);
	if (job->model->strategy == STRATEGY_TABLE)
		written->rows = written->whole;
	else if (job->model->strategy == STRATEGY_MERGE && writing.addressed)
		written->rows = statement_last_of_key(&rows);
	else
		written->rows = rows.from;
	return written;
}

void
transform_publish(Written *written)
{
	if (written->aside != NULL)
		rebuild_swap(written->target, written->aside, written->rows_out);
}
