/*
 * interval.h
 *	  The times that a pipeline has done: one row for each successful run over all of its steps.
 *
 * All functions need an open transaction; results live in CurrentMemoryContext.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_INTERVAL_H
#define DATAOPS_INTERVAL_H

#include "catalog/ledger.h"

/* Marks the range of a successful run over all steps as done. */
extern void interval_done(Run *run);

/*
 * The ranges from "start" to "end" that are neither done nor those of a run on its way, oldest
 * first; List of TimeRange *.  start DT_NOBEGIN: from the first one ever done, else "fallback".
 */
extern List *interval_missing(const char *pipeline, const char *env, TimestampTz start,
							TimestampTz fallback, TimestampTz end);

/*
 * Where the last successful run over all steps ended, of those that ended at or before "until";
 * DT_NOBEGIN when there is none.
 */
extern TimestampTz interval_last_end(const char *pipeline, const char *env, TimestampTz until);

/* Of a pipeline that is dropped. */
extern void interval_forget(const char *pipeline, const char *env);

#endif
