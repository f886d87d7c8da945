/*
 * load_open.c
 *	  The first transaction of a load into a warehouse outside: rows are judged and encoded, and the
 *	  values to compare are computed, all under one snapshot.  The files begin to leave meanwhile.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_remote.h"

#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "catalog/txn.h"
#include "catalog/verdict.h"
#include "core/fault.h"
#include "core/guc.h"
#include "export/path.h"

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

static DeliveryOrder
files_order(RemoteLoad *load)
{
	Loading    *base = &load->base;

	return (DeliveryOrder) {
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
}

/* Everything that reads the relation, under the transaction's snapshot. */
static void
encode(void *arg)
{
	RemoteLoad *load = arg;
	Loading    *base = &load->base;
	MemoryContext previous = MemoryContextSwitchTo(base->run->step_memory);
	List	   *expressions = base->judge->values(base->judge->arg);
	DeliveryOrder order;
	SqlRole		before;
	List	   *here;
	char	   *query;

	if (load->reset)
		load_forget_unpublished(&base->record);
	before = remote_become_owner(load);
	changed_push_snapshot(base->spec->relation);
	query = loading_query(base, load->whole);
	base->judge->rows(loading_rows(base, query), base->judge->arg);
	here = lcons(NULL, loading_values(base, expressions));
	sql_leave(&before);
	order = files_order(load);
	load->encoded = delivery_encode(load->delivery, &order);
	PopActiveSnapshot();
	if (load->encoded == DELIVERY_ENCODED)
	{
		base->record.rows = load->delivery->record->rows;
		base->record.bytes = load->delivery->record->bytes;
	}
	linitial(here) = psprintf(INT64_FORMAT, base->record.rows);
	base->record.expected = loading_expected(expressions, here);
	MemoryContextSwitchTo(previous);
}

/* What has begun to leave is not to be loaded. */
static void
give_up_files(RemoteLoad *load)
{
	delivery_give_up(load->delivery, &load->result);
	load->delivery = NULL;
}

/* With the transaction of the encoding, which ends here. */
static void
record_open(RemoteLoad *load)
{
	Loading    *base = &load->base;
	bool		empty = load->encoded == DELIVERY_EMPTY;

	if (empty && base->spec->mode != WAREHOUSE_TRUNCATE)
	{
		/* rows that were all set aside are not to be set aside again */
		base->record.state = "done";
		if (load->quarantined > 0)
			load_add(base->run, base->step, &base->record);
		load->result = loading_unchanged(base->run, "no new rows");
		load->result.rows_quarantined = load->quarantined;
	}
	else
	{
		base->record.state = "open";
		load_add(base->run, base->step, &base->record);
	}
	if (empty)
		load->delivery = NULL;
}

bool
remote_open(RemoteLoad *load)
{
	Loading    *base = &load->base;
	DeliveryOrder order = files_order(load);
	ErrorData  *error;
	bool		good;

	load->delivery = delivery_begin(base->run, base->step, load->place, &order,
									base->run->step_memory);
	txn_begin(base->run);
	good = remote_run_judged(load, encode, &error);
	if (error != NULL || (good && load->encoded == DELIVERY_REFUSED))
	{
		txn_abort(base->run);
		give_up_files(load);
		if (error != NULL)
			ReThrowError(error);
		return false;
	}
	if (good)
		record_open(load);
	FAULT_POINT("load_before_open");
	remote_commit(load);
	FAULT_POINT("load_after_open");
	if (!good)
		give_up_files(load);
	return good && strcmp(base->record.state, "open") == 0;
}
