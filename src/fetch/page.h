/*
 * page.h
 *	  Reading of one answer: its records to a receiver, and what it tells about the next page.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PAGE_H
#define DATAOPS_PAGE_H

#include "postgres.h"

#include "fetch/pager.h"
#include "fetch/source_spec.h"
#include "net/http.h"

/* Gets each record as it is cut; what was given is void when the page turns out broken. */
typedef void (*RecordReceiver) (const char *bytes, size_t length, void *arg);

typedef struct PageReading
{
	char	   *problem;		/* NULL: whole and understood; else a sentence's rest */
	bool		retry;			/* with a problem: another attempt may bring a whole body */
	char	   *hint;			/* or NULL */
	PageFacts	facts;
	int64		bytes;			/* of the body, inflated */
	uint32		crc32c;
} PageReading;

/* Reads the body of a complete answer. In CurrentMemoryContext. */
extern PageReading page_read(const SourceSpec *source, HttpResponse *response,
							 RecordReceiver receiver, void *arg);

/* The answer's header fields worth keeping: none that can hold a secret. palloc'ed. */
extern Jsonb *page_headers(const SourceSpec *source, const HttpResponse *response);

/* The target of rel=next in a Link field (RFC 8288); NULL when there is none. palloc'ed. */
extern char *page_link_next(const char *field);

#endif
