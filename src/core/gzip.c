/*
 * gzip.c
 *	  Inflating without trust, and making gzip members.
 *
 *	  A stream counts as whole only when its last member ended, checksum and length verified,
 *	  exactly where the input did. Output and ratio are bounded while it flows, so that a small
 *	  answer cannot become a large memory or disk.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/gzip.h"

#define ZLIB_CONST				/* zlib: input is const */
#include <libdeflate.h>
#include <zlib.h>

#include "utils/memutils.h"

#define INFLATED_CHUNK		((size_t) 64 * 1024)
#define RATIO_CHECKED_FROM	((uint64) 1024 * 1024)
#define GZIP_FIRST_BYTE		0x1f
#define GZIP_WINDOW			(MAX_WBITS + 16)	/* zlib's way to say: gzip header and trailer */

struct GzipReader
{
	MemoryContextCallback release;
	z_stream	zlib;
	GzipFormat	format;
	GzipLimits	limits;
	bool		opened;			/* inflateInit2 done */
	bool		between;		/* at the end of a member, which may be the last */
	unsigned char head[2];		/* of a "deflate" stream: decides between zlib and raw */
	int			nhead;
	const char *next;			/* pushed, not yet given to zlib */
	size_t		nnext;
	uint64		total_in;
	uint64		total_out;
	GzipStatus	failure;		/* GZIP_MORE while there is none */
	const char *problem;
	char	   *chunk;
};

static void
gzip_reader_release(void *arg)
{
	GzipReader *reader = arg;

	if (reader->opened)
		inflateEnd(&reader->zlib);
	reader->opened = false;
}

GzipReader *
gzip_reader_create(MemoryContext owner, GzipFormat format, const GzipLimits *limits)
{
	GzipReader *reader = MemoryContextAllocZero(owner, sizeof(GzipReader));

	reader->format = format;
	reader->limits = *limits;
	reader->failure = GZIP_MORE;
	reader->chunk = MemoryContextAlloc(owner, INFLATED_CHUNK);
	reader->release.func = gzip_reader_release;
	reader->release.arg = reader;
	MemoryContextRegisterResetCallback(owner, &reader->release);
	return reader;
}

static GzipStatus
gzip_fail(GzipReader *reader, GzipStatus failure, const char *problem)
{
	reader->failure = failure;
	reader->problem = problem;
	return failure;
}

void
gzip_push(GzipReader *reader, const char *bytes, size_t length)
{
	Assert(reader->nnext == 0);
	reader->next = bytes;
	reader->nnext = length;
}

/*
 * Prepares zlib once the format is known: at once for gzip; for "deflate" after two bytes, which
 * are a zlib header when they say method 8 and are a multiple of 31 (RFC 1950), else raw data.
 * False when more bytes are needed or it failed.
 */
static bool
gzip_open(GzipReader *reader)
{
	int			window = GZIP_WINDOW;
	int			code;

	if (reader->format == GZIP_DEFLATE)
	{
		while (reader->nhead < 2 && reader->nnext > 0)
		{
			reader->head[reader->nhead++] = (unsigned char) *reader->next++;
			reader->nnext--;
		}
		if (reader->nhead < 2)
			return false;
		window = (reader->head[0] & 0x0f) == Z_DEFLATED &&
			(reader->head[0] << 8 | reader->head[1]) % 31 == 0 ? MAX_WBITS : -MAX_WBITS;
	}
	code = inflateInit2(&reader->zlib, window);
	if (code != Z_OK)
	{
		gzip_fail(reader, GZIP_NO_MEMORY, "out of memory");
		return false;
	}
	reader->opened = true;
	reader->zlib.next_in = reader->head;
	reader->zlib.avail_in = reader->nhead;
	return true;
}

/* Gives zlib the next bytes when it has none; false when there are none to give. */
static bool
gzip_feed(GzipReader *reader)
{
	if (reader->zlib.avail_in == 0)
	{
		/* zlib counts in unsigned int */
		size_t		part = Min(reader->nnext, (size_t) 1 << 30);

		reader->zlib.next_in = (const Bytef *) reader->next;
		reader->zlib.avail_in = part;
		reader->next += part;
		reader->nnext -= part;
	}
	return reader->zlib.avail_in > 0;
}

/* More bytes after a member: another one in gzip, known by its first byte; else a failure. */
static bool
gzip_next_member(GzipReader *reader)
{
	if (reader->format != GZIP_GZIP || *reader->zlib.next_in != GZIP_FIRST_BYTE)
	{
		gzip_fail(reader, GZIP_CORRUPT, "bytes after the end of the compressed data");
		return false;
	}
	reader->between = false;
	inflateReset(&reader->zlib);
	return true;
}

static GzipStatus
gzip_check_limits(GzipReader *reader)
{
	if (reader->limits.max_output > 0 && reader->total_out > reader->limits.max_output)
		return gzip_fail(reader, GZIP_TOO_LARGE, "over the size limit once inflated");
	if (reader->limits.max_ratio > 0 && reader->total_out > RATIO_CHECKED_FROM &&
		reader->total_out / reader->limits.max_ratio > reader->total_in)
		return gzip_fail(reader, GZIP_TOO_LARGE, "over the compression ratio limit");
	return GZIP_CHUNK;
}

GzipStatus
gzip_pull(GzipReader *reader, const char **chunk, size_t *length)
{
	if (reader->failure != GZIP_MORE)
		return reader->failure;
	if (!reader->opened && !gzip_open(reader))
		return reader->failure;
	reader->zlib.next_out = (Bytef *) reader->chunk;
	reader->zlib.avail_out = INFLATED_CHUNK;
	/* without room left over, zlib may hold back bytes that need no further input */
	while (reader->zlib.avail_out > 0)
	{
		bool		fed = gzip_feed(reader);
		uInt		before = reader->zlib.avail_in;
		uInt		room = reader->zlib.avail_out;
		int			code;

		if (reader->between && (!fed || !gzip_next_member(reader)))
			break;
		code = inflate(&reader->zlib, Z_NO_FLUSH);
		reader->total_in += before - reader->zlib.avail_in;
		reader->total_out += room - reader->zlib.avail_out;
		if (code == Z_STREAM_END)
			reader->between = true;
		else if (code == Z_MEM_ERROR)
			return gzip_fail(reader, GZIP_NO_MEMORY, "out of memory");
		else if (code != Z_OK && code != Z_BUF_ERROR)
			return gzip_fail(reader, GZIP_CORRUPT, "corrupt compressed data");
		if (!fed)
			break;
	}
	*chunk = reader->chunk;
	*length = INFLATED_CHUNK - reader->zlib.avail_out;
	if (*length > 0)
		return gzip_check_limits(reader);
	return reader->failure;
}

GzipStatus
gzip_finish(GzipReader *reader)
{
	if (reader->failure != GZIP_MORE)
		return reader->failure;
	if (!reader->between)
		return gzip_fail(reader, GZIP_TRUNCATED, "compressed data ends too early");
	return GZIP_DONE;
}

const char *
gzip_problem(const GzipReader *reader)
{
	return reader->problem;
}

/* ---- writing ---- */

struct GzipWriter
{
	MemoryContextCallback release;
	struct libdeflate_compressor *compressor;
};

static void
gzip_writer_release(void *arg)
{
	GzipWriter *writer = arg;

	if (writer->compressor != NULL)
		libdeflate_free_compressor(writer->compressor);
	writer->compressor = NULL;
}

GzipWriter *
gzip_writer_create(MemoryContext owner, int level)
{
	GzipWriter *writer = MemoryContextAllocZero(owner, sizeof(GzipWriter));

	writer->release.func = gzip_writer_release;
	writer->release.arg = writer;
	MemoryContextRegisterResetCallback(owner, &writer->release);
	writer->compressor = libdeflate_alloc_compressor(level);
	if (writer->compressor == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return writer;
}

size_t
gzip_member_bound(size_t length)
{
	return libdeflate_gzip_compress_bound(NULL, length);
}

size_t
gzip_member(GzipWriter *writer, const char *input, size_t length, char *output, size_t room)
{
	size_t		made = libdeflate_gzip_compress(writer->compressor, input, length, output, room);

	if (made == 0)
		elog(ERROR, "gzip member of %zu bytes did not fit into %zu", length, room);
	return made;
}
