/*
 * capture.h
 *	  A run of bytes out of a stream that comes in chunks: without a copy while it lies in one.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CAPTURE_H
#define DATAOPS_CAPTURE_H

#include "postgres.h"

/* Zeroed but for memory and limit, it is ready for use; its buffer is kept from run to run. */
typedef struct Capture
{
	MemoryContext memory;
	size_t		limit;			/* longest run in bytes */
	bool		active;
	bool		over;			/* the run is longer than the limit, its bytes are lost */
	const char *from;			/* the part in the current chunk begins here */
	char	   *buffer;			/* the parts in former chunks */
	size_t		used;
	size_t		capacity;
} Capture;

extern void capture_begin(Capture *capture, const char *at);

/* The chunk ends at "end": keeps what is in it. Does nothing when not active. */
extern void capture_carry(Capture *capture, const char *end);

/* The next chunk begins at "start". */
extern void capture_resume(Capture *capture, const char *start);

/*
 * The run ends before "at".  False when it is over the limit; else its bytes, in the chunk or in
 * the capture's buffer, until the chunk goes or the next run begins.
 */
extern bool capture_finish(Capture *capture, const char *at, const char **bytes, size_t *length);

/* As capture_finish(), but the bytes are in the buffer in any case. */
extern bool capture_finish_copy(Capture *capture, const char *at, const char **bytes,
								size_t *length);

#endif
