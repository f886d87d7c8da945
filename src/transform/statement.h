/*
 * statement.h
 *	  The statements that change a target, as raw trees.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_STATEMENT_H
#define DATAOPS_STATEMENT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "model/model.h"
#include "transform/window.h"

/* Rows to be written: a FROM item with its alias. */
typedef struct RowSource
{
	Node	   *from;
	const char *alias;
	List	   *columns;		/* char *: written by name */
	bool		addressed;		/* has address_columns: the last of a key can be told */
} RowSource;

/*
 * INSERT INTO "into" (columns) SELECT columns FROM rows, RETURNING the time column if the model
 * has one.  No other work.
 */
extern InsertStmt *statement_insert(const ModelSpec *model, RangeVar *into, const RowSource *rows);

/*
 * The same for merge: of rows with one key the last one counts, a row with a key that the target
 * has replaces what differs, and a row that is the same is left alone.  With "older_than" (else 0)
 * only rows of the target that changed last before that time are replaced.
 */
extern InsertStmt *statement_merge(const ModelSpec *model, RangeVar *into, const RowSource *rows,
								   TimestampTz older_than);

/* SELECT * FROM rows with only the last one of each key, as a FROM item. */
extern Node *statement_last_of_key(const ModelSpec *model, const RowSource *rows);

/* SELECT key FROM rows GROUP BY key HAVING count(*) > 1 LIMIT 1 */
extern SelectStmt *statement_repeated_key(const ModelSpec *model, const RowSource *rows);

/*
 * "column" lies in the window, as a condition; NULL when the window is open on both sides.  The
 * bounds are cast to "type", the column's.
 */
extern Node *statement_in_window(Node *column, Oid type, TimeWindow window);

/* DELETE FROM "from" WHERE condition (NULL: all rows). */
extern DeleteStmt *statement_delete(RangeVar *from, Node *condition);

#endif
