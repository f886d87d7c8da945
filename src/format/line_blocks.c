/*
 * line_blocks.c
 *	  Lines to blocks to members.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/line_blocks.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/gzip.h"
#include "format/append.h"
#define KEPT_BYTES		(4 * LINE_BLOCK_BYTES)	/* a longer line's memory is given back */

LineBlocks *
line_blocks_create(MemoryContext memory, int level, GzipStore store, void *arg)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	LineBlocks *blocks = palloc0(sizeof(LineBlocks));

	blocks->memory = memory;
	blocks->store = store;
	blocks->arg = arg;
	initStringInfo(&blocks->lines);
	blocks->level = level;
	if (level > 0)
		blocks->ring = gzip_ring_create(memory, level, store, arg);
	MemoryContextSwitchTo(previous);
	return blocks;
}

void
line_blocks_allow_helper(LineBlocks *blocks, GzipGuard guard)
{
	if (blocks->ring != NULL)
		gzip_ring_allow_helper(blocks->ring, guard);
}

void
line_blocks_start_helper(LineBlocks *blocks, GzipGuard guard)
{
	if (blocks->ring != NULL)
		gzip_ring_start_helper(blocks->ring, guard);
}

void
line_blocks_end_helper(LineBlocks *blocks)
{
	if (blocks->ring != NULL)
		gzip_ring_end_helper(blocks->ring);
}

static void
forget_lines(LineBlocks *blocks)
{
	resetStringInfo(&blocks->lines);
	blocks->nlines = 0;
	if (blocks->lines.maxlen > KEPT_BYTES)
	{
		MemoryContext previous = MemoryContextSwitchTo(blocks->memory);

		pfree(blocks->lines.data);
		initStringInfo(&blocks->lines);
		MemoryContextSwitchTo(previous);
	}
}

void
line_blocks_leave(LineBlocks *blocks)
{
	StringInfo	lines = &blocks->lines;

	if (lines->len == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	if (blocks->ring != NULL)
		gzip_ring_put(blocks->ring, lines->data, lines->len, blocks->nlines);
	else
		blocks->store(blocks->arg, lines->data, lines->len, blocks->nlines);
	forget_lines(blocks);
}

void
line_blocks_collect(LineBlocks *blocks)
{
	if (blocks->ring != NULL)
		gzip_ring_collect(blocks->ring);
}

void
line_blocks_finish(LineBlocks *blocks)
{
	line_blocks_leave(blocks);
	if (blocks->ring != NULL)
		gzip_ring_finish(blocks->ring);
}

StringInfo
line_blocks_alone(const LineBlocks *blocks, const char *bytes, size_t length)
{
	StringInfo	alone = makeStringInfo();
	MemoryContext work;
	size_t		room;

	if (blocks->ring == NULL)
	{
		append_bytes(alone, bytes, length);
		return alone;
	}
	work = AllocSetContextCreate(CurrentMemoryContext, "dataops gzip", ALLOCSET_SMALL_SIZES);
	room = gzip_member_bound(length);
	alone->len = gzip_member(gzip_writer_create(work, blocks->level), bytes, length,
							 append_room(alone, room), room);
	MemoryContextDelete(work);
	return alone;
}
