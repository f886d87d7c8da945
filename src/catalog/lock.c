/*
 * lock.c
 *	  The session lock of a pipeline, owned by a memory context.  Views find it in pg_locks by the
 *	  same two halves of the hash (dataops._lock_halves).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/lock.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/compat.h"

#define LOCK_FIELD4 3			/* 1 and 2 are those of pg_advisory_lock() */

typedef struct HeldLock
{
	LOCKTAG		tag;
	bool		held;
	MemoryContextCallback release;
} HeldLock;

static uint64
lock_key(const char *pipeline, const char *env)
{
	char	   *name = psprintf("%s/%s", env, pipeline);
	uint64		key = hash_bytes_extended((unsigned char *) name, strlen(name), 0);

	pfree(name);
	return key;
}

static void
lock_tag(LOCKTAG *tag, const char *pipeline, const char *env)
{
	uint64		key = lock_key(pipeline, env);

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, LOCK_FIELD4);
}

static void
lock_release(void *arg)
{
	HeldLock   *lock = arg;

	/* pg_advisory_unlock_all() in a user's SQL may have dropped it */
	if (lock->held && compat_lock_held_by_me(&lock->tag, ExclusiveLock))
		LockRelease(&lock->tag, ExclusiveLock, true);
	lock->held = false;
}

bool
lock_acquire(MemoryContext owner, const char *pipeline, const char *env)
{
	HeldLock   *lock = MemoryContextAllocZero(owner, sizeof(HeldLock));

	lock_tag(&lock->tag, pipeline, env);
	lock->release.func = lock_release;
	lock->release.arg = lock;
	MemoryContextRegisterResetCallback(owner, &lock->release);
	/* the same session may not run the pipeline inside its own run */
	if (compat_lock_held_by_me(&lock->tag, ExclusiveLock))
		return false;
	lock->held = LockAcquire(&lock->tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
	return lock->held;
}

bool
lock_acquire_table(MemoryContext owner, const char *server, const char *table)
{
	/* no pipeline has such a name */
	return lock_acquire(owner, psprintf("%s/%s", server, table), "table");
}

bool
lock_is_held(const char *pipeline, const char *env)
{
	LOCKTAG		tag;

	lock_tag(&tag, pipeline, env);
	return compat_lock_held_by_me(&tag, ExclusiveLock);
}

PG_FUNCTION_INFO_V1(dataops__lock_key);

/*
 * _lock_key(pipeline, env) → bigint: what pg_locks shows as classid (high half) and objid (low
 * half)
 */
Datum
dataops__lock_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) lock_key(text_to_cstring(PG_GETARG_TEXT_PP(0)),
									 text_to_cstring(PG_GETARG_TEXT_PP(1))));
}
