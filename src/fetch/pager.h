/*
 * pager.h
 *	  How the pages of one traversal follow each other: which is asked next, and where to go on.
 *
 * Pure but for memory: it asks nobody.  A window's requests are known beforehand, those of the
 * other kinds only when the answer before is there.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PAGER_H
#define DATAOPS_PAGER_H

#include "postgres.h"

#include "fetch/request.h"

/* One page to be asked for. */
typedef struct PageRequest
{
	int			number;			/* in the traversal, from 1 */
	char	   *url;			/* without credentials */
	TimestampTz after;			/* window: where the next one starts */
} PageRequest;

/* What an answer told about what follows. */
typedef struct PageFacts
{
	int64		records;
	const char *next;			/* at the path of cursor or next_link; NULL when null or absent */
	bool		next_absent;	/* there is not even a null */
	const char *link;			/* rel=next of the Link header; NULL without one */
	bool		skipped;		/* by its status: no records, but perhaps on the next page */
	bool		last;			/* likewise: the end of the pages */
} PageFacts;

typedef struct Pager Pager;

/*
 * A traversal from its beginning, or from "position" as pager_position() gave it (NULL: the
 * beginning).  "cursor" is what the source's cursor param is sent as, or NULL.  The scope's start
 * and end are the range; for a window they must be finite.  All in CurrentMemoryContext; what it
 * points at must live as long.
 */
extern Pager *pager_create(const Connection *connection, const SourceSpec *source,
						   const RequestScope *scope, Jsonb *position);

/* The next page that can be asked for now, palloc'ed in CurrentMemoryContext; NULL when none. */
extern PageRequest *pager_take(Pager *pager);

/* Is there, or can there be, anything after the pages taken so far? */
extern bool pager_has_more(const Pager *pager);

/*
 * Takes in the answer of "request", the oldest one not taken in.  False when the pages run in
 * circles or lead elsewhere: *why says how, palloc'ed.
 */
extern bool pager_advance(Pager *pager, const PageRequest *request, const PageFacts *facts,
						  char **why);

/*
 * Where to go on after the pages taken in, with the highest cursor value so far ("" or NULL: none);
 * NULL at the end, which is also where the page cap stopped what cannot be gone on with: all but
 * windows.  palloc'ed.
 */
extern Jsonb *pager_position(const Pager *pager, const char *highest);

/* The highest cursor value noted in a position, or NULL; palloc'ed. */
extern char *pager_position_highest(Jsonb *position);

/* Stopped at the page cap with more to come? */
extern bool pager_was_capped(const Pager *pager);

/* Of a window: all before that time was taken in. */
extern TimestampTz pager_done_to(const Pager *pager);

#endif
