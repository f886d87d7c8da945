/*
 * line_file.h
 *	  A file of lines in a spool: gathered, compressed in members of about a megabyte, and
 *	  counted into a checksum.  Memory stays flat however many lines there are.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LINE_FILE_H
#define DATAOPS_LINE_FILE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "core/spool.h"

typedef struct LineFile
{
	StringInfoData lines;		/* append whole lines, then say so */
	Spool	   *spool;			/* what is stored so far */
	uint32		crc32c;			/* of the spool, once finished */
	/* its own */
	MemoryContext memory;
	bool		gzip;
} LineFile;

/* It and its spool live in "memory". */
extern LineFile *line_file_begin(MemoryContext memory, bool gzip);

/* A line, or several, are complete in file->lines: they may leave. */
extern void line_file_end_line(LineFile *file);

/* Bytes of the file so far; of a compressed one without the lines not yet compressed. */
extern uint64 line_file_size(const LineFile *file);

extern void line_file_finish(LineFile *file);

#endif
