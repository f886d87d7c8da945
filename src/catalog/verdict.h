/*
 * verdict.h
 *	  Every SQL text about verdicts of checks and rows set aside.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_VERDICT_H
#define DATAOPS_VERDICT_H

#include "catalog/run.h"

typedef struct VerdictRow
{
	const char *target;
	const char *check;
	const char *rule;
	const char *on_fail;
	const char *severity;
	const char *verdict;
	int64		judged;
	int64		failed;
	const char *value;			/* may be NULL, as the next two */
	const char *message;
	List	   *samples;		/* Jsonb * */
} VerdictRow;

/* Records what a check of the step found. */
extern void verdict_record(Run *run, Step *step, const VerdictRow *row);

/* Has a person accepted this check's failure in this run? */
extern bool verdict_accepted(Run *run, const char *target, const char *check);

/*
 * Accepts the failures of "check" in the run: the next attempt passes it.  Returns how many
 * results that concerns.  What was accepted before gets the new reason.
 */
extern int64 verdict_accept(const pg_uuid_t *run, const char *check, const char *reason);

typedef struct QuarantineRow
{
	const char *source;			/* may be NULL, as all but target and reason */
	const char *target;
	const char *check;
	const char *rule;
	const char *reason;
	Jsonb	   *row;
	Jsonb	   *record;
	const pg_uuid_t *batch;		/* page and ordinal count when it is given */
	int			page;
	int			ordinal;
} QuarantineRow;

/* Sets a row of the step aside. */
extern void quarantine_record(Run *run, Step *step, const QuarantineRow *row);

/* Open rows of one attempt of a step that came from raw records of one source. */
typedef struct QuarantineGroup
{
	pg_uuid_t	step_run;
	char	   *source;
	TimestampTz created_at;
	List	   *batches;		/* pg_uuid_t *: the address of each row, with the next two */
	List	   *pages;			/* text of numbers: char * */
	List	   *ordinals;
} QuarantineGroup;

/*
 * The step's open rows set aside by a check in [from, to), oldest attempt first, locked until the
 * transaction ends.  Rows without the address of a raw record are left out.
 */
extern List *quarantine_open(const char *pipeline, const char *step, const char *env,
							 TimestampTz from, TimestampTz to);

/*
 * Marks as replayed by "run" the group's rows but those that failed again ("batches", "pages" and
 * "ordinals" as above).  Returns their number.
 */
extern int64 quarantine_replayed(const QuarantineGroup *group, const QuarantineGroup *failed_again,
								 const pg_uuid_t *run);

#endif
