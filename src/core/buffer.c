/*
 * buffer.c
 *	  A growable run of bytes that may be filled inside a callback of a foreign library.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/buffer.h"

#define BUFFER_FIRST_SIZE	4096

bool
buffer_append(ByteBuffer *buffer, const char *bytes, size_t length)
{
	if (buffer->limit > 0 && length > buffer->limit - Min(buffer->used, buffer->limit))
	{
		buffer->problem = "over the size limit";
		return false;
	}
	if (length > buffer->size - buffer->used)
	{
		size_t		wanted = Max(buffer->size, BUFFER_FIRST_SIZE);
		char	   *grown;

		while (wanted - buffer->used < length)
			wanted *= 2;
		grown = realloc(buffer->data, wanted);
		if (grown == NULL)
		{
			buffer->problem = "out of memory";
			return false;
		}
		buffer->data = grown;
		buffer->size = wanted;
	}
	if (length > 0)
		memcpy(buffer->data + buffer->used, bytes, length);
	buffer->used += length;
	return true;
}

void
buffer_release(ByteBuffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->used = buffer->size = 0;
}
