/*
 * line_file.h
 *	  A file in a spool that grows by blocks and is counted into a checksum.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LINE_FILE_H
#define DATAOPS_LINE_FILE_H

#include "postgres.h"

#include "core/spool.h"

typedef struct LineFile
{
	Spool	   *spool;
	uint32		crc32c;			/* of the spool, once finished */
} LineFile;

/* It and its spool live in "memory". */
extern LineFile *line_file_begin(MemoryContext memory);

/* Adds bytes as they are to be stored. */
extern void line_file_add(LineFile *file, const char *bytes, size_t length);

extern void line_file_finish(LineFile *file);

#endif
