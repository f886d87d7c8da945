/*
 * preview.c
 *	  dataops.preview(): the first page of a source, shown and not landed.
 *
 * Waits inside a statement, for a time that is capped.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "catalog/connection.h"
#include "catalog/definition.h"
#include "catalog/run.h"
#include "core/error.h"
#include "fetch/client.h"
#include "fetch/page.h"
#include "fetch/range.h"
#include "fetch/watermark.h"
#include "format/jsonb_writer.h"
#include "net/wait.h"

PG_FUNCTION_INFO_V1(dataops_preview);
PGDLLEXPORT Datum dataops_preview(PG_FUNCTION_ARGS);

typedef struct Preview
{
	ReturnSetInfo *result;
	JsonbWriter *writer;
	const SourceSpec *source;
	RequestScope scope;
	int			limit;
	int			seen;
} Preview;

static void
put_row(Preview *preview, int ordinal, Jsonb *record, const char *note)
{
	Datum		values[3] = {
		Int32GetDatum(ordinal), JsonbPGetDatum(record),
		note != NULL ? CStringGetTextDatum(note) : (Datum) 0
	};
	bool		nulls[3] = {ordinal == 0, record == NULL, note == NULL};

	tuplestore_putvalues(preview->result->setResult, preview->result->setDesc, values, nulls);
}

static void
show_record(const char *bytes, size_t length, void *arg)
{
	Preview    *preview = arg;
	Jsonb	   *record;
	JsonRefusal why;

	if (++preview->seen > preview->limit)
		return;
	if (jsonb_write(preview->writer, bytes, length, &record, &why))
		put_row(preview, preview->seen, record, NULL);
	else
		put_row(preview, preview->seen, NULL,
				psprintf("would be quarantined: %s (byte %zu of the record)", why.reason,
						 why.offset + 1));
}

/* Without a range a window source shows the newest records. */
static void
set_range(Preview *preview)
{
	const SourceSpec *source = preview->source;

	if (source->paging.type != PAGING_WINDOW)
		return;
	if (TIMESTAMP_NOT_FINITE(preview->scope.start))
	{
		int64		step_us = source->paging.step->time + source->paging.step->day * USECS_PER_DAY;

		if (TIMESTAMP_NOT_FINITE(preview->scope.end))
			preview->scope.end = GetCurrentTimestamp() / step_us * step_us;
		preview->scope.start = preview->scope.end - step_us *
			Min(preview->limit, source->paging.limit);
	}
	range_resolve(source, NULL, &preview->scope.start, &preview->scope.end);
}

/* What the answer says about the pages after it. */
static char *
describe_next(const SourceSpec *source, const PageFacts *facts)
{
	switch (source->paging.type)
	{
		case PAGING_FOUND:
			return facts->link != NULL ?
				"a Link header leads to the next page and will be followed" :
				"no \"paginate\" and no Link header: one page is read";
		case PAGING_LINK_HEADER:
			return facts->link != NULL ? "a Link header leads to the next page" :
				"no Link header: the last page";
		case PAGING_CURSOR:
		case PAGING_NEXT_LINK:
			if (facts->next != NULL)
				return psprintf("the next page is told at \"%s\"", source->paging.path->text);
			/* many leave the member out of a last page, so a wrong path is no error */
			return psprintf(facts->next_absent ?
							"there is no \"%s\": taken for the last page, unless the path is "
							"wrong" : "null at \"%s\": the last page", source->paging.path->text);
		default:
			return "only the first page is shown";
	}
}

static void
show_answer(Preview *preview, const Ask *ask, const Answer *answer)
{
	PageReading page;

	if (answer->kind == ANSWER_FAILED)
		ereport(ERROR,
				errcode(answer->sqlstate),
				errmsg("could not fetch page 1 of %s: %s", preview->source->what, answer->problem),
				answer->hint != NULL ? errhint("%s", answer->hint) : 0);
	if (answer->kind != ANSWER_PAGE)
	{
		put_row(preview, 0, NULL, psprintf("%s answered with status %d: no records", ask->shown,
										   answer->response->status));
		return;
	}
	page = page_read(preview->source, answer->response, show_record, preview);
	if (page.problem != NULL)
		ereport(ERROR,
				errcode(ERRCODE_MALFORMED_REPLY),
				errmsg("could not read page 1 of %s: %s", preview->source->what, page.problem),
				page.hint != NULL ? errhint("%s", page.hint) : 0);
	put_row(preview, 0, NULL,
			psprintf("%s answered with status %d: " INT64_FORMAT " records, "
					 INT64_FORMAT " bytes; %s", ask->shown,
					 answer->response->status, page.facts.records, page.bytes,
					 describe_next(preview->source, &page.facts)));
}

static void
run_preview(Preview *preview, const Definition *definition, MemoryContext memory)
{
	Connection *connection = connection_open(preview->source->server, definition->owner);
	char	   *secret = connection_secret(connection, memory);
	Client	   *client = client_create(memory, connection, preview->source);
	Pager	   *pager;
	PageRequest *request;
	Ask		   *ask;

	set_range(preview);
	if (preview->source->watermark != NULL)
		preview->scope.cursor = watermark_param(preview->source->watermark, NULL);
	pager = pager_create(connection, preview->source, &preview->scope, NULL);
	request = pager_take(pager);
	if (request == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the range has nothing to ask for"));
	ask = client_ask(client, request,
					 request_parts(connection, preview->source, &preview->scope, secret), NULL);
	wait_interactive(memory, WAIT_STATEMENT_MS,
					 psprintf("the preview of %s (%s)", preview->source->what, ask->shown));
	while (!ask->answered)
		(void) client_next(client);
	show_answer(preview, ask, &ask->answer);
}

Datum
dataops_preview(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops preview",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous;
	Preview		preview = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo, .limit = PG_GETARG_INT32(1)
	};
	const char *env = run_scope()->env != NULL ? run_scope()->env : "prod";
	Definition *definition;

	InitMaterializedSRF(fcinfo, 0);
	previous = MemoryContextSwitchTo(memory);
	definition = definition_get(DEFINITION_SOURCE, "", name, env);
	definition_check_right(definition->owner, "source", name);
	preview.source = source_spec_read(name, definition->spec);
	preview.writer = jsonb_writer_create(memory);
	preview.scope = (RequestScope) {
		.start = PG_GETARG_TIMESTAMPTZ(2), .end = PG_GETARG_TIMESTAMPTZ(3), .env = env
	};
	if (preview.source->for_each != NULL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s has a for_each: there is no single first page", preview.source->what),
				errhint("Preview a source without for_each, with one item written into its "
						"params."));
	run_preview(&preview, definition, memory);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(memory);
	return (Datum) 0;
}
