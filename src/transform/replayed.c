/*
 * replayed.c
 *	  Records that go through a model once more.
 *
 * A record whose rows were all set aside is taken as a whole, however many rows it gives now.  One
 * of which other rows were appended gives only the rows that are in its entries: which of others
 * are in the target cannot be told.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/replayed.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"

#include "core/names.h"
#include "model/execute.h"
#include "model/statement.h"
#include "model/tree.h"

#define LATER "dataops later"
#define THERE "dataops there"
#define ASIDE "dataops aside"
#define SET_ASIDE_AT "dataops set aside at"

static RecordAddress
entry_address(const QuarantineEntry *entry)
{
	RecordAddress address = {
		.batch = entry->batch, .page = entry->page, .ordinal = entry->ordinal
	};

	return address;
}

/* ---- which records ---- */

static void
add_entry(Replayed *replayed, QuarantineEntry *entry)
{
	RecordAddress address = entry_address(entry);
	bool		found;
	ReplayedRecord *record = hash_search(replayed->by_address, &address, HASH_ENTER, &found);

	if (!found)
	{
		record->set_aside_at = entry->created_at;
		record->partial = false;
		record->found = false;
		record->entries = NIL;
		replayed->records = lappend(replayed->records, record);
		replayed->input.addresses = lappend(replayed->input.addresses, &record->address);
		if (list_length(replayed->input.batches) == 0 ||
			memcmp(llast(replayed->input.batches), &record->address.batch, UUID_LEN) != 0)
			replayed->input.batches = lappend(replayed->input.batches, &record->address.batch);
	}
	record->set_aside_at = Max(record->set_aside_at, entry->created_at);
	record->partial |= entry->partial;
	record->entries = lappend(record->entries, entry);
}

Replayed *
replayed_make(const char *source, List *entries, TimestampTz from, TimestampTz to)
{
	HASHCTL		control = {
		.keysize = sizeof(RecordAddress),
		.entrysize = sizeof(ReplayedRecord),
		.hcxt = CurrentMemoryContext
	};
	Replayed   *replayed = palloc0(sizeof(Replayed));
	ListCell   *cell;

	replayed->by_address = hash_create("dataops replayed records", 256, &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	replayed->input.source = replayed->later.source = source;
	foreach(cell, entries)
	{
		QuarantineEntry *entry = lfirst(cell);
		RecordAddress *address = palloc(sizeof(RecordAddress));

		*address = entry_address(entry);
		replayed->later.except = lappend(replayed->later.except, address);
		if (entry->created_at >= from && entry->created_at < to)
			add_entry(replayed, entry);
	}
	return replayed->records == NIL ? NULL : replayed;
}

ReplayedRecord *
replayed_record(const Replayed *replayed, const RecordAddress *address)
{
	ReplayedRecord *record = hash_search(replayed->by_address, address, HASH_FIND, NULL);

	if (record == NULL)
		elog(ERROR, "a row does not come from a replayed record");
	return record;
}

bool
replayed_is_gone(const Replayed *replayed, const RecordAddress *address)
{
	ReplayedRecord *record = hash_search(replayed->by_address, address, HASH_FIND, NULL);

	return record != NULL && !record->found;
}

static void
receive_found(TupleTableSlot *slot, void *arg)
{
	RecordAddress address;

	address.batch = *DatumGetUUIDP(slot->tts_values[0]);
	address.page = DatumGetInt32(slot->tts_values[1]);
	address.ordinal = DatumGetInt32(slot->tts_values[2]);
	replayed_record(arg, &address)->found = true;
}

void
replayed_find(Replayed *replayed)
{
	char	   *text = psprintf("SELECT batch_id, page, ordinal FROM dataops.records(%s)",
								quote_literal_cstr(replayed->input.source));
	ModelTree  *tree = model_parse(text, list_make1(&replayed->input));
	DestReceiver *receiver = row_receiver(receive_found, replayed);
	ListCell   *cell;

	tree_execute((Node *) tree->select, text, NULL, receiver);
	receiver->rDestroy(receiver);
	foreach(cell, replayed->records)
	{
		ReplayedRecord *record = lfirst(cell);
		ListCell   *entry;

		foreach(entry, record->entries)
			((QuarantineEntry *) lfirst(entry))->taken = record->found && !record->partial;
	}
}

/* ---- which of their rows ---- */

bool
replayed_wants(const Split *split, TupleTableSlot *slot, void *arg)
{
	RecordAddress address;
	ReplayedRecord *record;
	Jsonb	   *row;
	ListCell   *cell;

	if (!split_address(split, slot, &address))
		return false;
	record = replayed_record(arg, &address);
	if (!record->partial)
		return true;
	row = split_own_columns(split, slot);
	foreach(cell, record->entries)
	{
		QuarantineEntry *entry = lfirst(cell);

		if (entry->taken || entry->row == NULL ||
			compareJsonbContainers(&entry->row->root, &row->root) != 0)
			continue;
		entry->taken = true;
		return true;
	}
	return false;
}

/* ---- what is newer ---- */

static List *
own_address(const char *alias)
{
	List	   *columns = NIL;

	for (int i = 0; i < ADDRESS_COLUMNS - 1; i++)
		columns = lappend(columns, tree_column(alias, address_columns[i]));
	return columns;
}

/* EXISTS (SELECT FROM model over the later records WHERE key = key AND its address > address) */
static Node *
later_record(const Replayed *replayed, const char *alias, const ModelSpec *model)
{
	ModelTree  *tree = model_parse(model->query,
								   list_make1(unconstify(RecordsFilter *, &replayed->later)));
	Query	   *query = tree_analyse((Node *) tree->select, model->query, NULL);
	Node	   *newer = tree_compare(">", tree_row(own_address(LATER)),
									 tree_row(own_address(alias)));

	if (!model_append_address(tree, query))
		elog(ERROR, "rows of %s have no address", model->what);
	return tree_exists(list_make1(tree_subselect(tree->select, LATER)),
					   tree_and(list_make2(statement_same_key(model->key, LATER, alias), newer)));
}

/* Was the row that is there written by a replay?  Its record counts, not when that was. */
static Node *
by_replay(const Replayed *replayed)
{
	int			count = list_length(replayed->replays);
	Datum	   *times = palloc(sizeof(Datum) * (count + 1));
	ListCell   *cell;

	foreach(cell, replayed->replays)
		times[foreach_current_index(cell)] = TimestampTzGetDatum(*(TimestampTz *) lfirst(cell));
	return tree_any(tree_column(THERE, UPDATED_AT), tree_array(times, count, TIMESTAMPTZOID));
}

/* EXISTS (SELECT FROM target WHERE key = key AND updated_at >= set_aside_at) */
static Node *
later_change(const Replayed *replayed, const char *alias, const ModelSpec *model, RangeVar *target)
{
	RangeVar   *there = copyObject(target);
	Node	   *since = tree_compare(">=", tree_column(THERE, UPDATED_AT),
									 tree_column(ASIDE, SET_ASIDE_AT));

	there->alias = makeAlias(THERE, NIL);
	return tree_exists(list_make1(there),
					   tree_and(list_make3(statement_same_key(model->key, THERE, alias), since,
										   tree_not(by_replay(replayed)))));
}

/* The addresses of the records, with the times at which they were set aside, as a FROM item. */
static Node *
set_aside_times(const Replayed *replayed)
{
	int			count = list_length(replayed->records);
	Datum	   *times = palloc(sizeof(Datum) * count);
	List	   *arrays = address_arrays(replayed->input.addresses);
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, replayed->records)
		times[foreach_current_index(cell)] =
			TimestampTzGetDatum(((ReplayedRecord *) lfirst(cell))->set_aside_at);
	arrays = lappend(arrays, tree_array(times, count, TIMESTAMPTZOID));
	for (int i = 0; i < ADDRESS_COLUMNS - 1; i++)
		columns = lappend(columns, pstrdup(address_columns[i]));
	return tree_arrays(ASIDE, lappend(columns, SET_ASIDE_AT), arrays);
}

static List *
same_address(const char *one, const char *other)
{
	List	   *same = NIL;

	for (int i = 0; i < ADDRESS_COLUMNS - 1; i++)
		same = lappend(same, tree_compare("=", tree_column(one, address_columns[i]),
										  tree_column(other, address_columns[i])));
	return same;
}

/* Without it nothing is newer; and the later records need not be read. */
static bool
has_known_key(Split *split, const ModelSpec *model, RangeVar *target)
{
	RangeVar   *there = copyObject(target);
	SelectStmt *select = tree_select(NIL, split_from(split));

	there->alias = makeAlias(THERE, NIL);
	select->whereClause = tree_exists(list_make1(there),
									  statement_same_key(model->key, THERE, split->alias));
	select->limitCount = tree_cast(tree_string("1"), INT8OID);
	select->limitOption = LIMIT_OPTION_COUNT;
	return tree_execute((Node *) select, "dataops replay", split_environment(split), NULL) > 0;
}

void
replayed_drop_outdated(const Replayed *replayed, Split *split, const ModelSpec *model,
					   RangeVar *target)
{
	List	   *conditions;
	List	   *times = NIL;

	if (!has_known_key(split, model, target))
		return;
	conditions = list_make1(tree_not(later_record(replayed, split->alias, model)));
	/* what the model makes of it does not tell when the row was written */
	if (!names_have(split->columns, UPDATED_AT))
	{
		times = list_make1(set_aside_times(replayed));
		conditions = list_concat(conditions, same_address(ASIDE, split->alias));
		conditions = lappend(conditions,
							 tree_not(later_change(replayed, split->alias, model, target)));
	}
	split_keep(split, times, tree_and(conditions));
}
