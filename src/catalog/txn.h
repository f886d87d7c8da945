/*
 * txn.h
 *	  The transactions of a run, alike in CALL and in a worker.
 *
 * Between txn_commit() and the next txn_begin() nothing is held: no snapshot, no xid, no row lock.
 * That is when a stage may wait for the network.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TXN_H
#define DATAOPS_TXN_H

#include "catalog/run.h"

/*
 * Starts a transaction with an active snapshot; CurrentMemoryContext becomes a context that ends
 * with it.
 */
extern void txn_begin(Run *run);

/*
 * Commits it.  Asserts that user and security context are restored and, where run->pipeline is
 * set, that its lock is still held by this process.  CurrentMemoryContext becomes run->memory.
 */
extern void txn_commit(Run *run);

/*
 * As txn_commit(), but does not wait until the commit is on disk.  A crash of the server soon after
 * it undoes the transaction, and every one that was committed later on: what txn_commit() commits
 * after it brings it to disk, too.  So it fits where all that would be lost lies in this database.
 * Never before an effect outside of it.
 */
extern void txn_commit_async(Run *run);

/* Rolls back whatever is open, subtransactions included; also right after a caught error. */
extern void txn_abort(Run *run);

#endif
