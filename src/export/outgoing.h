/*
 * outgoing.h
 *	  The parts of a delivery on their way into the store, while others are still being encoded.
 *
 * They go one after the other.  A part's bytes are freed as soon as the store has them, so what is
 * kept here is what waits, not the whole delivery.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_OUTGOING_H
#define DATAOPS_OUTGOING_H

#include "postgres.h"

#include "catalog/outbox.h"
#include "export/parts.h"
#include "store/store.h"

typedef struct Outgoing Outgoing;

/* How a part was refused. */
typedef struct OutgoingRefusal
{
	const char *name;
	StoreResult answer;
} OutgoingRefusal;

/* "mark" and "content_type" as in StoreContent.  Lives in "memory". */
extern Outgoing *outgoing_create(Store *store, const char *mark, const char *content_type,
								 MemoryContext memory);

/* Adds a part, whose memory becomes its own; the record's generation is set when it is known. */
extern void outgoing_add(Outgoing *outgoing, OutboxPart *record, Part *part);

/*
 * Moves the parts on without waiting on the network, so even under a snapshot; costs next to
 * nothing when called more often than once a millisecond.  False when the store has refused one.
 */
extern bool outgoing_move_on(Outgoing *outgoing);

/* Waits until the store has all parts, under their names.  False when it has refused one. */
extern bool outgoing_finish(Outgoing *outgoing);

/* The part that was refused; NULL: none was. */
extern const OutgoingRefusal *outgoing_refusal(const Outgoing *outgoing);

/* Was anything of it ever sent? */
extern bool outgoing_has_begun(const Outgoing *outgoing);

/* Breaks off what is under way and frees all that waits. */
extern void outgoing_drop(Outgoing *outgoing);

#endif
