/*
 * archive.c
 *	  Writing of archive objects.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/archive.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/error.h"
#include "core/fault.h"
#include "core/gzip.h"
#include "core/spool.h"
#include "core/uuid.h"

#define MEMBER_BYTES	(1024 * 1024)	/* of lines in one gzip member */
#define MEMBER_LEVEL	1				/* a fifth of the time of 6 for a fifth more bytes */

struct ArchiveWriter
{
	MemoryContext memory;
	Spool	   *object;
	pg_crc32c	crc;
	StringInfoData lines;
};

char *
archive_name(const char *source, const char *env, const pg_uuid_t *batch, TimestampTz created_at)
{
	bool		is_prod = strcmp(env, "prod") == 0;
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(created_at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	return psprintf("%s%sraw/%s/created_at=%04d-%02d-%02d:%02d:%02d:%02d:%03d/%s-00000.ndjson.gz",
					is_prod ? "" : env, is_prod ? "" : "/", source,
					tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
					(int) (fsec / 1000), uuid_text(batch));
}

ArchiveWriter *
archive_begin(MemoryContext memory)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	ArchiveWriter *writer = palloc0(sizeof(ArchiveWriter));

	writer->memory = memory;
	writer->object = spool_create(memory);
	INIT_CRC32C(writer->crc);
	initStringInfo(&writer->lines);
	MemoryContextSwitchTo(previous);
	return writer;
}

/* Compresses the lines collected so far into one member. */
static void
end_member(ArchiveWriter *writer)
{
	MemoryContext work = AllocSetContextCreate(writer->memory, "dataops gzip member",
											   ALLOCSET_DEFAULT_SIZES);
	char	   *member;
	size_t		length;

	gzip_member(writer->lines.data, writer->lines.len, MEMBER_LEVEL, work, &member, &length);
	COMP_CRC32C(writer->crc, member, length);
	spool_write(writer->object, member, length);
	resetStringInfo(&writer->lines);
	MemoryContextDelete(work);
	CHECK_FOR_INTERRUPTS();
}

static void
blank_out(char *bytes, size_t length, char unwanted)
{
	char	   *end = bytes + length;

	while ((bytes = memchr(bytes, unwanted, end - bytes)) != NULL)
		*bytes++ = ' ';
}

/* A record's own line breaks stand between its tokens, where a space means the same. */
static void
add_line(ArchiveWriter *writer, const char *bytes, size_t length)
{
	int			start = writer->lines.len;

	appendBinaryStringInfo(&writer->lines, bytes, length);
	blank_out(writer->lines.data + start, length, '\n');
	blank_out(writer->lines.data + start, length, '\r');
	appendStringInfoChar(&writer->lines, '\n');
}

void
archive_page(ArchiveWriter *writer, Records *records)
{
	const char *bytes;
	size_t		length;

	records_rewind(records);
	while (records_next(records, &bytes, &length))
	{
		add_line(writer, bytes, length);
		if (writer->lines.len >= MEMBER_BYTES)
			end_member(writer);
	}
}

ArchiveObject
archive_store(ArchiveWriter *writer, Store *store, const char *name)
{
	ArchiveObject object;
	StoreResult result;

	if (writer->lines.len > 0)
		end_member(writer);
	FIN_CRC32C(writer->crc);
	object.bytes = spool_size(writer->object);
	object.crc32c = writer->crc;
	FAULT_POINT("archive_before_put");
	result = store->driver->put_if_absent(store, name, &(StoreContent) {
		.spool = writer->object, .crc32c = object.crc32c, .content_type = "application/gzip"
	});
	FAULT_POINT("archive_after_put");
	if (result.outcome == STORE_EXISTS_OTHER)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("archive \"%s\" holds another object of the name \"%s\"", store->server,
					   name));
	if (result.outcome != STORE_DONE && result.outcome != STORE_EXISTS_SAME)
		ereport(ERROR,
				errcode(ERRCODE_IO_ERROR),
				errmsg("could not write to archive \"%s\"", store->server),
				errdetail("The store says: %s.",
						  result.reason == NULL ? "no reason" :
						  error_clean(result.reason, strlen(result.reason), 1000)));
	return object;
}
