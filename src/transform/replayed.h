/*
 * replayed.h
 *	  Quarantined rows as the input of a model that takes in batches: which raw records go through
 *	  it once more, which rows of them, and what has become of their keys meanwhile.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_REPLAYED_H
#define DATAOPS_REPLAYED_H

#include "postgres.h"

#include "catalog/run.h"
#include "catalog/verdict.h"
#include "model/model.h"
#include "model/parse.h"
#include "transform/split.h"

/* A raw record and what is open of it. */
typedef struct ReplayedRecord
{
	RecordAddress address;
	TimestampTz set_aside_at;	/* the last time */
	bool		partial;		/* only those of its rows are taken that an entry has */
	bool		found;			/* false: its raw record is gone */
	List	   *entries;		/* QuarantineEntry *; "taken" is set in those that are dealt with */
} ReplayedRecord;

typedef struct Replayed
{
	RecordsFilter input;		/* the records */
	RecordsFilter later;		/* merge: what the step took in from the oldest of them on, without
								 * the records that are open */
	List	   *replays;		/* merge: when the step's former ones were, TimestampTz * */
	List	   *records;		/* ReplayedRecord *, by address */
	HTAB	   *by_address;		/* private */
} Replayed;

/*
 * "entries" (from quarantine_open()) that were set aside in [from, to), and of all of them what
 * "later" leaves out.  NULL when there are none.
 */
extern Replayed *replayed_make(const char *source, List *entries, TimestampTz from, TimestampTz to);

/* Looks which records are still there, with the rights of the current user. */
extern void replayed_find(Replayed *replayed);

/* The record at the address, which is one of them. */
extern ReplayedRecord *replayed_record(const Replayed *replayed, const RecordAddress *address);

/* Is it one of them, and not in the raw table any more? */
extern bool replayed_is_gone(const Replayed *replayed, const RecordAddress *address);

/* For a Split: is the row one that was set aside?  "arg" is the Replayed. */
extern bool replayed_wants(const Split *split, TupleTableSlot *slot, void *arg);

/*
 * Drops the good rows whose key has had a newer row since: of a later record of the source, were it
 * equal to what was there, or of whoever else wrote to "target" after the row was set aside.
 */
extern void replayed_drop_outdated(const Replayed *replayed, Split *split, const ModelSpec *model,
								   RangeVar *target);

#endif
