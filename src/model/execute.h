/*
 * execute.h
 *	  Analyses, plans and runs a raw parse tree; no statement is turned into text on the way.
 *
 * Callers hold the rights the tree shall have (sql_become_owner()) and a transaction.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_EXECUTE_H
#define DATAOPS_EXECUTE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"
#include "utils/jsonb.h"
#include "utils/queryenvironment.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

/*
 * While pushed, an error with a position points into "text" (a user's model or rule), not into
 * the statement that the client sent.  Pop it in the same function; an error pops it by itself.
 */
typedef struct ErrorText
{
	ErrorContextCallback callback;
} ErrorText;

extern void error_text_push(ErrorText *place, const char *text);
extern void error_text_pop(ErrorText *place);

/*
 * For ereport: the error is at byte "location" of "text", as nodes have it, or at the first word
 * after it.
 */
extern int	error_location(const char *text, int location);

/* The analysed query of a copy of "statement".  "environment" may be NULL. */
extern Query *tree_analyse(Node *statement, const char *text, QueryEnvironment *environment);

/*
 * Runs a copy of "statement" (SELECT, INSERT, DELETE or a utility) under a fresh snapshot that
 * sees all that was done before in this transaction.  Rows go to "dest" (None_Receiver when
 * NULL).  Returns the number of rows that the statement processed.
 */
extern uint64 tree_execute(Node *statement, const char *text, QueryEnvironment *environment,
						   DestReceiver *dest);

/*
 * The same under "snapshot" (NULL: a fresh one) and what this transaction did before, so that
 * several statements read one state of the database.
 */
extern uint64 tree_execute_under(Snapshot snapshot, Node *statement, const char *text,
								 QueryEnvironment *environment, DestReceiver *dest);

/*
 * Both halves of it, for one statement that no rule makes several of: who plans can look at the
 * plan, and settings for the planner do not hold while it runs.
 */
extern PlannedStmt *tree_plan(Snapshot snapshot, Node *statement, const char *text,
							  QueryEnvironment *environment);
extern uint64 tree_run(Snapshot snapshot, PlannedStmt *plan, const char *text,
					   QueryEnvironment *environment, DestReceiver *dest);

/*
 * The only row of a SELECT, as texts (char *, NULL for null) in CurrentMemoryContext.  Under
 * "snapshot", or a fresh one when NULL.  The texts are alike in all sessions, as far as types
 * follow settings: true and false, floats in their shortest exact form, dates and times as ISO
 * 8601 has them, with a zone in UTC: 2026-11-21T10:00:00.5Z.
 */
extern List *tree_row_texts(Snapshot snapshot, Node *select, const char *text);

/* An environment in which "name" is the rows of "store", with "desc"; both must outlive it. */
extern QueryEnvironment *tree_environment(const char *name, Tuplestorestate *store, TupleDesc desc);

/*
 * A receiver that calls row(slot, arg) for every row; slot->tts_values are filled.  The memory
 * context of the call is emptied after each row.
 */
typedef void (*RowVisitor) (TupleTableSlot *slot, void *arg);
extern DestReceiver *row_receiver(RowVisitor visit, void *arg);

/* A value by its type's output function, in CurrentMemoryContext; NULL for null. */
extern char *slot_text(TupleTableSlot *slot, int column);

/* A row as one jsonb object, in CurrentMemoryContext; "desc" must be blessed. */
extern Jsonb *row_as_jsonb(TupleDesc desc, Datum *values, bool *nulls);

#endif
