/*
 * gzip.h
 *	  Compressed bytes in and out; the one door to zlib and libdeflate.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GZIP_H
#define DATAOPS_GZIP_H

#include "postgres.h"

/* --- reading: bytes are pushed in as they come, inflated bytes pulled out --- */

typedef enum GzipFormat
{
	GZIP_GZIP,					/* one or more gzip members */
	GZIP_DEFLATE				/* zlib's wrapping or raw deflate: servers send either */
} GzipFormat;

typedef enum GzipStatus
{
	GZIP_CHUNK,					/* here are inflated bytes */
	GZIP_MORE,					/* push more, or finish */
	GZIP_DONE,					/* finished and whole */
	GZIP_TRUNCATED,				/* finished before the end of the stream */
	GZIP_CORRUPT,				/* not the format, checksum wrong, or bytes after the end */
	GZIP_TOO_LARGE,				/* over a limit: output or ratio */
	GZIP_NO_MEMORY
} GzipStatus;

typedef struct GzipLimits
{
	uint64		max_output;		/* bytes; 0 = no limit */
	int			max_ratio;		/* output to input, looked at above 1 MB of output; 0 = no limit */
} GzipLimits;

typedef struct GzipReader GzipReader;

/* The reader, its buffers and zlib's live until "owner" is reset or deleted. */
extern GzipReader *gzip_reader_create(MemoryContext owner, GzipFormat format,
									  const GzipLimits *limits);

/* Hands in bytes; they must stay until the next gzip_pull() that says GZIP_MORE. */
extern void gzip_push(GzipReader *reader, const char *bytes, size_t length);

/*
 * Inflates the next part. GZIP_CHUNK: *chunk, *length (> 0) are good until the next call. A
 * failure is final and repeated by later calls; none is thrown.
 */
extern GzipStatus gzip_pull(GzipReader *reader, const char **chunk, size_t *length);

/*
 * After the last push has been pulled: GZIP_DONE when the stream ended where it should, or a
 * failure.
 */
extern GzipStatus gzip_finish(GzipReader *reader);

/* Why it failed, as a clause for a message; NULL when it did not. */
extern const char *gzip_problem(const GzipReader *reader);

/* --- writing --- */

typedef struct GzipWriter GzipWriter;

/* Lives until "owner" is reset or deleted.  "level" is libdeflate's, 1 to 12.  Throws. */
extern GzipWriter *gzip_writer_create(MemoryContext owner, int level);

/* No member of so many bytes is longer. */
extern size_t gzip_member_bound(size_t length);

/*
 * Makes one complete gzip member of "input" and returns its length; "room" is at least its bound.
 * Members may be concatenated: the result is one gzip file.
 */
extern size_t gzip_member(GzipWriter *writer, const char *input, size_t length, char *output,
						  size_t room);

#endif
