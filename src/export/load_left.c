/*
 * load_left.c
 *	  Where a load into a warehouse outside stands: what former attempts and definitions left.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_remote.h"

#include "utils/timestamp.h"

#include "catalog/lock.h"
#include "catalog/txn.h"

#define OTHERS_WAIT_S	60

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

/* ---- other loads into the table ---- */

bool
remote_own_table(Run *run, const char *step, const LoadRecord *table, bool *locked,
				 StageResult *result)
{
	char	   *other = NULL;

	if (!*locked)
		*locked = lock_acquire_table(run->step_memory, table->server, table->target);
	if (*locked)
		other = load_other_unfinished(run, step, table->server, table->target);
	if (*locked && other == NULL)
		return true;
	MemoryContextSwitchTo(run->memory);
	*result = (StageResult) {
		.outcome = STAGE_FAILED,
		.sqlstate = ERRCODE_OBJECT_IN_USE,
		.retry = true,
		.next_attempt_at = GetCurrentTimestamp() + OTHERS_WAIT_S * USECS_PER_SEC
	};
	result->error = psprintf(other != NULL ?
							 "table \"%s\" of warehouse \"%s\" has a load whose end is not known" :
							 "table \"%s\" of warehouse \"%s\" is filled by another load",
							 table->target, table->server);
	result->hint = other == NULL ? "It is this one's turn when that one has ended." :
		psprintf("It is this one's turn when %s has run, or is dropped.", other);
	MemoryContextSwitchTo(run->step_memory);
	return false;
}

/* ---- where this one stands ---- */

/* Takes up what a former attempt has begun. */
static void
find_left(RemoteLoad *load)
{
	Run		   *run = load->base.run;
	Step	   *step = load->base.step;
	LoadRecord *left;
	ListCell   *cell;

	load->leftovers = delivery_unborn(run, step, load->place, run->step_memory);
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
	if (left == NULL)
		return;
	load->base.record = *left;
	load->delivery = files_of(load, left);
}

bool
remote_begin(RemoteLoad *load, Run *run, Step *step, const LoadJudge *judge)
{
	bool		whole = load->whole;
	bool		locked = load->locked;
	bool		ours;

	memset(load, 0, sizeof(RemoteLoad));
	load->whole = whole;
	load->locked = locked;
	txn_begin(run);
	MemoryContextSwitchTo(run->step_memory);
	loading_begin(&load->base, run, step, judge);
	load->place = delivery_open(run, load->base.spec->stage, run->step_memory);
	load->base.warehouse->driver->check_table(load->base.warehouse, load->base.table);
	ours = remote_own_table(run, step->name, &load->base.record, &load->locked, &load->result);
	if (ours)
	{
		find_left(load);
		load->reset = load_follows_failure(&load->base.record);
	}
	remote_commit(load);
	return ours;
}

void
remote_drop_leftovers(RemoteLoad *load)
{
	StageResult ignored;
	ListCell   *cell;

	foreach(cell, load->leftovers)
		if (lfirst(cell) != NULL)
			(void) delivery_remove(lfirst(cell), &ignored);
}

bool
remote_settle_open(RemoteLoad *load)
{
	DeliveryState state = DELIVERY_BROKEN;

	if (load->delivery != NULL)
		state = delivery_verify(load->delivery, &load->result);
	if (state == DELIVERY_UNKNOWN)
		return false;
	if (state == DELIVERY_WHOLE)
		return true;
	remote_drop_files(load);
	/* the warehouse never heard of it, so its staging side is as before */
	remote_commit_state(load, "removed", true);
	loading_new(&load->base);
	return true;
}
