/*
 * records.c
 *	  A spool of records, each behind a head that says what it is.
 *
 * Heads and records are padded, so that each lies where a jsonb may be read.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/records.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/spool.h"

#define KEPT_BYTES	(64 * 1024)

typedef enum RecordKind
{
	RECORD_VALUE,
	RECORD_BYTES,
	RECORD_REFUSED				/* a JsonRefusal, then bytes */
} RecordKind;

typedef struct RecordHead
{
	RecordKind	kind;
	uint32		padding;		/* bytes behind the record */
	uint64		length;			/* of the record, without the padding */
} RecordHead;

struct Records
{
	Spool	   *spool;
	int64		count;
	StringInfoData joined;		/* a record that lies across two runs of the spool */
	const char *run;			/* what the spool gave and was not yet taken */
	size_t		run_length;
};

Records *
records_create(MemoryContext owner, uint64 expected)
{
	MemoryContext previous = MemoryContextSwitchTo(owner);
	Records    *records = palloc0(sizeof(Records));

	records->spool = spool_create(owner);
	spool_expect(records->spool, expected + expected / 16);
	initStringInfo(&records->joined);
	MemoryContextSwitchTo(previous);
	return records;
}

static void
write_head(Records *records, RecordKind kind, size_t length)
{
	RecordHead	head = {.kind = kind, .padding = MAXALIGN(length) - length, .length = length};

	spool_write(records->spool, (const char *) &head, sizeof(head));
	records->count++;
}

static void
write_bytes(Records *records, const char *bytes, size_t length)
{
	static const char nothing[MAXIMUM_ALIGNOF] = {0};

	spool_write(records->spool, bytes, length);
	spool_write(records->spool, nothing, MAXALIGN(length) - length);
}

void
records_add(Records *records, const Jsonb *value)
{
	write_head(records, RECORD_VALUE, VARSIZE(value));
	write_bytes(records, (const char *) value, VARSIZE(value));
}

void
records_add_bytes(Records *records, const char *bytes, size_t length)
{
	write_head(records, RECORD_BYTES, length);
	write_bytes(records, bytes, length);
}

void
records_add_refused(Records *records, const char *bytes, size_t length, const JsonRefusal *why)
{
	write_head(records, RECORD_REFUSED, length);
	spool_write(records->spool, (const char *) why, sizeof(JsonRefusal));
	write_bytes(records, bytes, length);
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
records_next(Records *records, Record *record)
{
	const char *bytes;
	RecordHead	head;

	*record = (Record) {0};
	if (!take(records, sizeof(head), &bytes))
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head.kind == RECORD_REFUSED)
	{
		if (!take(records, sizeof(JsonRefusal), &bytes))
			elog(ERROR, "a spool of records ends behind a head");
		memcpy(&record->why, bytes, sizeof(JsonRefusal));
	}
	if (!take(records, head.length + head.padding, &bytes))
		elog(ERROR, "a spool of records ends behind a head");
	if (head.kind == RECORD_VALUE)
		record->value = (Jsonb *) bytes;
	record->bytes = bytes;
	record->length = head.length;
	return true;
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

uint64
records_size(const Records *records)
{
	return spool_size(records->spool);
}
