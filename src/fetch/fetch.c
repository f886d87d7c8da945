/*
 * fetch.c
 *	  The fetch stage: one traversal of the pages for each shard.
 *
 * Nothing of the catalog is read while a request is under way: what is needed is read in short
 * transactions before.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/fetch.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/connection.h"
#include "catalog/definition.h"
#include "catalog/landing.h"
#include "catalog/ledger.h"
#include "catalog/raw_table.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "fetch/client.h"
#include "fetch/page.h"
#include "fetch/range.h"
#include "fetch/source_spec.h"
#include "fetch/watermark.h"

#define WINDOWS_AHEAD	4		/* windows asked for at the same time */

typedef struct FetchStage
{
	MemoryContext memory;
	Run		   *run;
	Step	   *step;
	BatchSink  *sink;
	SourceSpec *source;
	BatchSource target;
	Connection *connection;
	char	   *secret;
	Client	   *client;
	List	   *items;			/* char *; one NULL without for_each */
	StageResult result;
	bool		stopped;		/* the result says why */
	CursorState cursor;			/* as it was delivered last */
	MemoryContext cursor_memory;	/* what it points at; reset with each page */
	bool		not_modified;	/* the server said so */
} FetchStage;

/* One shard's traversal. */
typedef struct Traversal
{
	FetchStage *stage;
	MemoryContext memory;
	RequestScope scope;
	CursorRow  *row;			/* as stored; never NULL */
	Pager	   *pager;
	Watermark	highest;
	List	   *asked;			/* Ask *, oldest first */
	const char *etag;			/* of the first page */
	const char *last_modified;
} Traversal;

/* ---- what is needed, read in one transaction ---- */

static void
run_for_each(FetchStage *stage, const char *query)
{
	SqlRole		before = sql_become_owner(stage->run->owner, stage->run->search_path,
										  stage->run->timezone);
	int			code;

	SPI_connect();
	code = SPI_execute(query, true, 0);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "for_each returned no rows: %s", SPI_result_code_string(code));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *item = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext previous = MemoryContextSwitchTo(stage->memory);

		if (item != NULL)
			stage->items = lappend(stage->items, pstrdup(item));
		MemoryContextSwitchTo(previous);
	}
	SPI_finish();
	sql_leave(&before);
}

static void
load(FetchStage *stage)
{
	Definition *definition;
	char	   *archive;

	txn_begin(stage->run);
	MemoryContextSwitchTo(stage->memory);
	definition = stage->step->source;
	if (definition == NULL)		/* a run from before sources were stored with it */
		definition = definition_get(DEFINITION_SOURCE, "", stage->step->target, stage->run->env);
	if (definition->owner != stage->run->owner)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("source \"%s\" and pipeline \"%s\" have different owners",
					   stage->step->target, stage->run->pipeline));
	stage->source = source_spec_read(stage->step->target, definition->spec);
	stage->connection = connection_open(stage->source->server, stage->run->owner);
	stage->secret = connection_secret(stage->connection, stage->memory);
	archive = spec_text(stage->step->spec, "archive", stage->source->what);
	stage->target.name = stage->source->name;
	stage->target.env = stage->run->env;
	stage->target.archive = archive != NULL && *archive != '\0' ? archive : NULL;
	stage->target.raw_table = raw_table_find(stage->source->name, stage->run->env);
	if (!OidIsValid(stage->target.raw_table))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("raw table of %s does not exist", stage->source->what),
				errhint("Define the source again: it makes its table."));
	if (stage->source->for_each != NULL)
		run_for_each(stage, stage->source->for_each);
	else
		stage->items = list_make1(NULL);
	txn_commit(stage->run);
}

static void
observe_request(const RequestLog *log, void *arg)
{
	BatchSink  *sink = arg;

	sink->log_request(sink, log);
}

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
	result->hint = answer->hint != NULL ? pstrdup(answer->hint) : NULL;
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

/* What is stored once the traversal has come to its end. */
static const char *
final_value(Traversal *traversal)
{
	SourceSpec *source = traversal->stage->source;

	if (source->watermark == NULL && source->paging.type == PAGING_WINDOW)
		return watermark_time_text(traversal->scope.end, NULL);
	return watermark_value(&traversal->highest);
}

/* The cursor as of the pages taken in. */
static void
note_cursor(Traversal *traversal)
{
	FetchStage *stage = traversal->stage;
	MemoryContext previous;
	CursorState *cursor = &stage->cursor;
	bool		single = traversal->etag != NULL || traversal->last_modified != NULL;

	MemoryContextReset(stage->cursor_memory);
	previous = MemoryContextSwitchTo(stage->cursor_memory);
	cursor->shard = traversal->row->shard;
	cursor->position = pager_position(traversal->pager, watermark_value(&traversal->highest));
	/* records come in any order: the value counts once all of them are there */
	cursor->value = cursor->position == NULL ? final_value(traversal) : traversal->row->value;
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
	MemoryContext previous = MemoryContextSwitchTo(traversal->stage->memory);

	traversal->etag = only && etag != NULL ? error_clean(etag, strlen(etag), 500) : NULL;
	traversal->last_modified = only && modified != NULL ?
		error_clean(modified, strlen(modified), 100) : NULL;
	MemoryContextSwitchTo(previous);
}

/* The page is whole: takes it in.  False when the next one is not to be found. */
static bool
accept_page(Traversal *traversal, Ask *ask, HttpResponse *response, const PageReading *page)
{
	FetchStage *stage = traversal->stage;
	char	   *why;

	if (!pager_advance(traversal->pager, ask->page, &page->facts, &why))
	{
		stage->sink->page_discard(stage->sink);
		stop_broken(stage, ask->page->number, why, "Check \"paginate\" of the source.");
		return false;
	}
	note_validators(traversal, ask, response);
	note_cursor(traversal);
	stage->sink->page_end(stage->sink, &stage->cursor, page->bytes, page->crc32c);
	FAULT_POINT("fetch_after_page");
	return true;
}

/*
 * Reads an answer into the sink.  True when the page was taken in or the stage has stopped; false
 * when it was asked for again: *answer is the new answer.
 */
static bool
read_answer(Traversal *traversal, Ask *ask, Answer *answer)
{
	FetchStage *stage = traversal->stage;
	BatchSink  *sink = stage->sink;
	PageInfo	info = {
		.url = ask->shown,
		.status = answer->response->status,
		.headers = page_headers(stage->source, answer->response),
		.received_at = GetCurrentTimestamp()
	};
	Watermark	before = traversal->highest;
	char	   *highest = pstrdup(traversal->highest.value.data);
	PageReading page;

	sink->page_begin(sink, &info);
	page = page_read(stage->source, answer->response, deliver_record, traversal);
	FAULT_POINT("fetch_after_body");
	if (page.problem == NULL)
	{
		(void) accept_page(traversal, ask, answer->response, &page);
		return true;
	}
	sink->page_discard(sink);
	/* what a broken page said does not count */
	traversal->highest = before;
	resetStringInfo(&traversal->highest.value);
	appendStringInfoString(&traversal->highest.value, highest);
	if (page.retry)
	{
		*answer = client_again(stage->client, ask, page.problem);
		return false;
	}
	stop_broken(stage, ask->page->number, page.problem, page.hint);
	return true;
}

/* An answer without records: the next page may be there all the same. */
static void
pass_over(Traversal *traversal, Ask *ask, const Answer *answer)
{
	PageFacts	facts = {
		.skipped = answer->kind == ANSWER_SKIP,
		.last = answer->kind != ANSWER_SKIP
	};
	char	   *why;

	if (answer->kind == ANSWER_UNCHANGED)
	{
		traversal->stage->not_modified = true;
		traversal->etag = traversal->row->etag;
		traversal->last_modified = traversal->row->last_modified;
	}
	(void) pager_advance(traversal->pager, ask->page, &facts, &why);
	note_cursor(traversal);
}

static void
finish_ask(Traversal *traversal, Ask *ask)
{
	FetchStage *stage = traversal->stage;
	Answer		answer = client_answer(stage->client, ask);
	bool		again = true;

	while (again)
	{
		again = false;
		if (answer.kind == ANSWER_PAGE)
			again = !read_answer(traversal, ask, &answer);
		else if (answer.kind == ANSWER_FAILED)
			stop_with(stage, ask->page->number, &answer);
		else
			pass_over(traversal, ask, &answer);
	}
}

/* ---- one traversal ---- */

static Ask *
ask_next(Traversal *traversal)
{
	MemoryContext memory = AllocSetContextCreate(traversal->memory, "dataops page",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(memory);
	PageRequest *request = pager_take(traversal->pager);
	Ask		   *ask = NULL;

	if (request != NULL)
	{
		bool		conditional = request->number == 1 && traversal->stage->source->conditional;

		ask = client_ask(traversal->stage->client, request,
						 conditional ? traversal->row->etag : NULL,
						 conditional ? traversal->row->last_modified : NULL);
	}
	MemoryContextSwitchTo(previous);
	if (ask == NULL)
		MemoryContextDelete(memory);
	return ask;
}

static void
fill_ahead(Traversal *traversal)
{
	int			ahead = traversal->stage->source->paging.type == PAGING_WINDOW ? WINDOWS_AHEAD : 1;
	Ask		   *ask;

	while (list_length(traversal->asked) < ahead && (ask = ask_next(traversal)) != NULL)
		traversal->asked = lappend(traversal->asked, ask);
}

/*
 * Records that the traversal stopped at the page cap, if it did. At once: the step may go on with
 * other items and end in whatever way, and after a crash these pages are not read again.
 */
static void
note_capped(const Traversal *traversal)
{
	FetchStage *stage = traversal->stage;
	const char *item = traversal->scope.item;
	char	   *note;

	if (!pager_was_capped(traversal->pager))
		return;
	note = psprintf("stopped after %d pages of %s%s: there may be more records",
					stage->source->paging.max_pages, stage->source->what,
					item != NULL ? psprintf(" for \"%s\"", item) : "");
	txn_begin(stage->run);
	ledger_step_note(stage->run, stage->step, note);
	txn_commit(stage->run);
	MemoryContextSwitchTo(traversal->memory);
	ereport(WARNING,
			errmsg("%s", note),
			errhint("Raise \"max_pages\" of paginate, or let a cursor narrow what is asked for."));
}

static void
traverse(Traversal *traversal)
{
	FetchStage *stage = traversal->stage;

	fill_ahead(traversal);
	while (traversal->asked != NIL && !stage->stopped)
	{
		Ask		   *ask = linitial(traversal->asked);
		MemoryContext memory = GetMemoryChunkContext(ask);
		MemoryContext previous = MemoryContextSwitchTo(memory);

		traversal->asked = list_delete_first(traversal->asked);
		finish_ask(traversal, ask);
		MemoryContextSwitchTo(previous);
		MemoryContextDelete(memory);
		if (!stage->stopped)
			fill_ahead(traversal);
	}
	if (!stage->stopped)
		note_capped(traversal);
	/* what is on its way is broken off with the memory it lives in */
	note_cursor(traversal);
}

/* The stored cursor of the shard; an empty one when the source was never read. */
static void
load_cursor(Traversal *traversal, const char *shard)
{
	FetchStage *stage = traversal->stage;

	txn_begin(stage->run);
	MemoryContextSwitchTo(stage->memory);
	traversal->row = landing_cursor(stage->run, stage->step, stage->source->name, shard);
	if (traversal->row == NULL)
	{
		traversal->row = palloc0(sizeof(CursorRow));
		traversal->row->shard = pstrdup(shard);
	}
	txn_commit(stage->run);
}

static void
start_traversal(Traversal *traversal, const char *item)
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
	stage->client->parts = request_parts(stage->connection, source, &traversal->scope,
										 stage->secret);
}

static void
fetch_shard(FetchStage *stage, const char *item)
{
	MemoryContext memory = AllocSetContextCreate(stage->memory, "dataops traversal",
												 ALLOCSET_DEFAULT_SIZES);
	Traversal	traversal = {.stage = stage, .memory = memory};

	load_cursor(&traversal, item != NULL ? item : "");
	MemoryContextSwitchTo(memory);
	if (traversal.row->done)
	{
		stage->cursor = (CursorState) {
			traversal.row->shard, traversal.row->value, traversal.row->etag,
			traversal.row->last_modified, NULL
		};
	}
	else
	{
		start_traversal(&traversal, item);
		traverse(&traversal);
		stage->cursor.value = stage->cursor.value == NULL ? NULL :
			MemoryContextStrdup(stage->memory, stage->cursor.value);
	}
	MemoryContextSwitchTo(stage->memory);
	MemoryContextDelete(memory);
}

/* ---- the stage ---- */

static void
conclude(FetchStage *stage)
{
	StageResult *result = &stage->result;
	LandedTotals totals;

	txn_begin(stage->run);
	totals = landing_totals(stage->run, stage->source->name);
	txn_commit(stage->run);
	result->rows_in = totals.records + totals.quarantined;
	result->rows_out = totals.records;
	result->rows_quarantined = totals.quarantined;
	result->bytes = totals.bytes;
	if (stage->stopped || result->rows_in > 0)
		return;
	result->outcome = STAGE_UNCHANGED;
	result->error = MemoryContextStrdup(stage->run->memory, stage->not_modified ?
										"not modified since the last time" : "no records");
}

StageResult
fetch_stage(Run *run, Step *step, BatchSink *sink)
{
	MemoryContext memory = AllocSetContextCreate(run->memory, "dataops fetch",
												 ALLOCSET_DEFAULT_SIZES);
	FetchStage *stage = MemoryContextAllocZero(memory, sizeof(FetchStage));
	StageResult result;
	ListCell   *cell;

	stage->memory = memory;
	stage->cursor_memory = AllocSetContextCreate(memory, "dataops cursor", ALLOCSET_SMALL_SIZES);
	stage->run = run;
	stage->step = step;
	stage->sink = sink;
	load(stage);
	sink->open(sink, run, step, &stage->target);
	MemoryContextSwitchTo(memory);
	stage->client = client_create(memory, stage->connection, stage->source);
	stage->client->observer = observe_request;
	stage->client->observer_arg = sink;
	stage->client->deadline = run->deadline;
	stage->cursor.shard = "";
	foreach(cell, stage->items)
	{
		fetch_shard(stage, lfirst(cell));
		if (stage->stopped)
			break;
	}
	FAULT_POINT("fetch_before_close");
	if (stage->items != NIL)
		sink->close(sink, &stage->cursor);
	FAULT_POINT("fetch_after_close");
	conclude(stage);
	result = stage->result;
	MemoryContextSwitchTo(run->memory);
	MemoryContextDelete(memory);
	return result;
}
