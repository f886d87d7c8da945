/*
 * load_remote.c
 *	  Loads into a warehouse outside: rows as files in a store, a load of them, a publication.
 *
 * Before each effect a commit names it, after it a commit notes it: whoever comes later asks.
 *	  (none) → open     one transaction: rows judged, encoded, expected values computed; the files
 *						begin to leave, under names that the ledger has from before
 *	  open → loading    every file is in the store
 *	  loading → loaded  the staging side has the rows; what arrived is compared and published
 *	  loaded → done     with the end of the step
 * A definite failure ends in "failed"; the next load begins by resetting the staging side.
 * Here is what follows "open"; load_left.c and load_open.c have what goes before.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_remote.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/spec.h"
#include "catalog/txn.h"
#include "core/fault.h"

SqlRole
remote_become_owner(RemoteLoad *load)
{
	Run		   *run = load->base.run;

	return sql_become_owner(run->owner, load->base.spec->search_path, run->timezone);
}

/* ---- failures ---- */

bool
remote_fail(RemoteLoad *load, const char *error, int sqlstate, bool retry)
{
	load->result = (StageResult) {
		.outcome = STAGE_FAILED,
		.error = MemoryContextStrdup(load->base.run->memory, error),
		.sqlstate = sqlstate,
		.retry = retry
	};
	return false;
}

void
remote_commit(RemoteLoad *load)
{
	txn_commit(load->base.run);
	MemoryContextSwitchTo(load->base.run->step_memory);
}

void
remote_commit_state(RemoteLoad *load, const char *state, bool ended)
{
	txn_begin(load->base.run);
	load_set_state(&load->base.record, state, ended);
	remote_commit(load);
}

void
remote_drop_files(RemoteLoad *load)
{
	StageResult ignored;

	if (load->delivery != NULL)
		(void) delivery_remove(load->delivery, &ignored);
	load->delivery = NULL;
}

/* The warehouse has definitely not done it. */
static bool
fail_for_good(RemoteLoad *load, const WarehouseResult *answer)
{
	load->base.record.error = pstrdup(warehouse_problem(answer));
	load->base.record.bytes_billed = answer->bytes_billed;
	if (answer->job != NULL)
		load->base.record.job = answer->job;
	remote_commit_state(load, "failed", true);
	FAULT_POINT("load_after_failed");
	remote_drop_files(load);
	(void) remote_fail(load, load->base.record.error, answer->sqlstate, answer->retry);
	load->result.hint = "Nothing of it is in production. Mend the cause; the next attempt loads "
		"the rows anew.";
	return false;
}

/* It has come to nothing, by no fault of the rows: another one is made in its place, at once. */
static bool
begin_anew(RemoteLoad *load, const char *state, const char *why)
{
	load->base.record.error = pstrdup(why);
	remote_commit_state(load, state, true);
	FAULT_POINT("load_before_anew");
	remote_drop_files(load);
	load->again = true;
	return false;
}

/* It stands where it is, and the next attempt goes on from there. */
static bool
fail_unfinished(RemoteLoad *load, const WarehouseResult *answer)
{
	(void) remote_fail(load, warehouse_problem(answer), answer->sqlstate,
					   answer->outcome == WAREHOUSE_UNKNOWN || answer->retry);
	load->result.next_attempt_at = answer->not_before;
	load->result.hint = "The next attempt asks the warehouse what became of the load, and goes on "
		"from there; see dataops.loads.";
	return false;
}

bool
remote_run_judged(RemoteLoad *load, void (*body) (void *arg), ErrorData **error)
{
	const LoadJudge *judge = load->base.judge;
	char	   *hint = NULL;
	bool		stopped;

	MemoryContextSwitchTo(load->base.run->step_memory);
	*error = sql_run_guarded(body, load);
	stopped = judge->settle(&hint, judge->arg);
	if (*error == NULL)
		return true;
	if (stopped)
	{
		(void) remote_fail(load, (*error)->message, (*error)->sqlerrcode, false);
		load->result.hint = hint;
		*error = NULL;
	}
	return false;
}

/* ---- loading ---- */

static bool
upload(RemoteLoad *load)
{
	/* without its files it never begins: it is taken back by the next attempt */
	if (load->delivery != NULL && !load->delivery->record->uploaded &&
		!delivery_upload(load->delivery, &load->result))
		return false;
	FAULT_POINT("load_before_loading");
	remote_commit_state(load, "loading", false);
	FAULT_POINT("load_after_loading");
	return true;
}

static WarehouseLoad
order_of(RemoteLoad *load)
{
	WarehouseLoad order = {
		.id = load->base.record.name,
		.table = load->base.table,
		.mode = load->base.spec->mode,
		.rows = load->base.record.rows,
		.whole = load->base.record.whole,
		.reset = load->reset
	};
	int			count = load->delivery ? list_length(load->delivery->record->parts) : 0;

	for (int i = 0; i < count; i++)
		order.files = lappend(order.files, delivery_part_place(load->delivery, i));
	return order;
}

static bool
fill(RemoteLoad *load)
{
	Loading    *base = &load->base;
	WarehouseLoad order = order_of(load);
	WarehouseResult answer = base->warehouse->driver->load(base->warehouse, &order);

	FAULT_POINT("load_after_fill");
	/* not known whether, or not to be asked now: the next attempt asks under the same name */
	if (answer.outcome == WAREHOUSE_UNKNOWN || answer.not_before != 0)
		return fail_unfinished(load, &answer);
	if (answer.gap == WAREHOUSE_GAP_STAGING)
		return begin_anew(load, "failed", warehouse_problem(&answer));
	if (answer.gap == WAREHOUSE_GAP_ROWS)
	{
		load->whole = true;
		return begin_anew(load, "removed", warehouse_problem(&answer));
	}
	if (answer.outcome == WAREHOUSE_FAILED)
		return fail_for_good(load, &answer);
	base->record.rows_loaded = answer.rows;
	base->record.bytes_billed = answer.bytes_billed;
	base->record.job = answer.job;
	remote_commit_state(load, "loaded", false);
	FAULT_POINT("load_after_loaded");
	return true;
}

/* ---- comparing ---- */

/* Were all values computed that the checks, as they are now, compare? */
static bool
has_values(const Loading *base)
{
	const LoadRecord *record = &base->record;
	ListCell   *cell;

	foreach(cell, base->judge->values(base->judge->arg))
	{
		char	   *value = lfirst(cell);

		if (record->expected == NULL ||
			getKeyJsonValueFromContainer(&record->expected->root, value, strlen(value),
										 NULL) == NULL)
			return false;
	}
	return true;
}

static void
compare(void *arg)
{
	RemoteLoad *load = arg;
	const LoadJudge *judge = load->base.judge;
	LoadRecord *record = &load->base.record;
	MemoryContext previous = MemoryContextSwitchTo(load->base.run->step_memory);
	List	   *here = list_make1(psprintf(INT64_FORMAT, record->rows));
	SqlRole		before = remote_become_owner(load);
	ListCell   *cell;

	foreach(cell, judge->values(judge->arg))
		here = lappend(here, spec_text(record->expected, lfirst(cell), "a load"));
	judge->compare(here, load->there, judge->arg);
	sql_leave(&before);
	MemoryContextSwitchTo(previous);
}

static bool
compare_sides(RemoteLoad *load)
{
	Loading    *base = &load->base;
	List	   *expressions = base->judge->values(base->judge->arg);
	WarehouseLoad order = order_of(load);
	WarehouseResult answer = {0};
	ErrorData  *error;
	bool		good;

	if (!has_values(base))
		return begin_anew(load, "failed", "the checks were defined anew");
	if (expressions != NIL)
		answer = base->warehouse->driver->evaluate(base->warehouse, &order, SIDE_STAGING,
												   expressions);
	/* the rows are there: only this is to be done again */
	if (expressions != NIL && answer.outcome != WAREHOUSE_DONE)
		return fail_unfinished(load, &answer);
	load->there = lcons(psprintf(INT64_FORMAT, base->record.rows_loaded), answer.values);
	base->record.bytes_billed = answer.bytes_billed;
	txn_begin(base->run);
	good = remote_run_judged(load, compare, &error);
	if (error != NULL)
		ReThrowError(error);
	if (!good)
		base->record.error = load->result.error;
	load_set_state(&base->record, good ? "loaded" : "failed", !good);
	FAULT_POINT("load_before_compared");
	remote_commit(load);
	FAULT_POINT("load_after_compared");
	if (!good)
		remote_drop_files(load);
	return good;
}

/* ---- publishing ---- */

static bool
publish(RemoteLoad *load)
{
	Loading    *base = &load->base;
	WarehouseLoad order = order_of(load);
	WarehouseResult answer;

	if (!base->spec->publish)
		return true;
	answer = base->warehouse->driver->publish(base->warehouse, &order);
	FAULT_POINT("load_after_publish");
	/* staging is good in any case: only this is to be done again */
	if (answer.outcome != WAREHOUSE_DONE)
		return fail_unfinished(load, &answer);
	base->record.publish_job = answer.job;
	base->record.bytes_billed = answer.bytes_billed;
	return true;
}

static void
conclude(void *arg)
{
	RemoteLoad *load = arg;

	load_set_state(&load->base.record, load->base.spec->publish ? "done" : "loaded", true);
}

/* ---- the stage ---- */

/* From the state it has to the last before "done".  False: *result says why not. */
static bool
advance(RemoteLoad *load)
{
	LoadRecord *record = &load->base.record;

	if (record->state != NULL && strcmp(record->state, "open") == 0 && !remote_settle_open(load))
		return false;
	if (record->state == NULL && !remote_open(load))
		return false;
	if (strcmp(record->state, "open") == 0 && !upload(load))
		return false;
	if (strcmp(record->state, "loading") == 0 && !fill(load))
		return false;
	if (!compare_sides(load) || !publish(load))
		return false;
	remote_drop_files(load);
	return true;
}

static bool
is_of_this_run(const RemoteLoad *load)
{
	const pg_uuid_t *maker = &load->base.record.run;
	static const pg_uuid_t none;

	return memcmp(maker, &load->base.run->id, UUID_LEN) == 0 ||
		memcmp(maker, &none, UUID_LEN) == 0;
}

StageResult
load_remote(Run *run, Step *step, const LoadJudge *judge)
{
	RemoteLoad *load = MemoryContextAllocZero(run->step_memory, sizeof(RemoteLoad));

	for (;;)
	{
		if (!remote_begin(load, run, step, judge))
			return load->result;
		remote_drop_leftovers(load);
		if (!advance(load))
		{
			if (!load->again)
				return load->result;
			continue;
		}
		if (is_of_this_run(load))
			break;
		/* of a run before: the rows of this one follow */
		txn_begin(run);
		conclude(load);
		remote_commit(load);
	}
	load->result.outcome = STAGE_DONE;
	load->result.rows_in = load->base.record.rows;
	load->result.rows_out = load->base.record.rows_loaded;
	load->result.rows_quarantined = load->quarantined;
	load->result.bytes = load->base.record.bytes;
	load->result.conclude = conclude;
	load->result.conclude_arg = load;
	return load->result;
}
