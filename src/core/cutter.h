/*
 * cutter.h
 *	  Cuts the records out of a JSON body that comes in chunks, without reading into them.
 *
 * What stands around the records is checked (one whole document, brackets, commas, colons,
 * strings, numbers and literals); within a record only strings and brackets are followed, so that
 * one bad record does not refuse its page: whoever reads the record refuses it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CUTTER_H
#define DATAOPS_CUTTER_H

#include "core/memberpath.h"

typedef struct Cutter Cutter;

typedef struct CutterLimits
{
	size_t		record_bytes;	/* of one record */
	int			depth;			/* of containers around and beside the records */
} CutterLimits;

#define CUTTER_DEPTH_DEFAULT	512
#define CUTTER_VALUE_BYTES_MAX	65536	/* of a wanted value, a key, a number around the records */

typedef enum CutterEvent
{
	CUT_RECORD,					/* *record is filled */
	CUT_MORE,					/* the chunk is used up: feed the next one */
	CUT_END,					/* the body was whole */
	CUT_BROKEN					/* it is not, see cutter_reason(); records given before are void */
} CutterEvent;

typedef struct CutRecord
{
	const char *bytes;			/* in the chunk or the cutter; until the next call of the cutter */
	size_t		length;
	int64		ordinal;		/* from 1 */
} CutRecord;

/* What stands at the records' path. */
typedef enum CutFound
{
	CUT_NOTHING,
	CUT_ARRAY,					/* its elements are the records */
	CUT_OBJECT,					/* it is the one record, unless the path ends in [*] */
	CUT_NULL,					/* no records */
	CUT_STRING,					/* at the path "$" the one record, else none; so the next two */
	CUT_NUMBER,
	CUT_BOOLEAN
} CutFound;

#define CUT_NAMES		10
#define CUT_NAME_BYTES	64

/* The last value on the records' path that the document has, and what it holds. */
typedef struct CutReach
{
	int			nmembers;		/* of the path, that lead to it; 0: the whole document */
	CutFound	type;			/* CUT_NOTHING: there is no document */
	int			nnames;			/* members of an object; only CUT_NAMES of them are given */
	char		names[CUT_NAMES][CUT_NAME_BYTES + 1];	/* as they stand, cut if long */
} CutReach;

typedef enum CutValue
{
	CUT_VALUE_ABSENT,
	CUT_VALUE_PRESENT,
	CUT_VALUE_TOO_LONG
} CutValue;

/*
 * A cutter for one document.  The records are the elements of the array at "records".  "wanted"
 * are values beside or around them.  The paths must live as long as the cutter.
 */
extern Cutter *cutter_create(MemoryContext memory, const MemberPath *records,
							 const MemberPath *const *wanted, int nwanted,
							 const CutterLimits *limits);

/*
 * A cutter for a body of one record a line; blank lines are skipped.  A body that begins with a
 * record separator is a sequence (RFC 7464): there each record follows one.
 */
extern Cutter *cutter_create_lines(MemoryContext memory, const CutterLimits *limits);

/*
 * Gives the next chunk, at first or after CUT_MORE.  The bytes must stay until the next CUT_MORE,
 * CUT_END or CUT_BROKEN.  "last": nothing follows; such a chunk may be empty.
 */
extern void cutter_feed(Cutter *cutter, const char *bytes, size_t length, bool last);

/* Throws only when out of memory. */
extern CutterEvent cutter_next(Cutter *cutter, CutRecord *record);

/* After CUT_BROKEN: one line, a constant, and the offending byte's offset in the body, from 0. */
extern const char *cutter_reason(const Cutter *cutter, uint64 *offset);

/* After CUT_END. */
extern CutFound cutter_found(const Cutter *cutter);

/*
 * After CUT_END.  What is inside the one record is not looked at: its members may be missing.
 */
extern const CutReach *cutter_reach(const Cutter *cutter);

/* "an array", "a string", … for messages. */
extern const char *cut_found_name(CutFound found);

/*
 * After CUT_END: the JSON text of wanted value i, one of those that the cutter was made with, in
 * the cutter's memory.  Of several with one path the last counts.
 */
extern CutValue cutter_value(const Cutter *cutter, int i, const char **bytes, size_t *length);

#endif
