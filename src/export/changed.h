/*
 * changed.h
 *	  Which rows of a table were written since they were last delivered.
 *
 * A delivery records the snapshot it read under.  The next one takes the rows whose writer that
 * snapshot did not see, whatever the order of commits was: nothing that committed late is lost,
 * nothing comes twice.  Deleted rows leave no trace here.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CHANGED_H
#define DATAOPS_CHANGED_H

#include "postgres.h"

/*
 * The text of the active snapshot for the ledger: type pg_snapshot, with subtransactions.  NULL
 * when the snapshot does not know them all (more than 64 in one transaction in progress): try
 * again later.  In CurrentMemoryContext.
 */
extern char *changed_snapshot(void);

/*
 * "SELECT * FROM relation", restricted to what changed since "snapshot" (NULL: all).  Throws 0A000
 * when the relation is no ordinary or partitioned table or materialized view and "snapshot" or
 * later ones are wanted ("tracked"), naming rows => 'all' as the way out.
 */
extern char *changed_query(const char *relation, const char *snapshot, bool tracked);

#endif
