/*
 * archive.h
 *	  The immutable object that keeps a batch's records as received: NDJSON in gzip members.
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

/* What was stored. */
typedef struct ArchiveObject
{
	int64		bytes;
	uint32		crc32c;
} ArchiveObject;

/* The object's name of a batch; palloc'ed. */
extern char *archive_name(const char *source, const char *env, const pg_uuid_t *batch,
						  TimestampTz created_at);

/* Adds the records of a page, one line each. */
extern void archive_page(LineBlocks *lines, Records *records);

/* Takes what leaves the lines into the LineFile. */
extern void archive_block(void *file, const char *bytes, size_t length, int64 records);

/*
 * Writes the finished file as an object, if absent.  One of the same contents is a success: an
 * earlier attempt's.  Throws when the store refuses or another object has the name.  Call it
 * outside of a transaction.
 */
extern ArchiveObject archive_store(LineFile *file, Store *store, const char *name);

#endif
