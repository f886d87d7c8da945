/*
 * traversal.h
 *	  One shard's way through its pages, from its cursor to its end.  Several go on at a time.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TRAVERSAL_H
#define DATAOPS_TRAVERSAL_H

#include "catalog/batch.h"
#include "catalog/connection.h"
#include "catalog/landing.h"
#include "fetch/client.h"

/* What all traversals of a step have in common. */
typedef struct FetchStage
{
	MemoryContext memory;
	Run		   *run;
	Step	   *step;
	BatchSink  *sink;
	SourceSpec *source;
	BatchSource target;
	Connection *connection;
	char	   *secret;
	Client	   *client;
	List	   *items;			/* char *; one NULL without for_each */
	int			next_item;		/* the first of them that was not begun */
	MemoryContext cursor_memory;
	List	   *cursors;		/* CursorRow * of the next items, read ahead */
	List	   *traversals;		/* begun and not over */
	int			nasked;			/* pages asked for and not taken in */
	StageResult result;
	bool		stopped;		/* the result says why */
	bool		not_modified;	/* the server said so */
	char	   *unfinished;		/* why a range was not read to its end, or NULL */
} FetchStage;

typedef struct Traversal Traversal;

/*
 * Begins where the shard's cursor stands, which is copied.  "item" is that of for_each, NULL
 * without; it must live as long.
 */
extern Traversal *traversal_begin(FetchStage *stage, const char *item, const CursorRow *row);

/* Asks for one more page, if there is one that can be asked for now. */
extern bool traversal_ask(Traversal *traversal);

/*
 * One of its pages has an answer: delivers those that have one to the sink, in the order of the
 * pages.  stage->stopped tells a failure.
 */
extern void traversal_answered(Traversal *traversal);

/* Is no page on its way?  After traversal_ask() found none, that is the end. */
extern bool traversal_is_over(const Traversal *traversal);

/* Delivers where the cursor stands now, and frees it with what is still on its way. */
extern void traversal_end(Traversal *traversal);

#endif
