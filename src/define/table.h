/*
 * table.h
 *	  A model's target as a table or view: made when the model is defined, changed by addition only.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TABLE_H
#define DATAOPS_TABLE_H

#include "postgres.h"

#include "model/model.h"
#include "model/parse.h"

typedef struct TargetColumn
{
	char	   *name;
	Oid			type;
	int32		typmod;
	Oid			collation;
} TargetColumn;

/* Makes the schema if there is none. */
extern void schema_ensure(RangeVar *target);

/*
 * Makes the table without rows, or adds to the existing one the columns that it lacks.  "columns"
 * (TargetColumn *) are the model's; "previous" is the member "columns" of the former version's
 * "derived", or NULL.  All with the rights of the current user; throws 42P16 and the like, with
 * the way out, when the table and the model cannot be brought together by addition.  True when the
 * table is new.
 */
extern bool table_ensure(const ModelSpec *model, List *columns, Jsonb *previous);

/* Creates or replaces the view that is the model's query. */
extern void view_ensure(const ModelSpec *model, ModelTree *tree);

#endif
