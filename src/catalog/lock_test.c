/*
 * lock_test.c
 *	  Lets a test's session stand for a process that works on a pipeline.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/lock.h"

#ifdef DATAOPS_TEST

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static MemoryContext held_locks = NULL;

PG_FUNCTION_INFO_V1(dataops__test_lock_hold);

/* _test_lock_hold(pipeline, env) → was the lock free? Held until _test_lock_release() */
Datum
dataops__test_lock_hold(PG_FUNCTION_ARGS)
{
	if (held_locks == NULL)
		held_locks = AllocSetContextCreate(TopMemoryContext, "dataops test locks",
										   ALLOCSET_SMALL_SIZES);
	PG_RETURN_BOOL(lock_acquire(held_locks, text_to_cstring(PG_GETARG_TEXT_PP(0)),
								text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

PG_FUNCTION_INFO_V1(dataops__test_lock_release);

/* _test_lock_release(): releases all that _test_lock_hold() took */
Datum
dataops__test_lock_release(PG_FUNCTION_ARGS)
{
	if (held_locks != NULL)
		MemoryContextReset(held_locks);
	PG_RETURN_VOID();
}

#endif
