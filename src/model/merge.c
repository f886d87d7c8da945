/*
 * merge.c
 *	  MERGE or ON CONFLICT.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/merge.h"

#include "access/table.h"
#include "access/transam.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/plancat.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "catalog/sql.h"
#include "model/execute.h"
#include "model/table.h"

#define MERGE_FROM		10000	/* rows: below that it does not matter */
#define MERGE_SHARE		10		/* the table may have so many times the rows that come */

/* ---- which way ---- */

/* Do both ways take the same for equal, and is it what "=" of pg_catalog says? */
static bool
compares_by_default(Oid type)
{
	Oid			equal = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;

	return OidIsValid(equal) && equal < FirstNormalObjectId;
}

static bool
is_key(const RowSource *rows, const char *column)
{
	ListCell   *cell;

	foreach(cell, rows->key)
		if (strcmp(lfirst(cell), column) == 0)
			return true;
	return false;
}

/*
 * Are the values that "select" makes stored as they come?  ON CONFLICT compares what the table
 * would store, MERGE what comes.
 */
static bool
same_types(const MergeJob *job, Relation table, Node *select)
{
	Query	   *query = tree_analyse(select, job->text, job->environment);
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Node	   *value = (Node *) entry->expr;
		AttrNumber	number;
		Form_pg_attribute column;

		if (entry->resjunk)
			continue;
		number = get_attnum(RelationGetRelid(table), entry->resname);
		if (number <= 0)
			return false;
		column = TupleDescAttr(RelationGetDescr(table), number - 1);
		if (exprType(value) != column->atttypid || exprTypmod(value) != column->atttypmod ||
			exprCollation(value) != column->attcollation ||
			(is_key(job->rows, entry->resname) && !compares_by_default(column->atttypid)))
			return false;
	}
	return true;
}

static bool
is_large(const MergeJob *job, Relation table, Node *select)
{
	double		count = job->count;
	BlockNumber pages;
	double		there;
	double		all_visible;

	if (count < 0)
		count = tree_estimate(job->snapshot, select, job->text, job->environment);
	estimate_rel_size(table, NULL, &pages, &there, &all_visible);
	return count >= MERGE_FROM && there <= count * MERGE_SHARE;
}

/* With triggers, rules and the like the two ways are not the same to others. */
static bool
merge_suits(const MergeJob *job, Node *select)
{
	Relation	table = table_openrv(job->into, RowExclusiveLock);
	bool		suits = table_is_plain(table) &&
		(job->rows->returning == NULL || COMPAT_MERGE_RETURNS) &&
		is_large(job, table, select) && same_types(job, table, select);

	table_close(table, NoLock);
	return suits;
}

/* ---- both ---- */

typedef struct MergeAttempt
{
	const MergeJob *job;
	uint64		changed;
} MergeAttempt;

static uint64
execute(const MergeJob *job, void *statement)
{
	return tree_execute_under(job->snapshot ? job->snapshot : GetTransactionSnapshot(), statement,
							  job->text, job->environment, job->dest);
}

static void
attempt_merge(void *arg)
{
	MergeAttempt *attempt = arg;
	const MergeJob *job = attempt->job;

	attempt->changed = execute(job, statement_merge(job->into, job->rows, job->older_than));
}

uint64
merge_rows(const MergeJob *job)
{
	InsertStmt *upsert = statement_upsert(job->into, job->rows, job->older_than);
	MergeAttempt attempt = {.job = job};
	ErrorData  *error;

	if (!merge_suits(job, upsert->selectStmt))
		return execute(job, upsert);
	error = sql_run_guarded(attempt_merge, &attempt);
	if (error == NULL)
		return attempt.changed;
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
		ReThrowError(error);
	return execute(job, upsert);
}
