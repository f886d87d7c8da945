/*
 * rows.h
 *	  The records of a batch as rows: of the raw table, or of the quarantine.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ROWS_H
#define DATAOPS_ROWS_H

#include "catalog/landing.h"
#include "format/jsonb_writer.h"
#include "land/insert.h"
#include "land/records.h"

typedef struct LandPage
{
	PageRow		row;			/* first: a list of these is one of rows */
	Records    *records;		/* values, what was refused, or all as received */
} LandPage;

/*
 * Adds a page's rows in the transaction that is open, and counts them in "batch".  The writer makes
 * values of what is there as received.
 */
extern void rows_insert_page(Run *run, Step *step, BatchRow *batch, LandPage *page,
							 JsonbWriter *writer, RawInsert *insert);

#endif
