/*
 * records.c
 *	  A spool of records, each behind its length.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/records.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/spool.h"

#define KEPT_BYTES	(64 * 1024)

struct Records
{
	Spool	   *spool;
	int64		count;
	StringInfoData joined;		/* a record that lies across two runs of the spool */
	const char *run;			/* what the spool gave and was not yet taken */
	size_t		run_length;
};

Records *
records_create(MemoryContext owner)
{
	MemoryContext previous = MemoryContextSwitchTo(owner);
	Records    *records = palloc0(sizeof(Records));

	records->spool = spool_create(owner);
	initStringInfo(&records->joined);
	MemoryContextSwitchTo(previous);
	return records;
}

void
records_add(Records *records, const char *bytes, size_t length)
{
	uint64		size = length;

	spool_write(records->spool, (const char *) &size, sizeof(size));
	spool_write(records->spool, bytes, length);
	records->count++;
}

void
records_rewind(Records *records)
{
	spool_rewind(records->spool);
	records->run = NULL;
	records->run_length = 0;
}

/* The next "length" bytes in one piece; false when the spool is at its end. */
static bool
take(Records *records, size_t length, const char **bytes)
{
	if (records->run_length == 0 && length > 0 &&
		!spool_read(records->spool, &records->run, &records->run_length))
		return false;
	if (length <= records->run_length)
	{
		*bytes = records->run;
		records->run += length;
		records->run_length -= length;
		return true;
	}
	resetStringInfo(&records->joined);
	while (length > 0)
	{
		size_t		part = Min(length, records->run_length);

		appendBinaryStringInfo(&records->joined, records->run, part);
		records->run += part;
		records->run_length -= part;
		length -= part;
		if (length > 0 && !spool_read(records->spool, &records->run, &records->run_length))
			elog(ERROR, "a spool of records ends within a record");
	}
	*bytes = records->joined.data;
	return true;
}

bool
records_next(Records *records, const char **bytes, size_t *length)
{
	const char *head;
	uint64		size;

	if (!take(records, sizeof(size), &head))
		return false;
	memcpy(&size, head, sizeof(size));
	*length = size;
	return take(records, size, bytes);
}

void
records_release(Records *records)
{
	MemoryContext previous;

	if (records->joined.maxlen <= KEPT_BYTES)
		return;
	previous = MemoryContextSwitchTo(GetMemoryChunkContext(records));
	pfree(records->joined.data);
	initStringInfo(&records->joined);
	MemoryContextSwitchTo(previous);
}

int64
records_count(const Records *records)
{
	return records->count;
}
