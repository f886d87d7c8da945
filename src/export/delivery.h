/*
 * delivery.h
 *	  Rows of a relation on their way into a folder of an object store.
 *
 *	   delivery_encode()   in a transaction: rows into spools; the ledger names every object
 *	   delivery_upload()   the parts are put, in the staging area where the store has one
 *	   delivery_publish()  they are copied to production; manifest.json is put last
 *	   delivery_done()     in the transaction that records the end of the step
 *
 * A load stops after delivery_upload(), has the warehouse read the files, and then keeps them by
 * delivery_done() or drops them by delivery_remove().  An attempt begins with what others left.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DELIVERY_H
#define DATAOPS_DELIVERY_H

#include "postgres.h"

#include "catalog/outbox.h"
#include "catalog/run.h"
#include "export/changed.h"
#include "export/parts.h"
#include "store/store.h"

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
	Run		   *run;
	DeliveryPlace *place;
	OutboxExport *record;		/* the row of dataops.export with its parts */
	List	   *spools;			/* Spool *, one for each part; NIL when another process made it */
	int64		bad_values;
} Delivery;

/* Needs a transaction.  Lives in "memory". */
extern DeliveryPlace *delivery_open(Run *run, const char *server, MemoryContext memory);

/*
 * In the transaction that is open: reads the rows as the pipeline's owner under its active
 * snapshot, encodes them, and records the delivery in state 'open'.  NULL, and nothing is
 * recorded, when there was no row.  Throws what the query and the encoders throw.  The spools
 * live in "memory".
 */
extern Delivery *delivery_encode(Run *run, Step *step, DeliveryPlace *place,
								 const DeliveryOrder *order, MemoryContext memory);

/*
 * The following work outside of transactions and commit short ones of their own.  False: *result
 * is STAGE_FAILED with the reason, in run->memory.
 */

/* Puts all parts and records state 'uploaded'.  What could not be put is taken back. */
extern bool delivery_upload(Delivery *delivery, StageResult *result);

/* Where the uploaded part lies: "gs://bucket/staging/…".  In CurrentMemoryContext. */
extern char *delivery_part_place(const Delivery *delivery, int part);

/* Copies the parts to production, puts the manifest, empties staging. */
extern bool delivery_publish(Delivery *delivery, StageResult *result);

/* Takes away every object of it that is there, and records state 'removed'. */
extern bool delivery_remove(Delivery *delivery, StageResult *result);

/* In the transaction that is open: state 'done'. */
extern void delivery_done(Delivery *delivery);

/*
 * In the transaction that is open: deliveries to "place" that former attempts of this step (for
 * "load" when not NULL) have left open or uploaded, because their process died or the store failed.
 * Oldest first: List of Delivery *.  Each is to be verified, and then goes on or is removed.
 */
extern List *delivery_unfinished(Run *run, Step *step, DeliveryPlace *place,
								 const pg_uuid_t *load, MemoryContext memory);

typedef enum DeliveryState
{
	DELIVERY_WHOLE,				/* every part is there with its size and CRC32C: go on from there */
	DELIVERY_BROKEN,			/* remove it and begin anew */
	DELIVERY_UNKNOWN			/* the store did not say; *result tells why */
} DeliveryState;

extern DeliveryState delivery_verify(Delivery *delivery, StageResult *result);

#endif
