/*
 * txn.c
 *	  Begin, commit and abort of a run's transactions.
 *
 * Inside CALL the server has a transaction open at all times.  Where an error of ours will be
 * caught (run->guarded), ours is an internal subtransaction of it, so that the error can be
 * rolled back with everything that it left behind (snapshots, SPI levels, user and security
 * context) before SPI_rollback() ends the outer one.  Elsewhere it is the outer one itself: an
 * error that leaves the procedure must not leave a subtransaction open.  A worker has no
 * transaction between two of ours.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/txn.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/lock.h"

static bool txn_open = false;
static Oid	user_at_begin;
static int	security_at_begin;

/*
 * An error that no guard catches leaves by itself; the next procedure of the session begins anew.
 */
static void
forget_at_abort(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		txn_open = false;
}

void
txn_begin(Run *run)
{
	static bool registered = false;

	Assert(!txn_open);
	if (!registered)
		RegisterXactCallback(forget_at_abort, NULL);
	registered = true;
	if (run->in_worker)
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
	}
	/* who waited for a lock must see what was committed meanwhile */
	if (!FirstSnapshotSet)
		XactIsoLevel = XACT_READ_COMMITTED;
	if (!run->in_worker && run->guarded)
		BeginInternalSubTransaction(NULL);
	PushActiveSnapshot(GetTransactionSnapshot());
	GetUserIdAndSecContext(&user_at_begin, &security_at_begin);
	MemoryContextSwitchTo(CurTransactionContext);
	txn_open = true;
}

static void
check_before_commit(Run *run)
{
	Oid			user;
	int			security;

	GetUserIdAndSecContext(&user, &security);
	if (user != user_at_begin || security != security_at_begin)
		elog(ERROR, "user or security context was not restored before commit");
	if (run->pipeline != NULL && !lock_is_held(run->pipeline, run->env))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the run of pipeline \"%s\" lost its lock", run->pipeline),
				errhint("SQL of the pipeline must not call pg_advisory_unlock_all()."));
}

/* Of this transaction alone; a session that waits for no commit goes on so. */
static void
wait_for_no_disk(void)
{
	if (synchronous_commit != SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
}

static void
commit(Run *run, bool durable)
{
	Assert(txn_open);
	check_before_commit(run);
	PopActiveSnapshot();
	if (!durable)
		wait_for_no_disk();
	if (run->in_worker)
	{
		CommitTransactionCommand();
		pgstat_report_stat(false);
	}
	else
	{
		if (run->guarded)
			ReleaseCurrentSubTransaction();
		SPI_commit();
	}
	txn_open = false;
	MemoryContextSwitchTo(run->memory);
}

void
txn_commit(Run *run)
{
	commit(run, true);
}

void
txn_commit_async(Run *run)
{
	commit(run, false);
}

void
txn_abort(Run *run)
{
	txn_open = false;
	if (run->in_worker)
		AbortOutOfAnyTransaction();
	else
	{
		while (GetCurrentTransactionNestLevel() > 1)
			RollbackAndReleaseCurrentSubTransaction();
		SPI_rollback();
	}
	MemoryContextSwitchTo(run->memory);
}
