/*
 * compat.h
 *	  The one place that knows which server version is compiled against (15 to 18).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_COMPAT_H
#define DATAOPS_COMPAT_H

#include "postgres.h"
#include "executor/executor.h"
#include "storage/latch.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#include "storage/ipc.h"
#include "storage/lock.h"
#include "utils/wait_event.h"

/* 18 writes pg_noreturn before the declaration; before it there was pg_attribute_noreturn() */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* 17 registers wait events by name; before it every extension waits as "Extension". */
#if PG_VERSION_NUM >= 170000
#define compat_wait_event(name) WaitEventExtensionNew(name)
#else
#define compat_wait_event(name) PG_WAIT_EXTENSION
#endif

/* 17 gives a wait event set a resource owner where 15 and 16 gave it a memory context. */
static inline WaitEventSet *
compat_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(CurrentMemoryContext, nevents);
#endif
}

/* 18 dropped the "run once" argument. */
static inline void
compat_executor_run(QueryDesc *query)
{
#if PG_VERSION_NUM >= 180000
	ExecutorRun(query, ForwardScanDirection, 0);
#else
	ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
}

/* 17 can also ask for stronger modes. */
static inline bool
compat_lock_held_by_me(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/*
 * The largest exponent, either sign, that numeric_in() reads; beyond it even 0e… is out of range.
 */
#if PG_VERSION_NUM >= 160000
#define COMPAT_NUMERIC_EXPONENT_MAX	(PG_INT32_MAX / 2)
#else
#define COMPAT_NUMERIC_EXPONENT_MAX	(PG_INT32_MAX / 2 - 1)
#endif

/* 18 moved max_stack_depth to miscadmin.h. */
#if PG_VERSION_NUM >= 180000
#include "miscadmin.h"
#else
#include "tcop/tcopprot.h"
#endif

#endif
