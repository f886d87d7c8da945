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
#include "utils/timestamp.h"

/* Rows to be written: a FROM item with its alias. */
typedef struct RowSource
{
	Node	   *from;
	const char *alias;
	List	   *columns;		/* char *: written by name */
	bool		addressed;		/* has address_columns: the last of a key can be told */
	List	   *key;			/* char *; NIL: none */
	const char *returning;		/* a column of the target that an INSERT returns, or NULL */
	bool		keeps_created;	/* merge: a row that is there keeps its created_at, even if the
								 * rows have such a column */
} RowSource;

/* INSERT INTO "into" (columns) SELECT columns FROM rows, with RETURNING when that is set. */
extern InsertStmt *statement_insert(RangeVar *into, const RowSource *rows);

/*
 * INSERT … ON CONFLICT: of rows with one key the last one counts, a row with a key that the
 * target has replaces what differs, and a row that is the same is left alone.
 */
extern InsertStmt *statement_upsert(RangeVar *into, const RowSource *rows);

/* Is there a column that only an inserted row takes from the rows? */
extern bool statement_keeps(const RowSource *rows);

/* The same as MERGE, when nobody writes to the target meanwhile: see merge.h. */
extern MergeStmt *statement_merge(RangeVar *into, const RowSource *rows);

/* SELECT * FROM rows with only the last one of each key, as a FROM item. */
extern Node *statement_last_of_key(const RowSource *rows);

/*
 * Do rows "one" and "other" (aliases) have the same key (char *)?  By operators without a schema,
 * for keys of types whose operators are not the server's.
 */
extern Node *statement_same_key(List *key, const char *one, const char *other);

/*
 * SELECT "returning" of those rows in "into" that have the key of one that comes, and another value
 * there.
 */
extern SelectStmt *statement_moved(RangeVar *into, const RowSource *rows);

/* SELECT key FROM rows GROUP BY key HAVING count(*) > 1 LIMIT 1 */
extern SelectStmt *statement_repeated_key(const RowSource *rows);

/* DELETE FROM "from" WHERE condition (NULL: all rows). */
extern DeleteStmt *statement_delete(RangeVar *from, Node *condition);

#endif
