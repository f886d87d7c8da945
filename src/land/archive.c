/*
 * archive.c
 *	  Writing of archive objects.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/archive.h"

#include "catalog/sql.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "format/append.h"
#include "format/json_text.h"

/* The least: objects are written while a source waits to be landed, and are read seldom. */
#define OBJECT_LEVEL		1

/* What is larger, and comes faster, is worth a process that helps to compress. */
#define HELPED_BYTES		(4 * 1024 * 1024)
#define HELPED_BYTES_PER_S	(2 * 1024 * 1024)

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

/* Takes what leaves the lines. */
static void
store_block(void *arg, const char *bytes, size_t length, int64 records)
{
	Archive    *archive = arg;

	line_file_add(archive->file, bytes, length);
}

Archive *
archive_open(Store *store, MemoryContext memory)
{
	Archive    *archive = MemoryContextAllocZero(memory, sizeof(Archive));

	archive->store = store;
	archive->lines = line_blocks_create(memory, OBJECT_LEVEL, store_block, archive);
	return archive;
}

void
archive_begin(Archive *archive, MemoryContext memory)
{
	archive->file = line_file_begin(memory);
}

void
archive_page(Archive *archive, Records *records)
{
	StringInfo	text = &archive->lines->lines;
	Record		record;

	records_rewind(records);
	while (records_next(records, &record))
	{
		int			start = text->len;

		append_bytes(text, record.bytes, record.length);
		records_release(records);
		json_in_one_line(text->data + start, record.length);
		append_char(text, '\n');
		line_blocks_end_line(archive->lines);
	}
}

void
archive_finish(Archive *archive)
{
	line_blocks_finish(archive->lines);
	line_file_finish(archive->file);
}

bool
archive_needs_helper(int64 bytes, int64 usecs)
{
	return bytes >= HELPED_BYTES && bytes * USECS_PER_SEC >= usecs * HELPED_BYTES_PER_S;
}

void
archive_choose_helper(Archive *archive, bool wanted)
{
	if (wanted)
		line_blocks_start_helper(archive->lines, sql_run_guarded);
	else
		line_blocks_end_helper(archive->lines);
}

ArchiveObject
archive_store(Archive *archive, const char *name)
{
	Spool	   *spool = archive->file->spool;
	ArchiveObject object = {.bytes = spool_size(spool), .crc32c = archive->file->crc32c};
	const char *server = archive->store->server;
	StoreResult result;

	FAULT_POINT("archive_before_put");
	archive->file = NULL;
	result = store_put_if_absent(archive->store, name, &(StoreContent) {
		.spool = spool, .crc32c = object.crc32c, .content_type = "application/gzip"
	});
	FAULT_POINT("archive_after_put");
	if (result.outcome == STORE_EXISTS_OTHER)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("archive \"%s\" holds another object of the name \"%s\"", server, name));
	if (!store_is_there(&result))
		ereport(ERROR,
				errcode(ERRCODE_IO_ERROR),
				errmsg("could not write to archive \"%s\"", server),
				errdetail("The store says: %s.",
						  result.reason == NULL ? "no reason" :
						  error_clean(result.reason, strlen(result.reason), 1000)));
	return object;
}
