/*
 * table.h
 *	  A target as a table or view: made when there is none, changed by addition only.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_MODEL_TABLE_H
#define DATAOPS_MODEL_TABLE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/relcache.h"

#include "model/parse.h"

typedef struct TargetColumn
{
	char	   *name;
	Oid			type;
	int32		typmod;
	Oid			collation;
} TargetColumn;

/* The table that some maker of rows (a model, a load) needs. */
typedef struct TargetTable
{
	RangeVar   *name;			/* with its schema */
	const char *maker;			/* for messages: "model" */
	List	   *columns;		/* TargetColumn *, as its maker makes them */
	List	   *key;			/* char *; primary key of a new table */
	bool		merged;			/* unique by key; created_at and updated_at are kept */
	const char *indexed;		/* a column with an index of its own in a new table, or NULL */
	bool		same_types;		/* else what can be assigned to a column is enough */
	Jsonb	   *former;			/* name → type, as the former version made them; or NULL */
	const char *way_out;		/* the hint when they cannot be brought together */
} TargetTable;

typedef enum TableChange
{
	TABLE_KEPT,
	TABLE_EXTENDED,				/* by columns */
	TABLE_CREATED
} TableChange;

/* Makes the schema if there is none. */
extern void schema_ensure(RangeVar *target);

/*
 * Makes the table without rows, or adds to the existing one the columns that it lacks.  All with
 * the rights of the current user; throws 42P16 and the like, with the way out, when the table and
 * its maker cannot be brought together by addition.
 */
extern TableChange table_ensure(const TargetTable *target);

/* Has it a row that the current user may read? */
extern bool table_has_rows(RangeVar *name);

/*
 * Is it an ordinary table that holds all of its rows, whose writers meet no triggers (those of
 * foreign keys included), rules or row security?
 */
extern bool table_is_plain(Relation table);

/*
 * Are the values of "query" (a SELECT) stored as they come, each in the column of its name: is it
 * there, of exactly that type, modifier and collation?
 */
extern bool table_has_types(Relation table, const Query *query);

/* Does a unique index allow no two rows with the same values in these columns (char *)? */
extern bool table_is_unique(Oid id, List *columns);

/* Creates or replaces the view that is the query. */
extern void view_ensure(const char *name, const char *query, ModelTree *tree);

#endif
