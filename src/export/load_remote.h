/*
 * load_remote.h
 *	  What the parts of loads into a warehouse outside share: load_remote.c (from the files to the
 *	  publication), load_open.c (rows into files) and load_left.c (what former attempts left).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOAD_REMOTE_H
#define DATAOPS_LOAD_REMOTE_H

#include "catalog/sql.h"
#include "export/delivery.h"
#include "export/loading.h"

typedef struct RemoteLoad
{
	Loading		base;
	DeliveryPlace *place;
	Delivery   *delivery;		/* its files; NULL: there are none */
	DeliveryEncoding encoded;	/* of these files, by this process */
	bool		reset;
	bool		whole;			/* all rows are to be read, whatever was loaded before */
	bool		again;			/* it has come to nothing, and another one is to be made */
	bool		locked;			/* the table is ours until the attempt ends */
	List	   *leftovers;		/* Delivery *: files of loads that have ended */
	List	   *there;			/* texts: what the warehouse has */
	int64		quarantined;
	StageResult result;
} RemoteLoad;

/* As the pipeline's owner, with the search path and time zone of the step. */
extern SqlRole remote_become_owner(RemoteLoad *load);

/* Commits, and goes on in the step's memory. */
extern void remote_commit(RemoteLoad *load);

/* In a transaction of its own: the load has the state now. */
extern void remote_commit_state(RemoteLoad *load, const char *state, bool ended);

/* The step fails; returns false. */
extern bool remote_fail(RemoteLoad *load, const char *error, int sqlstate, bool retry);

/* Takes the files away; that this may fail is no failure of the load: a later one tries again. */
extern void remote_drop_files(RemoteLoad *load);

/*
 * Runs "body" in the transaction in hand, rolls back what it did when it throws, and keeps what the
 * checks found.  False when a check has stopped, or when *error is to be thrown on.
 */
extern bool remote_run_judged(RemoteLoad *load, void (*body) (void *arg), ErrorData **error);

/* ---- load_left.c ---- */

/*
 * Reads the step, and from the ledger where it stands; "whole" and "locked" are kept.  False when
 * somebody else is at work on the table: then the result says so.
 */
extern bool remote_begin(RemoteLoad *load, Run *run, Step *step, const LoadJudge *judge);

/*
 * Takes the table's lock for the step's attempt, unless *locked, in the transaction in hand.  False
 * when another load fills it, or did and its end is not known: then *result is a failure that
 * passes, in a minute or later.  "step": whose own loads do not count; NULL: all do.
 */
extern bool remote_own_table(Run *run, const char *step, const LoadRecord *table, bool *locked,
							 StageResult *result);

/* Takes away files of loads that have ended; the load in hand does not depend on them. */
extern void remote_drop_leftovers(RemoteLoad *load);

/*
 * An open load of a dead process: the rows are where its process was, so it goes on only if all
 * files had left already.  Otherwise a new one is begun.  False when
 * the store does not say.
 */
extern bool remote_settle_open(RemoteLoad *load);

/* ---- load_open.c ---- */

/*
 * Rows into files, in state "open".  False when there is nothing to load, or a check stops it: then
 * the result says so.
 */
extern bool remote_open(RemoteLoad *load);

#endif
