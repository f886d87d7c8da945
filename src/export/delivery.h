/*
 * delivery.h
 *	  Rows of a relation on their way into a folder of an object store.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DELIVERY_H
#define DATAOPS_DELIVERY_H

#include "postgres.h"

#include "catalog/outbox.h"
#include "catalog/run.h"
#include "export/changed.h"
#include "export/outgoing.h"
#include "export/parts.h"
#include "export/path.h"
#include "store/store.h"

/*
 * The way of a delivery:
 *	   delivery_begin()    the ledger has what its objects' names begin with
 *	   delivery_encode()   in a transaction: rows into parts, which begin to leave, into the staging
 *						   area where the store has one; the ledger names every part
 *	   delivery_upload()   the parts that are left are put
 *	   delivery_publish()  they are copied to production; manifest.json is put last
 *	   delivery_done()     in the transaction that records the end of the step
 *
 * Parts carry the delivery's id as their mark: by it they are found after a process that died
 * before it could name them.  A load stops after delivery_upload(), has the warehouse read the
 * files, and then keeps them by delivery_done() or drops them by delivery_remove().  An attempt
 * begins with what others left.
 */

/* Both areas of a store. */
typedef struct DeliveryPlace
{
	char	   *server;
	Store	   *production;
	Store	   *staging;		/* NULL: the store has none */
} DeliveryPlace;

/* What is to be delivered. */
typedef struct DeliveryOrder
{
	const char *relation;		/* "schema.table" */
	bool		changed;		/* only what changed since the last one that is done */
	const char *path;			/* template of the parts' names: path.h */
	const char *search_path;	/* of the relation's query */
	const pg_uuid_t *load;		/* the load that it is for; NULL for an export */
	const ChangeMark *since;	/* with "changed": the last delivery; NULL: none */
	PartsOptions parts;
} DeliveryOrder;

typedef struct Delivery
{
	MemoryContext memory;
	Run		   *run;
	DeliveryPlace *place;
	OutboxExport *record;		/* the row of dataops.export with its parts */
	Outgoing   *outgoing;		/* the parts on their way; NULL when another process made it */
	int64		bad_values;
	/* while it is encoded */
	const char *path;
	PathScope	scope;
} Delivery;

/* Needs a transaction.  Lives in "memory". */
extern DeliveryPlace *delivery_open(Run *run, const char *server, MemoryContext memory);

/* Outside of a transaction: commits the delivery in state 'encoding'.  Lives in "memory". */
extern Delivery *delivery_begin(Run *run, Step *step, DeliveryPlace *place,
								const DeliveryOrder *order, MemoryContext memory);

typedef enum DeliveryEncoding
{
	DELIVERY_ENCODED,			/* the parts are recorded, in state 'open' */
	DELIVERY_EMPTY,				/* there was no row: the ledger forgets the delivery */
	DELIVERY_REFUSED			/* the store has refused a part: to be aborted and given up */
} DeliveryEncoding;

/*
 * In the transaction that is open: reads the rows as the pipeline's owner under its active
 * snapshot and encodes them; parts leave meanwhile, without anything waiting for them.  Throws what
 * the query and the encoders throw, and 54000 when more parts wait than temporary files may hold.
 */
extern DeliveryEncoding delivery_encode(Delivery *delivery, const DeliveryOrder *order);

/*
 * Outside of transactions, after delivery_encode() has thrown or returned DELIVERY_REFUSED: takes
 * back what has left already.  What cannot be is left to the next attempt.  *result is set for
 * DELIVERY_REFUSED only.
 */
extern void delivery_give_up(Delivery *delivery, StageResult *result);

/*
 * The following work outside of transactions and commit short ones of their own.  False: *result
 * is STAGE_FAILED with the reason, in run->memory.
 */

/* Puts what is left of the parts and records state 'uploaded'; when it cannot, takes all back. */
extern bool delivery_upload(Delivery *delivery, StageResult *result);

/* Where the uploaded part lies: "gs://bucket/staging/…".  In CurrentMemoryContext. */
extern char *delivery_part_place(const Delivery *delivery, int part);

/*
 * Copies the parts to production, puts the manifest, empties staging.  When another object has one
 * of the names, takes all back: the next attempt has other names.
 */
extern bool delivery_publish(Delivery *delivery, StageResult *result);

/* Takes away every object of it that is there, and records state 'removed'. */
extern bool delivery_remove(Delivery *delivery, StageResult *result);

/* In the transaction that is open: state 'done'. */
extern void delivery_done(Delivery *delivery);

/*
 * In the transaction that is open: deliveries to "place" that former attempts of this step (for
 * "load" when not NULL) have left unfinished, because their process died or the store failed.
 * Oldest first: List of Delivery *.  Each is to be verified, and then goes on or is removed.
 */
extern List *delivery_unfinished(Run *run, Step *step, DeliveryPlace *place,
								 const pg_uuid_t *load, MemoryContext memory);

/* Likewise those for loads that died before they were recorded: each is to be removed. */
extern List *delivery_unborn(Run *run, Step *step, DeliveryPlace *place, MemoryContext memory);

typedef enum DeliveryState
{
	DELIVERY_WHOLE,				/* every part is there with its size and CRC32C: go on from there */
	DELIVERY_BROKEN,			/* remove it and begin anew */
	DELIVERY_UNKNOWN			/* the store did not say; *result tells why */
} DeliveryState;

extern DeliveryState delivery_verify(Delivery *delivery, StageResult *result);

/* --- between delivery.c and delivery_end.c --- */

/* The failure to have "done" something with an object; returns false. */
extern bool delivery_fail(Delivery *delivery, StageResult *result, const char *done,
						  const char *name, const StoreResult *answer);

extern OutboxPart *delivery_part(const Delivery *delivery, int number);
extern int	delivery_count(const Delivery *delivery);

/* The area in which parts are put first. */
extern Store *delivery_area(const Delivery *delivery);

/* Commits state 'uploaded'. */
extern void delivery_set_uploaded(Delivery *delivery);

#endif
