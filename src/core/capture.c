/*
 * capture.c
 *	  A run of bytes out of a stream that comes in chunks: without a copy while it lies in one.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/capture.h"

#include "utils/memutils.h"

#define FIRST_CAPACITY	256

void
capture_begin(Capture *capture, const char *at)
{
	capture->active = true;
	capture->over = false;
	capture->from = at;
	capture->used = 0;
}

static void
reserve(Capture *capture, size_t length)
{
	size_t		capacity = Max(capture->capacity, FIRST_CAPACITY);

	while (capacity - capture->used < length)
		capacity *= 2;
	if (capacity == capture->capacity)
		return;
	if (capture->buffer == NULL)
		capture->buffer = MemoryContextAllocHuge(capture->memory, capacity);
	else
		capture->buffer = repalloc_huge(capture->buffer, capacity);
	capture->capacity = capacity;
}

void
capture_carry(Capture *capture, const char *end)
{
	size_t		length = end - capture->from;

	if (!capture->active || length == 0)
		return;
	if (capture->over || length > capture->limit - capture->used)
		capture->over = true;
	else
	{
		reserve(capture, length);
		memcpy(capture->buffer + capture->used, capture->from, length);
		capture->used += length;
	}
	capture->from = end;
}

void
capture_resume(Capture *capture, const char *start)
{
	capture->from = start;
}

bool
capture_finish(Capture *capture, const char *at, const char **bytes, size_t *length)
{
	if (capture->used > 0 || capture->over)
		return capture_finish_copy(capture, at, bytes, length);
	capture->active = false;
	*bytes = capture->from;
	*length = at - capture->from;
	return *length <= capture->limit;
}

bool
capture_finish_copy(Capture *capture, const char *at, const char **bytes, size_t *length)
{
	capture_carry(capture, at);
	capture->active = false;
	*bytes = capture->buffer;
	*length = capture->used;
	return !capture->over;
}
