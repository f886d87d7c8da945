/*
 * spool.c
 *	  A sequence of bytes in memory, then in a temporary file of the server.
 *
 *	  The file is one of the server's own (counted against temp_file_limit, removed when the
 *	  process ends), but of the kind that no transaction's end closes: its owner is the memory
 *	  context. The plain file interface is used because closing a BufFile can write, hence throw,
 *	  in an abort.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/spool.h"

#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define SPOOL_FIRST_SIZE	((size_t) 8 * 1024)	/* unless more is expected */
#define SPOOL_FILE_BUFFER	((size_t) 256 * 1024)	/* the memory that stays once there is a file */

struct Spool
{
	MemoryContext owner;
	MemoryContextCallback release;
	char	   *memory;			/* all bytes, or those on their way to or from the file */
	size_t		used;
	size_t		first_size;
	size_t		size;			/* allocated */
	File		file;			/* -1 while all is in memory */
	uint64		in_file;		/* bytes written to the file */
	uint64		position;		/* next byte to read */
	bool		reading;
	const char *hint;			/* when it meets the limit; NULL: the general one */
};

int			spool_limit_mb = 1024;

/* bytes that all spools of this process keep in files */
static uint64 spooled_to_files = 0;

static void
spool_release(void *arg)
{
	Spool	   *spool = arg;

	if (spool->file >= 0)
		FileClose(spool->file);
	spool->file = -1;
	spooled_to_files -= spool->in_file;
	spool->in_file = 0;
}

Spool *
spool_create(MemoryContext owner)
{
	Spool	   *spool = MemoryContextAllocZero(owner, sizeof(Spool));

	spool->owner = owner;
	spool->file = -1;
	spool->first_size = SPOOL_FIRST_SIZE;
	spool->release.func = spool_release;
	spool->release.arg = spool;
	MemoryContextRegisterResetCallback(owner, &spool->release);
	return spool;
}

static void
spool_to_file(Spool *spool)
{
	size_t		done = 0;

	if (spooled_to_files + spool->used > (uint64) spool_limit_mb * 1024 * 1024)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("could not store more than %d MB in temporary files", spool_limit_mb),
				errhint("%s", spool->hint != NULL ? spool->hint :
						"Make pages or batches smaller, or raise dataops.spool_limit."));
	if (spool->file < 0)
		spool->file = OpenTemporaryFile(true);
	while (done < spool->used)
	{
		int			wrote;

		errno = 0;
		wrote = FileWrite(spool->file, spool->memory + done, spool->used - done,
						  spool->in_file, WAIT_EVENT_BUFFILE_WRITE);
		if (wrote <= 0)
		{
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR, errcode_for_file_access(),
					errmsg("could not write to temporary file: %m"));
		}
		done += wrote;
		spool->in_file += wrote;
		spooled_to_files += wrote;
	}
	spool->used = 0;
}

/* Makes room for "length" more bytes in memory, or for as many as memory may hold. */
static void
spool_grow(Spool *spool, size_t length)
{
	size_t		size = Max(spool->size, spool->first_size);

	while (size - spool->used < length && size < SPOOL_MEMORY)
		size *= 2;
	if (spool->memory == NULL)
		spool->memory = MemoryContextAlloc(spool->owner, size);
	else if (size > spool->size)
		spool->memory = repalloc(spool->memory, size);
	spool->size = size;
}

void
spool_write(Spool *spool, const char *bytes, size_t length)
{
	Assert(!spool->reading);
	while (length > 0)
	{
		size_t		part;

		if (spool->file < 0 && spool->size - spool->used < length)
			spool_grow(spool, length);
		if (spool->used == spool->size)
		{
			spool_to_file(spool);
			if (spool->size > SPOOL_FILE_BUFFER)
			{
				spool->memory = repalloc(spool->memory, SPOOL_FILE_BUFFER);
				spool->size = SPOOL_FILE_BUFFER;
			}
		}
		part = Min(length, spool->size - spool->used);
		memcpy(spool->memory + spool->used, bytes, part);
		spool->used += part;
		bytes += part;
		length -= part;
	}
}

void
spool_expect(Spool *spool, uint64 bytes)
{
	spool->first_size = Max(Min(bytes, SPOOL_MEMORY), SPOOL_FIRST_SIZE);
}

void
spool_set_hint(Spool *spool, const char *hint)
{
	spool->hint = hint;
}

void
spool_end(Spool *spool)
{
	spool_rewind(spool);
	if (spool->file < 0)
		return;
	pfree(spool->memory);
	spool->memory = NULL;
	spool->size = 0;
}

void
spool_rewind(Spool *spool)
{
	spool_seek(spool, 0);
}

void
spool_seek(Spool *spool, uint64 position)
{
	if (spool->file >= 0 && !spool->reading)
		spool_to_file(spool);
	spool->reading = true;
	Assert(position <= spool_size(spool));
	spool->position = position;
}

bool
spool_read(Spool *spool, const char **bytes, size_t *length)
{
	int			got;

	Assert(spool->reading);
	if (spool->position == spool_size(spool))
		return false;
	if (spool->file < 0)
	{
		*bytes = spool->memory + spool->position;
		*length = spool->used - spool->position;
		spool->position = spool->used;
		return true;
	}
	if (spool->memory == NULL)
	{
		spool->memory = MemoryContextAlloc(spool->owner, SPOOL_FILE_BUFFER);
		spool->size = SPOOL_FILE_BUFFER;
	}
	got = FileRead(spool->file, spool->memory, spool->size, spool->position,
				   WAIT_EVENT_BUFFILE_READ);
	if (got <= 0)
		ereport(ERROR, got < 0 ? errcode_for_file_access() : errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("could not read from temporary file: %m"));
	spool->position += got;
	*bytes = spool->memory;
	*length = got;
	return true;
}

uint64
spool_size(const Spool *spool)
{
	/* while reading from a file, memory holds a copy of a part of it */
	return spool->file >= 0 && spool->reading ? spool->in_file : spool->in_file + spool->used;
}
