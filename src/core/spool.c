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

#define SPARE_LEAST		((size_t) 64 * 1024)	/* what is smaller costs nothing to take */
#define SPARE_BYTES		((size_t) 16 * 1024 * 1024)
#define SPARE_COUNT		128
#define SPARE_ROOM		4		/* times what is wanted; one that has more is too good for it */

struct Spool
{
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

/* ---- memory ---- */

typedef struct Spare
{
	char	   *memory;
	size_t		size;
} Spare;

static MemoryContext spools_memory = NULL;	/* of all spools of this process */
static int	nusers = 0;			/* spools, and those who keep memory for them */
static Spare spares[SPARE_COUNT];
static int	nspares = 0;
static size_t spare_bytes = 0;

/* The smallest spare that suits; -1: none. */
static int
find_spare(size_t size)
{
	int			found = -1;

	for (int i = 0; i < nspares; i++)
		if (spares[i].size >= size && spares[i].size / SPARE_ROOM <= size &&
			(found < 0 || spares[i].size < spares[found].size))
			found = i;
	return found;
}

static Spare
take_spare(int which)
{
	Spare		spare = spares[which];

	spare_bytes -= spare.size;
	spares[which] = spares[--nspares];
	return spare;
}

/* At least "size" bytes.  Where no spare suits, as much of them goes as is taken. */
static Spare
take_memory(size_t size)
{
	int			found = find_spare(size);
	size_t		gone = 0;

	if (found >= 0)
		return take_spare(found);
	while (nspares > 0 && gone < size)
	{
		Spare		spare = take_spare(nspares - 1);

		gone += spare.size;
		pfree(spare.memory);
	}
	return (Spare) {.memory = MemoryContextAlloc(spools_memory, size), .size = size};
}

static void
drop_memory(Spool *spool)
{
	if (spool->size >= SPARE_LEAST && nspares < SPARE_COUNT &&
		spare_bytes + spool->size <= SPARE_BYTES)
	{
		spares[nspares++] = (Spare) {.memory = spool->memory, .size = spool->size};
		spare_bytes += spool->size;
	}
	else if (spool->memory != NULL)
		pfree(spool->memory);
	spool->memory = NULL;
	spool->size = 0;
}

static void
join_users(void)
{
	if (spools_memory == NULL)
		spools_memory = AllocSetContextCreate(TopMemoryContext, "dataops spools",
											  ALLOCSET_DEFAULT_SIZES);
	nusers++;
}

static void
leave_users(void *arg)
{
	if (--nusers > 0)
		return;
	nspares = 0;
	spare_bytes = 0;
	MemoryContextReset(spools_memory);
}

void
spool_keep_memory(MemoryContext owner)
{
	MemoryContextCallback *leave = MemoryContextAllocZero(owner, sizeof(MemoryContextCallback));

	leave->func = leave_users;
	join_users();
	MemoryContextRegisterResetCallback(owner, leave);
}

/* ---- writing and reading ---- */

static void
spool_release(void *arg)
{
	Spool	   *spool = arg;

	if (spool->file >= 0)
		FileClose(spool->file);
	spooled_to_files -= spool->in_file;
	drop_memory(spool);
	leave_users(NULL);
}

Spool *
spool_create(MemoryContext owner)
{
	Spool	   *spool = MemoryContextAllocZero(owner, sizeof(Spool));

	spool->file = -1;
	spool->first_size = SPOOL_FIRST_SIZE;
	spool->release.func = spool_release;
	spool->release.arg = spool;
	join_users();
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

/* Into memory of at least "size" bytes. */
static void
move_to(Spool *spool, size_t size)
{
	Spare		taken = take_memory(size);

	if (spool->used > 0)
		memcpy(taken.memory, spool->memory, spool->used);
	drop_memory(spool);
	spool->memory = taken.memory;
	spool->size = taken.size;
}

/* Makes room for "length" more bytes in memory, or for as many as memory may hold. */
static void
spool_grow(Spool *spool, size_t length)
{
	size_t		size = Max(spool->size, spool->first_size);

	while (size - spool->used < length && size < SPOOL_MEMORY)
		size *= 2;
	if (size > spool->size)
		move_to(spool, size);
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
				move_to(spool, SPOOL_FILE_BUFFER);
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
	uint64		step = SPOOL_FIRST_SIZE;

	/* one of few sizes, so that a spare is found that does */
	while (step * 16 < bytes)
		step *= 2;
	spool->first_size = Max(Min(TYPEALIGN64(step, bytes), SPOOL_MEMORY), SPOOL_FIRST_SIZE);
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
	drop_memory(spool);
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
		move_to(spool, SPOOL_FILE_BUFFER);
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
