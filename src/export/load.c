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

#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core/fault.h"
#include "export/loading.h"

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
	bool		whole;

	loading_begin(&loading, run, step, judge);
	load.id = loading.record.name;
	load.table = loading.table;
	load.mode = loading.spec->mode;
	loading.warehouse->driver->check_table(loading.warehouse, loading.table);
	whole = loading.warehouse->driver->prepare(loading.warehouse, &load);
	FAULT_POINT("load_after_prepare");
	PushCopiedSnapshot(GetTransactionSnapshot());	/* after the tables are locked */
	load.query = loading_query(&loading, whole);
	here = list_make1(loading_count(&loading, load.query));
	load.rows = loading.record.rows = pg_strtoint64(linitial(here));
	if (load.rows == 0 && load.mode != WAREHOUSE_TRUNCATE)
	{
		PopActiveSnapshot();
		return loading_unchanged(run);
	}
	judge->rows(loading_rows(&loading, load.query), judge->arg);
	fill_and_publish(&loading, &load, here);
	PopActiveSnapshot();
	loading.record.state = loading.spec->publish ? "done" : "loaded";
	load_add(run, step, &loading.record);
	result.rows_in = loading.record.rows;
	result.rows_out = loading.record.rows_loaded;
	return result;
}
