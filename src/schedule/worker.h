/*
 * worker.h
 *	  A dynamic background worker that works off the queue of one pipeline.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WORKER_H
#define DATAOPS_WORKER_H

#include "postgres.h"

#include "catalog/ledger.h"

/*
 * Starts a worker that does what is pending at "now", as the current user where that role can
 * connect, else as the session's; false when no slot is free (max_worker_processes).  Returns
 * without waiting for it.
 */
extern bool worker_launch(const char *pipeline, const char *env, TimestampTz now);

/*
 * As worker_launch(), when the current transaction commits: the worker sees what it wrote.  A run
 * that finds no slot then stays queued for the next tick.
 */
extern void worker_launch_at_commit(const char *pipeline, const char *env);

/*
 * To be called after a loop has ended and its lock was let go.  A run that somebody queued in
 * between found the lock taken, and its worker left: another one is started for it.  Uses a
 * transaction of its own.
 */
extern void worker_hand_over(const char *pipeline, const char *env, const RunEnd *end,
							 bool in_worker);

#endif
