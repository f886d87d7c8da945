/*
 * unfinished.h
 *	  Runs of a pipeline that still have something to do, whom a new run would get in the way of.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_UNFINISHED_H
#define DATAOPS_UNFINISHED_H

#include "catalog/ledger.h"

typedef struct UnfinishedRun
{
	pg_uuid_t	id;
	char	   *state;
	bool		partial;		/* restricted to some steps */
	TimestampTz next_attempt_at;	/* of one that waits */
} UnfinishedRun;

/*
 * Runs that failed or wait and have landed a part of a source: their fetch has not ended, and the
 * source has been read by nobody since, nor was it defined to have other pages.  Going on with them
 * lands the rest; a new run would begin where they did and land that part once more.  Only for
 * pipelines without intervals.  "steps" (char *): only those that have to do with these fetches,
 * NIL for all.  List of UnfinishedRun *, oldest first.
 */
extern List *unfinished_landings(const char *pipeline, const char *env, Oid owner, List *steps);

/*
 * A run that is about times in "within" and is queued, works or waits, first of all one that waits;
 * with "whole" none that is restricted to some steps.  NULL when there is none.
 */
extern UnfinishedRun *unfinished_first(const char *pipeline, const char *env, TimeRange within,
									   bool whole);

#endif
