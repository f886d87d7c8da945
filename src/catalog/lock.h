/*
 * lock.h
 *	  Liveness: who works on a pipeline holds its session lock.  "The ledger says running and the
 *	  lock is free" means that the run died.
 *
 * The tag is LOCKTAG_ADVISORY with field4 = 3, which no SQL function takes or releases singly, over
 * 64 bits of a hash of pipeline and environment.  One run of a pipeline works at a time in each
 * environment, so the run needs no lock of its own.  Loads of several pipelines may fill one table
 * of a warehouse outside: who does it holds a lock of that table as well.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOCK_H
#define DATAOPS_LOCK_H

#include "postgres.h"

/*
 * Takes the pipeline's lock for this session if it is free; true when it is now held.  Released
 * when "owner" is reset or deleted, at the latest when the process ends.
 */
extern bool lock_acquire(MemoryContext owner, const char *pipeline, const char *env);

/* The same for a table of a warehouse outside. */
extern bool lock_acquire_table(MemoryContext owner, const char *server, const char *table);

/* Does this process hold the pipeline's? */
extern bool lock_is_held(const char *pipeline, const char *env);

#endif
