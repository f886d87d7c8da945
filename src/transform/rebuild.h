/*
 * rebuild.h
 *	  A new table beside the target, and the exchange of their storage, as REFRESH MATERIALIZED
 *	  VIEW does it: the target keeps its identity, grants, views and indexes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_REBUILD_H
#define DATAOPS_REBUILD_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/uuid.h"

/*
 * Locks the target against other writers and makes an empty table like it, owned by the current
 * user.  Returns its name, or NULL when the target's storage cannot simply be exchanged (triggers,
 * foreign keys, rules, row security, identity columns, partitions, publications, dropped columns):
 * its rows must be replaced by DELETE and INSERT then.
 */
extern RangeVar *rebuild_begin(RangeVar *target, const pg_uuid_t *step_run);

/*
 * Exchanges the storage of both, rebuilds the target's indexes and drops "aside".  Takes the
 * exclusive lock that shuts out readers, until the transaction ends; it waits for those that are
 * there, without holding up others for long.  Throws 23505 when the rows do not fit a unique index.
 * "rows" is what the target holds then.
 */
extern void rebuild_swap(RangeVar *target, RangeVar *aside, int64 rows);

#endif
