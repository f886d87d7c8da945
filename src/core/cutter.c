/*
 * cutter.c
 *	  Cuts the records out of a JSON body that comes in chunks, without reading into them.
 *
 * A state machine that can stop at any byte: what it is in the middle of is in "state", the open
 * containers in "kinds", and the bytes of an unfinished record, key, word or wanted value in
 * captures.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/cutter_state.h"

#define RECORD_SEPARATOR	'\x1e'	/* before each text of a sequence (RFC 7464) */

static const char byte_order_mark[] = "\xEF\xBB\xBF";

bool
cutter_broken(Cutter *cutter, const char *why)
{
	cutter->why = why;
	cutter->why_offset = cutter->before + (cutter->at - cutter->chunk);
	return false;
}

static void
capture_init(Capture *capture, MemoryContext memory, size_t limit)
{
	capture->memory = memory;
	capture->limit = limit;
}

static Cutter *
create(MemoryContext memory, int nwanted, const CutterLimits *limits)
{
	Cutter	   *cutter = MemoryContextAllocZero(memory, offsetof(Cutter, wanted) +
												nwanted * sizeof(Wanted));

	cutter->limits = *limits;
	cutter->nwanted = nwanted;
	capture_init(&cutter->record, memory, limits->record_bytes);
	capture_init(&cutter->token, memory, CUTTER_VALUE_BYTES_MAX);
	return cutter;
}

Cutter *
cutter_create(MemoryContext memory, const MemberPath *records, const MemberPath *const *wanted,
			  int nwanted, const CutterLimits *limits)
{
	Cutter	   *cutter = create(memory, nwanted, limits);

	cutter->kinds = MemoryContextAlloc(memory, limits->depth);
	cutter->records.path = records;
	for (int i = 0; i < nwanted; i++)
	{
		cutter->wanted[i].trail.path = wanted[i];
		capture_init(&cutter->wanted[i].capture, memory, CUTTER_VALUE_BYTES_MAX);
		cutter->wanted_inside |= member_path_holds(records, wanted[i]);
	}
	return cutter;
}

Cutter *
cutter_create_lines(MemoryContext memory, const CutterLimits *limits)
{
	Cutter	   *cutter = create(memory, 0, limits);

	cutter->lines = true;
	return cutter;
}

void
cutter_feed(Cutter *cutter, const char *bytes, size_t length, bool last)
{
	Assert(cutter->at == cutter->end && !cutter->last);
	cutter->before += cutter->end - cutter->chunk;
	cutter->chunk = cutter->at = bytes;
	cutter->end = bytes + length;
	cutter->last = last;
	capture_resume(&cutter->record, bytes);
	capture_resume(&cutter->token, bytes);
	for (int i = 0; i < cutter->nwanted; i++)
		capture_resume(&cutter->wanted[i].capture, bytes);
}

bool
cutter_record_finish(Cutter *cutter, const char *at)
{
	if (!capture_finish(&cutter->record, at, &cutter->ready.bytes, &cutter->ready.length))
		return cutter_broken(cutter, "a record is too large");
	cutter->ready.ordinal++;
	return true;
}

/* The first bytes of the body. */
static void
step_start(Cutter *cutter)
{
	if (*cutter->at == byte_order_mark[cutter->nmark] && cutter->nmark < 3)
	{
		cutter->at++;
		cutter->nmark++;
		return;
	}
	if (cutter->nmark % 3 != 0)
	{
		cutter_broken(cutter, "the body does not begin with JSON");
		return;
	}
	cutter->nmark = 3;
	cutter->at = json_space_skip(cutter->at, cutter->end);
	if (cutter->at == cutter->end)
		return;
	if (*cutter->at == '<')
		cutter_broken(cutter, "the body is HTML or XML, not JSON");
	/* the texts of a sequence may have more than one line */
	cutter->line_end = *cutter->at == RECORD_SEPARATOR ? RECORD_SEPARATOR : '\n';
	cutter->state = cutter->lines ? IN_LINE : AT_VALUE;
}

/* To the first byte of a record, or the end of the chunk. */
static void
skip_between(Cutter *cutter)
{
	cutter->at = json_space_skip(cutter->at, cutter->end);
	while (cutter->at < cutter->end && *cutter->at == cutter->line_end)
		cutter->at = json_space_skip(cutter->at + 1, cutter->end);
}

/* The line ends before cutter->at; white space at its end does not belong to the record. */
static bool
line_finish(Cutter *cutter)
{
	if (!cutter_record_finish(cutter, cutter->at))
		return false;
	while (json_is_space(cutter->ready.bytes[cutter->ready.length - 1]))
		cutter->ready.length--;
	return true;
}

static bool
step_line(Cutter *cutter)
{
	const char *line_end;

	if (!cutter->record.active)
	{
		skip_between(cutter);
		if (cutter->at == cutter->end)
			return false;
		capture_begin(&cutter->record, cutter->at);
	}
	line_end = memchr(cutter->at, cutter->line_end, cutter->end - cutter->at);
	cutter->at = line_end != NULL ? line_end : cutter->end;
	return line_end != NULL && line_finish(cutter);
}

/* Moves on by at least one byte or state; true when cutter->ready is a record. */
static bool
step(Cutter *cutter)
{
	switch (cutter->state)
	{
		case AT_START:
			step_start(cutter);
			return false;
		case IN_LINE:
			return step_line(cutter);
		default:
			return cutter_walk(cutter);
	}
}

/* Nothing follows the last line; it must at least be whole. */
static bool
last_line(Cutter *cutter)
{
	JsonExtent	extent = {0};

	if (!cutter->record.active)
		return false;
	if (!line_finish(cutter))
		return false;
	json_extent_scan(&extent, cutter->ready.bytes, cutter->ready.bytes + cutter->ready.length);
	if (extent.depth > 0 || extent.in_string)
		return cutter_broken(cutter, "the body ends within a record");
	return true;
}

/* Nothing follows: the end of a word, a line or the document, or too early. */
static bool
body_end(Cutter *cutter)
{
	switch (cutter->state)
	{
		case AT_END:
			return false;
		case AT_START:
			return cutter->lines ? false : cutter_broken(cutter, "the body is empty");
		case IN_LINE:
			return last_line(cutter);
		case IN_WORD:
			return cutter->depth == 0 ? cutter_word_end(cutter) :
				cutter_broken(cutter, "the body ends within an array or object");
		case IN_RECORD:
			return cutter_broken(cutter, "the body ends within a record");
		case IN_STRING:
		case IN_KEY:
			return cutter_broken(cutter, "the body ends within a string");
		default:
			return cutter_broken(cutter, "the body ends within an array or object");
	}
}

static void
chunk_end(Cutter *cutter)
{
	capture_carry(&cutter->record, cutter->end);
	capture_carry(&cutter->token, cutter->end);
	for (int i = 0; i < cutter->nwanted; i++)
		capture_carry(&cutter->wanted[i].capture, cutter->end);
	if (cutter->record.active && cutter->record.over)
		cutter_broken(cutter, "a record is too large");
}

CutterEvent
cutter_next(Cutter *cutter, CutRecord *record)
{
	bool		ready = false;

	while (!ready && cutter->why == NULL && cutter->at < cutter->end)
		ready = step(cutter);
	if (!ready && cutter->why == NULL)
	{
		if (cutter->last)
			ready = body_end(cutter);
		else
			chunk_end(cutter);
	}
	if (cutter->why != NULL)
		return CUT_BROKEN;
	if (ready)
	{
		*record = cutter->ready;
		return CUT_RECORD;
	}
	return cutter->last ? CUT_END : CUT_MORE;
}

const char *
cutter_reason(const Cutter *cutter, uint64 *offset)
{
	*offset = cutter->why_offset;
	return cutter->why;
}

CutFound
cutter_found(const Cutter *cutter)
{
	return cutter->found;
}

const CutReach *
cutter_reach(const Cutter *cutter)
{
	return &cutter->reach;
}

const char *
cut_found_name(CutFound found)
{
	static const char *const names[] = {
		[CUT_NOTHING] = "nothing", [CUT_ARRAY] = "an array", [CUT_OBJECT] = "an object",
		[CUT_NULL] = "null", [CUT_STRING] = "a string", [CUT_NUMBER] = "a number",
		[CUT_BOOLEAN] = "a boolean"
	};

	return names[found];
}

CutValue
cutter_value(const Cutter *cutter, int i, const char **bytes, size_t *length)
{
	Assert(i < cutter->nwanted);
	*bytes = cutter->wanted[i].bytes;
	*length = cutter->wanted[i].length;
	return cutter->wanted[i].state;
}
