/*
 * fill.h
 *	  Rows of a query into a new table, the way of CREATE TABLE AS: the query may run in parallel,
 *	  which that of an INSERT may not, and the rows go in in groups.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_FILL_H
#define DATAOPS_FILL_H

#include "postgres.h"

#include "model/execute.h"
#include "model/statement.h"

/*
 * May "into", an empty table of this transaction, be filled?  Else an INSERT has more to do.
 * "environment", here and below, is what the rows are read in; or NULL.
 */
extern bool fill_suits(RangeVar *into, const RowSource *rows, QueryEnvironment *environment);

/*
 * Fills it; returns the number of rows.  visit(slot, arg) is called with each, by rows->columns, in
 * a memory context that is emptied after it.
 */
extern uint64 fill_table(RangeVar *into, const RowSource *rows, QueryEnvironment *environment,
						 RowVisitor visit, void *arg);

#endif
