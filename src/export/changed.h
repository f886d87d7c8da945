/*
 * changed.h
 *	  Which rows of a table were written since they were last delivered.
 *
 * A delivery records the snapshot it read under and the tables it read.  The next one takes the
 * rows whose writer that snapshot did not see, whatever the order of commits was, and all rows of
 * a table that was not there: nothing that committed late, was attached or swapped in is lost,
 * nothing comes twice.  Deleted rows leave no trace here.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CHANGED_H
#define DATAOPS_CHANGED_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What a delivery has read, as the ledger keeps it: columns "snapshot" and "tables". */
typedef struct ChangeMark
{
	char	   *snapshot;		/* type pg_snapshot, with subtransactions */
	List	   *tables;			/* OIDs of the tables that hold the rows: partitions, children */
} ChangeMark;

/*
 * Pushes the snapshot to read the rows of "relation" under.  Everything that they come from is
 * locked before it is taken, so what was written anew while this waited is not read as the empty
 * table that it is for older snapshots.  With the rights of the current user; PopActiveSnapshot()
 * ends it.
 */
extern void changed_push_snapshot(const char *relation);

/*
 * The mark of a delivery that reads "relation" under the active snapshot; its tables stay locked
 * against changes of their definition until the transaction ends.  In CurrentMemoryContext.
 * Throws 0A000 when the relation is no ordinary or partitioned table or materialized view, naming
 * rows => 'all' as the way out; 55000 when the transactions in progress are too many to write down.
 */
extern ChangeMark *changed_mark(const char *relation);

/*
 * "SELECT * FROM relation".  With "now" (of the active snapshot, not NULL to have changes tracked)
 * restricted to its tables, and to what changed since the mark of the last delivery (NULL: all).
 */
extern char *changed_query(const char *relation, const ChangeMark *now, const ChangeMark *since);

#endif
