/*
 * archive.c
 *	  Writing of archive objects.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/archive.h"

#include "core/error.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "format/append.h"
#include "format/json_text.h"

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

void
archive_page(LineBlocks *lines, Records *records)
{
	const char *bytes;
	size_t		length;

	records_rewind(records);
	while (records_next(records, &bytes, &length))
	{
		StringInfo	text = &lines->lines;
		int			start = text->len;

		append_bytes(text, bytes, length);
		records_release(records);
		json_in_one_line(text->data + start, length);
		append_char(text, '\n');
		line_blocks_end_line(lines);
	}
}

void
archive_block(void *file, const char *bytes, size_t length, int64 records)
{
	line_file_add(file, bytes, length);
}

ArchiveObject
archive_store(LineFile *file, Store *store, const char *name)
{
	ArchiveObject object;
	StoreResult result;

	object.bytes = spool_size(file->spool);
	object.crc32c = file->crc32c;
	FAULT_POINT("archive_before_put");
	result = store_put_if_absent(store, name, &(StoreContent) {
		.spool = file->spool, .crc32c = object.crc32c, .content_type = "application/gzip"
	});
	FAULT_POINT("archive_after_put");
	if (result.outcome == STORE_EXISTS_OTHER)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("archive \"%s\" holds another object of the name \"%s\"", store->server,
					   name));
	if (!store_is_there(&result))
		ereport(ERROR,
				errcode(ERRCODE_IO_ERROR),
				errmsg("could not write to archive \"%s\"", store->server),
				errdetail("The store says: %s.",
						  result.reason == NULL ? "no reason" :
						  error_clean(result.reason, strlen(result.reason), 1000)));
	return object;
}
