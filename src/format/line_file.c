/*
 * line_file.c
 *	  Lines to members to a spool.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/line_file.h"

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/gzip.h"

#define MEMBER_BYTES	(1024 * 1024)	/* of lines in one gzip member */
#define MEMBER_LEVEL	1				/* a fifth of the time of 6 for a fifth more bytes */
#define KEPT_BYTES		(4 * MEMBER_BYTES)	/* a longer line's memory is given back */

LineFile *
line_file_begin(MemoryContext memory, bool gzip)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	LineFile   *file = palloc0(sizeof(LineFile));

	file->memory = memory;
	file->gzip = gzip;
	file->spool = spool_create(memory);
	INIT_CRC32C(file->crc32c);
	initStringInfo(&file->lines);
	MemoryContextSwitchTo(previous);
	return file;
}

static void
store(LineFile *file, const char *bytes, size_t length)
{
	COMP_CRC32C(file->crc32c, bytes, length);
	spool_write(file->spool, bytes, length);
}

static void
store_member(LineFile *file)
{
	MemoryContext work = AllocSetContextCreate(file->memory, "dataops gzip member",
											   ALLOCSET_DEFAULT_SIZES);
	char	   *member;
	size_t		length;

	gzip_member(file->lines.data, file->lines.len, MEMBER_LEVEL, work, &member, &length);
	store(file, member, length);
	MemoryContextDelete(work);
}

static void
store_lines(LineFile *file)
{
	if (file->gzip)
		store_member(file);
	else
		store(file, file->lines.data, file->lines.len);
	resetStringInfo(&file->lines);
	if (file->lines.maxlen > KEPT_BYTES)
	{
		MemoryContext previous = MemoryContextSwitchTo(file->memory);

		pfree(file->lines.data);
		initStringInfo(&file->lines);
		MemoryContextSwitchTo(previous);
	}
	CHECK_FOR_INTERRUPTS();
}

void
line_file_end_line(LineFile *file)
{
	if (file->lines.len >= MEMBER_BYTES)
		store_lines(file);
}

uint64
line_file_size(const LineFile *file)
{
	return spool_size(file->spool) + (file->gzip ? 0 : file->lines.len);
}

void
line_file_finish(LineFile *file)
{
	if (file->lines.len > 0)
		store_lines(file);
	FIN_CRC32C(file->crc32c);
	pfree(file->lines.data);
	file->lines.data = NULL;
}
