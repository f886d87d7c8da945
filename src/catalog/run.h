/*
 * run.h
 *	  The run in hand, as every stage sees it: which pipeline, which interval, which step.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RUN_H
#define DATAOPS_RUN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef enum StepKind
{
	STEP_FETCH,
	STEP_MODEL,
	STEP_SQL,
	STEP_EXPORT,
	STEP_LOAD,
	STEP_PROMOTE,
	STEP_CHECK					/* a gate: checks on a target that no step writes */
} StepKind;

typedef struct Step
{
	char	   *name;
	StepKind	kind;
	char	   *target;			/* "schema.table"; the source's name for a fetch; NULL for SQL */
	Jsonb	   *spec;			/* as defined, validated then */
	pg_uuid_t	definition;
	char	   *hash;			/* of the definition */
	List	   *after;			/* names of the steps it waits for (char *), inputs included */
	List	   *checks;			/* of its target: Definition * of kind check */
	struct Definition *source;	/* of a fetch, as the run stores it; NULL: take the current one */
	bool		redo;			/* a person asked for it to be done again */
	/* the attempt in hand */
	pg_uuid_t	step_run;
	int			attempt;
	int			failures;		/* attempts that failed before this one, since queued or retried */
} Step;

typedef struct Run
{
	pg_uuid_t	id;
	char	   *pipeline;
	char	   *env;
	Oid			owner;			/* whose rights user SQL has */
	char	   *timezone;		/* the pipeline's, pinned in steps */
	char	   *search_path;	/* pinned in steps */
	TimestampTz from_ts;		/* [from_ts, to_ts); DT_NOBEGIN / DT_NOEND when unbounded */
	TimestampTz to_ts;
	int			claim;			/* every ledger UPDATE carries it */
	bool		in_worker;
	bool		guarded;		/* an error now is caught by the step's guard */
	List	   *steps;			/* Step *, as defined; plan_order() sorts them by "after" */
	bool		partial;		/* restricted to some steps: its interval is not done by it */
	bool		intervals;		/* of a pipeline with "every" */
	bool		hold;			/* its failure keeps the pipeline still until a person acts */
	MemoryContext memory;		/* lives as long as the run; never a transaction's context */
	MemoryContext step_memory;	/* lives as long as the attempt in hand, however it ends */
	TimestampTz deadline;		/* 0: none */
} Run;

typedef enum StageOutcome
{
	STAGE_DONE,
	STAGE_UNCHANGED,			/* nothing new: a normal end, recorded as skipped for a consumer */
	STAGE_FAILED,				/* "error" says why; the step loop decides whether to try again */
	STAGE_LATER					/* at next_attempt_at: the run waits, the process does not */
} StageOutcome;

typedef struct StageResult
{
	StageOutcome outcome;
	int64		rows_in;
	int64		rows_out;
	int64		rows_quarantined;
	int64		bytes;
	bool		has_range;		/* changed_from/changed_to are set */
	TimestampTz changed_from;	/* time range of the rows that were written, half open */
	TimestampTz changed_to;
	bool		retry;			/* with STAGE_FAILED: worth another attempt */
	int			sqlstate;		/* packed, as in ErrorData */
	char	   *error;			/* in run->memory; also the reason of STAGE_UNCHANGED */
	char	   *hint;
	/* with STAGE_LATER; with STAGE_FAILED: a service wants no request before that time, 0: none */
	TimestampTz next_attempt_at;
	/* not NULL: what else is recorded in the transaction that records the end of the step */
	void		(*conclude) (void *arg);
	void	   *conclude_arg;
} StageResult;

/*
 * What start_ts(), end_ts() and var() answer in this process.  Set by the step loop around a step
 * (NULL after it); a partition model narrows it to its aligned window.
 */
typedef struct RunScope
{
	const char *env;
	TimestampTz start_ts;
	TimestampTz end_ts;
} RunScope;

extern void run_scope_set(const RunScope *scope);	/* copied; NULL: outside of a run */
extern const RunScope *run_scope(void);				/* never NULL */

#endif
