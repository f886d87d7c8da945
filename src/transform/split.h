/*
 * split.h
 *	  Runs a model's SELECT with its row rules and parts the rows: good ones into a tuplestore,
 *	  those that a diverting rule failed into another.  Both spill to disk at work_mem.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SPLIT_H
#define DATAOPS_SPLIT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "model/parse.h"
#include "model/rule.h"

/* The name under which a statement reads the good rows. */
#define SPLIT_ROWS "dataops rows"

typedef struct Split
{
	/* what to do; set by the caller */
	ModelTree  *model;
	const char *alias;			/* of the rows in rules */
	List	   *columns;		/* the model's own columns: char * */
	bool		addressed;		/* address_columns follow them */
	List	   *judges;			/* RowJudge * */
	Node	   *inside;			/* condition that every row must meet, or NULL */
	/* a row that it does not want counts as not made; NULL: every row is wanted */
	bool		(*wanted) (const struct Split *split, TupleTableSlot *slot, void *arg);
	void	   *wanted_arg;

	/* what came of it */
	Tuplestorestate *good;		/* columns, then batch, page and ordinal when addressed */
	TupleDesc	good_desc;
	Tuplestorestate *diverted;
	int64		rows;
	int64		rows_diverted;
	int64		rows_outside;	/* did not meet "inside" */

	/* private */
	TupleDesc	row_desc;
	TupleDesc	diverted_desc;
	HTAB	   *partial;		/* by address: are there good rows of that record, too? */
	MemoryContext memory;
} Split;

/*
 * Fills the results in CurrentMemoryContext, the tallies of the judges included.  Runs with the
 * rights of the current user.
 */
extern void split_run(Split *split);

/*
 * For wanted(): the address of a row's record, and the row's own columns.  No address (false) has a
 * row that an outer join made without a record.
 */
extern bool split_address(const Split *split, TupleTableSlot *slot, RecordAddress *address);
extern Jsonb *split_own_columns(const Split *split, TupleTableSlot *slot);

/* Finds out which diverted rows are "partial". */
extern void split_find_partial(Split *split);

/*
 * Drops the good rows that do not meet "condition", which knows them by the alias, and may join
 * them with "others" (FROM items) that have at most one row for each.
 */
extern void split_keep(Split *split, List *others, Node *condition);

/* The FROM item that is the good rows, in an environment from split_environment(). */
extern Node *split_from(const Split *split);
extern QueryEnvironment *split_environment(Split *split);

/* A row that was set aside. */
typedef struct DivertedRow
{
	const RowJudge *judge;		/* the first rule that it failed */
	char	   *reason;			/* names all of them */
	Jsonb	   *row;
	Jsonb	   *record;			/* this and the address only when addressed, else NULL */
	RecordAddress *address;
	bool		partial;		/* other rows of the record are good; see split_find_partial() */
} DivertedRow;

/* Closes the tuplestores; needed before the subtransaction that opened them commits. */
extern void split_end(Split *split);

/* Calls visit() for each diverted row; its memory is gone after the call. */
extern void split_each_diverted(Split *split, void (*visit) (DivertedRow *row, void *arg),
								void *arg);

#endif
