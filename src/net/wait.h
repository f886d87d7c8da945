/*
 * wait.h
 *	  What every wait has in common, and the one sleep on time.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WAIT_H
#define DATAOPS_WAIT_H

#include "postgres.h"

/* Milliseconds of a clock that nobody sets; for elapsed time and deadlines only. */
extern int64 wait_clock_ms(void);

/*
 * Called before each sleep with the longest time it may take (-1: any). Drops a left-over catalog
 * snapshot; asserts that no snapshot and no transaction id is held, unless interactive. Returns
 * the time that may be slept; throws 54000 when the interactive time is over.
 */
extern long wait_begin(long timeout_ms);

/*
 * Sleeps that long. Serves interrupts, so it throws on cancel; exits when the postmaster died.
 */
extern void latch_sleep(long ms);

/*
 * From now until "scope" is reset or deleted, this process may wait inside an ordinary statement,
 * snapshot held, for "limit_ms" altogether by the clock. For the named exceptions only (a
 * preview, a connection's test, the pauses of who waits for readers). Scopes do not nest. "what" is
 * what cannot be finished then, for the message: "the preview of …"; it is copied.
 */
extern void wait_interactive(MemoryContext scope, long limit_ms, const char *what);

#define WAIT_STATEMENT_MS	30000	/* what such a statement may wait */

#endif
