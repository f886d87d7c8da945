/*
 * culprit.c
 *	  The search for a record by halves.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "schedule/culprit.h"

#include "utils/builtins.h"

#include "core/error.h"
#include "core/uuid.h"
#include "model/execute.h"

#define SHOWN_BYTES	300

typedef struct Search
{
	const char *source;
	CulpritTest throws;
	void	   *arg;
} Search;

static bool
throws_on(const Search *search, List *batches, List *addresses)
{
	RecordsFilter filter = {
		.source = search->source, .batches = batches, .addresses = addresses
	};

	return search->throws(&filter, search->arg);
}

/*
 * The one of the batches, or of the addresses when there are any, on which the model throws; NULL
 * when it throws on neither half alone.
 */
static void *
narrow(const Search *search, List *batches, List *addresses)
{
	List	   *left = addresses != NIL ? addresses : batches;

	while (list_length(left) > 1)
	{
		int			half = list_length(left) / 2;
		List	   *first = list_truncate(list_copy(left), half);
		List	   *second = list_copy_tail(left, half);

		if (throws_on(search, addresses ? batches : first, addresses ? first : NIL))
			left = first;
		else if (throws_on(search, addresses ? batches : second, addresses ? second : NIL))
			left = second;
		else
			return NULL;
	}
	return left != NIL ? linitial(left) : NULL;
}

/* Runs a SELECT of "columns" of the records. */
static void
read_records(RecordsFilter *filter, const char *columns, RowVisitor visit, void *arg)
{
	char	   *text = psprintf("SELECT %s FROM dataops.records(%s)", columns,
								quote_literal_cstr(filter->source));
	ModelTree  *tree = model_parse(text, list_make1(filter));
	DestReceiver *receiver = row_receiver(visit, arg);

	tree_execute((Node *) tree->select, text, NULL, receiver);
	receiver->rDestroy(receiver);
}

typedef struct Found
{
	MemoryContext memory;
	pg_uuid_t  *batch;
	List	   *addresses;
	char	   *record;
} Found;

static void
note_address(TupleTableSlot *slot, void *arg)
{
	Found	   *found = arg;
	MemoryContext previous = MemoryContextSwitchTo(found->memory);
	RecordAddress *address = palloc(sizeof(RecordAddress));

	address->batch = *found->batch;
	address->page = DatumGetInt32(slot->tts_values[0]);
	address->ordinal = DatumGetInt32(slot->tts_values[1]);
	found->addresses = lappend(found->addresses, address);
	MemoryContextSwitchTo(previous);
}

static void
note_record(TupleTableSlot *slot, void *arg)
{
	Found	   *found = arg;
	char	   *text = slot_text(slot, 0);

	found->record = MemoryContextStrdup(found->memory,
										error_clean(text, strlen(text), SHOWN_BYTES));
}

char *
culprit_find(const char *source, List *batches, CulpritTest throws, void *arg)
{
	Search		search = {.source = source, .throws = throws, .arg = arg};
	Found		found = {.memory = CurrentMemoryContext};
	RecordsFilter filter = {.source = source};
	RecordAddress *address;

	if (!throws_on(&search, batches, NIL))
		return NULL;
	found.batch = narrow(&search, batches, NIL);
	if (found.batch == NULL)
		return NULL;
	filter.batches = list_make1(found.batch);
	read_records(&filter, "page, ordinal", note_address, &found);
	address = narrow(&search, filter.batches, found.addresses);
	if (address == NULL)
		return NULL;
	filter.addresses = list_make1(address);
	read_records(&filter, "record", note_record, &found);
	return psprintf("record %d of page %d in batch %s: %s", address->ordinal, address->page,
					uuid_text(&address->batch), found.record);
}
