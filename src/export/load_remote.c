/*
 * load_remote.c
 *	  Loads into a warehouse outside: rows as files in a store, a load of them, a publication.
 *
 * Before each effect a commit names it, after it a commit notes it: whoever comes later asks.
 *	  (none) → open     one transaction: rows judged, encoded, expected values computed
 *	  open → loading    every file is in the store
 *	  loading → loaded  the staging side has the rows; what arrived is compared and published
 *	  loaded → done     with the end of the step
 * A definite failure ends in "failed"; the next load begins by resetting the staging side.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "catalog/verdict.h"
#include "core/fault.h"
#include "core/guc.h"
#include "core/uuid.h"
#include "export/delivery.h"
#include "export/loading.h"
#include "export/path.h"

typedef struct RemoteLoad
{
	Loading		base;
	DeliveryPlace *place;
	Delivery   *delivery;		/* its files; NULL: there are none */
	bool		reset;
	List	   *leftovers;		/* Delivery *: files of loads that have ended */
	List	   *there;			/* texts: what the warehouse has */
	int64		quarantined;
	StageResult result;
} RemoteLoad;

static SqlRole
become_owner(RemoteLoad *load)
{
	Run		   *run = load->base.run;

	return sql_become_owner(run->owner, load->base.spec->search_path, run->timezone);
}

/* ---- failures ---- */

static bool
fail(RemoteLoad *load, const char *error, int sqlstate, bool retry)
{
	load->result = (StageResult) {
		.outcome = STAGE_FAILED,
		.error = MemoryContextStrdup(load->base.run->memory, error),
		.sqlstate = sqlstate,
		.retry = retry
	};
	return false;
}

static const char *
problem_of(const WarehouseResult *answer)
{
	return answer->problem ? answer->problem : "the warehouse did not say why";
}

static void
commit(RemoteLoad *load)
{
	txn_commit(load->base.run);
	MemoryContextSwitchTo(load->base.run->step_memory);
}

static void
commit_state(RemoteLoad *load, const char *state, bool ended)
{
	txn_begin(load->base.run);
	load_set_state(&load->base.record, state, ended);
	commit(load);
}

/* Takes the files away; that this may fail is no failure of the load: a later one tries again. */
static void
drop_files(RemoteLoad *load)
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
	load->base.record.error = pstrdup(problem_of(answer));
	load->base.record.bytes_billed = answer->bytes_billed;
	if (answer->job != NULL)
		load->base.record.job = answer->job;
	commit_state(load, "failed", true);
	FAULT_POINT("load_after_failed");
	drop_files(load);
	(void) fail(load, load->base.record.error, answer->sqlstate, answer->retry);
	load->result.hint = "Nothing of it is in production. Mend the cause; the next attempt loads "
		"the rows anew.";
	return false;
}

/* It stands where it is, and the next attempt goes on from there. */
static bool
fail_unfinished(RemoteLoad *load, const WarehouseResult *answer)
{
	(void) fail(load, problem_of(answer), answer->sqlstate,
				answer->outcome == WAREHOUSE_UNKNOWN || answer->retry);
	load->result.next_attempt_at = answer->not_before;
	load->result.hint = "The next attempt asks the warehouse what became of the load, and goes on "
		"from there; see dataops.loads.";
	return false;
}

/* ---- what was left ---- */

/* Its files, whose parts the ledger names; NULL: none are left. */
static Delivery *
files_of(RemoteLoad *load, const LoadRecord *record)
{
	Loading    *base = &load->base;
	DeliveryPlace *place;
	List	   *deliveries;

	if (record->stage == NULL)
		return NULL;
	place = delivery_open(base->run, record->stage, base->run->step_memory);
	deliveries = delivery_unfinished(base->run, base->step, place, &record->id,
									 base->run->step_memory);
	return deliveries != NIL ? linitial(deliveries) : NULL;
}

/* Can it be finished by the step as it is defined now? */
static bool
is_same_load(const Loading *base, const LoadRecord *record)
{
	return strcmp(record->relation, base->record.relation) == 0 &&
		strcmp(record->server, base->record.server) == 0 &&
		strcmp(record->target, base->record.target) == 0 &&
		strcmp(record->mode, base->record.mode) == 0;
}

/* Reads the step, and from the ledger where it stands. */
static void
begin(RemoteLoad *load, Run *run, Step *step, const LoadJudge *judge)
{
	LoadRecord *left;
	ListCell   *cell;

	memset(load, 0, sizeof(RemoteLoad));
	txn_begin(run);
	MemoryContextSwitchTo(run->step_memory);
	loading_begin(&load->base, run, step, judge);
	load->place = delivery_open(run, load->base.spec->stage, run->step_memory);
	load->base.warehouse->driver->check_table(load->base.warehouse, load->base.table);
	foreach(cell, load_with_files(run, step))
		load->leftovers = lappend(load->leftovers, files_of(load, lfirst(cell)));
	left = load_unfinished(run, step);
	while (left != NULL && !is_same_load(&load->base, left))
	{
		/* of another definition: nobody will finish it */
		load->leftovers = lappend(load->leftovers, files_of(load, left));
		left->error = pstrdup("the step was defined anew");
		load_set_state(left, strcmp(left->state, "open") == 0 ? "removed" : "failed", true);
		left = load_unfinished(run, step);
	}
	if (left != NULL)
	{
		load->base.record = *left;
		load->delivery = files_of(load, left);
	}
	load->reset = load_follows_failure(&load->base.record);
	commit(load);
}

/* Files of loads that have ended; the load in hand does not depend on them. */
static void
drop_leftovers(RemoteLoad *load)
{
	StageResult ignored;
	ListCell   *cell;

	foreach(cell, load->leftovers)
		if (lfirst(cell) != NULL)
			(void) delivery_remove(lfirst(cell), &ignored);
}

/*
 * An open load of a dead process: the rows are where its process was, so it goes on only if all
 * files had left already.  Otherwise the next one begins anew.
 */
static bool
settle_open(RemoteLoad *load)
{
	LoadRecord *record = &load->base.record;
	DeliveryState state = DELIVERY_BROKEN;

	if (load->delivery != NULL)
		state = delivery_verify(load->delivery, &load->result);
	if (state == DELIVERY_UNKNOWN)
		return false;
	if (state == DELIVERY_WHOLE)
		return true;
	drop_files(load);
	/* the warehouse never heard of it, so its staging side is as before */
	commit_state(load, "removed", true);
	record->state = NULL;
	record->id = uuid_v7();
	record->name = uuid_text(&record->id);
	return true;
}

/* ---- open: rows into files ---- */

typedef struct Encoding
{
	RemoteLoad *load;
	List	   *here;
} Encoding;

static void
quarantine_bad_row(const BadRow *row, void *arg)
{
	RemoteLoad *load = arg;
	QuarantineRow entry = {
		.target = load->base.spec->target,
		.rule = "values that the warehouse can hold",
		.reason = psprintf("column \"%s\" %s", row->column, row->reason),
		.row = DatumGetJsonbP(row->record)
	};

	quarantine_record(load->base.run, load->base.step, &entry);
	load->quarantined++;
}

static Delivery *
encode_files(RemoteLoad *load)
{
	Loading    *base = &load->base;
	DeliveryOrder order = {
		.relation = base->spec->relation,
		.changed = base->spec->changed_rows,
		.since = base->since,
		.path = path_default("load/", "ndjson", true),
		.search_path = base->spec->search_path,
		.load = &base->record.id,
		.parts = {
			.format = ROW_NDJSON,
			.gzip = true,
			.part_bytes = (uint64) guc_export_part_size * 1024,
			.choose = base->warehouse->choose,
			.bad_value = base->spec->bad_value,
			.on_bad_row = base->spec->bad_value == BAD_VALUE_QUARANTINE ? quarantine_bad_row : NULL,
			.arg = load
		}
	};

	return delivery_encode(base->run, base->step, load->place, &order, base->run->step_memory);
}

/* Everything that reads the relation, under the transaction's snapshot. */
static void
encode(void *arg)
{
	RemoteLoad *load = arg;
	Loading    *base = &load->base;
	MemoryContext previous = MemoryContextSwitchTo(base->run->step_memory);
	List	   *expressions = base->judge->values(base->judge->arg);
	SqlRole		before;
	List	   *here;
	char	   *query;

	if (load->reset)
		load_forget_unpublished(&base->record);
	before = become_owner(load);
	query = loading_query(base, false);
	base->judge->rows(loading_rows(base, query), base->judge->arg);
	here = lcons(NULL, loading_values(base, expressions));
	sql_leave(&before);
	load->delivery = encode_files(load);
	if (load->delivery != NULL)
	{
		base->record.rows = load->delivery->record->rows;
		base->record.bytes = load->delivery->record->bytes;
	}
	linitial(here) = psprintf(INT64_FORMAT, base->record.rows);
	base->record.expected = loading_expected(expressions, here);
	MemoryContextSwitchTo(previous);
}

/*
 * Runs "body" in a transaction, rolls back what it did when it throws, and keeps what the checks
 * found.  False when a check has stopped; other errors are thrown on.
 */
static bool
run_judged(RemoteLoad *load, void (*body) (void *arg))
{
	const LoadJudge *judge = load->base.judge;
	ErrorData  *error = sql_run_guarded(body, load);
	char	   *hint = NULL;
	bool		stopped = judge->settle(&hint, judge->arg);

	if (error == NULL)
		return true;
	if (!stopped)
		ReThrowError(error);
	(void) fail(load, error->message, error->sqlerrcode, false);
	load->result.hint = hint;
	return false;
}

/* False when there is nothing to load, or a check stops it: then *result says so. */
static bool
open_load(RemoteLoad *load)
{
	Loading    *base = &load->base;
	bool		good;

	txn_begin(base->run);
	good = run_judged(load, encode);
	if (good && load->delivery == NULL && base->spec->mode != WAREHOUSE_TRUNCATE)
	{
		/* rows that were all set aside are not to be set aside again */
		base->record.state = "done";
		if (load->quarantined > 0)
			load_add(base->run, base->step, &base->record);
		load->result = loading_unchanged(base->run);
		load->result.rows_quarantined = load->quarantined;
		good = false;
	}
	else if (good)
	{
		base->record.state = "open";
		load_add(base->run, base->step, &base->record);
	}
	FAULT_POINT("load_before_open");
	commit(load);
	FAULT_POINT("load_after_open");
	return good;
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
	commit_state(load, "loading", false);
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
	if (answer.outcome == WAREHOUSE_FAILED)
		return fail_for_good(load, &answer);
	base->record.rows_loaded = answer.rows;
	base->record.bytes_billed = answer.bytes_billed;
	base->record.job = answer.job;
	commit_state(load, "loaded", false);
	FAULT_POINT("load_after_loaded");
	return true;
}

/* ---- comparing ---- */

static void
compare(void *arg)
{
	RemoteLoad *load = arg;
	const LoadJudge *judge = load->base.judge;
	LoadRecord *record = &load->base.record;
	MemoryContext previous = MemoryContextSwitchTo(load->base.run->step_memory);
	List	   *here = list_make1(psprintf(INT64_FORMAT, record->rows));
	SqlRole		before = become_owner(load);
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
	bool		good;

	if (expressions != NIL)
		answer = base->warehouse->driver->evaluate(base->warehouse, &order, SIDE_STAGING,
												   expressions);
	/* the rows are there: only this is to be done again */
	if (expressions != NIL && answer.outcome != WAREHOUSE_DONE)
		return fail_unfinished(load, &answer);
	load->there = lcons(psprintf(INT64_FORMAT, base->record.rows_loaded), answer.values);
	base->record.bytes_billed = answer.bytes_billed;
	txn_begin(base->run);
	good = run_judged(load, compare);
	if (!good)
		base->record.error = load->result.error;
	load_set_state(&base->record, good ? "loaded" : "failed", !good);
	FAULT_POINT("load_before_compared");
	commit(load);
	FAULT_POINT("load_after_compared");
	if (!good)
		drop_files(load);
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

	if (record->state != NULL && strcmp(record->state, "open") == 0 && !settle_open(load))
		return false;
	if (record->state == NULL && !open_load(load))
		return false;
	if (strcmp(record->state, "open") == 0 && !upload(load))
		return false;
	if (strcmp(record->state, "loading") == 0 && !fill(load))
		return false;
	if (!compare_sides(load) || !publish(load))
		return false;
	drop_files(load);
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
	RemoteLoad *load = MemoryContextAlloc(run->step_memory, sizeof(RemoteLoad));

	for (;;)
	{
		begin(load, run, step, judge);
		drop_leftovers(load);
		if (!advance(load))
			return load->result;
		if (is_of_this_run(load))
			break;
		/* of a run before: the rows of this one follow */
		txn_begin(run);
		conclude(load);
		commit(load);
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
