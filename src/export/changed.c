/*
 * changed.c
 *	  Snapshots as texts, and the query for what they did not see.
 *
 * A row's xmin is compared, not a time or a sequence: it is the writer itself, and stays in the
 * row when the row is frozen.  It may be a subtransaction's, so the stored snapshot lists
 * those, which pg_current_snapshot() does not.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/changed.h"

#include "access/subtrans.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "core/compat.h"
#include "model/execute.h"
#include "model/tree.h"

/* Of a snapshot that does not list all subtransactions: how many ids are looked up one by one. */
#define MAX_LOOKED_UP	(32 * 1024 * 1024)

PG_FUNCTION_INFO_V1(dataops__changed);
PGDLLEXPORT Datum dataops__changed(PG_FUNCTION_ARGS);

/* The full id of one that was given out before "next", within the last 2^32. */
static FullTransactionId
widen(TransactionId xid, FullTransactionId next)
{
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next) && epoch > 0)
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

/* ---- the text of a snapshot ---- */

static int
compare_xids(const void *a, const void *b)
{
	TransactionId one = *(const TransactionId *) a;
	TransactionId other = *(const TransactionId *) b;

	return one == other ? 0 : TransactionIdPrecedes(one, other) ? -1 : 1;
}

/* The ids in progress that the snapshot lists, in order; all of them unless it overflowed. */
static TransactionId *
listed_ids(Snapshot snapshot, int64 *count)
{
	TransactionId *ids = palloc(sizeof(TransactionId) * (snapshot->xcnt + snapshot->subxcnt + 1));

	*count = 0;
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		ids[(*count)++] = snapshot->xip[i];
	/* of a transaction that is listed some may be above xmax, where all is in progress anyway */
	for (int32 i = 0; i < snapshot->subxcnt; i++)
		if (TransactionIdPrecedes(snapshot->subxip[i], snapshot->xmax))
			ids[(*count)++] = snapshot->subxip[i];
	qsort(ids, *count, sizeof(TransactionId), compare_xids);
	return ids;
}

/*
 * The same for a snapshot that overflowed: asks it about every id between its bounds.  The parents
 * of subtransactions are known to the server as long as the snapshot lives.
 */
static TransactionId *
looked_up_ids(Snapshot snapshot, int64 *count)
{
	int64		size = 1024;
	TransactionId *ids = palloc(sizeof(TransactionId) * size);
	TransactionId xid = snapshot->xmin;

	if (snapshot->xmax - snapshot->xmin > MAX_LOOKED_UP)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("could not record which transactions are in progress"),
				errdetail("One of them is older than %d others and has more subtransactions than "
						  "the server lists.", MAX_LOOKED_UP),
				errhint("Try again when it has ended: see pg_stat_activity.backend_xid."));
	*count = 0;
	while (xid != snapshot->xmax)
	{
		CHECK_FOR_INTERRUPTS();
		if (*count == size)
		{
			size *= 2;
			ids = repalloc_huge(ids, sizeof(TransactionId) * size);
		}
		if (XidInMVCCSnapshot(xid, snapshot))
			ids[(*count)++] = xid;
		TransactionIdAdvance(xid);
	}
	return ids;
}

static void
append_id(StringInfo text, const char *before, TransactionId xid, FullTransactionId next)
{
	appendStringInfo(text, "%s" UINT64_FORMAT, before, U64FromFullTransactionId(widen(xid, next)));
}

static char *
snapshot_text(Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	TransactionId *ids;
	int64		count;
	StringInfoData text;

	ids = snapshot->suboverflowed ? looked_up_ids(snapshot, &count) : listed_ids(snapshot, &count);
	initStringInfo(&text);
	append_id(&text, "", snapshot->xmin, next);
	append_id(&text, ":", snapshot->xmax, next);
	appendStringInfoChar(&text, ':');
	for (int64 i = 0; i < count; i++)
		append_id(&text, i > 0 ? "," : "", ids[i], next);
	return text.data;
}

/* ---- the tables ---- */

pg_noreturn static void
refuse_untracked(const char *relation, const char *reason)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("the changed rows of \"%s\" cannot be told", relation),
			errdetail("%s.", reason),
			errhint("Use rows => 'all', or deliver the table that it reads."));
}

static List *
tables_of(const char *relation)
{
	Oid			root = RangeVarGetRelid(tree_relation(relation), AccessShareLock, false);
	List	   *tables = NIL;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(root, AccessShareLock, NULL))
	{
		switch (get_rel_relkind(lfirst_oid(cell)))
		{
			case RELKIND_RELATION:
			case RELKIND_MATVIEW:
				tables = lappend_oid(tables, lfirst_oid(cell));
				break;
			case RELKIND_PARTITIONED_TABLE:
				break;
			case RELKIND_VIEW:
				refuse_untracked(relation, "It is a view, and a view's rows have no writer");
			default:
				refuse_untracked(relation, "Rows of a foreign table do not tell their writer");
		}
	}
	return tables;
}

ChangeMark *
changed_mark(const char *relation)
{
	ChangeMark *mark = palloc(sizeof(ChangeMark));

	mark->tables = tables_of(relation);
	mark->snapshot = snapshot_text(GetActiveSnapshot());
	return mark;
}

/* ---- the query ---- */

static void
append_tables(StringInfo query, const char *operator, List *tables)
{
	ListCell   *cell;

	appendStringInfo(query, "t.tableoid OPERATOR(pg_catalog.%s ('{", operator);
	foreach(cell, tables)
		appendStringInfo(query, "%s%u", foreach_current_index(cell) > 0 ? "," : "",
						 lfirst_oid(cell));
	appendStringInfoString(query, "}'::pg_catalog.oid[])");
}

/* Of the last delivery, some of whose tables are still here. */
static void
append_changes(StringInfo query, const ChangeMark *now, const ChangeMark *since)
{
	bool		has_new = list_difference_oid(now->tables, since->tables) != NIL;

	appendStringInfo(query, " AND (dataops._changed(t.xmin, '%s'::pg_catalog.pg_snapshot)",
					 since->snapshot);
	if (has_new)
	{
		appendStringInfoString(query, " OR ");
		append_tables(query, "<>) ALL", since->tables);
	}
	appendStringInfoChar(query, ')');
}

char *
changed_query(const char *relation, const ChangeMark *now, const ChangeMark *since)
{
	RangeVar   *name = tree_relation(relation);
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT t.* FROM %s t",
					 quote_qualified_identifier(name->schemaname, name->relname));
	if (now == NULL)
		return query.data;
	/* a table that is attached from now on counts as new the next time, so it is left out here */
	appendStringInfoString(&query, " WHERE ");
	append_tables(&query, "=) ANY", now->tables);
	if (since != NULL)
		append_changes(&query, now, since);
	return query.data;
}

/* Who plans a query holds the locks of all its tables: those below a view, too, and partitions. */
void
changed_push_snapshot(const char *relation)
{
	RawStmt    *statement = linitial_node(RawStmt, raw_parser(changed_query(relation, NULL, NULL),
															  RAW_PARSE_DEFAULT));

	(void) tree_plan(NULL, statement->stmt, "dataops delivery", NULL);
	PushCopiedSnapshot(GetTransactionSnapshot());
}

/* _changed(xmin, snapshot) → was the writer unseen by the snapshot? */
Datum
dataops__changed(PG_FUNCTION_ARGS)
{
	TransactionId xmin = PG_GETARG_TRANSACTIONID(0);
	FullTransactionId *next = fcinfo->flinfo->fn_extra;

	/* older than all snapshots: written by initdb, or frozen before 9.4 */
	if (!TransactionIdIsNormal(xmin))
		PG_RETURN_BOOL(false);
	if (next == NULL)
	{
		/* the rows' writers were given their ids before the query began */
		next = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FullTransactionId));
		*next = ReadNextFullTransactionId();
		fcinfo->flinfo->fn_extra = next;
	}
	PG_RETURN_BOOL(!DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot,
			FullTransactionIdGetDatum(widen(xmin, *next)), PG_GETARG_DATUM(1))));
}
