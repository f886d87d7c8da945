/*
 * delivery.c
 *	  Encoding, uploading, publishing and taking back of a delivery's objects.
 *
 * Every object has a name that was committed before, with the size and CRC32C that it must have.
 * So whoever comes later can tell an object of ours from any other, and doing a thing twice does
 * no harm.  An object under one of our names with other contents is never touched.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/delivery.h"

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/connection.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "export/path.h"
#include "model/tree.h"

/* ---- failures ---- */

static bool
fail(Delivery *delivery, StageResult *result, const char *done, const char *name,
	 const StoreResult *answer)
{
	MemoryContext previous = MemoryContextSwitchTo(delivery->run->memory);
	bool		taken = answer->outcome == STORE_EXISTS_OTHER;
	const char *reason = answer->reason != NULL ? answer->reason :
		taken ? "another object has this name" : "it is not there";

	*result = (StageResult) {
		.outcome = STAGE_FAILED,
		.retry = answer->retry || taken,	/* the next attempt has another name */
		.next_attempt_at = answer->not_before,
		.sqlstate = taken ? ERRCODE_DUPLICATE_OBJECT : ERRCODE_IO_ERROR
	};
	result->error = psprintf("could not %s \"%s\" of connection \"%s\": %s", done, name,
							 delivery->place->server,
							 error_clean(reason, strlen(reason), 1000));
	if (taken)
		result->hint = "Objects are never replaced: have {created_at} in the path.";
	MemoryContextSwitchTo(previous);
	return false;
}

static OutboxPart *
part_of(const Delivery *delivery, int number)
{
	return list_nth(delivery->record->parts, number);
}

static int
count_parts(const Delivery *delivery)
{
	return list_length(delivery->record->parts);
}

/* The area in which parts are put first. */
static Store *
first_area(const Delivery *delivery)
{
	return delivery->place->staging != NULL ? delivery->place->staging :
		delivery->place->production;
}

DeliveryPlace *
delivery_open(Run *run, const char *server, MemoryContext memory)
{
	DeliveryPlace *place = MemoryContextAllocZero(memory, sizeof(DeliveryPlace));
	Connection *connection = connection_open(server, run->owner);

	place->server = MemoryContextStrdup(memory, server);
	place->production = store_open(connection, STORE_PRODUCTION, memory);
	place->staging = store_open(connection, STORE_STAGING, memory);
	return place;
}

/* ---- encoding ---- */

static Jsonb *
columns_as_jsonb(TupleDesc columns)
{
	static const char sql[] =
		"SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'type', type) ORDER BY n), "
		"'[]') FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (name, type, n)";
	SqlRole		before = sql_become_extension();	/* types are named alike in all sessions */
	SqlArgs		args = {0};
	List	   *names = NIL;
	List	   *types = NIL;

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);

		names = lappend(names, NameStr(attribute->attname));
		types = lappend(types, format_type_with_typemod(attribute->atttypid,
														attribute->atttypmod));
	}
	sql_leave(&before);
	sql_add_texts(&args, names);
	sql_add_texts(&args, types);
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

/* The rows as parts, read with the rights of the pipeline's owner. */
static Parts *
encode_rows(Run *run, const DeliveryOrder *order, OutboxExport *record, MemoryContext memory)
{
	SqlRole		before = sql_become_owner(run->owner, order->search_path, "UTC");
	ChangeMark *mark = order->changed ? changed_mark(order->relation) : NULL;
	Parts	   *parts;

	if (mark != NULL)
	{
		record->snapshot = mark->snapshot;
		record->tables = mark->tables;
	}
	parts = parts_encode(changed_query(order->relation, mark, order->since), &order->parts,
						 memory);
	sql_leave(&before);
	return parts;
}

static void
fill_record(Run *run, const DeliveryOrder *order, const Parts *parts, OutboxExport *record)
{
	RangeVar   *relation = tree_relation(order->relation);
	PathScope	scope = {relation->schemaname, relation->relname, run->env, run};
	ListCell   *cell;

	/* whole milliseconds: the folder's name tells the same moment as the ledger */
	record->created_at = scope.created_at = GetCurrentTimestamp() / 1000 * 1000;
	record->id = uuid_v7();
	record->run = run->id;
	record->for_load = order->load != NULL;
	if (order->load != NULL)
		record->load = *order->load;
	record->relation = pstrdup(order->relation);
	record->format = order->parts.format == ROW_CSV ? "csv" : "ndjson";
	record->compression = order->parts.gzip ? "gzip" : "none";
	record->columns = columns_as_jsonb(parts->columns);
	record->rows = parts->rows;
	record->bytes = parts->bytes;
	foreach(cell, parts->parts)
	{
		Part	   *encoded = lfirst(cell);
		OutboxPart *part = palloc0(sizeof(OutboxPart));

		part->name = path_expand(order->path, &scope, foreach_current_index(cell));
		part->rows = encoded->rows;
		part->bytes = encoded->bytes;
		part->crc32c = encoded->crc32c;
		record->parts = lappend(record->parts, part);
	}
	record->folder = path_folder(((OutboxPart *) linitial(record->parts))->name);
}

Delivery *
delivery_encode(Run *run, Step *step, DeliveryPlace *place, const DeliveryOrder *order,
				MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	Delivery   *delivery = palloc0(sizeof(Delivery));
	OutboxExport *record = palloc0(sizeof(OutboxExport));
	Parts	   *parts = encode_rows(run, order, record, memory);
	ListCell   *cell;

	delivery->run = run;
	delivery->place = place;
	delivery->record = record;
	delivery->bad_values = parts->bad_values;
	foreach(cell, parts->parts)
		delivery->spools = lappend(delivery->spools, ((Part *) lfirst(cell))->spool);
	if (parts->parts != NIL)
	{
		record->server = place->server;
		fill_record(run, order, parts, record);
		outbox_record(run, step, record);
	}
	MemoryContextSwitchTo(previous);
	return parts->parts != NIL ? delivery : NULL;
}

/* ---- uploading ---- */

static const char *
content_type(const OutboxExport *record)
{
	if (strcmp(record->compression, "gzip") == 0)
		return "application/gzip";
	return strcmp(record->format, "csv") == 0 ? "text/csv" : "application/x-ndjson";
}

static bool
is_success(const StoreResult *answer)
{
	return answer->outcome == STORE_DONE || answer->outcome == STORE_EXISTS_SAME;
}

static bool
put_parts(Delivery *delivery, StageResult *result)
{
	Store	   *store = first_area(delivery);

	for (int i = 0; i < count_parts(delivery); i++)
	{
		OutboxPart *part = part_of(delivery, i);
		StoreContent content = {
			.spool = list_nth(delivery->spools, i),
			.crc32c = part->crc32c,
			.content_type = content_type(delivery->record)
		};
		StoreResult answer;

		CHECK_FOR_INTERRUPTS();
		FAULT_POINT("delivery_before_part");
		answer = store_put_if_absent(store, part->name, &content);
		FAULT_POINT("delivery_after_part");
		if (!is_success(&answer))
			return fail(delivery, result, "write", part->name, &answer);
		part->generation = answer.generation;
	}
	return true;
}

static void
record_uploaded(Delivery *delivery)
{
	txn_begin(delivery->run);
	outbox_uploaded(delivery->record);
	txn_commit(delivery->run);
	delivery->record->uploaded = true;
}

bool
delivery_upload(Delivery *delivery, StageResult *result)
{
	StageResult ignored;

	if (!put_parts(delivery, result))
	{
		/* the failure counts, not whether this works: what is left is found by the ledger */
		(void) delivery_remove(delivery, &ignored);
		return false;
	}
	FAULT_POINT("delivery_before_uploaded");
	record_uploaded(delivery);
	FAULT_POINT("delivery_after_uploaded");
	return true;
}

char *
delivery_part_place(const Delivery *delivery, int part)
{
	return psprintf("%s%s", first_area(delivery)->root, part_of(delivery, part)->name);
}

/* ---- publishing ---- */

static bool
copy_parts(Delivery *delivery, StageResult *result)
{
	DeliveryPlace *place = delivery->place;

	for (int i = 0; i < count_parts(delivery) && place->staging != NULL; i++)
	{
		char	   *name = part_of(delivery, i)->name;
		StoreResult answer;

		CHECK_FOR_INTERRUPTS();
		FAULT_POINT("delivery_before_copy");
		answer = place->staging->driver->copy_if_absent(place->staging, place->production, name);
		FAULT_POINT("delivery_after_copy");
		/* an earlier attempt may have emptied staging already: verified before */
		if (answer.outcome == STORE_ABSENT)
			answer = place->production->driver->stat(place->production, name);
		if (!is_success(&answer))
			return fail(delivery, result, "copy to production", name, &answer);
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
	return is_success(&answer) || fail(delivery, result, "write", name, &answer);
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
	return answer.outcome != STORE_FAILED || fail(delivery, result, "remove", name, &answer);
}

static bool
remove_parts(Delivery *delivery, Store *store, StageResult *result)
{
	for (int i = 0; i < count_parts(delivery); i++)
	{
		OutboxPart *part = part_of(delivery, i);

		FAULT_POINT("delivery_before_remove");
		if (!remove_own(delivery, store, part->name, part->bytes, part->crc32c, result))
			return false;
	}
	return true;
}

bool
delivery_publish(Delivery *delivery, StageResult *result)
{
	return copy_parts(delivery, result) && put_manifest(delivery, result) &&
		(delivery->place->staging == NULL ||
		 remove_parts(delivery, delivery->place->staging, result));
}

void
delivery_done(Delivery *delivery)
{
	outbox_done(delivery->record);
}

/* ---- what others left ---- */

bool
delivery_remove(Delivery *delivery, StageResult *result)
{
	DeliveryPlace *place = delivery->place;

	if (!delivery->record->for_load)
	{
		StoreContent manifest = manifest_content(delivery);

		if (!remove_own(delivery, place->production, manifest_name(delivery),
						spool_size(manifest.spool), manifest.crc32c, result))
			return false;
	}
	if ((place->staging != NULL && !remove_parts(delivery, place->staging, result)) ||
		!remove_parts(delivery, place->production, result))
		return false;
	FAULT_POINT("delivery_before_removed");
	txn_begin(delivery->run);
	outbox_removed(delivery->record);
	txn_commit(delivery->run);
	return true;
}

List *
delivery_unfinished(Run *run, Step *step, DeliveryPlace *place, const pg_uuid_t *load,
					MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	List	   *unfinished = NIL;
	ListCell   *cell;

	foreach(cell, outbox_unfinished(run, step, place->server, load))
	{
		Delivery   *delivery = palloc0(sizeof(Delivery));

		delivery->run = run;
		delivery->place = place;
		delivery->record = lfirst(cell);
		unfinished = lappend(unfinished, delivery);
	}
	MemoryContextSwitchTo(previous);
	return unfinished;
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

	for (int i = 0; i < count_parts(delivery); i++)
	{
		OutboxPart *part = part_of(delivery, i);
		StoreResult found = find_part(first_area(delivery), part);

		CHECK_FOR_INTERRUPTS();
		if (found.outcome == STORE_ABSENT && place->staging != NULL &&
			!delivery->record->for_load)
			found = find_part(place->production, part);
		if (found.outcome == STORE_FAILED)
		{
			(void) fail(delivery, result, "look for", part->name, &found);
			return DELIVERY_UNKNOWN;
		}
		if (found.outcome != STORE_DONE)
			return DELIVERY_BROKEN;
		part->generation = found.generation;
	}
	if (!delivery->record->uploaded)
		record_uploaded(delivery);
	return DELIVERY_WHOLE;
}
