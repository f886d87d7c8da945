/*
 * fetch.c
 *	  The fetch stage: the traversals of its shards, as many at a time as there are connections.
 *
 * Nothing of the catalog is read while a request is under way but in short transactions.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/fetch.h"

#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "catalog/definition.h"
#include "catalog/landing.h"
#include "catalog/raw_table.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "catalog/unfinished.h"
#include "core/fault.h"
#include "core/uuid.h"
#include "fetch/traversal.h"

#define CURSORS_AHEAD	200		/* read by one statement */

/* ---- what is needed, read in one transaction ---- */

static uint32
text_hash(const void *key, Size size)
{
	const char *text = *(const char *const *) key;

	return hash_bytes((const unsigned char *) text, strlen(text));
}

static int
text_compare(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Adds the item unless it is there: two traversals of one shard would land everything twice. */
static void
add_item(FetchStage *stage, HTAB *seen, const char *item)
{
	bool		found;
	char	  **entry = hash_search(seen, &item, HASH_ENTER, &found);

	if (found)
		return;
	*entry = MemoryContextStrdup(stage->memory, item);
	stage->items = lappend(stage->items, *entry);
}

static void
run_for_each(FetchStage *stage, const char *query)
{
	HASHCTL		control = {
		.keysize = sizeof(char *), .entrysize = sizeof(char *), .hash = text_hash,
		.match = text_compare, .hcxt = CurrentMemoryContext
	};
	HTAB	   *seen = hash_create("dataops items", 256, &control, HASH_ELEM | HASH_FUNCTION |
								   HASH_COMPARE | HASH_CONTEXT);
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
			add_item(stage, seen, item);
		MemoryContextSwitchTo(previous);
	}
	SPI_finish();
	sql_leave(&before);
}

/*
 * Keeps a run from asking anew for what an earlier one has landed a part of; it may have been
 * queued before that one failed.
 */
static void
check_first(Run *run, Step *step)
{
	List	   *unfinished = NIL;
	UnfinishedRun *first;

	if (!run->intervals)
		unfinished = unfinished_landings(run->pipeline, run->env, run->owner,
										 list_make1(step->name));
	if (unfinished == NIL)
		return;
	first = linitial(unfinished);
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("run %s has landed a part of source \"%s\" and goes first",
				   uuid_text(&first->id), step->target),
			errdetail("Another run would land that part once more."),
			errhint("SELECT dataops.retry('%s') lands the rest; dataops.cancel() gives it up, and "
					"what has landed may land again.", uuid_text(&first->id)));
}

static void
load(FetchStage *stage)
{
	Definition *definition;
	char	   *archive;

	txn_begin(stage->run);
	MemoryContextSwitchTo(stage->memory);
	check_first(stage->run, stage->step);
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
	stage->target.definition = definition->id;
	stage->target.repeatable = stage->source->idempotent;
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

/* ---- the traversals ---- */

static bool
has_room(const FetchStage *stage)
{
	return stage->nasked < stage->client->connections;
}

/* Goes on as far as connections are free; drops a traversal that has come to its end. */
static void
go_on(FetchStage *stage, Traversal *traversal)
{
	while (has_room(stage) && traversal_ask(traversal))
		;
	if (!traversal_is_over(traversal))
		return;
	stage->traversals = list_delete_ptr(stage->traversals, traversal);
	traversal_end(traversal);
}

/* Reads where the next shards stand. */
static void
read_cursors(FetchStage *stage)
{
	int			last = Min(stage->next_item + CURSORS_AHEAD, list_length(stage->items));
	List	   *shards = NIL;

	MemoryContextReset(stage->cursor_memory);
	txn_begin(stage->run);
	MemoryContextSwitchTo(stage->cursor_memory);
	for (int i = stage->next_item; i < last; i++)
	{
		char	   *item = list_nth(stage->items, i);

		shards = lappend(shards, item != NULL ? item : "");
	}
	stage->cursors = landing_cursors(stage->run, stage->step, &stage->target, shards);
	txn_commit(stage->run);
	MemoryContextSwitchTo(stage->memory);
}

/* Begins traversals while connections are free; not those that this run has ended already. */
static void
begin_more(FetchStage *stage)
{
	while (has_room(stage) && stage->next_item < list_length(stage->items))
	{
		const CursorRow *cursor;
		Traversal  *traversal;

		if (stage->cursors == NIL)
			read_cursors(stage);
		cursor = linitial(stage->cursors);
		stage->cursors = list_delete_first(stage->cursors);
		stage->next_item++;
		if (cursor->done)
			continue;
		traversal = traversal_begin(stage, list_nth(stage->items, stage->next_item - 1), cursor);
		stage->traversals = lappend(stage->traversals, traversal);
		go_on(stage, traversal);
	}
}

static void
traverse(FetchStage *stage)
{
	ListCell   *cell;

	begin_more(stage);
	while (stage->nasked > 0 && !stage->stopped)
	{
		Ask		   *ask = client_next(stage->client);
		Traversal  *traversal;

		if (ask == NULL)
			elog(ERROR, "a request was lost");
		traversal = ask->owner;
		traversal_answered(traversal);
		if (stage->stopped)
			break;
		go_on(stage, traversal);
		begin_more(stage);
	}
	foreach(cell, stage->traversals)
		traversal_end(lfirst(cell));
}

/* ---- the stage ---- */

/* A run that left a part of its range out must not count as done: nobody would ask for the rest. */
static void
fail_unfinished(FetchStage *stage)
{
	StageResult *result = &stage->result;
	MemoryContext previous = MemoryContextSwitchTo(stage->run->memory);

	result->outcome = STAGE_FAILED;
	result->sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	result->error = psprintf("could not fetch the whole range of %s (step \"%s\" of pipeline "
							 "\"%s\"): %s", stage->source->what, stage->step->name,
							 stage->run->pipeline, stage->unfinished);
	result->hint = pstrdup("Raise \"max_pages\" of paginate, and retry() the run: it goes on where "
						   "it stopped.");
	MemoryContextSwitchTo(previous);
}

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
	if (!stage->stopped && stage->unfinished != NULL)
		fail_unfinished(stage);
	if (result->outcome == STAGE_FAILED || result->rows_in > 0)
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

	stage->memory = memory;
	stage->cursor_memory = AllocSetContextCreate(memory, "dataops cursors", ALLOCSET_SMALL_SIZES);
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
	traverse(stage);
	FAULT_POINT("fetch_before_close");
	sink->close(sink);
	FAULT_POINT("fetch_after_close");
	conclude(stage);
	result = stage->result;
	MemoryContextSwitchTo(run->memory);
	MemoryContextDelete(memory);
	return result;
}
