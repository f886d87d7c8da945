/*
 * traversal.c
 *	  The pages of one shard, asked for ahead and taken in one after the other.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/traversal.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/landing.h"
#include "catalog/ledger.h"
#include "catalog/txn.h"
#include "core/copy.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "fetch/page.h"
#include "fetch/range.h"
#include "fetch/watermark.h"

struct Traversal
{
	FetchStage *stage;
	MemoryContext memory;
	RequestScope scope;
	RequestParts *parts;
	CursorRow  *row;			/* as stored; never NULL */
	Pager	   *pager;
	Watermark	highest;
	List	   *asked;			/* Ask *, oldest first */
	const char *etag;			/* of the first page */
	const char *last_modified;
	CursorState cursor;			/* as of the pages taken in */
	MemoryContext cursor_memory;	/* what it points at; reset with each page */
};

/* ---- ends ---- */

/* Ends the stage with a failure of page "number" ("number" 0: of none). */
static void
stop_with(FetchStage *stage, int number, const Answer *answer)
{
	MemoryContext previous = MemoryContextSwitchTo(stage->run->memory);
	StageResult *result = &stage->result;

	stage->stopped = true;
	result->outcome = STAGE_FAILED;
	result->next_attempt_at = answer->not_before;
	result->retry = answer->retry;
	result->sqlstate = answer->sqlstate;
	result->hint = copy_text(answer->hint);
	result->error = psprintf("could not fetch page %d of %s (step \"%s\" of pipeline \"%s\"): %s",
							 number, stage->source->what, stage->step->name, stage->run->pipeline,
							 answer->problem);
	MemoryContextSwitchTo(previous);
}

static void
stop_broken(FetchStage *stage, int number, char *problem, char *hint)
{
	Answer		answer = {
		.kind = ANSWER_FAILED, .problem = problem, .hint = hint, .sqlstate = ERRCODE_MALFORMED_REPLY
	};

	stop_with(stage, number, &answer);
}

/* ---- the cursor ---- */

/* What is stored once the traversal has come to its end, or to the page cap. */
static const char *
final_value(Traversal *traversal)
{
	SourceSpec *source = traversal->stage->source;

	if (source->watermark == NULL && source->paging.type == PAGING_WINDOW)
		return watermark_time_text(pager_done_to(traversal->pager), NULL);
	return watermark_value(&traversal->highest);
}

/* The cursor as of the pages taken in. */
static void
note_cursor(Traversal *traversal)
{
	CursorState *cursor = &traversal->cursor;
	bool		single = traversal->etag != NULL || traversal->last_modified != NULL;
	MemoryContext previous;

	MemoryContextReset(traversal->cursor_memory);
	previous = MemoryContextSwitchTo(traversal->cursor_memory);
	cursor->shard = traversal->row->shard;
	cursor->position = pager_position(traversal->pager, watermark_value(&traversal->highest));
	/* records come in any order: the value counts once all of them are there */
	cursor->value = cursor->position == NULL || pager_was_capped(traversal->pager) ?
		final_value(traversal) : traversal->row->value;
	cursor->etag = single ? traversal->etag : NULL;
	cursor->last_modified = single ? traversal->last_modified : NULL;
	MemoryContextSwitchTo(previous);
}

/* ---- one page ---- */

static void
deliver_record(const char *bytes, size_t length, void *arg)
{
	Traversal  *traversal = arg;
	BatchSink  *sink = traversal->stage->sink;

	watermark_raise(&traversal->highest, bytes, length);
	sink->record(sink, bytes, length);
}

/* Validators of a first page: they stand for the source only when it is its only page. */
static void
note_validators(Traversal *traversal, Ask *ask, HttpResponse *response)
{
	const char *etag = http_header(response, "ETag");
	const char *modified = http_header(response, "Last-Modified");
	bool		only = ask->page->number == 1 && !pager_has_more(traversal->pager);
	MemoryContext previous = MemoryContextSwitchTo(traversal->memory);

	traversal->etag = only && etag != NULL ? error_clean(etag, strlen(etag), 500) : NULL;
	traversal->last_modified = only && modified != NULL ?
		error_clean(modified, strlen(modified), 100) : NULL;
	MemoryContextSwitchTo(previous);
}

/* The page is whole: takes it in, unless the next one is not to be found. */
static void
accept_page(Traversal *traversal, Ask *ask, HttpResponse *response, const PageReading *page)
{
	FetchStage *stage = traversal->stage;
	char	   *why;

	if (!pager_advance(traversal->pager, ask->page, &page->facts, &why))
	{
		stage->sink->page_discard(stage->sink);
		stop_broken(stage, ask->page->number, why, "Check \"paginate\" of the source.");
		return;
	}
	note_validators(traversal, ask, response);
	note_cursor(traversal);
	stage->sink->page_end(stage->sink, &traversal->cursor, page->bytes, page->crc32c);
	FAULT_POINT("fetch_after_page");
}

/* Reads an answer into the sink.  False when the page is asked for again. */
static bool
read_answer(Traversal *traversal, Ask *ask)
{
	FetchStage *stage = traversal->stage;
	BatchSink  *sink = stage->sink;
	HttpResponse *response = ask->answer.response;
	PageInfo	info = {
		.url = ask->shown,
		.status = response->status,
		.headers = page_headers(stage->source, response),
		.received_at = GetCurrentTimestamp()
	};
	Watermark	before = traversal->highest;
	char	   *highest = pstrdup(traversal->highest.value.data);
	PageReading page;

	sink->page_begin(sink, &info);
	page = page_read(stage->source, response, deliver_record, traversal);
	FAULT_POINT("fetch_after_body");
	if (page.problem == NULL)
	{
		accept_page(traversal, ask, response, &page);
		return true;
	}
	sink->page_discard(sink);
	/* what a broken page said does not count */
	traversal->highest = before;
	resetStringInfo(&traversal->highest.value);
	appendStringInfoString(&traversal->highest.value, highest);
	if (page.retry && client_again(stage->client, ask, page.problem))
		return false;
	if (page.retry)
		stop_with(stage, ask->page->number, &ask->answer);
	else
		stop_broken(stage, ask->page->number, page.problem, page.hint);
	return true;
}

/* An answer without records: the next page may be there all the same. */
static void
pass_over(Traversal *traversal, Ask *ask)
{
	PageFacts	facts = {
		.skipped = ask->answer.kind == ANSWER_SKIP,
		.last = ask->answer.kind != ANSWER_SKIP
	};
	char	   *why;

	if (ask->answer.kind == ANSWER_UNCHANGED)
	{
		traversal->stage->not_modified = true;
		traversal->etag = traversal->row->etag;
		traversal->last_modified = traversal->row->last_modified;
	}
	(void) pager_advance(traversal->pager, ask->page, &facts, &why);
}

/* The oldest page has its answer.  False when it is asked for again. */
static bool
take_in(Traversal *traversal, Ask *ask)
{
	switch (ask->answer.kind)
	{
		case ANSWER_PAGE:
			return read_answer(traversal, ask);
		case ANSWER_FAILED:
			stop_with(traversal->stage, ask->page->number, &ask->answer);
			break;
		default:
			pass_over(traversal, ask);
	}
	return true;
}

/* ---- asking and taking in ---- */

bool
traversal_ask(Traversal *traversal)
{
	FetchStage *stage = traversal->stage;
	MemoryContext memory = AllocSetContextCreate(traversal->memory, "dataops page",
												 ALLOCSET_SMALL_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(memory);
	PageRequest *request = pager_take(traversal->pager);
	Ask		   *ask = NULL;

	if (request != NULL)
	{
		ask = client_ask(stage->client, request, traversal->parts, traversal);
		if (request->number == 1 && stage->source->conditional)
		{
			ask->if_none_match = traversal->row->etag;
			ask->if_modified_since = ask->if_none_match == NULL ?
				traversal->row->last_modified : NULL;
		}
		MemoryContextSwitchTo(traversal->memory);
		traversal->asked = lappend(traversal->asked, ask);
		stage->nasked++;
	}
	MemoryContextSwitchTo(previous);
	if (ask == NULL)
		MemoryContextDelete(memory);
	return ask != NULL;
}

void
traversal_answered(Traversal *traversal)
{
	FetchStage *stage = traversal->stage;

	while (traversal->asked != NIL && !stage->stopped)
	{
		Ask		   *ask = linitial(traversal->asked);
		MemoryContext memory = ask->memory;
		MemoryContext previous = MemoryContextSwitchTo(memory);
		bool		taken = ask->answered && take_in(traversal, ask);

		MemoryContextSwitchTo(previous);
		if (!taken)
			return;
		traversal->asked = list_delete_first(traversal->asked);
		MemoryContextDelete(memory);
		stage->nasked--;
	}
}

bool
traversal_is_over(const Traversal *traversal)
{
	return traversal->asked == NIL;
}

/* What is to be known of a traversal that stopped at the page cap. */
static char *
capped_note(const Traversal *traversal)
{
	SourceSpec *source = traversal->stage->source;
	const char *item = traversal->scope.item;
	char	   *stopped = psprintf("stopped after %d pages of %s%s", source->paging.max_pages,
								   source->what, item != NULL ? psprintf(" for \"%s\"", item) : "");

	if (source->paging.type != PAGING_WINDOW)
		return psprintf("%s: there may be more records", stopped);
	return psprintf("%s at %s: the range ends at %s", stopped,
					watermark_time_text(pager_done_to(traversal->pager), NULL),
					watermark_time_text(traversal->scope.end, NULL));
}

/*
 * Records that the traversal stopped at the page cap, if it did. At once: the step may go on with
 * other items and end in whatever way, and after a crash these pages are not read again.
 */
static void
note_capped(const Traversal *traversal)
{
	FetchStage *stage = traversal->stage;
	char	   *note;

	if (!pager_was_capped(traversal->pager))
		return;
	note = capped_note(traversal);
	if (stage->source->paging.type == PAGING_WINDOW && stage->unfinished == NULL)
		stage->unfinished = MemoryContextStrdup(stage->memory, note);
	txn_begin(stage->run);
	ledger_step_note(stage->run, stage->step, note);
	txn_commit(stage->run);
	MemoryContextSwitchTo(traversal->memory);
	ereport(WARNING,
			errmsg("%s", note),
			errhint("Raise \"max_pages\" of paginate, or let a cursor narrow what is asked for."));
}

/* ---- beginning and end ---- */

static CursorRow *
copy_row(const CursorRow *row)
{
	CursorRow  *copy = palloc(sizeof(CursorRow));

	*copy = (CursorRow) {
		copy_text(row->shard), copy_text(row->value), copy_text(row->etag),
		copy_text(row->last_modified), copy_jsonb(row->position), row->done
	};
	return copy;
}

static void
start(Traversal *traversal, const char *item)
{
	FetchStage *stage = traversal->stage;
	SourceSpec *source = stage->source;
	CursorRow  *row = traversal->row;
	char	   *highest = pager_position_highest(row->position);

	watermark_init(&traversal->highest, source->watermark, highest != NULL ? highest : row->value);
	traversal->scope = (RequestScope) {
		.start = stage->run->from_ts, .end = stage->run->to_ts, .item = item,
		.env = stage->run->env, .run = uuid_text(&stage->run->id)
	};
	if (source->watermark != NULL)
		traversal->scope.cursor = watermark_param(source->watermark, row->value);
	if (source->paging.type == PAGING_WINDOW)
		range_resolve(source, row->value, &traversal->scope.start, &traversal->scope.end);
	traversal->pager = pager_create(stage->connection, source, &traversal->scope, row->position);
	traversal->parts = request_parts(stage->connection, source, &traversal->scope, stage->secret);
}

Traversal *
traversal_begin(FetchStage *stage, const char *item, const CursorRow *row)
{
	MemoryContext memory = AllocSetContextCreate(stage->memory, "dataops traversal",
												 ALLOCSET_SMALL_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(memory);
	Traversal  *traversal = palloc0(sizeof(Traversal));

	traversal->stage = stage;
	traversal->memory = memory;
	traversal->cursor_memory = AllocSetContextCreate(memory, "dataops cursor",
													 ALLOCSET_SMALL_SIZES);
	traversal->row = copy_row(row);
	start(traversal, item);
	MemoryContextSwitchTo(previous);
	return traversal;
}

void
traversal_end(Traversal *traversal)
{
	FetchStage *stage = traversal->stage;

	if (!stage->stopped)
		note_capped(traversal);
	/* what is on its way is broken off with the memory it lives in */
	note_cursor(traversal);
	stage->sink->shard_end(stage->sink, &traversal->cursor);
	MemoryContextSwitchTo(stage->memory);
	MemoryContextDelete(traversal->memory);
}
