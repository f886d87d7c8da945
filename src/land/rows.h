/*
 * rows.h
 *	  The records of a batch as rows: of the raw table, or of the quarantine.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ROWS_H
#define DATAOPS_ROWS_H

#include "catalog/landing.h"
#include "land/insert.h"
#include "land/records.h"

typedef struct LandPage
{
	PageRow		row;			/* first: a list of these is one of rows */
	Records    *records;		/* values, and what was refused */
} LandPage;

/* Adds a page's rows in the transaction that is open, and counts them in "batch". */
extern void rows_insert_page(Run *run, Step *step, BatchRow *batch, LandPage *page,
							 RawInsert *insert);

#endif
