/*
 * file_put.c
 *	  Putting an object into the file store.
 *
 * It appears under its name only when it is whole and on disk: written aside, synced, linked,
 * folder synced.  Moving a put on writes it aside; ending it gives it the name.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/file.h"

#include <fcntl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "core/fault.h"

typedef struct FilePut
{
	MemoryContext memory;
	FileStore  *store;
	char	   *name;
	StoreContent content;
	uint64		size;
	bool		aside;			/* it was written aside, or that has failed */
	StoreResult result;
} FilePut;

char *
file_aside_end(const char *mark)
{
	return mark != NULL ? psprintf(".%s.part", mark) : pstrdup(".part");
}

char *
file_aside(const FileWork *work, const char *mark)
{
	return psprintf(".%s%s", work->name, file_aside_end(mark));
}

static bool
write_all(int file, const char *bytes, size_t length)
{
	while (length > 0)
	{
		ssize_t		written = write(file, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		length -= written;
	}
	return true;
}

/* Writes the unfinished object and has it on disk. */
static bool
write_aside(FileWork *work, const char *aside, Spool *content)
{
	const char *bytes;
	size_t		length;

	(void) unlinkat(work->folder, aside, 0);
	work->file = file_work_open(work->folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
	if (work->file < 0)
		return file_work_fail(work, "create the object");
	spool_rewind(content);
	while (spool_read(content, &bytes, &length))
	{
		CHECK_FOR_INTERRUPTS();
		if (!write_all(work->file, bytes, length))
			return file_work_fail(work, "write the object");
	}
	if (pg_fsync(work->file) != 0)
		return file_work_fail(work, "write the object to disk");
	file_work_close(&work->file);
	return true;
}

/* Gives it its name unless something has that; *exists tells. */
static bool
publish(FileWork *work, const char *aside, bool *exists)
{
	*exists = false;
	FAULT_POINT("archive_before_link");
	if (linkat(work->folder, aside, work->folder, work->name, 0) != 0)
	{
		if (errno != EEXIST)
			return file_work_fail(work, "name the object");
		*exists = true;
	}
	FAULT_POINT("archive_after_link");
	if (unlinkat(work->folder, aside, 0) != 0 || pg_fsync(work->folder) != 0)
		return file_work_fail(work, "write the object's folder to disk");
	return true;
}

/* Does it have the contents that were put? */
static void
judge(FileWork *work, const FilePut *put, bool exists)
{
	bool		same = work->result.size == put->size &&
		work->result.crc32c == put->content.crc32c;

	work->result.outcome = same ? (exists ? STORE_EXISTS_SAME : STORE_DONE) : STORE_EXISTS_OTHER;
	if (!same && !exists)
	{
		errno = EIO;
		(void) file_work_fail(work, "read back what was written");
	}
}

/* One of the two halves of a put. */
static void
work_on(FilePut *put, bool to_its_name)
{
	MemoryContext caller = MemoryContextSwitchTo(put->memory);
	FileWork   *work = file_work_begin();
	bool		found = file_work_find(work, put->store, put->name, true);
	char	   *aside = file_aside(work, put->content.mark);
	bool		exists;

	if (found && !to_its_name)
		found = write_aside(work, aside, put->content.spool);
	else if (found && publish(work, aside, &exists) && file_work_measure(work))
		judge(work, put, exists);
	if (work->result.outcome == STORE_FAILED && work->folder >= 0)
		(void) unlinkat(work->folder, aside, 0);
	put->result = file_work_end(work);
	MemoryContextSwitchTo(caller);
}

StorePut *
file_put_begin(Store *store, const char *name, const StoreContent *content)
{
	FilePut    *put = palloc0(sizeof(FilePut));

	put->memory = CurrentMemoryContext;
	put->store = (FileStore *) store;
	put->name = pstrdup(name);
	put->content = *content;
	put->size = spool_size(content->spool);
	return (StorePut *) put;
}

StorePutState
file_put_pump(StorePut *base)
{
	FilePut    *put = (FilePut *) base;

	if (!put->aside)
		work_on(put, false);
	put->aside = true;
	return put->result.outcome == STORE_FAILED ? STORE_PUT_SETTLED : STORE_PUT_TAKEN;
}

StoreResult
file_put_finish(StorePut *base)
{
	FilePut    *put = (FilePut *) base;
	StoreResult result;

	if (file_put_pump(base) == STORE_PUT_TAKEN)
		work_on(put, true);
	result = put->result;
	if (result.reason != NULL)
		result.reason = pstrdup(result.reason);
	pfree(put->name);
	pfree(put);
	return result;
}
