/*
 * line_file.c
 *	  Blocks to a spool.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/line_file.h"

#include "port/pg_crc32c.h"
#include "utils/memutils.h"

LineFile *
line_file_begin(MemoryContext memory)
{
	LineFile   *file = MemoryContextAllocZero(memory, sizeof(LineFile));

	file->spool = spool_create(memory);
	INIT_CRC32C(file->crc32c);
	return file;
}

void
line_file_add(LineFile *file, const char *bytes, size_t length)
{
	COMP_CRC32C(file->crc32c, bytes, length);
	spool_write(file->spool, bytes, length);
}

void
line_file_finish(LineFile *file)
{
	FIN_CRC32C(file->crc32c);
}
