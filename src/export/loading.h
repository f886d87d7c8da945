/*
 * loading.h
 *	  What loads into local and remote warehouses have in common.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOADING_H
#define DATAOPS_LOADING_H

#include "catalog/load.h"
#include "export/changed.h"
#include "export/load.h"
#include "nodes/parsenodes.h"

typedef struct Loading
{
	Run		   *run;
	Step	   *step;
	const LoadJudge *judge;
	LoadSpec   *spec;
	Warehouse  *warehouse;
	WarehouseTable *table;
	LoadRecord	record;
	ChangeMark *mark;			/* of what is read; NULL: not tracked */
	ChangeMark *since;			/* of the load before; NULL: none, or all rows are wanted */
} Loading;

/* Reads the step and opens the warehouse; in a transaction, everything in CurrentMemoryContext. */
extern void loading_begin(Loading *loading, Run *run, Step *step, const LoadJudge *judge);

/* The record is that of a load that nobody has heard of yet, under a name of its own. */
extern void loading_new(Loading *loading);

/*
 * The SELECT of the rows to load under the active snapshot, with the rights of the current user;
 * sets mark and since, and snapshot and tables of the record.  "whole": the warehouse lacks the
 * rows of former loads.
 */
extern char *loading_query(Loading *loading, bool whole);

/* The query's rows as a FROM item named like the relation. */
extern Node *loading_rows(Loading *loading, const char *query);

/* The number of those rows, under the active snapshot. */
extern char *loading_count(Loading *loading, const char *query);

/* The expressions (char *) over the whole relation, under the active snapshot: texts. */
extern List *loading_values(Loading *loading, List *expressions);

/* {"count(*)": "12", "sum(amount)": "5.50"} for the ledger: "texts" begin with the count. */
extern Jsonb *loading_expected(List *expressions, List *texts);

/* STAGE_UNCHANGED, "why". */
extern StageResult loading_unchanged(Run *run, const char *why);

#endif
