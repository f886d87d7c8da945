/*
 * load.h
 *	  Rows of a relation into a table of a warehouse.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_EXPORT_LOAD_H
#define DATAOPS_EXPORT_LOAD_H

#include "catalog/definition.h"
#include "catalog/run.h"
#include "export/load_spec.h"

/*
 * Who judges a load.  The step loop fills it with the checks' implementation, for stages do not
 * include each other.  All that fails a load throws, 23514 for a check that stops.
 */
typedef struct LoadJudge
{
	void	   *arg;
	/*
	 * Judges the rows that are to be loaded, a FROM item named like the relation, under the active
	 * snapshot.
	 */
	void		(*rows) (Node *rows, void *arg);
	/* The aggregates that both sides must agree on: char *, as SQL. */
	List	   *(*values) (void *arg);
	/*
	 * What the relation has and what the warehouse has: texts (char *, NULL for null), the number
	 * of rows first, then the values.
	 */
	void		(*compare) (List *here, List *there, void *arg);
	/*
	 * Records the verdicts that are known, outside of what is rolled back for them.  True when a
	 * check has stopped; then *hint says what to do, in run->memory.
	 */
	bool		(*settle) (char **hint, void *arg);
} LoadJudge;

/*
 * A load into a local warehouse, in the transaction in hand and with the rights of the current
 * user: rows, checks, publication and the record of it.  STAGE_UNCHANGED when no row is new.
 */
extern StageResult load_here(Run *run, Step *step, const LoadJudge *judge);

/* Publishes what loads into a local warehouse left on its staging side; likewise. */
extern StageResult promote_here(Run *run, Step *step);

/* Is the step about a warehouse outside?  Needs a transaction. */
extern bool load_is_remote(Run *run, Step *step);

/*
 * The same for a remote warehouse, outside of transactions and with short ones of their own.  What
 * a former attempt began is taken up where it stood: a load that the warehouse has heard of is
 * asked for by its name until its end is known.
 */
extern StageResult load_remote(Run *run, Step *step, const LoadJudge *judge);
extern StageResult promote_remote(Run *run, Step *step);

/* The step of the pipeline that is the load "relation@server" now; or NULL. */
extern Definition *load_step_of(const char *pipeline, const char *target, const char *env);

#endif
