/*
 * watch.h
 *	  The sockets a process waits on, beside its latch and the postmaster's death.
 *
 *	  A library's callbacks note what they want; nothing is built before the next wait, and what
 *	  did not change since the last one is kept: with hundreds of kept connections a wait costs
 *	  one call.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WATCH_H
#define DATAOPS_WATCH_H

#include "core/compat.h"

typedef struct Watch Watch;

/* Lives until "owner" is reset or deleted. */
extern Watch *watch_create(MemoryContext owner);

/*
 * From here on wait for "events" (WL_SOCKET_*; 0 = not any more) of the socket. False when out of
 * memory. Does not throw. "ours": its closing will be told by watch_closed(); a socket that is
 * not may be closed, unseen, as soon as nobody wants it.
 */
extern bool watch_note(Watch *watch, pgsocket socket, uint32 events);
extern bool watch_opened(Watch *watch, pgsocket socket);
extern void watch_closed(Watch *watch, pgsocket socket);

/*
 * Waits up to timeout_ms (-1: for ever) for noted events, the latch or the postmaster's death.
 * Returns the sockets that are ready, at most "nready" of them; a set latch is reset and counts
 * as none. Throws when the server cannot wait; exits on the postmaster's death.
 */
extern int	watch_wait(Watch *watch, long timeout_ms, WaitEvent *ready, int nready,
					   uint32 wait_event);

#endif
