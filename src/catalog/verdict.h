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
	bool		partial;		/* other rows of the record were appended */
	TimestampTz created_at;		/* 0: now */
} QuarantineRow;

/* Sets a row of the step aside. */
extern void quarantine_record(Run *run, Step *step, const QuarantineRow *row);

/* A row that a check set aside, with the address of the raw record it came from. */
typedef struct QuarantineEntry
{
	pg_uuid_t	id;
	pg_uuid_t	batch;
	int			page;
	int			ordinal;
	TimestampTz created_at;
	bool		partial;
	Jsonb	   *row;			/* of a partial one, else NULL */
	bool		taken;			/* for who replays it: it has been */
} QuarantineEntry;

/*
 * The step's open rows that came from raw records of "source": QuarantineEntry *, by address.  Rows
 * without an address are left out.
 */
extern List *quarantine_open(Run *run, Step *step, const char *source);

/* When entries of the step were closed: TimestampTz *, the times of those transactions. */
extern List *quarantine_closings(Run *run, Step *step);

/*
 * Closes entries (pg_uuid_t *) whose records were judged anew by the attempt in hand, after what it
 * set aside was recorded: as superseded where that has a row of the record, else as replayed.
 */
extern void quarantine_close(Run *run, Step *step, List *ids);

/* [from, to) of a step that is made by time: the rows that were made again. */
typedef struct QuarantineWindow
{
	const char *time_column;	/* NULL: the times of rows are not known */
	const char *timezone;		/* of times without a zone */
	TimestampTz from;
	TimestampTz to;
} QuarantineWindow;

/*
 * The same for all older open entries of the step whose rows are in the window.  A row of which no
 * time is known is in it when all that was made when it was set aside is.  Returns their number.
 */
extern int64 quarantine_close_window(Run *run, Step *step, const QuarantineWindow *window);

/* A step of that name begins anew, with an empty target: all it had set aside comes again. */
extern void quarantine_forget(const char *pipeline, const char *step, const char *env);

/* The time [from, to) of an entry, with the address of its record (batch NULL: none). */
typedef struct QuarantinePlace
{
	TimestampTz from;
	TimestampTz to;
	const pg_uuid_t *batch;
	int			page;
	int			ordinal;
} QuarantinePlace;

/*
 * Where the rows lie that were set aside in the window, now of created_at: QuarantinePlace *, with
 * nothing but a row's time, or with all that was made when it was set aside.
 */
extern List *quarantine_places(Run *run, Step *step, const QuarantineWindow *set_aside);

#endif
