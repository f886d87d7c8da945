/*
 * delivery.c
 *	  Encoding, uploading, publishing and taking back of a delivery's objects.
 *
 * Before the first part leaves, what the names begin with and the parts' mark are committed; when
 * all are encoded, the size and CRC32C that each must have.  So whoever comes later can tell an
 * object of ours from any other, and doing a thing twice does no harm.  What is not ours is never
 * touched.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/delivery.h"

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

bool
delivery_fail(Delivery *delivery, StageResult *result, const char *done, const char *name,
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

OutboxPart *
delivery_part(const Delivery *delivery, int number)
{
	return list_nth(delivery->record->parts, number);
}

int
delivery_count(const Delivery *delivery)
{
	return list_length(delivery->record->parts);
}

Store *
delivery_area(const Delivery *delivery)
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

static const char *
content_type(const OutboxExport *record)
{
	if (strcmp(record->compression, "gzip") == 0)
		return "application/gzip";
	return strcmp(record->format, "csv") == 0 ? "text/csv" : "application/x-ndjson";
}

/* What the names of all parts begin with, however many there will be. */
static char *
common_prefix(const char *path, const PathScope *scope)
{
	char	   *first = path_expand(path, scope, 0);
	char	   *last = path_expand(path, scope, 99999);
	int			length = 0;

	while (first[length] != '\0' && first[length] == last[length])
		length++;
	return pnstrdup(first, length);
}

static OutboxExport *
make_record(Delivery *delivery, const DeliveryOrder *order)
{
	OutboxExport *record = palloc0(sizeof(OutboxExport));
	RangeVar   *relation = tree_relation(order->relation);
	PathScope  *scope = &delivery->scope;

	/* whole milliseconds: the folder's name tells the same moment as the ledger */
	record->created_at = GetCurrentTimestamp() / 1000 * 1000;
	*scope = (PathScope) {
		relation->schemaname, relation->relname, delivery->run->env, delivery->run,
		record->created_at
	};
	record->id = uuid_v7();
	record->run = delivery->run->id;
	record->for_load = order->load != NULL;
	if (order->load != NULL)
		record->load = *order->load;
	record->relation = pstrdup(order->relation);
	record->server = delivery->place->server;
	record->format = order->parts.format == ROW_CSV ? "csv" : "ndjson";
	record->compression = order->parts.gzip ? "gzip" : "none";
	record->folder = path_folder(path_expand(delivery->path, scope, 0));
	record->name_prefix = common_prefix(delivery->path, scope);
	return record;
}

Delivery *
delivery_begin(Run *run, Step *step, DeliveryPlace *place, const DeliveryOrder *order,
			   MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	Delivery   *delivery = palloc0(sizeof(Delivery));

	delivery->memory = memory;
	delivery->run = run;
	delivery->place = place;
	delivery->path = pstrdup(order->path);
	delivery->record = make_record(delivery, order);
	delivery->outgoing = outgoing_create(delivery_area(delivery), uuid_text(&delivery->record->id),
										 content_type(delivery->record), memory);
	txn_begin(run);
	outbox_begin(run, step, delivery->record);
	FAULT_POINT("delivery_before_intent");
	txn_commit(run);
	FAULT_POINT("delivery_after_intent");
	MemoryContextSwitchTo(previous);
	return delivery;
}

static bool
take_part(Part *encoded, void *arg)
{
	Delivery   *delivery = arg;
	OutboxExport *record = delivery->record;
	MemoryContext previous = MemoryContextSwitchTo(delivery->memory);
	OutboxPart *part = palloc0(sizeof(OutboxPart));

	part->name = path_expand(delivery->path, &delivery->scope, list_length(record->parts));
	part->rows = encoded->rows;
	part->bytes = encoded->bytes;
	part->crc32c = encoded->crc32c;
	record->parts = lappend(record->parts, part);
	outgoing_add(delivery->outgoing, part, encoded);
	MemoryContextSwitchTo(previous);
	return outgoing_move_on(delivery->outgoing);
}

static bool
move_on(void *arg)
{
	return outgoing_move_on(((Delivery *) arg)->outgoing);
}

typedef struct Marking
{
	const char *relation;
	ChangeMark *mark;			/* NULL: what changes in the relation cannot be told */
} Marking;

static void
set_mark(void *arg)
{
	Marking    *marking = arg;

	marking->mark = changed_mark(marking->relation);
}

/*
 * What is read, also where all rows are wanted: after another definition the next export may be one
 * of what changed since.  A load notes that itself.
 */
static ChangeMark *
mark_of(const DeliveryOrder *order)
{
	Marking		marking = {.relation = order->relation};

	if (order->changed)
		set_mark(&marking);
	else if (order->load == NULL)
		(void) sql_run_guarded(set_mark, &marking);
	return marking.mark;
}

/* The rows as parts, read with the rights of the pipeline's owner. */
static Parts *
encode_rows(Delivery *delivery, const DeliveryOrder *order)
{
	OutboxExport *record = delivery->record;
	SqlRole		before = sql_become_owner(delivery->run->owner, order->search_path, "UTC");
	ChangeMark *mark = mark_of(order);
	PartsOptions options = order->parts;
	PartsSink	sink = {
		.take = take_part,
		.move_on = move_on,
		.arg = delivery,
		.limit_hint = psprintf("Files wait there until connection \"%s\" has taken them. "
							   "Raise dataops.spool_limit, or mend what slows the connection down; "
							   "a file alone may be dataops.export_part_size.",
							   delivery->place->server)
	};
	Parts	   *parts;

	if (mark != NULL)
	{
		record->snapshot = mark->snapshot;
		record->tables = mark->tables;
	}
	options.sink = &sink;
	parts = parts_encode(changed_query(order->relation, order->changed ? mark : NULL, order->since),
						 &options, delivery->memory);
	sql_leave(&before);
	return parts;
}

DeliveryEncoding
delivery_encode(Delivery *delivery, const DeliveryOrder *order)
{
	MemoryContext previous = MemoryContextSwitchTo(delivery->memory);
	OutboxExport *record = delivery->record;
	Parts	   *parts = encode_rows(delivery, order);
	DeliveryEncoding encoding = DELIVERY_ENCODED;

	delivery->bad_values = parts->bad_values;
	if (parts->ended_early)
		encoding = DELIVERY_REFUSED;
	else if (record->parts == NIL)
	{
		outbox_forget(record);
		encoding = DELIVERY_EMPTY;
	}
	else
	{
		record->columns = columns_as_jsonb(parts->columns);
		record->rows = parts->rows;
		record->bytes = parts->bytes;
		outbox_encoded(record);
		record->encoded = true;
	}
	MemoryContextSwitchTo(previous);
	return encoding;
}

/* ---- uploading ---- */

static void
tell_refusal(Delivery *delivery, StageResult *result)
{
	const OutgoingRefusal *refusal = outgoing_refusal(delivery->outgoing);

	if (refusal != NULL)
		(void) delivery_fail(delivery, result, "write", refusal->name, &refusal->answer);
}

void
delivery_set_uploaded(Delivery *delivery)
{
	txn_begin(delivery->run);
	outbox_uploaded(delivery->record);
	txn_commit(delivery->run);
	delivery->record->uploaded = true;
}

void
delivery_give_up(Delivery *delivery, StageResult *result)
{
	StageResult ignored;

	tell_refusal(delivery, result);
	/* the failure counts, not whether this works: what is left is found by the ledger */
	if (delivery->record->encoded || outgoing_has_begun(delivery->outgoing))
		(void) delivery_remove(delivery, &ignored);
	else
	{
		txn_begin(delivery->run);
		outbox_forget(delivery->record);
		txn_commit(delivery->run);
	}
}

bool
delivery_upload(Delivery *delivery, StageResult *result)
{
	if (!outgoing_finish(delivery->outgoing))
	{
		delivery_give_up(delivery, result);
		return false;
	}
	FAULT_POINT("delivery_before_uploaded");
	delivery_set_uploaded(delivery);
	FAULT_POINT("delivery_after_uploaded");
	return true;
}

char *
delivery_part_place(const Delivery *delivery, int part)
{
	return psprintf("%s%s", delivery_area(delivery)->root, delivery_part(delivery, part)->name);
}
