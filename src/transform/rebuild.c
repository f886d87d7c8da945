/*
 * rebuild.c
 *	  Full rebuilds aside, with the swap at the very end.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/rebuild.h"

#include "access/multixact.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/sql.h"
#include "core/uuid.h"
#include "model/execute.h"
#include "model/table.h"
#include "net/wait.h"

#define QUEUE_LIMIT			"500ms"	/* how long readers may have to wait behind us */
#define FIRST_PAUSE_MS		500		/* for those who came meanwhile, doubled each time */
#define LAST_PAUSE_MS		8000

/* Is it published?  A swap is not seen by logical decoding. */
static bool
is_published(Relation target)
{
	return GetRelationPublications(RelationGetRelid(target)) != NIL ||
		GetSchemaPublications(RelationGetNamespace(target)) != NIL ||
		GetAllTablesPublications() != NIL;
}

static bool
can_swap(Relation target)
{
	if (!table_is_plain(target) || target->rd_rel->relispartition ||
		target->rd_rel->relowner != GetUserId() || is_published(target))
		return false;
	for (int i = 0; i < RelationGetDescr(target)->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(target), i);

		if (column->attisdropped || column->attidentity != '\0')
			return false;
	}
	return true;
}

static bool
same_layout(TupleDesc one, TupleDesc other)
{
	if (one->natts != other->natts)
		return false;
	for (int i = 0; i < one->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(one, i);
		Form_pg_attribute b = TupleDescAttr(other, i);

		if (a->atttypid != b->atttypid || a->atttypmod != b->atttypmod ||
			a->attnotnull != b->attnotnull || strcmp(NameStr(a->attname), NameStr(b->attname)) != 0)
			return false;
	}
	return true;
}

static void
create_like(Relation target, RangeVar *name, RangeVar *aside)
{
	CreateStmt *create = makeNode(CreateStmt);
	TableLikeClause *like = makeNode(TableLikeClause);
	Oid			access_method = target->rd_rel->relam;

	like->relation = copyObject(name);
	like->options = CREATE_TABLE_LIKE_DEFAULTS | CREATE_TABLE_LIKE_CONSTRAINTS |
		CREATE_TABLE_LIKE_GENERATED | CREATE_TABLE_LIKE_STORAGE | CREATE_TABLE_LIKE_COMPRESSION;
	create->relation = copyObject(aside);
	create->relation->relpersistence = target->rd_rel->relpersistence;
	create->tableElts = list_make1(like);
	create->oncommit = ONCOMMIT_NOOP;
	create->accessMethod = get_am_name(access_method);
	if (OidIsValid(target->rd_rel->reltablespace))
		create->tablespacename = get_tablespace_name(target->rd_rel->reltablespace);
	tree_execute((Node *) create, "dataops rebuild", NULL, NULL);
}

RangeVar *
rebuild_begin(RangeVar *name, const pg_uuid_t *step_run)
{
	Relation	target = table_openrv(name, ShareRowExclusiveLock);
	RangeVar   *aside = NULL;

	if (can_swap(target))
	{
		char	   *id = uuid_text(step_run);
		Relation	made;
		bool		same;

		/* the last digits of a version 7 id are random */
		aside = makeRangeVar(pstrdup(name->schemaname),
							 psprintf("dataops_%s", id + strlen(id) - 12), -1);
		create_like(target, name, aside);
		made = table_openrv(aside, NoLock);
		same = same_layout(RelationGetDescr(target), RelationGetDescr(made));
		table_close(made, NoLock);
		if (!same)
		{
			DropStmt   *drop = makeNode(DropStmt);

			drop->objects = list_make1(list_make2(makeString(aside->schemaname),
												  makeString(aside->relname)));
			drop->removeType = OBJECT_TABLE;
			drop->behavior = DROP_RESTRICT;
			tree_execute((Node *) drop, "dataops rebuild", NULL, NULL);
			aside = NULL;
		}
	}
	table_close(target, NoLock);
	return aside;
}

static void
lock_exclusively(void *name)
{
	sql_pin_setting("lock_timeout", QUEUE_LIMIT);
	(void) RangeVarGetRelid(name, AccessExclusiveLock, false);
}

static void
pause_holding_locks(long ms)
{
	MemoryContext scope = AllocSetContextCreate(CurrentMemoryContext, "dataops pause",
												ALLOCSET_SMALL_SIZES);

	wait_interactive(scope, 2 * ms, "the pause before a table is locked");
	latch_sleep(ms);
	MemoryContextDelete(scope);
}

/*
 * Shuts out readers.  Who waits for that lock holds up everybody who comes later, so one long
 * reader would stop all others: after a while the queue is left, let pass, and joined again.
 * The user's own lock_timeout counts for the whole.
 */
static void
shut_out_readers(RangeVar *name)
{
	int64		began = wait_clock_ms();
	long		pause = FIRST_PAUSE_MS;
	ErrorData  *error;

	while ((error = sql_run_guarded(lock_exclusively, name)) != NULL)
	{
		if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE ||
			(LockTimeout > 0 && wait_clock_ms() - began >= LockTimeout))
			ReThrowError(error);
		FreeErrorData(error);
		pause_holding_locks(pause);
		pause = Min(pause * 2, LAST_PAUSE_MS);
	}
}

void
rebuild_swap(RangeVar *name, RangeVar *aside, int64 rows)
{
	Oid			target_id;
	Oid			aside_id = RangeVarGetRelid(aside, AccessExclusiveLock, false);
	Relation	target;
	char		persistence;

	shut_out_readers(name);
	target_id = RangeVarGetRelid(name, NoLock, false);
	target = table_open(target_id, NoLock);
	persistence = target->rd_rel->relpersistence;

	CheckTableNotInUse(target, "dataops.run");

	/* autovacuum shall know that the content is new; its statistics are those of the old rows */
	pgstat_count_truncate(target);
	pgstat_count_heap_insert(target, rows);
	table_close(target, NoLock);
	CommandCounterIncrement();
	finish_heap_swap(target_id, aside_id, false, false, true, true, RecentXmin,
					 ReadNextMultiXactId(), persistence);
	CommandCounterIncrement();
}
