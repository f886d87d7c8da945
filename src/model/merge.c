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
#include "nodes/plannodes.h"
#include "optimizer/plancat.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "catalog/sql.h"
#include "model/execute.h"
#include "model/table.h"

#define MERGE_FROM		10000	/* rows: below that it does not matter */
#define MERGE_SHARE		10		/* the table may have so many times the rows that come */

/* ---- which way ---- */

/* Do both ways take the same values of the key for equal, those that "=" of pg_catalog does? */
static bool
compares_by_default(Relation table, List *key)
{
	ListCell   *cell;

	foreach(cell, key)
	{
		Oid			id = RelationGetRelid(table);
		Oid			type = get_atttype(id, get_attnum(id, lfirst(cell)));
		Oid			equal = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;

		if (!OidIsValid(equal) || equal >= FirstNormalObjectId)
			return false;
	}
	return true;
}

static bool
is_large(double count, Relation table)
{
	BlockNumber pages;
	double		there;
	double		all_visible;

	estimate_rel_size(table, NULL, &pages, &there, &all_visible);
	return count >= MERGE_FROM && there <= count * MERGE_SHARE;
}

static bool any_hashes(List *plans);

static bool
hashes(Plan *plan)
{
	if (plan == NULL)
		return false;
	if (IsA(plan, HashJoin) || hashes(plan->lefttree) || hashes(plan->righttree))
		return true;
	switch (nodeTag(plan))
	{
		case T_SubqueryScan:
			return hashes(((SubqueryScan *) plan)->subplan);
		case T_Append:
			return any_hashes(((Append *) plan)->appendplans);
		case T_MergeAppend:
			return any_hashes(((MergeAppend *) plan)->mergeplans);
		default:
			return false;
	}
}

static bool
any_hashes(List *plans)
{
	ListCell   *cell;

	foreach(cell, plans)
		if (hashes(lfirst(cell)))
			return true;
	return false;
}

/* If it is not known yet how many rows come: are there enough?  Can their query be MERGE's? */
static bool
merge_pays(const MergeJob *job, Relation table, Node *select)
{
	PlannedStmt *plan;

	plan = tree_plan(job->snapshot, select, job->text, job->environment);
	return (job->count >= 0 || is_large(plan->planTree->plan_rows, table)) &&
		!hashes(plan->planTree) && !any_hashes(plan->subplans);
}

/*
 * Where both ways come to the same.  They fire different triggers; ON CONFLICT compares what the
 * table would store, and with the collations of its index; and it proves the constraints of a row
 * to be inserted even where it updates one, which keeps a column that the row has.
 */
static bool
merge_suits(const MergeJob *job, Node *select)
{
	Relation	table = table_openrv(job->into, RowExclusiveLock);
	bool		suits = (job->count < 0 || is_large(job->count, table)) && table_is_plain(table) &&
		(job->rows->returning == NULL || COMPAT_MERGE_RETURNS) && !statement_keeps(job->rows) &&
		table_is_unique(RelationGetRelid(table), job->rows->key) &&
		table_has_types(table, tree_analyse(select, job->text, job->environment)) &&
		compares_by_default(table, job->rows->key) && merge_pays(job, table, select);

	table_close(table, NoLock);
	return suits;
}

/* ---- both ---- */

typedef struct MergeAttempt
{
	const MergeJob *job;
	uint64		changed;
} MergeAttempt;

/*
 * A hash join may hash what comes, which is wide, and give it back in no order; then each new row
 * goes into another page of the index.  Other joins take it in the order of the key.
 */
static PlannedStmt *
plan_merge(const MergeJob *job)
{
	Node	   *merge = (Node *) statement_merge(job->into, job->rows);
	int			level = NewGUCNestLevel();
	PlannedStmt *plan;

	sql_pin_setting("enable_hashjoin", "off");
	plan = tree_plan(job->snapshot, merge, job->text, job->environment);
	AtEOXact_GUC(true, level);
	return plan;
}

static void
attempt_merge(void *arg)
{
	MergeAttempt *attempt = arg;
	const MergeJob *job = attempt->job;

	attempt->changed = tree_run(job->snapshot, plan_merge(job), job->text, job->environment,
								job->dest);
}

static uint64
upsert(const MergeJob *job, InsertStmt *statement)
{
	return tree_execute_under(job->snapshot, (Node *) statement, job->text, job->environment,
							  job->dest);
}

uint64
merge_rows(const MergeJob *job)
{
	InsertStmt *statement = statement_upsert(job->into, job->rows);
	MergeAttempt attempt = {.job = job};
	ErrorData  *error;

	if (!merge_suits(job, statement->selectStmt))
		return upsert(job, statement);
	error = sql_run_guarded(attempt_merge, &attempt);
	if (error == NULL)
		return attempt.changed;
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return upsert(job, statement);
}
