/*
 * again.c
 *	  From quarantined rows to windows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/again.h"

#include "catalog/pg_type.h"

#include "model/execute.h"
#include "model/tree.h"

typedef struct Again
{
	const Run  *run;
	const ModelSpec *model;
	MemoryContext memory;
	List	   *windows;		/* TimeWindow * */
} Again;

static TimeWindow *
add_window(Again *again, TimestampTz from, TimestampTz to)
{
	MemoryContext previous = MemoryContextSwitchTo(again->memory);
	TimeWindow *window = palloc(sizeof(TimeWindow));

	window->from = from;
	window->to = to;
	*window = window_align(*window, again->model->grain, again->run->timezone);
	again->windows = lappend(again->windows, window);
	MemoryContextSwitchTo(previous);
	return window;
}

/* ---- where rows are now ---- */

static void
receive_time(TupleTableSlot *slot, void *arg)
{
	TimestampTz time;

	if (slot->tts_isnull[0])
		return;
	time = DatumGetTimestampTz(slot->tts_values[0]);
	if (!TIMESTAMP_NOT_FINITE(time))
		add_window(arg, time, time + 1);
}

/* A mended model may give them other times. */
static void
add_present_times(Again *again, const Replayed *replayed)
{
	ModelTree  *tree = model_parse(again->model->query,
								   list_make1(unconstify(RecordsFilter *, &replayed->input)));
	Node	   *time = tree_cast(tree_column(NULL, again->model->time_column), TIMESTAMPTZOID);
	SelectStmt *select = tree_select(list_make1(tree_target(time, NULL)),
									 tree_subselect(tree->select, "dataops again"));
	DestReceiver *receiver = row_receiver(receive_time, again);

	select->distinctClause = list_make1(NULL);
	tree_execute((Node *) select, again->model->query, NULL, receiver);
	receiver->rDestroy(receiver);
}

/* ---- windows ---- */

static int
by_begin(const ListCell *one, const ListCell *other)
{
	TimestampTz a = ((TimeWindow *) lfirst(one))->from;
	TimestampTz b = ((TimeWindow *) lfirst(other))->from;

	return a < b ? -1 : a > b;
}

/* Those that overlap or meet as one. */
static List *
united(List *windows)
{
	List	   *result = NIL;
	TimeWindow *last = NULL;
	ListCell   *cell;

	list_sort(windows, by_begin);
	foreach(cell, windows)
	{
		TimeWindow *window = lfirst(cell);

		if (last != NULL && window->from <= last->to)
			*last = window_hull(*last, *window);
		else
		{
			last = window;
			result = lappend(result, last);
		}
	}
	return result;
}

static bool
overlaps(List *windows, const TimeWindow *window)
{
	ListCell   *cell;

	foreach(cell, windows)
	{
		TimeWindow *other = lfirst(cell);

		if (window->from < other->to && other->from < window->to)
			return true;
	}
	return false;
}

static bool
is_gone(const Replayed *replayed, const QuarantinePlace *place)
{
	RecordAddress address;

	if (place->batch == NULL || replayed == NULL)
		return false;
	address.batch = *place->batch;
	address.page = place->page;
	address.ordinal = place->ordinal;
	return replayed_is_gone(replayed, &address);
}

List *
again_windows(const Run *run, const ModelSpec *model, List *places, const Replayed *replayed,
			  int64 *gone)
{
	Again		again = {.run = run, .model = model, .memory = CurrentMemoryContext};
	List	   *of_places;
	List	   *lost = NIL;
	List	   *kept = NIL;
	ListCell   *cell;

	foreach(cell, places)
	{
		QuarantinePlace *place = lfirst(cell);
		TimeWindow *window = add_window(&again, place->from, place->to);

		if (is_gone(replayed, place))
			lost = lappend(lost, memcpy(palloc(sizeof(TimeWindow)), window, sizeof(TimeWindow)));
	}
	lost = united(lost);
	of_places = list_copy(again.windows);
	*gone = 0;
	foreach(cell, of_places)
		*gone += overlaps(lost, lfirst(cell));
	if (replayed != NULL && model->grain != NULL)
		add_present_times(&again, replayed);
	foreach(cell, again.windows)
		if (!overlaps(lost, lfirst(cell)))
			kept = lappend(kept, lfirst(cell));
	return united(kept);
}
