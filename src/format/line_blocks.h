/*
 * line_blocks.h
 *	  Lines gathered into blocks of about a megabyte, which leave as they are or as gzip members.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LINE_BLOCKS_H
#define DATAOPS_LINE_BLOCKS_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "core/gzip_ring.h"

#define LINE_BLOCK_BYTES	(1024 * 1024)

typedef struct LineBlocks
{
	StringInfoData lines;		/* append whole lines, then say so */
	/* its own */
	int64		nlines;			/* in "lines" */
	GzipRing   *ring;			/* NULL: not compressed */
	GzipStore	store;
	void	   *arg;
	MemoryContext memory;
	int			level;
} LineBlocks;

/*
 * What leaves goes to "store", in order, with its number of lines as tag; as it is, or compressed
 * with a "level" above 0 (libdeflate's, 1 to 12).
 */
extern LineBlocks *line_blocks_create(MemoryContext memory, int level, GzipStore store, void *arg);

/* These let a second process compress, or end that, see gzip_ring.h; the bytes are the same. */
extern void line_blocks_allow_helper(LineBlocks *blocks, GzipGuard guard);
extern void line_blocks_start_helper(LineBlocks *blocks, GzipGuard guard);
extern void line_blocks_end_helper(LineBlocks *blocks);

/* What is gathered leaves as a block; serves interrupts. */
extern void line_blocks_leave(LineBlocks *blocks);

/* What has left is stored as far as that needs no waiting. */
extern void line_blocks_collect(LineBlocks *blocks);

/* What is gathered leaves, and all that left before is stored; more lines may follow. */
extern void line_blocks_finish(LineBlocks *blocks);

/* What leaves for these bytes when they are a block of their own; in CurrentMemoryContext. */
extern StringInfo line_blocks_alone(const LineBlocks *blocks, const char *bytes, size_t length);

/* A line is complete in blocks->lines. */
static inline void
line_blocks_end_line(LineBlocks *blocks)
{
	blocks->nlines++;
	if (unlikely(blocks->lines.len >= LINE_BLOCK_BYTES))
		line_blocks_leave(blocks);
}

#endif
