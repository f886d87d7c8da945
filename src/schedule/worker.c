/*
 * worker.c
 *	  Start and main function of the dynamic background worker.  It connects as the role that asked
 *	  for the run, checks that role's right again, takes the pipeline's lock and runs the loop.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "schedule/worker.h"

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/installation.h"
#include "catalog/lock.h"
#include "catalog/role.h"
#include "catalog/txn.h"
#include "core/compat.h"
#include "schedule/loop.h"
#include "schedule/procedure.h"

typedef struct WorkerArgs
{
	Oid			database;
	Oid			role;
	TimestampTz now;
	char		env[16];
	char		pipeline[44];
} WorkerArgs;

StaticAssertDecl(sizeof(WorkerArgs) <= BGW_EXTRALEN, "worker arguments fit bgw_extra");

PGDLLEXPORT void dataops_worker_main(Datum arg);

static void
fill_args(WorkerArgs *args, const char *pipeline, const char *env, TimestampTz now)
{
	memset(args, 0, sizeof(WorkerArgs));
	args->database = MyDatabaseId;
	args->role = role_to_connect_as();	/* before 17 a worker cannot act as a NOLOGIN role */
	args->now = now;
	strlcpy(args->env, env, sizeof(args->env));
	strlcpy(args->pipeline, pipeline, sizeof(args->pipeline));
}

static bool
launch(const WorkerArgs *args)
{
	BackgroundWorker worker = {0};

	snprintf(worker.bgw_name, BGW_MAXLEN, "dataops worker: %s", args->pipeline);
	strlcpy(worker.bgw_type, "dataops worker", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strcpy(worker.bgw_library_name, "dataops");
	strcpy(worker.bgw_function_name, "dataops_worker_main");
	memcpy(worker.bgw_extra, args, sizeof(WorkerArgs));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

bool
worker_launch(const char *pipeline, const char *env, TimestampTz now)
{
	WorkerArgs	args;

	fill_args(&args, pipeline, env, now);
	return launch(&args);
}

void
worker_hand_over(const char *pipeline, const char *env, const RunEnd *end, bool in_worker)
{
	Run			nobody = {.in_worker = in_worker, .memory = CurrentMemoryContext};
	TimestampTz now = GetCurrentTimestamp();

	if (!end->drained)
		return;
	txn_begin(&nobody);			/* of no pipeline: its lock is not held any more */
	if (ledger_pending(pipeline, env, now) != NIL)
		(void) worker_launch(pipeline, env, now);
	txn_commit(&nobody);
}

/* ---- at commit ---- */

/* Of the current transaction, in TopTransactionContext: gone with it. */
static List *launches = NIL;

static void
launch_at_commit(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event == XACT_EVENT_COMMIT)
		foreach(cell, launches)
			(void) launch(lfirst(cell));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		launches = NIL;
}

void
worker_launch_at_commit(const char *pipeline, const char *env)
{
	static bool registered = false;
	MemoryContext previous = MemoryContextSwitchTo(TopTransactionContext);
	WorkerArgs *args = palloc(sizeof(WorkerArgs));

	fill_args(args, pipeline, env, GetCurrentTimestamp());
	launches = lappend(launches, args);
	MemoryContextSwitchTo(previous);
	if (!registered)
		RegisterXactCallback(launch_at_commit, NULL);
	registered = true;
}

/* ---- in the worker ---- */

static void
connect_worker(const WorkerArgs *args)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(args->database, args->role, 0);
	pgstat_report_appname("dataops worker");
}

void
dataops_worker_main(Datum arg)
{
	WorkerArgs	args;
	MemoryContext memory;
	MemoryContext held;
	LoopOptions options = {.in_worker = true};
	RunEnd		end;
	bool		acquired;

	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(WorkerArgs));
	connect_worker(&args);
	memory = AllocSetContextCreate(TopMemoryContext, "dataops worker", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_RUNNING, psprintf("dataops: %s", args.pipeline));

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	installation_check();
	(void) pipeline_to_run(args.pipeline, args.env);
	held = AllocSetContextCreate(memory, "dataops lock", ALLOCSET_SMALL_SIZES);
	acquired = lock_acquire(held, args.pipeline, args.env);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(memory);

	if (acquired)
	{
		options.now = args.now;
		end = loop_work_off(args.pipeline, args.env, &options, memory);
		MemoryContextDelete(held);
		worker_hand_over(args.pipeline, args.env, &end, true);
	}
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(memory);
	pgstat_report_activity(STATE_IDLE, NULL);
	proc_exit(0);
}
