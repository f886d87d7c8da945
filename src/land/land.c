/*
 * land.c
 *	  The sink of pages: collects a batch outside of any transaction and lands it in one.
 *
 * While pages are read, records become jsonb and lines of the archive; the transaction only writes.
 * The order is what makes landing exactly once.  An intent names the archive object and is
 * committed, durably; the object is written; one transaction then holds raw rows, page rows, batch,
 * cursors, request log and the intent's end.  Whoever dies before that commit has landed nothing:
 * the next attempt takes the object back by its intent and reads the pages again.
 *
 * That last commit does not wait for the disk where pages may be asked for again: a crash that
 * undoes it undoes rows and cursors together.  The end of the step waits for all of them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/land.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "catalog/connection.h"
#include "catalog/landing.h"
#include "catalog/raw_table.h"
#include "catalog/txn.h"
#include "core/copy.h"
#include "core/fault.h"
#include "core/spool.h"
#include "core/uuid.h"
#include "format/jsonb_writer.h"
#include "land/archive.h"
#include "land/rows.h"
#include "store/store.h"

#define BATCH_BYTES		(8 * 1024 * 1024)
#define BATCH_KEPT		(16 * 1024 * 1024)	/* many short values are short only as text */
#define BATCH_PAGES		100
#define BATCH_SHARDS	500
#define BATCH_USECS		(10 * USECS_PER_SEC)

/* What the batch that lands is called. */
typedef struct BatchName
{
	pg_uuid_t	id;
	TimestampTz created_at;
	char	   *object;			/* NULL without an archive */
} BatchName;

typedef struct LandBatch
{
	MemoryContext memory;
	List	   *pages;			/* LandPage * */
	int64		records;
	int64		bytes;			/* received */
	uint64		kept;			/* bytes of records as they wait */
	TimestampTz opened_at;
} LandBatch;

typedef struct LandSink
{
	BatchSink	base;
	MemoryContext memory;
	MemoryContext request_memory;
	MemoryContext page_memory;	/* of the page begun; NULL between pages */
	MemoryContext received_memory;	/* of its records as received; emptied between pages */
	Run		   *run;
	Step	   *step;
	BatchSource source;
	Archive    *archive;		/* NULL: there is none */
	JsonbWriter *writer;
	List	   *requests;		/* RequestLog *, not yet written */
	MemoryContext cursor_memory;
	List	   *cursors;		/* CursorState *, not yet written; one a shard */
	LandBatch  *batch;			/* NULL: none is open */
	TimestampTz idle_since;		/* when the batch before had landed */
	LandPage   *page;			/* NULL: none is begun */
	Records    *received;		/* its records for the archive; NULL without one */
	uint64		last_kept;		/* bytes of the last page's records */
	uint64		last_received;
} LandSink;

/* ---- opening ---- */

/* Takes back what attempts that died wrote under their intents. */
static void
clean_up(LandSink *sink)
{
	Store	   *store = sink->archive->store;
	List	   *left;
	ListCell   *cell;

	txn_begin(sink->run);
	MemoryContextSwitchTo(sink->memory);
	left = landing_left_objects(sink->run, sink->step);
	txn_commit(sink->run);
	foreach(cell, left)
	{
		LeftObject *object = lfirst(cell);

		/* objects in a store that the source no longer uses stay open, for doctor() to show */
		if (strcmp(object->server, store->server) != 0)
			continue;
		FAULT_POINT("clean_before_remove");
		if (store->driver->remove(store, object->name).outcome == STORE_FAILED)
			continue;
		FAULT_POINT("clean_after_remove");
		txn_begin(sink->run);
		landing_intent_removed(&object->intent);
		txn_commit(sink->run);
	}
}

static void
land_open(BatchSink *base, Run *run, Step *step, const BatchSource *source)
{
	LandSink   *sink = (LandSink *) base;
	MemoryContext caller = CurrentMemoryContext;

	sink->run = run;
	sink->step = step;
	txn_begin(run);
	MemoryContextSwitchTo(sink->memory);
	sink->source.name = pstrdup(source->name);
	sink->source.env = pstrdup(source->env);
	sink->source.definition = source->definition;
	sink->source.raw_table = source->raw_table;
	sink->source.repeatable = source->repeatable;
	sink->writer = jsonb_writer_create(sink->memory);
	if (source->archive != NULL)
	{
		sink->source.archive = pstrdup(source->archive);
		sink->archive = archive_open(store_open(connection_open(source->archive, run->owner),
												STORE_PRODUCTION, sink->memory), sink->memory);
	}
	txn_commit(run);
	if (sink->archive != NULL)
		clean_up(sink);
	sink->idle_since = GetCurrentTimestamp();
	MemoryContextSwitchTo(caller);
}

static void
land_log_request(BatchSink *base, const RequestLog *request)
{
	LandSink   *sink = (LandSink *) base;
	MemoryContext previous = MemoryContextSwitchTo(sink->request_memory);
	RequestLog *copy = palloc(sizeof(RequestLog));

	*copy = *request;
	copy->method = pstrdup(request->method);
	copy->url = pstrdup(request->url);
	copy->problem = copy_text(request->problem);
	sink->requests = lappend(sink->requests, copy);
	MemoryContextSwitchTo(previous);
}

/* ---- pages ---- */

static void
open_batch(LandSink *sink)
{
	MemoryContext memory = AllocSetContextCreate(sink->memory, "dataops batch",
												 ALLOCSET_DEFAULT_SIZES);

	sink->batch = MemoryContextAllocZero(memory, sizeof(LandBatch));
	sink->batch->memory = memory;
	sink->batch->opened_at = GetCurrentTimestamp();
	if (sink->archive != NULL)
		archive_begin(sink->archive, memory);
}

static void
land_page_begin(BatchSink *base, const PageInfo *info)
{
	LandSink   *sink = (LandSink *) base;
	MemoryContext previous;

	Assert(sink->page == NULL);
	sink->page_memory = AllocSetContextCreate(sink->memory, "dataops page", ALLOCSET_DEFAULT_SIZES);
	previous = MemoryContextSwitchTo(sink->page_memory);
	sink->page = palloc0(sizeof(LandPage));
	sink->page->row.url = pstrdup(info->url);
	sink->page->row.status = info->status;
	sink->page->row.received_at = info->received_at;
	sink->page->row.headers = copy_jsonb(info->headers);
	sink->page->records = records_create(sink->page_memory, sink->last_kept);
	if (sink->archive != NULL)
		sink->received = records_create(sink->received_memory, sink->last_received);
	MemoryContextSwitchTo(previous);
}

/*
 * With an archive the record becomes jsonb now, while a helper may compress lines; without one,
 * when it is written, for then the value is still at hand.
 */
static void
land_record(BatchSink *base, const char *bytes, size_t length)
{
	LandSink   *sink = (LandSink *) base;
	Records    *records = sink->page->records;
	JsonRefusal why;
	Jsonb	   *value;

	if (sink->archive == NULL)
	{
		records_add_bytes(records, bytes, length);
		return;
	}
	records_add_bytes(sink->received, bytes, length);
	if (jsonb_write(sink->writer, bytes, length, &value, &why))
		records_add(records, value);
	else
		records_add_refused(records, bytes, length, &why);
	jsonb_writer_trim(sink->writer);
}

/* What was received of the page is not needed any more. */
static void
forget_received(LandSink *sink)
{
	MemoryContextReset(sink->received_memory);
	sink->received = NULL;
}

static void
land_page_discard(BatchSink *base)
{
	LandSink   *sink = (LandSink *) base;

	forget_received(sink);
	MemoryContextDelete(sink->page_memory);
	sink->page_memory = NULL;
	sink->page = NULL;
}

/* The cursor noted for the shard; a new one when there is none. */
static CursorState *
cursor_of(LandSink *sink, const char *shard)
{
	CursorState *cursor;
	ListCell   *cell;

	foreach(cell, sink->cursors)
		if (strcmp(((CursorState *) lfirst(cell))->shard, shard) == 0)
			return lfirst(cell);
	cursor = palloc0(sizeof(CursorState));
	cursor->shard = pstrdup(shard);
	sink->cursors = lappend(sink->cursors, cursor);
	return cursor;
}

/* Keeps the cursor for the next commit; a shard's former one counts no more. */
static void
note_cursor(LandSink *sink, const CursorState *from)
{
	MemoryContext previous = MemoryContextSwitchTo(sink->cursor_memory);
	CursorState *to = cursor_of(sink, from->shard);

	to->value = copy_text(from->value);
	to->etag = copy_text(from->etag);
	to->last_modified = copy_text(from->last_modified);
	to->position = copy_jsonb(from->position);
	MemoryContextSwitchTo(previous);
}

/* ---- landing ---- */

static BatchName
make_name(LandSink *sink)
{
	BatchName	name = {.id = uuid_v7()};

	/* whole milliseconds: the object's name tells the same moment as the rows */
	name.created_at = GetCurrentTimestamp() / 1000 * 1000;
	if (sink->archive != NULL)
		name.object = archive_name(sink->source.name, sink->source.env, &name.id, name.created_at);
	return name;
}

static void
commit_intent(LandSink *sink, const BatchName *name)
{
	FAULT_POINT("land_before_intent");
	txn_begin(sink->run);
	landing_intent(sink->run, sink->step, &name->id, sink->source.archive, name->object);
	txn_commit(sink->run);
	FAULT_POINT("land_after_intent");
}

/*
 * Writes the archive object of the open batch, whose lines are on their way.  The intent comes when
 * the object is ready to be written: by then the commit of the batch before has reached the disk.
 */
static ArchiveObject
archive_batch(LandSink *sink, const BatchName *name)
{
	MemoryContext previous = MemoryContextSwitchTo(sink->batch->memory);
	ArchiveObject object;

	archive_finish(sink->archive);
	commit_intent(sink, name);
	MemoryContextSwitchTo(sink->batch->memory);
	object = archive_store(sink->archive, name->object);
	MemoryContextSwitchTo(previous);
	return object;
}

/* Rows, pages and the batch itself, in the transaction that is open. */
static void
write_batch(LandSink *sink, BatchRow *row)
{
	LandBatch  *batch = sink->batch;
	RawInsert  *insert;
	ListCell   *cell;

	insert = raw_insert_begin(sink->source.raw_table, sink->run->owner, &row->id, row->created_at);
	foreach(cell, batch->pages)
		rows_insert_page(sink->run, sink->step, row, lfirst(cell), sink->writer, insert);
	raw_insert_end(insert);
	FAULT_POINT("land_after_insert");
	landing_pages(&row->id, batch->pages);
	landing_batch(sink->run, sink->step, row);
}

/* What was collected for the transaction that is over. */
static void
forget_written(LandSink *sink)
{
	sink->requests = NIL;
	MemoryContextReset(sink->request_memory);
	sink->cursors = NIL;
	MemoryContextReset(sink->cursor_memory);
	if (sink->batch != NULL)
		MemoryContextDelete(sink->batch->memory);
	sink->batch = NULL;
}

static void
count_batch(LandSink *sink, const BatchRow *row)
{
	sink->base.records += row->records;
	sink->base.quarantined += row->quarantined;
	sink->base.bytes += row->bytes;
	sink->base.pages += row->pages;
}

/* The rows of the open batch, in the transaction that is open. */
static void
land_rows(LandSink *sink, BatchRow *row, const BatchName *name, const ArchiveObject *object)
{
	row->id = name->id;
	row->created_at = name->created_at;
	row->object = name->object;
	row->object_bytes = object->bytes;
	row->object_crc32c = object->crc32c;
	write_batch(sink, row);
	if (sink->archive != NULL)
		landing_intent_done(&row->id, object->bytes, object->crc32c);
}

/*
 * Commits the open batch, if it has records, with the cursors and the request log.  "helped": the
 * next one is worth a helper.
 */
static void
commit_batch(LandSink *sink, bool helped)
{
	LandBatch  *batch = sink->batch;
	bool		has_rows = batch != NULL && batch->records > 0;
	BatchRow	row = {.source = &sink->source};
	BatchName	name = {0};
	ArchiveObject object = {0};
	MemoryContext caller = CurrentMemoryContext;

	if (batch != NULL)
	{
		MemoryContextSwitchTo(batch->memory);
		row.pages = list_length(batch->pages);
		row.bytes = batch->bytes;
	}
	if (has_rows)
		name = make_name(sink);
	if (has_rows && sink->archive != NULL)
		object = archive_batch(sink, &name);
	txn_begin(sink->run);
	if (sink->archive != NULL)
		archive_choose_helper(sink->archive, helped);
	FAULT_POINT("land_before_insert");
	if (has_rows)
		land_rows(sink, &row, &name, &object);
	landing_cursors_put(sink->run, &sink->source, sink->cursors, has_rows ? &row.id : NULL);
	landing_requests(sink->run, sink->step, sink->requests);
	FAULT_POINT("land_before_commit");
	if (sink->source.repeatable)
		txn_commit_async(sink->run);
	else
		txn_commit(sink->run);
	FAULT_POINT("land_after_commit");
	count_batch(sink, &row);
	forget_written(sink);
	sink->idle_since = GetCurrentTimestamp();
	MemoryContextSwitchTo(caller);
}

/* Is the batch after this one worth a helper?  It will come as this one did. */
static bool
is_fast(const LandSink *sink)
{
	return sink->batch != NULL &&
		archive_needs_helper(sink->batch->bytes, GetCurrentTimestamp() - sink->idle_since);
}

static bool
is_full(const LandSink *sink)
{
	const LandBatch *batch = sink->batch;

	if (list_length(sink->cursors) >= BATCH_SHARDS)
		return true;
	return batch != NULL &&
		(batch->bytes >= BATCH_BYTES || batch->kept >= BATCH_KEPT ||
		 list_length(batch->pages) >= BATCH_PAGES ||
		 GetCurrentTimestamp() - batch->opened_at >= BATCH_USECS);
}

static void
land_page_end(BatchSink *base, const CursorState *cursor, int64 body_bytes, uint32 body_crc32c)
{
	LandSink   *sink = (LandSink *) base;
	LandPage   *page = sink->page;
	MemoryContext previous;

	if (sink->batch == NULL)
		open_batch(sink);
	MemoryContextSetParent(sink->page_memory, sink->batch->memory);
	page->row.shard = MemoryContextStrdup(sink->page_memory, cursor->shard);
	previous = MemoryContextSwitchTo(sink->batch->memory);
	sink->batch->pages = lappend(sink->batch->pages, page);
	MemoryContextSwitchTo(previous);
	page->row.number = list_length(sink->batch->pages);
	page->row.bytes = body_bytes;
	page->row.crc32c = body_crc32c;
	page->row.records = records_count(page->records);
	sink->batch->records += page->row.records;
	sink->batch->bytes += body_bytes;
	sink->last_kept = records_size(page->records);
	sink->batch->kept += sink->last_kept;
	note_cursor(sink, cursor);
	sink->page = NULL;
	sink->page_memory = NULL;
	if (sink->archive != NULL)
	{
		sink->last_received = records_size(sink->received);
		archive_page(sink->archive, sink->received);
	}
	forget_received(sink);
	if (is_full(sink))
		commit_batch(sink, is_fast(sink));
}

static void
land_shard_end(BatchSink *base, const CursorState *cursor)
{
	LandSink   *sink = (LandSink *) base;

	note_cursor(sink, cursor);
	if (is_full(sink))
		commit_batch(sink, is_fast(sink));
}

static void
land_close(BatchSink *base)
{
	LandSink   *sink = (LandSink *) base;

	if (sink->cursors != NIL || sink->requests != NIL)
		commit_batch(sink, false);
}

BatchSink *
land_sink(MemoryContext memory)
{
	LandSink   *sink = MemoryContextAllocZero(memory, sizeof(LandSink));

	sink->memory = memory;
	spool_keep_memory(memory);
	sink->request_memory = AllocSetContextCreate(memory, "dataops requests", ALLOCSET_SMALL_SIZES);
	sink->received_memory = AllocSetContextCreate(memory, "dataops received",
												  ALLOCSET_DEFAULT_SIZES);
	sink->cursor_memory = AllocSetContextCreate(memory, "dataops cursors", ALLOCSET_SMALL_SIZES);
	sink->base.open = land_open;
	sink->base.log_request = land_log_request;
	sink->base.page_begin = land_page_begin;
	sink->base.record = land_record;
	sink->base.page_discard = land_page_discard;
	sink->base.page_end = land_page_end;
	sink->base.shard_end = land_shard_end;
	sink->base.close = land_close;
	return &sink->base;
}
