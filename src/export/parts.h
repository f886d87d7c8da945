/*
 * parts.h
 *	  The rows of a relation as files: encoded, compressed and cut into parts in one scan.
 *
 * Parts are spools, which outlive the transaction of the scan.  A sink takes each when it is
 * finished, and may move it on in passing while the next ones are encoded; it must never wait.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PARTS_H
#define DATAOPS_PARTS_H

#include "postgres.h"

#include "core/spool.h"
#include "format/row_encoder.h"

/* What happens with a row of which a value cannot be written. */
typedef enum BadValue
{
	BAD_VALUE_REFUSE,			/* error: row, column, reason */
	BAD_VALUE_QUARANTINE,		/* the row is left out and handed to on_bad_row */
	BAD_VALUE_NULL				/* the value is written as null, and counted */
} BadValue;

typedef struct BadRow
{
	int64		row;			/* its number in the scan, from 1 */
	const char *column;
	const char *reason;
	Datum		record;			/* the row as jsonb */
} BadRow;

typedef struct Part
{
	MemoryContext memory;		/* of this part: deleting it frees the bytes */
	Spool	   *spool;
	int64		rows;
	uint64		bytes;
	uint32		crc32c;
} Part;

/* Who takes the parts.  It is called in memory that is emptied soon; false ends the scan there. */
typedef struct PartsSink
{
	bool		(*take) (Part *part, void *arg);
	bool		(*move_on) (void *arg);	/* between rows, every now and then */
	void	   *arg;
	const char *limit_hint;		/* for a part that meets the limit of temporary files */
} PartsSink;

typedef struct PartsOptions
{
	RowFormat	format;
	bool		gzip;
	uint64		part_bytes;		/* a part is closed at this size, as stored */
	ChooseEncoder choose;
	BadValue	bad_value;
	/* It may write, so with it the query is no parallel one; NULL: nobody is told. */
	void		(*on_bad_row) (const BadRow *row, void *arg);
	void	   *arg;
	const PartsSink *sink;		/* NULL: the parts are kept, in Parts.parts */
} PartsOptions;

typedef struct Parts
{
	List	   *parts;			/* Part *, in order; none when there was no row, or a sink */
	TupleDesc	columns;		/* of the query */
	int64		rows;
	uint64		bytes;
	int64		bad_values;		/* set to null, or rows left out */
	bool		ended_early;	/* the sink wanted no more */
} Parts;

/*
 * Runs the query (a SELECT, by the current user and search_path) under the active snapshot and
 * encodes its rows.  TimeZone is UTC, DateStyle ISO, IntervalStyle postgres, bytea_output hex and
 * extra_float_digits 1 meanwhile, so that the same rows are the same bytes in every session.
 * Result and spools live in "memory".  Throws what the query throws, and 22023 for a value that is
 * refused.
 */
extern Parts *parts_encode(const char *query, const PartsOptions *options, MemoryContext memory);

#endif
