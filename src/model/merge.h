/*
 * merge.h
 *	  Rows into a table by key, in the faster of two ways.
 *
 * INSERT … ON CONFLICT looks each row up in the index and inserts it so that it can be taken
 * back: its time follows the number of rows.  MERGE joins them with the table, inserts what is
 * new as any INSERT does, and does not lock rows that stay as they are: it is faster where many
 * rows come to a table that is not much larger.  A row that another session inserts meanwhile
 * makes MERGE fail, and locks taken in no certain order may; then it is undone, and done by
 * ON CONFLICT.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_MERGE_H
#define DATAOPS_MERGE_H

#include "postgres.h"

#include "tcop/dest.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"

#include "model/statement.h"

typedef struct MergeJob
{
	Snapshot	snapshot;		/* what the rows are read under; NULL: fresh ones */
	RangeVar   *into;			/* locked by this transaction, RowExclusiveLock or stronger */
	const RowSource *rows;
	double		count;			/* rows that may come; below 0: the planner is asked */
	const char *text;			/* for errors */
	QueryEnvironment *environment;	/* or NULL */
	DestReceiver *dest;			/* of rows->returning, or NULL; may see rows that are undone */
} MergeJob;

/* Returns how many rows were inserted or changed.  Throws what the statement throws. */
extern uint64 merge_rows(const MergeJob *job);

#endif
