/*
 * judge.h
 *	  The checks of a step's target during one attempt: read, bound, decided, recorded.
 *
 * They are memory of the caller's, so that what was found outlives the rollback that a check asks
 * for.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JUDGE_H
#define DATAOPS_JUDGE_H

#include "catalog/run.h"
#include "model/check.h"

typedef struct StepChecks
{
	Run		   *run;
	Step	   *step;
	List	   *checks;			/* Check * */
	List	   *decided;		/* those of them whose verdict is known and not yet written */
	Check	   *stopped_by;		/* the first that stops; NULL: none does */
} StepChecks;

/* Those of step->checks. */
extern StepChecks step_checks_read(Run *run, Step *step);

/* Binds them all; see check_bind(). */
extern void step_checks_bind(StepChecks *checks, Node *rows, bool can_divert);

/*
 * Settles the verdicts of "some" of them (Check *); one that a person accepted in this run does not
 * stop.  Throws 23514 when one does.
 */
extern void step_checks_decide(StepChecks *checks, List *some);

/* Writes the verdicts that have become known since the last call. */
extern void step_checks_record(StepChecks *checks);

/* What to do about stopped_by, in run->memory. */
extern char *step_checks_hint(const StepChecks *checks);

#endif
