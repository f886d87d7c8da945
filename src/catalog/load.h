/*
 * load.h
 *	  Every SQL text about loads: rows brought into tables of warehouses.
 *
 * A load into a warehouse outside goes open, loading, loaded, done.  "loading" is committed before
 * the warehouse hears of it; from then on it is asked for by its name.  One that is published
 * later stays "loaded" until a promotion.  "failed": it definitely is not there.  "removed": its
 * rows left the staging side again before they were published, or never came there.
 *
 * All functions need an open transaction; results live in CurrentMemoryContext.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CATALOG_LOAD_H
#define DATAOPS_CATALOG_LOAD_H

#include "postgres.h"

#include "catalog/run.h"

typedef struct LoadRecord
{
	pg_uuid_t	id;
	char	   *relation;
	char	   *server;
	char	   *target;			/* the table's name within the warehouse */
	const char *mode;
	char	   *name;			/* what the work is called in the warehouse */
	char	   *snapshot;		/* what the scan saw; NULL: not tracked */
	List	   *tables;			/* and of which tables: OIDs */
	bool		whole;			/* it read all rows, not those that changed */
	int64		rows;			/* read here */
	int64		rows_loaded;	/* taken in there; only when it is loaded */
	int64		bytes;
	Jsonb	   *expected;		/* texts that the other side must have, by expression */
	char	   *job;			/* the warehouse's names of the work; NULL where it has none */
	char	   *publish_job;
	int64		bytes_billed;
	const char *state;
	char	   *error;
	/* of one that is read back */
	pg_uuid_t	run;			/* which made it */
	char	   *stage;			/* the store that has its files; NULL: it has none */
} LoadRecord;

/* Adds the load, with a state and, if that ends it, the time. */
extern void load_add(Run *run, Step *step, const LoadRecord *load);

/*
 * The load of this step whose end is not known, oldest first: open, loading, or loaded and neither
 * published nor left for later.  NULL when there is none.
 */
extern LoadRecord *load_unfinished(Run *run, Step *step);

/*
 * Takes it from the state it has to "state", with job, publish_job, rows_loaded, bytes_billed and
 * error as they are in "load"; "ended" sets the time of its end.  55000 when somebody else did.
 */
extern void load_set_state(LoadRecord *load, const char *state, bool ended);

/*
 * Another load into the table whose end is not known: step "x" of pipeline "y".  NULL: there is
 * none.  Those whose step is not defined any more have failed, for nobody will ask for their end.
 * "step": whose loads do not count; NULL: all do.  The table's lock is held.
 */
extern char *load_other_unfinished(Run *run, const char *step, const char *server,
								   const char *target);

/* Loads of this step that have ended but whose files are still there: List of LoadRecord *. */
extern List *load_with_files(Run *run, Step *step);

/* Does the staging side hold what was never published, by the load before "load"? */
extern bool load_follows_failure(const LoadRecord *load);

/* Before the staging side is reset: what stood there to be published later is gone. */
extern void load_forget_unpublished(const LoadRecord *load);

/* Where the next load of changed rows begins. */
typedef struct LoadBase
{
	char	   *snapshot;		/* of the last load that stayed; NULL: there is none */
	List	   *tables;			/* OIDs, with "snapshot" */
	bool		unknown;		/* rows were loaded, but which cannot be told any more: in the
								 * database that this one is a copy of, or without a snapshot */
} LoadBase;

/* For the step and what "load" says: relation, server, target. */
extern LoadBase load_base(Run *run, Step *step, const LoadRecord *load);

/* The name of the last load into the table that waits to be published; NULL: there is none. */
extern char *load_last_unpublished(Run *run, const char *server, const char *target);

/* All that wait are published, by "job" (may be NULL). */
extern void load_set_published(Run *run, const char *server, const char *target, const char *job);

#endif
