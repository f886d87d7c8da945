/*
 * gzip_ring.h
 *	  Blocks of bytes into gzip members, in order; from some megabytes on with the help of a second
 *	  process.
 *
 * The caller fills a ring of blocks in shared memory.  The helper compresses the oldest that
 * waits; when the ring is full, so does the caller, so that neither stands idle while the other
 * works.  Which of them makes a member makes no difference to its bytes.
 *
 * The helper is a background worker that has no database and sees nothing but the ring.  It counts
 * as one of max_parallel_workers, and there is none when max_parallel_workers_per_gather is 0 or no
 * worker is free.  One that dies is done without.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GZIP_RING_H
#define DATAOPS_GZIP_RING_H

#include "postgres.h"

#include "utils/elog.h"

typedef struct GzipRing GzipRing;

/*
 * Takes a member that was made, or a block as it is; called in the order of the blocks.  "tag" is
 * what came with the block.
 */
typedef void (*GzipStore) (void *arg, const char *bytes, size_t length, int64 tag);

/* Runs body(arg) in a subtransaction; returns the error that it threw, or NULL. */
typedef ErrorData *(*GzipGuard) (void (*body) (void *arg), void *arg);

/* Lives until "owner" is reset or deleted.  "level" is libdeflate's, 1 to 12. */
extern GzipRing *gzip_ring_create(MemoryContext owner, int level, GzipStore store, void *arg);

/*
 * Allows the helper: it is tried for once, when there is enough to do.  "guard" is used to try what
 * may fail for lack of shared memory.
 */
extern void gzip_ring_allow_helper(GzipRing *ring, GzipGuard guard);

/*
 * For who knows that there will be enough to do: tries for the helper now, unless it is there or
 * could not be had before.
 */
extern void gzip_ring_start_helper(GzipRing *ring, GzipGuard guard);

/* Lets the helper go, which may be started again.  All members must be stored. */
extern void gzip_ring_end_helper(GzipRing *ring);

/* One member will be made of these bytes.  Serves interrupts; throws what "store" throws. */
extern void gzip_ring_put(GzipRing *ring, const char *bytes, size_t length, int64 tag);

/* Stores what is made already, without waiting: for who may be slow with the next block. */
extern void gzip_ring_collect(GzipRing *ring);

/* Returns when all members are stored; more blocks may follow. */
extern void gzip_ring_finish(GzipRing *ring);

#endif
