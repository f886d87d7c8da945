/*
 * buffer.h
 *	  A growable run of bytes for callbacks of foreign libraries: malloc'ed, and it never throws.
 *	  (Not "Buffer": the server has a type of that name.)
 *	  Its holder owns it through a memory context's reset callback that calls buffer_release().
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BUFFER_H
#define DATAOPS_BUFFER_H

#include "postgres.h"

typedef struct ByteBuffer
{
	char	   *data;			/* not NUL-terminated; NULL while empty */
	size_t		used;
	size_t		size;			/* allocated */
	size_t		limit;			/* most bytes it may hold; 0 = no limit */
	const char *problem;		/* why the last append failed; a constant text, or NULL */
} ByteBuffer;

/*
 * Adds "length" bytes. False when over the limit or out of memory: then "problem" says which,
 * nothing was added.
 */
extern bool buffer_append(ByteBuffer *buffer, const char *bytes, size_t length);

/* Gives the memory back; limit stays, the buffer can be used again. Harmless on an empty one. */
extern void buffer_release(ByteBuffer *buffer);

#endif
