/*
 * inputs.h
 *	  What an analysed query reads, through views.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_INPUTS_H
#define DATAOPS_INPUTS_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/*
 * Names of what "query" reads, each once, in the order met: "schema.table" for relations (views
 * and what is behind them), "source:NAME" for raw tables and calls of dataops.records().
 * Throws 0A000 for temporary relations, and for dataops.records() in the query itself: there it
 * must stand in FROM, where model_parse() replaces it.  "text" is the query's.
 * What functions read by themselves is not seen.
 */
extern List *query_inputs(Query *query, const char *text);

#endif
