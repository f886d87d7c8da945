/*
 * write.h
 *	  A model's rows into its target, by its strategy.
 *
 * Everything happens with the rights of the current user and in the transaction in hand; readers
 * see nothing of it before the commit.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WRITE_H
#define DATAOPS_WRITE_H

#include "postgres.h"

#include "catalog/run.h"
#include "model/model.h"
#include "transform/replayed.h"
#include "transform/split.h"
#include "transform/window.h"

typedef struct WriteJob
{
	Run		   *run;
	Step	   *step;
	ModelSpec  *model;
	List	   *judges;			/* RowJudge *: row rules of this run's rows; tallies are filled */
	bool		keep_rows;		/* table rules will look at this run's rows */

	RecordsFilter *only;		/* not NULL: of new input only this */

	/* instead of new input: quarantined rows of append and merge, a window of partition */
	Replayed   *replay;
	const TimeWindow *window;
} WriteJob;

typedef struct Written
{
	const char *unchanged;		/* why there was nothing to do; the rest is not set then */
	int64		rows_in;
	int64		rows_out;
	bool		has_range;
	TimestampTz changed_from;
	TimestampTz changed_to;
	List	   *consumed;		/* pg_uuid_t *: inputs that count as taken in once this commits */
	Split	   *split;			/* holds the diverted rows; NULL when no rows were judged */
	Node	   *rows;			/* FROM item: this run's rows; NULL for a view */
	QueryEnvironment *environment;	/* to read "rows" in */
	Node	   *whole;			/* FROM item: the target as it will be */

	RangeVar   *target;
	RangeVar   *aside;			/* table that takes the target's place at publish, or NULL */
} Written;

/* Writes, and throws what the user's SQL, constraints and triggers throw. */
extern Written *transform_write(WriteJob *job);

/*
 * Makes the job's rows and judges them, and writes nothing: to find out which rule it is that
 * throws.
 */
extern void transform_probe(WriteJob *job);

/* Makes the new rows of a rebuilt table the target's; nothing to do for other strategies. */
extern void transform_publish(Written *written);

#endif
