/*
 * archive.h
 *	  The immutable objects that keep records as received, one for each batch: NDJSON in gzip
 *	  members.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ARCHIVE_H
#define DATAOPS_ARCHIVE_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "format/line_blocks.h"
#include "format/line_file.h"
#include "land/records.h"
#include "store/store.h"

/* Writes the objects of a step, one after the other. */
typedef struct Archive
{
	Store	   *store;
	/* its own */
	LineBlocks *lines;
	LineFile   *file;			/* of the object in hand; NULL: none is begun */
} Archive;

/* What was stored. */
typedef struct ArchiveObject
{
	int64		bytes;
	uint32		crc32c;
} ArchiveObject;

/* The object's name of a batch; palloc'ed. */
extern char *archive_name(const char *source, const char *env, const pg_uuid_t *batch,
						  TimestampTz created_at);

/* It and a helper that it has live until "memory" is reset or deleted. */
extern Archive *archive_open(Store *store, MemoryContext memory);

/* Begins an object, in "memory" until it is stored; one without lines may be forgotten instead. */
extern void archive_begin(Archive *archive, MemoryContext memory);

/* Adds the records of a page, which are bytes, one line each. */
extern void archive_page(Archive *archive, Records *records);

/* The object is complete.  Waits for what is compressed by then. */
extern void archive_finish(Archive *archive);

/* Is a second process worth while where so many bytes are received in that time? */
extern bool archive_needs_helper(int64 bytes, int64 usecs);

/*
 * Tries for a helper that compresses with us, or lets it go: it should not stand by for hours while
 * pages trickle in.  Between archive_finish() and archive_begin(), in a transaction: what was
 * begun and failed is rolled back.
 */
extern void archive_choose_helper(Archive *archive, bool wanted);

/*
 * Writes the finished object, if absent.  One of the same contents is a success: an earlier
 * attempt's.  Throws when the store refuses or another object has the name.  Call it outside of a
 * transaction.
 */
extern ArchiveObject archive_store(Archive *archive, const char *name);

#endif
