/*
 * load.c
 *	  Loads into a warehouse that takes part in the step's transaction.
 *
 * All that reads the relation does so under one snapshot, which is kept with the load: the rows
 * that it did not see are the next load's.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load.h"

#include "catalog/namespace.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/fault.h"
#include "export/loading.h"
#include "model/execute.h"
#include "model/statement.h"
#include "model/table.h"
#include "model/tree.h"

/* ---- keys ---- */

static void
receive_repeated(TupleTableSlot *slot, void *arg)
{
	const LoadSpec *spec = arg;
	Jsonb	   *key = row_as_jsonb(BlessTupleDesc(slot->tts_tupleDescriptor), slot->tts_values,
								   slot->tts_isnull);

	ereport(ERROR,
			errcode(ERRCODE_CARDINALITY_VIOLATION),
			errmsg("%s has several rows with the key %s", spec->what,
				   JsonbToCString(NULL, &key->root, VARSIZE(key))),
			errhint("Name in \"key\" all columns that tell its rows apart, or make them unique."));
}

/* Which row of a key is the last cannot be told, so it may come only once. */
static void
check_keys(Loading *loading, const WarehouseLoad *load)
{
	LoadSpec   *spec = loading->spec;
	Oid			relation = RangeVarGetRelid(tree_relation(spec->relation), NoLock, false);
	RowSource	rows = {.alias = loading->table->name, .key = spec->key};
	DestReceiver *receiver;

	if (load->mode != WAREHOUSE_MERGE || table_is_unique(relation, spec->key))
		return;
	rows.from = loading_rows(loading, load->query);
	receiver = row_receiver(receive_repeated, spec);
	(void) tree_execute_under(GetActiveSnapshot(), (Node *) statement_repeated_key(&rows),
							  "dataops load", NULL, receiver);
	receiver->rDestroy(receiver);
}

/* ---- the load ---- */

static void
fill_and_publish(Loading *loading, const WarehouseLoad *load, List *here)
{
	const WarehouseDriver *driver = loading->warehouse->driver;
	List	   *expressions = loading->judge->values(loading->judge->arg);
	List	   *there;

	loading->record.rows_loaded = driver->load(loading->warehouse, load).rows;
	FAULT_POINT("load_after_fill");
	there = list_make1(psprintf(INT64_FORMAT, loading->record.rows_loaded));
	here = list_concat(here, loading_values(loading, expressions));
	if (expressions != NIL)
		there = list_concat(there, driver->evaluate(loading->warehouse, load, SIDE_STAGING,
													expressions).values);
	loading->judge->compare(here, there, loading->judge->arg);
	FAULT_POINT("load_before_publish");
	if (loading->spec->publish)
		driver->publish(loading->warehouse, load);
	FAULT_POINT("load_after_publish");
	loading->record.expected = loading_expected(expressions, here);
}

StageResult
load_here(Run *run, Step *step, const LoadJudge *judge)
{
	StageResult result = {.outcome = STAGE_DONE};
	Loading		loading;
	WarehouseLoad load = {0};
	List	   *here;
	WarehouseGap gap;

	loading_begin(&loading, run, step, judge);
	load.id = loading.record.name;
	load.table = loading.table;
	load.mode = loading.spec->mode;
	loading.warehouse->driver->check_table(loading.warehouse, loading.table);
	gap = loading.warehouse->driver->prepare(loading.warehouse, &load);
	if (gap == WAREHOUSE_GAP_STAGING)
		load_forget_unpublished(&loading.record);
	FAULT_POINT("load_after_prepare");
	changed_push_snapshot(loading.spec->relation);	/* after the tables are locked */
	load.query = loading_query(&loading, gap == WAREHOUSE_GAP_ROWS);
	here = list_make1(loading_count(&loading, load.query));
	load.rows = loading.record.rows = pg_strtoint64(linitial(here));
	if (load.rows == 0 && load.mode != WAREHOUSE_TRUNCATE)
	{
		PopActiveSnapshot();
		return loading_unchanged(run, "no new rows");
	}
	check_keys(&loading, &load);
	judge->rows(loading_rows(&loading, load.query), judge->arg);
	fill_and_publish(&loading, &load, here);
	PopActiveSnapshot();
	loading.record.state = loading.spec->publish ? "done" : "loaded";
	load_add(run, step, &loading.record);
	result.rows_in = loading.record.rows;
	result.rows_out = loading.record.rows_loaded;
	return result;
}
