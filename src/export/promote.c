/*
 * promote.c
 *	  Publication of what loads with publish => false left on the staging side.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_remote.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/load.h"
#include "catalog/spec.h"
#include "catalog/txn.h"
#include "core/fault.h"

Definition *
load_step_of(const char *pipeline, const char *target, const char *env)
{
	ListCell   *cell;

	foreach(cell, definition_list(DEFINITION_STEP, pipeline, env))
	{
		Definition *step = lfirst(cell);
		char	   *of = spec_text(step->spec, "target", "a step");

		if (strcmp(spec_text_required(step->spec, "kind", "a step"), "load") == 0 &&
			of != NULL && strcmp(of, target) == 0)
			return step;
	}
	return NULL;
}

/* What the load said that is promoted; it may have been dropped or changed since. */
static LoadSpec *
promoted_load(Run *run, Step *step)
{
	char	   *target = psprintf("%s@%s", spec_text_required(step->spec, "relation", "a step"),
								  spec_text_required(step->spec, "server", "a step"));
	Definition *load = load_step_of(run->pipeline, target, run->env);

	if (load == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("pipeline \"%s\" has no load of %s any more", run->pipeline, target));
	return load_spec_read(load->spec);
}

/* ---- a local warehouse ---- */

StageResult
promote_here(Run *run, Step *step)
{
	StageResult result = {.outcome = STAGE_DONE};
	LoadSpec   *spec = promoted_load(run, step);
	Warehouse  *warehouse = warehouse_open(connection_open(spec->server, run->owner),
										   CurrentMemoryContext);
	WarehouseLoad load = {.table = load_table(spec), .mode = spec->mode};

	if (load_last_unpublished(run, spec->server, load.table->name) == NULL)
		return loading_unchanged(run, "nothing to publish");
	warehouse->driver->prepare_publish(warehouse, &load);
	PushCopiedSnapshot(GetTransactionSnapshot());	/* after the tables are locked */
	result.rows_out = warehouse->driver->publish(warehouse, &load).rows;
	PopActiveSnapshot();
	FAULT_POINT("promote_after_publish");
	load_set_published(run, spec->server, load.table->name, NULL);
	return result;
}

/* ---- a warehouse outside ---- */

typedef struct Promotion
{
	Run		   *run;
	Warehouse  *warehouse;
	WarehouseLoad load;
	WarehouseResult answer;
} Promotion;

static void
conclude(void *arg)
{
	Promotion  *promotion = arg;

	load_set_published(promotion->run, promotion->warehouse->server, promotion->load.table->name,
					   promotion->answer.job);
}

/*
 * The last of the loads that stand there names the work: all of them are published by it.  False
 * when somebody else is at work on the table: then *result says so.
 */
static bool
begin(Promotion *promotion, Run *run, Step *step, StageResult *result)
{
	LoadSpec   *spec;
	LoadRecord	table = {0};
	bool		locked = false;
	bool		ours;

	txn_begin(run);
	MemoryContextSwitchTo(run->step_memory);
	promotion->run = run;
	spec = promoted_load(run, step);
	promotion->warehouse = warehouse_open(connection_open(spec->server, run->owner),
										  run->step_memory);
	promotion->load.table = load_table(spec);
	promotion->load.mode = spec->mode;
	promotion->load.id = load_last_unpublished(run, spec->server, promotion->load.table->name);
	table.server = spec->server;
	table.target = promotion->load.table->name;
	ours = remote_own_table(run, NULL, &table, &locked, result);
	txn_commit(run);
	MemoryContextSwitchTo(run->step_memory);
	return ours;
}

StageResult
promote_remote(Run *run, Step *step)
{
	Promotion  *promotion = MemoryContextAllocZero(run->step_memory, sizeof(Promotion));
	StageResult result = {.outcome = STAGE_DONE};
	WarehouseResult *answer = &promotion->answer;

	if (!begin(promotion, run, step, &result))
		return result;
	if (promotion->load.id == NULL)
		return loading_unchanged(run, "nothing to publish");
	FAULT_POINT("promote_before_publish");
	*answer = promotion->warehouse->driver->publish(promotion->warehouse, &promotion->load);
	FAULT_POINT("promote_after_publish");
	if (answer->outcome != WAREHOUSE_DONE)
	{
		result.outcome = STAGE_FAILED;
		result.error = MemoryContextStrdup(run->memory, warehouse_problem(answer));
		result.sqlstate = answer->sqlstate;
		result.retry = answer->outcome == WAREHOUSE_UNKNOWN || answer->retry;
		result.next_attempt_at = answer->not_before;
		return result;
	}
	result.rows_out = answer->rows;
	result.conclude = conclude;
	result.conclude_arg = promotion;
	return result;
}

bool
load_is_remote(Run *run, Step *step)
{
	Connection *connection = connection_open(spec_text_required(step->spec, "server", "a step"),
											 run->owner);

	return warehouse_open(connection, CurrentMemoryContext)->driver->remote;
}
