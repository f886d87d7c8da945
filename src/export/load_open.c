/*
 * load_open.c
 *	  The first transaction of a load into a warehouse outside: rows are judged and encoded, and the
 *	  values to compare are computed, all under one snapshot.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_remote.h"

#include "utils/builtins.h"

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
	before = remote_become_owner(load);
	query = loading_query(base, load->whole);
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

bool
remote_open(RemoteLoad *load)
{
	Loading    *base = &load->base;
	bool		good;

	txn_begin(base->run);
	good = remote_run_judged(load, encode);
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
	remote_commit(load);
	FAULT_POINT("load_after_open");
	return good;
}
