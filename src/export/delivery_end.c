/*
 * delivery_end.c
 *	  How a delivery ends: published, or taken back, by whoever made it or by who comes after.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/delivery.h"

#include "miscadmin.h"
#include "port/pg_crc32c.h"

#include "catalog/txn.h"
#include "core/fault.h"
#include "core/names.h"
#include "core/uuid.h"

/* ---- publishing ---- */

static bool
copy_parts(Delivery *delivery, StageResult *result)
{
	DeliveryPlace *place = delivery->place;

	for (int i = 0; i < delivery_count(delivery) && place->staging != NULL; i++)
	{
		char	   *name = delivery_part(delivery, i)->name;
		StoreResult answer;

		CHECK_FOR_INTERRUPTS();
		FAULT_POINT("delivery_before_copy");
		answer = place->staging->driver->copy_if_absent(place->staging, place->production, name);
		FAULT_POINT("delivery_after_copy");
		/* an earlier attempt may have emptied staging already: verified before */
		if (answer.outcome == STORE_ABSENT)
			answer = place->production->driver->stat(place->production, name);
		if (!store_is_there(&answer))
			return delivery_fail(delivery, result, "copy to production", name, &answer);
	}
	return true;
}

static char *
manifest_name(const Delivery *delivery)
{
	const char *folder = delivery->record->folder;

	return psprintf("%s%smanifest.json", folder, *folder != '\0' ? "/" : "");
}

/* The manifest's bytes, as they are whoever writes them. */
static StoreContent
manifest_content(Delivery *delivery)
{
	StoreContent content = {.content_type = "application/json"};
	pg_crc32c	crc;
	char	   *text;

	txn_begin(delivery->run);
	MemoryContextSwitchTo(delivery->run->step_memory);
	text = outbox_manifest(delivery->record);
	txn_commit(delivery->run);
	MemoryContextSwitchTo(delivery->run->step_memory);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, text, strlen(text));
	FIN_CRC32C(crc);
	content.crc32c = crc;
	content.spool = spool_create(delivery->run->step_memory);
	spool_write(content.spool, text, strlen(text));
	return content;
}

static bool
put_manifest(Delivery *delivery, StageResult *result)
{
	Store	   *store = delivery->place->production;
	StoreContent content = manifest_content(delivery);
	char	   *name = manifest_name(delivery);
	StoreResult answer;

	FAULT_POINT("delivery_before_manifest");
	answer = store_put_if_absent(store, name, &content);
	FAULT_POINT("delivery_after_manifest");
	return store_is_there(&answer) || delivery_fail(delivery, result, "write", name, &answer);
}

/* Removes an object if it is the one of that size and checksum, and what is unfinished of it. */
static bool
remove_own(Delivery *delivery, Store *store, const char *name, uint64 size, uint32 crc32c,
		   StageResult *result)
{
	StoreResult answer = store->driver->stat(store, name);
	bool		others = answer.outcome == STORE_DONE &&
		(answer.size != size || answer.crc32c != crc32c);

	CHECK_FOR_INTERRUPTS();
	if (answer.outcome != STORE_FAILED && !others)
		answer = store->driver->remove(store, name);
	return answer.outcome != STORE_FAILED ||
		delivery_fail(delivery, result, "remove", name, &answer);
}

/* "others": names that other deliveries have, too. */
static bool
remove_parts(Delivery *delivery, Store *store, List *others, StageResult *result)
{
	for (int i = 0; i < delivery_count(delivery); i++)
	{
		OutboxPart *part = delivery_part(delivery, i);

		FAULT_POINT("delivery_before_remove");
		if (!names_have(others, part->name) &&
			!remove_own(delivery, store, part->name, part->bytes, part->crc32c, result))
			return false;
	}
	return true;
}

bool
delivery_publish(Delivery *delivery, StageResult *result)
{
	StageResult ignored;

	if (copy_parts(delivery, result) && put_manifest(delivery, result))
		return delivery->place->staging == NULL ||
			remove_parts(delivery, delivery->place->staging, NIL, result);
	/* whoever tries again under these names fails again; others may be free */
	if (result->sqlstate == ERRCODE_DUPLICATE_OBJECT)
		(void) delivery_remove(delivery, &ignored);
	return false;
}

void
delivery_done(Delivery *delivery)
{
	outbox_done(delivery->record);
}

/* ---- what others left ---- */

static bool
remove_manifest(Delivery *delivery, StageResult *result)
{
	StoreContent manifest;

	if (delivery->record->for_load)
		return true;
	manifest = manifest_content(delivery);
	return remove_own(delivery, delivery->place->production, manifest_name(delivery),
					  spool_size(manifest.spool), manifest.crc32c, result);
}

/* A file that was there already with the same contents is the one of who put it. */
static List *
names_of_others(Delivery *delivery)
{
	List	   *names;

	txn_begin(delivery->run);
	MemoryContextSwitchTo(delivery->run->step_memory);
	names = outbox_names_of_others(delivery->record);
	txn_commit(delivery->run);
	MemoryContextSwitchTo(delivery->run->step_memory);
	return names;
}

/* What the ledger names. */
static bool
remove_recorded(Delivery *delivery, StageResult *result)
{
	DeliveryPlace *place = delivery->place;

	return remove_manifest(delivery, result) &&
		(place->staging == NULL || remove_parts(delivery, place->staging, NIL, result)) &&
		remove_parts(delivery, place->production, names_of_others(delivery), result);
}

/* What has left without being named, or is unfinished. */
static bool
remove_marked(Delivery *delivery, StageResult *result)
{
	OutboxExport *record = delivery->record;
	Store	   *store = delivery_area(delivery);
	StoreResult answer;

	FAULT_POINT("delivery_before_remove_marked");
	answer = store->driver->remove_marked(store, record->name_prefix, uuid_text(&record->id));
	return answer.outcome != STORE_FAILED ||
		delivery_fail(delivery, result, "remove", record->name_prefix, &answer);
}

bool
delivery_remove(Delivery *delivery, StageResult *result)
{
	OutboxExport *record = delivery->record;

	if (delivery->outgoing != NULL)
		outgoing_drop(delivery->outgoing);
	delivery->outgoing = NULL;
	if ((record->encoded && !remove_recorded(delivery, result)) ||
		(!record->uploaded && !remove_marked(delivery, result)))
		return false;
	FAULT_POINT("delivery_before_removed");
	txn_begin(delivery->run);
	outbox_removed(delivery->record);
	txn_commit(delivery->run);
	return true;
}

/* Deliveries as other processes have left them. */
static List *
left_deliveries(Run *run, DeliveryPlace *place, List *records)
{
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, records)
	{
		Delivery   *delivery = palloc0(sizeof(Delivery));

		delivery->memory = CurrentMemoryContext;
		delivery->run = run;
		delivery->place = place;
		delivery->record = lfirst(cell);
		left = lappend(left, delivery);
	}
	return left;
}

List *
delivery_unfinished(Run *run, Step *step, DeliveryPlace *place, const pg_uuid_t *load,
					MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	List	   *records = outbox_unfinished(run, step, place->server, load);
	List	   *left = left_deliveries(run, place, records);

	MemoryContextSwitchTo(previous);
	return left;
}

List *
delivery_unborn(Run *run, Step *step, DeliveryPlace *place, MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	List	   *left = left_deliveries(run, place, outbox_unborn(run, step, place->server));

	MemoryContextSwitchTo(previous);
	return left;
}

static StoreResult
find_part(Store *store, const OutboxPart *part)
{
	StoreResult found = store->driver->stat(store, part->name);

	if (found.outcome == STORE_DONE &&
		(found.size != part->bytes || found.crc32c != part->crc32c))
		found.outcome = STORE_EXISTS_OTHER;
	return found;
}

DeliveryState
delivery_verify(Delivery *delivery, StageResult *result)
{
	DeliveryPlace *place = delivery->place;

	if (!delivery->record->encoded)
		return DELIVERY_BROKEN;
	for (int i = 0; i < delivery_count(delivery); i++)
	{
		OutboxPart *part = delivery_part(delivery, i);
		StoreResult found = find_part(delivery_area(delivery), part);

		CHECK_FOR_INTERRUPTS();
		if (found.outcome == STORE_ABSENT && place->staging != NULL &&
			!delivery->record->for_load)
			found = find_part(place->production, part);
		if (found.outcome == STORE_FAILED)
		{
			(void) delivery_fail(delivery, result, "look for", part->name, &found);
			return DELIVERY_UNKNOWN;
		}
		if (found.outcome != STORE_DONE)
			return DELIVERY_BROKEN;
		part->generation = found.generation;
	}
	if (!delivery->record->uploaded)
		delivery_set_uploaded(delivery);
	return DELIVERY_WHOLE;
}
