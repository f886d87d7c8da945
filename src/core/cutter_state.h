/*
 * cutter_state.h
 *	  What a record cutter knows between two bytes; for cutter.c and cutter_walk.c alone.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CUTTER_STATE_H
#define DATAOPS_CUTTER_STATE_H

#include "core/capture.h"
#include "core/cutter.h"
#include "core/json_scan.h"

typedef enum CutterState
{
	AT_START,					/* a byte order mark may come */
	AT_VALUE,
	AT_FIRST_ELEMENT,			/* a value or "]" */
	AT_FIRST_KEY,				/* a key or "}" */
	AT_KEY,
	AT_COLON,
	AT_NEXT,					/* "," or the end of the container */
	AT_END,						/* only white space */
	IN_KEY,
	IN_STRING,
	IN_WORD,					/* a number or literal */
	IN_RECORD,					/* passed over by its extent */
	IN_LINE						/* records by lines, or by separators */
} CutterState;

typedef struct Wanted
{
	MemberTrail		trail;
	Capture		capture;
	int			depth;			/* of the value being captured */
	CutValue	state;
	const char *bytes;
	size_t		length;
} Wanted;

struct Cutter
{
	CutterLimits limits;
	bool		lines;
	char		line_end;		/* what is between two records by lines */
	CutterState state;

	/* the current chunk */
	const char *chunk;
	const char *at;
	const char *end;
	bool		last;
	uint64		before;			/* bytes in the chunks before it */

	/* open containers */
	char	   *kinds;			/* "{" or "[" of each */
	int			depth;
	int			nmark;			/* bytes seen of a byte order mark */
	bool		escaped;		/* a backslash was the last byte, in a key or string */
	Capture		token;			/* the key or word being read */

	/* records */
	MemberTrail		records;
	CutFound	found;
	CutReach	reach;
	int			element_depth;	/* containers open where the records are elements, or 0 */
	bool		wanted_inside;	/* a wanted value may lie in a record that is an object */
	bool		whole;			/* the value at record_depth is the record being walked through */
	int			record_depth;
	JsonExtent	extent;
	Capture		record;
	CutRecord	ready;

	const char *why;			/* broken */
	uint64		why_offset;
	int			nwanted;
	Wanted		wanted[FLEXIBLE_ARRAY_MEMBER];
};

/* The body is not what it should be at cutter->at; false, so that a step can return it. */
extern bool cutter_broken(Cutter *cutter, const char *why);

/* The record ends before "at": true when cutter->ready is filled, false when it is too large. */
extern bool cutter_record_finish(Cutter *cutter, const char *at);

/* A number or literal ends before cutter->at; true when it was a record. */
extern bool cutter_word_end(Cutter *cutter);

/*
 * Goes on in a document, by at least one byte or state, from a state that is not at the start or
 * in a line.  True when cutter->ready is a record.
 */
extern bool cutter_walk(Cutter *cutter);

#endif
