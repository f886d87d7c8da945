/*
 * parse.h
 *	  A model's text as one plain SELECT, with dataops.records() replaced by the raw table.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PARSE_H
#define DATAOPS_PARSE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "utils/uuid.h"

/* Where a raw record lies: the key of its row in the raw table. */
typedef struct RecordAddress
{
	pg_uuid_t	batch;
	int32		page;
	int32		ordinal;
} RecordAddress;

/* Restricts records('source') to some batches, or to single records of them. */
typedef struct RecordsFilter
{
	const char *source;
	List	   *batches;		/* pg_uuid_t * */
	List	   *addresses;		/* RecordAddress *; NIL: all records of the batches */
	List	   *except;			/* RecordAddress *: records that are left out */
} RecordsFilter;

/*
 * Columns appended to a model of which every row comes from one raw record: the record's address,
 * then the record.  Their names cannot be those of a model's own columns.
 */
#define ADDRESS_COLUMNS 4
extern const char *const address_columns[ADDRESS_COLUMNS];	/* batch, page, ordinal, record */

/*
 * Addresses (RecordAddress *) as the nodes of three arrays, for tree_arrays(): their batches, their
 * pages and their ordinals.
 */
extern List *address_arrays(List *addresses);

typedef struct ModelTree
{
	const char *text;
	SelectStmt *select;			/* copy it, or give it to execute.h, which does */
	List	   *sources;		/* names in records(), each once: char * */
	bool		joins_sources;	/* two records() meet in one FROM */
	Alias	   *records;		/* of the only records() in the outermost FROM, or NULL */
} ModelTree;

/*
 * Parses "text".  "filters" (RecordsFilter *) restrict the sources they name; others are read
 * whole.  Throws 42601 or 0A000, with the position in the text, for anything but one SELECT
 * without INTO, FOR UPDATE and data-modifying WITH.
 */
extern ModelTree *model_parse(const char *text, List *filters);

/* The schema of the raw tables. */
#define RAW_SCHEMA "raw"

/*
 * Appends address_columns when each row of the model comes from one raw record of one source, as
 * its analysed form "query" (without them) tells.  True when it did.
 */
extern bool model_append_address(ModelTree *model, const Query *query);

#endif
