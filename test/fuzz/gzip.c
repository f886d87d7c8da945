/*
 * gzip.c
 *	  Fuzzer: compressed bytes, pushed in one piece and in parts.
 *
 * An input is a byte for what to do, one for the size of the parts, and the bytes: they are read as
 * they stand, or compressed first and damaged, and then it is known what must come out.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "core/gzip.h"
#include "lib/stringinfo.h"

#define OUTPUT_MAX	(256 * 1024)
#define CHUNK_MAX	(64 * 1024)	/* by which it can be exceeded before that is noticed */

typedef struct Inflated
{
	GzipStatus	status;
	StringInfoData bytes;
} Inflated;

/* What comes out of one pushed part; false when that is all. */
static bool
pull_all(GzipReader *reader, Inflated *inflated)
{
	const char *chunk;
	size_t		length;

	while ((inflated->status = gzip_pull(reader, &chunk, &length)) == GZIP_CHUNK)
	{
		fuzz_check(length > 0);
		appendBinaryStringInfo(&inflated->bytes, chunk, length);
	}
	return inflated->status == GZIP_MORE;
}

static bool
same_bytes(StringInfo one, StringInfo other)
{
	return one->len == other->len && memcmp(one->data, other->data, one->len) == 0;
}

static Inflated
inflate_bytes(GzipFormat format, const GzipLimits *limits, const char *bytes, size_t length,
			  size_t part)
{
	GzipReader *reader = gzip_reader_create(CurrentMemoryContext, format, limits);
	Inflated	inflated = {GZIP_MORE};

	initStringInfo(&inflated.bytes);
	for (size_t at = 0; at < length && inflated.status == GZIP_MORE; at += part)
	{
		size_t		now = Min(part, length - at);

		gzip_push(reader, fuzz_bytes(bytes + at, now), now);
		(void) pull_all(reader, &inflated);
	}
	if (inflated.status == GZIP_MORE)
		inflated.status = gzip_finish(reader);
	fuzz_check((inflated.status == GZIP_DONE) == (gzip_problem(reader) == NULL));
	fuzz_check(inflated.status == GZIP_DONE || gzip_finish(reader) == inflated.status);
	return inflated;
}

/* A stream made of "content", and what must come out of it. */
typedef struct Made
{
	StringInfoData stream;
	StringInfoData content;
	bool		whole;			/* the stream is; else something is missing or too much */
} Made;

/* One to three members; as they are, with other bytes behind them, or cut. */
static Made
make_stream(unsigned char how, const char *content, size_t length)
{
	Made		made = {.whole = true};
	size_t		room = gzip_member_bound(length);
	char	   *member = palloc(room);
	size_t		size = gzip_member(gzip_writer_create(CurrentMemoryContext, 1 + how % 12), content,
								   length, member, room);

	initStringInfo(&made.stream);
	initStringInfo(&made.content);
	for (int i = how % 3; i >= 0; i--)
	{
		appendBinaryStringInfo(&made.stream, member, size);
		appendBinaryStringInfo(&made.content, content, length);
	}
	if (how % 7 == 1)
	{
		/* no beginning of another member */
		appendStringInfo(&made.stream, "x%.*s", (int) Min(length, 100), content);
		made.whole = false;
	}
	else if (how % 5 == 1)
	{
		/* within the last member */
		made.stream.len -= 1 + how % (size - 1);
		made.whole = false;
	}
	return made;
}

static Inflated
inflate_both_ways(GzipFormat format, const GzipLimits *limits, const char *bytes, size_t length,
				  size_t part)
{
	Inflated	whole = inflate_bytes(format, limits, bytes, length, length + 1);
	Inflated	parts = inflate_bytes(format, limits, bytes, length, part);

	fuzz_check(whole.bytes.len <= OUTPUT_MAX + CHUNK_MAX);
	/* where a limit strikes depends on the parts; what is whole does not */
	if (whole.status == GZIP_TOO_LARGE || parts.status == GZIP_TOO_LARGE)
		whole.status = GZIP_TOO_LARGE;
	else
		fuzz_check(whole.status == parts.status);
	if (whole.status == GZIP_DONE)
		fuzz_check(same_bytes(&whole.bytes, &parts.bytes));
	return whole;
}

void
fuzz_one(const char *bytes, size_t length)
{
	GzipLimits	limits = {.max_output = OUTPUT_MAX};
	unsigned char choice;
	size_t		part;

	if (length < 2)
		return;
	choice = (unsigned char) bytes[0];
	part = (unsigned char) bytes[1] + 1;
	limits.max_ratio = (choice & 2) != 0 ? 3 : 0;
	if ((choice & 1) != 0)
	{
		Made		made = make_stream(choice >> 2, bytes + 2, length - 2);
		Inflated	inflated = inflate_both_ways(GZIP_GZIP, &limits, made.stream.data,
												 made.stream.len, part);

		fuzz_check(inflated.status == GZIP_TOO_LARGE ||
				   made.whole == (inflated.status == GZIP_DONE));
		if (inflated.status == GZIP_DONE)
			fuzz_check(same_bytes(&made.content, &inflated.bytes));
	}
	else
		(void) inflate_both_ways((choice & 4) != 0 ? GZIP_DEFLATE : GZIP_GZIP, &limits, bytes + 2,
								 length - 2, part);
}
