/*
 * cutter.c
 *	  Fuzzer: records cut out of a body, in one piece and in chunks, and what they hold.
 *
 * An input is a byte that chooses where the records are, one for the size of the chunks, and the
 * body.  Where the server takes the whole body, the cutter must; and at "$" the records must be
 * the values that the server finds there, and nothing else.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "core/cutter.h"
#include "fetch/record_path.h"
#include "fetch/watermark.h"
#include "lib/stringinfo.h"
#include "test/jsonb_both.h"
#include "utils/memutils.h"

const size_t fuzz_prefix = 2;

static const char *const record_paths[] = {"$", "$[*]", "$.data", "$.a.b", "$.\"\\u006b1\""};
static const char *const wanted_paths[] = {"$.next", "$", "$.data.next", "$.a"};

#define LINES	lengthof(record_paths)	/* the choice behind the paths */

typedef struct Cut
{
	CutterEvent end;			/* CUT_END or CUT_BROKEN */
	CutFound	found;
	const char *why;
	uint64		offset;
	int			nrecords;
	StringInfoData records;		/* each behind its length */
	StringInfoData wanted;
} Cut;

static Cutter *
create_cutter(unsigned int choice)
{
	const CutterLimits limits = {.record_bytes = 4096, .depth = 32};
	const MemberPath **wanted = palloc(sizeof(MemberPath *) * lengthof(wanted_paths));

	if (choice == LINES)
		return cutter_create_lines(CurrentMemoryContext, &limits);
	for (int i = 0; i < lengthof(wanted_paths); i++)
		wanted[i] = fuzz_path(wanted_paths[i]);
	return cutter_create(CurrentMemoryContext, fuzz_path(record_paths[choice]), wanted,
						 lengthof(wanted_paths), &limits);
}

static void
note_wanted(Cut *cut, const Cutter *cutter)
{
	for (int i = 0; i < lengthof(wanted_paths); i++)
	{
		const char *bytes;
		size_t		length;
		CutValue	value = cutter_value(cutter, i, &bytes, &length);

		appendStringInfo(&cut->wanted, "%d:", value);
		if (value == CUT_VALUE_PRESENT)
			appendBinaryStringInfo(&cut->wanted, bytes, length);
	}
}

/* All that a body gives, fed in chunks. */
static Cut
cut_body(unsigned int choice, const char *body, size_t length, size_t chunk)
{
	Cutter	   *cutter = create_cutter(choice);
	Cut			cut = {0};
	CutRecord	record;
	size_t		fed = 0;

	initStringInfo(&cut.records);
	initStringInfo(&cut.wanted);
	for (;;)
	{
		switch (cut.end = cutter_next(cutter, &record))
		{
			case CUT_RECORD:
				fuzz_check(record.ordinal == ++cut.nrecords);
				appendBinaryStringInfo(&cut.records, (char *) &record.length, sizeof(size_t));
				appendBinaryStringInfo(&cut.records, record.bytes, record.length);
				break;
			case CUT_MORE:
				{
					size_t		part = Min(chunk, length - fed);

					cutter_feed(cutter, fuzz_bytes(body + fed, part), part, fed + part == length);
					fed += part;
					break;
				}
			case CUT_END:
				cut.found = cutter_found(cutter);
				if (choice != LINES)
					note_wanted(&cut, cutter);
				return cut;
			case CUT_BROKEN:
				cut.why = cutter_reason(cutter, &cut.offset);
				fuzz_check(cut.offset <= length);
				return cut;
		}
	}
}

static bool
same_bytes(StringInfo one, StringInfo other)
{
	return one->len == other->len && memcmp(one->data, other->data, one->len) == 0;
}

/* Is this refusal about what the cutter alone limits? */
static bool
is_limit(const Cut *cut)
{
	return cut->end == CUT_BROKEN &&
		(strstr(cut->why, "too large") != NULL || strstr(cut->why, "too deep") != NULL ||
		 strstr(cut->why, "too long") != NULL || strstr(cut->why, "path twice") != NULL ||
		 strstr(cut->why, "body is empty") != NULL);
}

/* Chunks may change neither the outcome nor, when it is good, what was cut. */
static void
check_chunks(Cut *whole, Cut *chunked)
{
	/* of two reasons, the one that is seen first depends on where chunks end */
	if (is_limit(whole) || is_limit(chunked))
	{
		fuzz_check(whole->end == CUT_BROKEN && chunked->end == CUT_BROKEN);
		return;
	}
	fuzz_check(whole->end == chunked->end);
	fuzz_check(whole->found == chunked->found);
	if (whole->end == CUT_BROKEN)
	{
		fuzz_check(strcmp(whole->why, chunked->why) == 0 && whole->offset == chunked->offset);
		return;
	}
	fuzz_check(same_bytes(&whole->records, &chunked->records));
	fuzz_check(same_bytes(&whole->wanted, &chunked->wanted));
}

/* The next record; false at the end. */
static bool
next_record(const Cut *cut, int *at, const char **bytes, size_t *length)
{
	if (*at == cut->records.len)
		return false;
	memcpy(length, cut->records.data + *at, sizeof(size_t));
	*bytes = fuzz_bytes(cut->records.data + *at + sizeof(size_t), *length);
	*at += sizeof(size_t) + *length;
	return true;
}

/* Does the server's value consist of these records? */
static bool
is_whole_value(JsonbWriter *writer, const Cut *cut, Jsonb *whole)
{
	const char *bytes;
	size_t		length;
	int			at = 0;
	bool		list = cut->found == CUT_ARRAY;

	if (list && JsonContainerSize(&whole->root) != cut->nrecords)
		return false;
	if (!list && cut->nrecords != (cut->found == CUT_NULL ? 0 : 1))
		return false;
	for (int i = 0; next_record(cut, &at, &bytes, &length); i++)
	{
		Jsonb	   *expected = list ?
			JsonbValueToJsonb(getIthJsonbValueFromContainer(&whole->root, i)) : whole;
		Jsonb	   *record;
		JsonRefusal why;

		if (!jsonb_write(writer, bytes, length, &record, &why) ||
			!jsonb_same_bytes(record, expected))
			return false;
	}
	return true;
}

/* Would each record be taken? */
static bool
all_taken(JsonbWriter *writer, const Cut *cut)
{
	const char *bytes;
	size_t		length;
	int			at = 0;
	Jsonb	   *value;
	JsonRefusal why;

	while (next_record(cut, &at, &bytes, &length))
		if (!jsonb_write(writer, bytes, length, &value, &why))
			return false;
	return true;
}

static void
check_server(JsonbWriter *writer, unsigned int choice, const Cut *cut, const char *body,
			 size_t length)
{
	bool		marked = length >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0;
	JsonbBoth	both = jsonb_both(writer, body + (marked ? 3 : 0), length - (marked ? 3 : 0));

	if (choice == LINES)
		return;
	if (both.server.value != NULL)
	{
		fuzz_check(cut->end == CUT_END || is_limit(cut));
		if (choice == 0 && cut->end == CUT_END)
			fuzz_check(is_whole_value(writer, cut, both.server.value));
	}
	else if (choice == 0 && cut->end == CUT_END &&
			 both.server.sqlstate != ERRCODE_STATEMENT_TOO_COMPLEX)
		fuzz_check(!all_taken(writer, cut));
}

/* What a source's cursor reads out of a record. */
static void
check_watermark(const Cut *cut)
{
	static const char *const paths[] = {"$.id", "$[1]", "$.a.a", "$"};
	const char *bytes;
	size_t		length;

	for (int i = 0; i < lengthof(paths); i++)
	{
		int			at = 0;
		int			position;
		const char *why;
		Watermark	watermark;
		WatermarkSpec spec = {.path = record_path_parse(paths[i], &position, &why)};
		TimestampTz time;

		fuzz_check(spec.path != NULL);
		watermark_init(&watermark, &spec, NULL);
		while (next_record(cut, &at, &bytes, &length))
			watermark_raise(&watermark, bytes, length);
		if (watermark_value(&watermark) != NULL)
		{
			fuzz_check(fuzz_is_text(watermark_value(&watermark)));
			(void) watermark_read_time(&spec, watermark_value(&watermark), &time);
		}
	}
}

void
fuzz_one(const char *bytes, size_t length)
{
	static JsonbWriter *writer = NULL;
	unsigned int choice;
	Cut			whole;
	Cut			chunked;

	if (length < fuzz_prefix)
		return;
	if (writer == NULL)
		writer = jsonb_writer_create(TopMemoryContext);
	choice = (unsigned char) bytes[0] % (LINES + 1);
	whole = cut_body(choice, bytes + fuzz_prefix, length - fuzz_prefix, length);
	chunked = cut_body(choice, bytes + fuzz_prefix, length - fuzz_prefix,
					   (unsigned char) bytes[1] % 130 + 1);
	check_chunks(&whole, &chunked);
	check_server(writer, choice, &whole, bytes + fuzz_prefix, length - fuzz_prefix);
	check_watermark(&whole);
}
