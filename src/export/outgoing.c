/*
 * outgoing.c
 *	  A queue of puts, moved on in passing or by waiting for them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/outgoing.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/fault.h"
#include "net/wait.h"

typedef struct OutgoingPart
{
	OutboxPart *record;
	Part	   *part;			/* NULL: the store has its bytes */
	StorePut   *put;			/* NULL: not begun, or ended */
} OutgoingPart;

struct Outgoing
{
	MemoryContext memory;
	Store	   *store;
	const char *mark;
	const char *content_type;
	List	   *parts;			/* OutgoingPart *, in order */
	int			taken;			/* so many of them has the store, at least aside */
	bool		begun;
	int64		moved_on_ms;	/* clock: the last time */
	OutgoingRefusal refusal;	/* name NULL: none */
};

Outgoing *
outgoing_create(Store *store, const char *mark, const char *content_type, MemoryContext owner)
{
	MemoryContext memory = AllocSetContextCreate(owner, "dataops outgoing",
												 ALLOCSET_DEFAULT_SIZES);
	Outgoing   *outgoing = MemoryContextAllocZero(memory, sizeof(Outgoing));

	outgoing->memory = memory;
	outgoing->store = store;
	outgoing->mark = mark;
	outgoing->content_type = content_type;
	return outgoing;
}

void
outgoing_add(Outgoing *outgoing, OutboxPart *record, Part *part)
{
	MemoryContext caller = MemoryContextSwitchTo(outgoing->memory);
	OutgoingPart *added = palloc0(sizeof(OutgoingPart));

	added->record = record;
	added->part = part;
	MemoryContextSetParent(part->memory, outgoing->memory);
	outgoing->parts = lappend(outgoing->parts, added);
	MemoryContextSwitchTo(caller);
}

/* ---- one part ---- */

static void
begin_put(Outgoing *outgoing, OutgoingPart *part)
{
	StoreContent content = {
		.spool = part->part->spool,
		.crc32c = part->part->crc32c,
		.content_type = outgoing->content_type,
		.mark = outgoing->mark
	};

	FAULT_POINT("delivery_before_part");
	outgoing->begun = true;
	part->put = outgoing->store->driver->put_begin(outgoing->store, part->record->name, &content);
}

/* Ends the put of a part; false when it was refused. */
static bool
end_put(Outgoing *outgoing, OutgoingPart *part)
{
	StoreResult answer = outgoing->store->driver->put_finish(part->put);

	part->put = NULL;
	part->record->generation = answer.generation;
	if (store_is_there(&answer))
		return true;
	outgoing->refusal.name = part->record->name;
	outgoing->refusal.answer = answer;
	return false;
}

/* The store has the bytes of the part that is next. */
static void
note_taken(Outgoing *outgoing, OutgoingPart *part)
{
	MemoryContextDelete(part->part->memory);
	part->part = NULL;
	outgoing->taken++;
	FAULT_POINT("delivery_after_part");
}

/* ---- all of them ---- */

/* As far as it goes without waiting; false when one was refused. */
static bool
move_parts(Outgoing *outgoing)
{
	while (outgoing->taken < list_length(outgoing->parts))
	{
		OutgoingPart *part = list_nth(outgoing->parts, outgoing->taken);
		StorePutState state;

		if (part->put == NULL)
			begin_put(outgoing, part);
		state = outgoing->store->driver->put_pump(part->put);
		if (state == STORE_PUT_SENDING)
			return true;
		if (state == STORE_PUT_SETTLED && !end_put(outgoing, part))
			return false;
		note_taken(outgoing, part);
	}
	return true;
}

bool
outgoing_move_on(Outgoing *outgoing)
{
	MemoryContext caller;
	int64		now;

	if (outgoing->refusal.name != NULL)
		return false;
	if (outgoing->taken == list_length(outgoing->parts))
		return true;
	now = wait_clock_ms();
	if (now == outgoing->moved_on_ms)
		return true;
	outgoing->moved_on_ms = now;
	caller = MemoryContextSwitchTo(outgoing->memory);
	(void) move_parts(outgoing);
	MemoryContextSwitchTo(caller);
	return outgoing->refusal.name == NULL;
}

static bool
finish_parts(Outgoing *outgoing)
{
	for (int i = 0; i < list_length(outgoing->parts); i++)
	{
		OutgoingPart *part = list_nth(outgoing->parts, i);

		CHECK_FOR_INTERRUPTS();
		if (part->put == NULL && part->part != NULL)
			begin_put(outgoing, part);
		if (part->put != NULL && !end_put(outgoing, part))
			return false;
		if (part->part != NULL)
			note_taken(outgoing, part);
	}
	return true;
}

bool
outgoing_finish(Outgoing *outgoing)
{
	MemoryContext caller = MemoryContextSwitchTo(outgoing->memory);
	bool		finished = outgoing->refusal.name == NULL && finish_parts(outgoing);

	MemoryContextSwitchTo(caller);
	return finished;
}

const OutgoingRefusal *
outgoing_refusal(const Outgoing *outgoing)
{
	return outgoing->refusal.name != NULL ? &outgoing->refusal : NULL;
}

bool
outgoing_has_begun(const Outgoing *outgoing)
{
	return outgoing->begun;
}

void
outgoing_drop(Outgoing *outgoing)
{
	MemoryContextDelete(outgoing->memory);
}
