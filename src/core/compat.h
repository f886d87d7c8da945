/*
 * compat.h
 *	  The one place that knows which server version is compiled against (15 to 18).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_COMPAT_H
#define DATAOPS_COMPAT_H

#include "postgres.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "common/base64.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#include "storage/ipc.h"
#include "storage/lock.h"
#include "utils/acl.h"
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

/* 16 has one function for the rights on any object where 15 had one per kind. */
static inline AclResult
compat_server_aclcheck(Oid server, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, server, role, mode);
#else
	return pg_foreign_server_aclcheck(server, role, mode);
#endif
}

static inline AclResult
compat_schema_aclcheck(Oid schema, Oid role, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, role, mode);
#else
	return pg_namespace_aclcheck(schema, role, mode);
#endif
}

/* 16 added the argument that restricts it to summarizing indexes. */
static inline List *
compat_insert_index_tuples(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL, false);
#else
	return ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL);
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

/* Base64 on one line, palloc'ed; 18 reads bytes where 15 to 17 read characters. */
static inline char *
compat_base64(const char *bytes, int length)
{
	int			size = pg_b64_enc_len(length);
	char	   *text = palloc(size + 1);

#if PG_VERSION_NUM >= 180000
	size = pg_b64_encode((const uint8 *) bytes, length, text, size);
#else
	size = pg_b64_encode(bytes, length, text, size);
#endif
	text[Max(size, 0)] = '\0';
	return text;
}

/* 18 wraps the RETURNING list in a node of its own. */
#if PG_VERSION_NUM >= 180000
static inline ReturningClause *
compat_returning_clause(List *targets)
{
	ReturningClause *clause = makeNode(ReturningClause);

	clause->exprs = targets;
	return clause;
}
#endif

static inline void
compat_insert_returning(InsertStmt *insert, List *targets)
{
#if PG_VERSION_NUM >= 180000
	insert->returningClause = compat_returning_clause(targets);
#else
	insert->returningList = targets;
#endif
}

/* Before 17 MERGE returns nothing. */
#if PG_VERSION_NUM >= 170000
#define COMPAT_MERGE_RETURNS	true
#else
#define COMPAT_MERGE_RETURNS	false
#endif

static inline void
compat_merge_returning(MergeStmt *merge, List *targets)
{
#if PG_VERSION_NUM >= 180000
	merge->returningClause = compat_returning_clause(targets);
#elif PG_VERSION_NUM >= 170000
	merge->returningList = targets;
#else
	Assert(false);
#endif
}

/* WHEN [NOT] MATCHED; 17 knows two kinds of not matched. */
static inline MergeWhenClause *
compat_merge_when(bool matched)
{
	MergeWhenClause *when = makeNode(MergeWhenClause);

#if PG_VERSION_NUM >= 170000
	when->matchKind = matched ? MERGE_WHEN_MATCHED : MERGE_WHEN_NOT_MATCHED_BY_TARGET;
#else
	when->matched = matched;
#endif
	return when;
}

#endif
