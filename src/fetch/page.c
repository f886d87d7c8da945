/*
 * page.c
 *	  From an answer's body to records.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/page.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/cutter.h"
#include "core/error.h"
#include "core/json_scan.h"

#define RECORD_BYTES	(64 * 1024 * 1024)	/* of one record */

/* ---- what the header fields tell ---- */

static bool
contains_word(const char *text, const char *word)
{
	size_t		length = strlen(word);

	for (; text != NULL && *text != '\0'; text++)
		if (pg_strncasecmp(text, word, length) == 0)
			return true;
	return false;
}

static bool
is_lines(const char *content_type)
{
	return contains_word(content_type, "ndjson") || contains_word(content_type, "jsonl") ||
		contains_word(content_type, "json-seq") || contains_word(content_type, "json-lines");
}

/* The charset parameter when it is one that JSON cannot be in; NULL when all is well. */
static char *
foreign_charset(const char *content_type)
{
	const char *found = NULL;
	size_t		length;

	for (const char *at = content_type; at != NULL && *at != '\0'; at++)
		if (pg_strncasecmp(at, "charset=", 8) == 0)
			found = at + 8;
	if (found == NULL)
		return NULL;
	found += *found == '"';
	length = strcspn(found, "\"; ");
	if ((length == 5 && pg_strncasecmp(found, "utf-8", 5) == 0) ||
		(length == 4 && pg_strncasecmp(found, "utf8", 4) == 0) ||
		(length == 8 && pg_strncasecmp(found, "us-ascii", 8) == 0))
		return NULL;
	return error_clean(found, length, 50);
}

/* One "<target>; param; param" of a Link field: is it rel=next? */
static bool
is_next(const char *params, size_t length)
{
	char	   *text = pnstrdup(params, length);

	for (char *at = text; (at = strstr(at, "rel=")) != NULL;)
	{
		size_t		rel_length;

		at += 4;
		at += *at == '"';
		rel_length = strcspn(at, "\";,");
		for (size_t word = 0; word < rel_length;)
		{
			size_t		word_length = strcspn(at + word, " \";,");

			if (word_length == 4 && pg_strncasecmp(at + word, "next", 4) == 0)
				return true;
			word += word_length + 1;
		}
	}
	return false;
}

char *
page_link_next(const char *field)
{
	while (field != NULL && (field = strchr(field, '<')) != NULL)
	{
		const char *close = strchr(field, '>');
		const char *end;

		if (close == NULL)
			return NULL;
		/* the parameters go on to a comma that another link follows */
		end = close;
		while (*end != '\0' && !(*end == ',' && end[1 + strspn(end + 1, " \t")] == '<'))
			end++;
		if (is_next(close, end - close))
			return pnstrdup(field + 1, close - field - 1);
		field = end;
	}
	return NULL;
}

/* A field may be sent in several lines (RFC 9110, section 5.3): the link stands in any of them. */
static char *
find_next_link(const HttpResponse *response)
{
	char	   *next = NULL;

	for (int i = 0; i < response->nheaders && next == NULL; i++)
		if (pg_strcasecmp(response->headers[i].name, "Link") == 0)
			next = page_link_next(response->headers[i].value);
	return next;
}

static void
put_header(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) name;
	value.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &value);
	value.val.string.val = (char *) text;
	value.val.string.len = strlen(text);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
page_headers(const SourceSpec *source, const HttpResponse *response)
{
	static const char *const kept[] = {
		"content-type", "content-encoding", "content-length", "date", "etag", "last-modified",
		"x-request-id"
	};
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < lengthof(kept); i++)
	{
		const char *value = http_header(response, kept[i]);

		if (value != NULL)
			put_header(&state, kept[i], error_clean(value, strlen(value), 500));
	}
	if (source->rate.quota_header != NULL)
	{
		const char *value = http_header(response, source->rate.quota_header);

		if (value != NULL)
			put_header(&state, source->rate.quota_header, error_clean(value, strlen(value), 500));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- the body ---- */

typedef struct BodyReading
{
	const SourceSpec *source;
	HttpResponse *response;
	RecordReceiver receiver;
	void	   *arg;
	Cutter	   *cutter;
	PageReading *page;
	pg_crc32c	crc;
	bool		cut;			/* the cutter has come to the end or given up */
} BodyReading;

static void
set_problem(PageReading *page, char *problem, bool retry, const char *hint)
{
	page->problem = problem;
	page->retry = retry;
	page->hint = hint != NULL ? pstrdup(hint) : NULL;
}

static bool
is_xml(const char *content_type)
{
	return contains_word(content_type, "xml") && !contains_word(content_type, "html");
}

/* Looks at the first bytes: an HTML page is no broken JSON, it is something else. False to stop. */
static bool
check_beginning(BodyReading *reading, const char *bytes, size_t length)
{
	const char *type = http_header(reading->response, "Content-Type");
	char	   *charset = foreign_charset(type);

	while (length > 0 && isspace((unsigned char) *bytes))
		bytes++, length--;
	if (contains_word(type, "html") || (length > 0 && *bytes == '<'))
		set_problem(reading->page,
					psprintf("the answer is %s, not JSON", is_xml(type) ? "XML" : "HTML"), false,
					"Open the source's URL by hand: it may be a sign-in or an error page.");
	else if (charset != NULL)
		set_problem(reading->page,
					psprintf("the answer is in charset \"%s\", not in UTF-8", charset),
					false, NULL);
	return reading->page->problem == NULL;
}

static void
cutter_problem(BodyReading *reading)
{
	uint64		offset;
	const char *reason = cutter_reason(reading->cutter, &offset);

	/* without a length, a cut body looks whole to the protocol */
	set_problem(reading->page,
				psprintf("the answer is not valid JSON: %s (byte " UINT64_FORMAT ")", reason,
						 offset + 1),
				reading->response->unbounded, NULL);
}

/* Takes the records out of one chunk. */
static void
cut_chunk(BodyReading *reading, const char *bytes, size_t length, bool last)
{
	CutRecord	record;

	cutter_feed(reading->cutter, bytes, length, last);
	for (;;)
	{
		switch (cutter_next(reading->cutter, &record))
		{
			case CUT_RECORD:
				reading->receiver(record.bytes, record.length, reading->arg);
				reading->page->facts.records++;
				break;
			case CUT_MORE:
				return;
			case CUT_END:
				reading->cut = true;
				return;
			case CUT_BROKEN:
				reading->cut = true;
				cutter_problem(reading);
				return;
		}
	}
}

static void
read_body(BodyReading *reading)
{
	HttpBody   *body = http_body_open(reading->response);
	PageReading *page = reading->page;
	const char *chunk;
	size_t		length;

	while (page->problem == NULL && http_body_read(body, &chunk, &length))
	{
		CHECK_FOR_INTERRUPTS();
		COMP_CRC32C(reading->crc, chunk, length);
		if (page->bytes == 0 && length >= 3 && memcmp(chunk, "\xef\xbb\xbf", 3) == 0)
		{
			chunk += 3;
			length -= 3;
			page->bytes += 3;
		}
		if (page->bytes <= 3 && !check_beginning(reading, chunk, length))
			return;
		page->bytes += length;
		cut_chunk(reading, chunk, length, false);
	}
	if (page->problem != NULL && reading->response->verdict == HTTP_COMPLETE)
	{
		/* what looks like bad JSON may be a body that breaks off later on */
		while (http_body_read(body, &chunk, &length))
			CHECK_FOR_INTERRUPTS();
	}
	if (reading->response->verdict != HTTP_COMPLETE)
		set_problem(page, pstrdup(reading->response->problem),
					reading->response->verdict != HTTP_TOO_LARGE,
					reading->response->verdict == HTTP_TOO_LARGE ?
					"Ask for smaller pages, or raise the option max_body of the connection." :
					NULL);
	else if (page->problem == NULL && page->bytes > 0 && !reading->cut)
		cut_chunk(reading, "", 0, true);
}

/* ---- what stands in it ---- */

/* "an object with "a", "b"", "a number", … */
static char *
describe_value(const CutReach *reach)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, cut_found_name(reach->type));
	if (reach->type == CUT_OBJECT)
		appendStringInfoString(&text, reach->nnames == 0 ? " without members" : " with ");
	for (int i = 0; i < Min(reach->nnames, CUT_NAMES); i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? ", " : "",
						 error_clean(reach->names[i], strlen(reach->names[i]), CUT_NAME_BYTES));
	if (reach->nnames > CUT_NAMES)
		appendStringInfo(&text, " and %d more", reach->nnames - CUT_NAMES);
	return text.data;
}

static void
check_found(BodyReading *reading)
{
	const MemberPath *path = reading->source->records;
	CutFound	found = cutter_found(reading->cutter);
	const CutReach *reach = cutter_reach(reading->cutter);
	bool		single = found == CUT_OBJECT && !path->elements;
	bool		bare = path->nmembers == 0 && !path->elements && found != CUT_NOTHING;
	char	   *problem;

	if (found == CUT_ARRAY || found == CUT_NULL || single || bare)
		return;
	if (found != CUT_NOTHING)
		problem = psprintf("the answer has %s at \"%s\" where an array of records is expected",
						   describe_value(reach), path->text);
	else
		problem = psprintf("the answer has nothing at \"%s\": \"%.*s\" is %s", path->text,
						   reach->nmembers == 0 ? 1 :
						   (int) path->members[reach->nmembers - 1].text_end, path->text,
						   describe_value(reach));
	set_problem(reading->page, problem, false,
				"Set \"records\" of the source to the path of its list.");
}

/*
 * A wanted value as text: strings decoded, numbers as they stand, NULL for null and the rest.
 * False for a string that is no text.
 */
static bool
value_text(const char *bytes, size_t length, char **result)
{
	JsonRefusal why;
	char	   *text;
	size_t		used;

	*result = NULL;
	if (length == 0 || *bytes == 'n' ||
		*bytes == '{' || *bytes == '[' || *bytes == 't' || *bytes == 'f')
		return true;
	if (*bytes != '"')
	{
		*result = pnstrdup(bytes, length);
		return true;
	}
	text = palloc(length + 1);
	if (json_string_decode(bytes, bytes + 1, bytes + length, text, &used, &why) == NULL ||
		!pg_verify_mbstr(PG_UTF8, text, used, true))
		return false;
	text[used] = '\0';
	*result = text;
	return true;
}

/* Who cannot read what comes next must not take it for the end. */
static void
read_next(BodyReading *reading, bool lines)
{
	PageReading *page = reading->page;
	const MemberPath *path = reading->source->paging.path;
	const char *bytes;
	size_t		length;
	char	   *next;
	CutValue	value = path == NULL || lines ? CUT_VALUE_ABSENT :
		cutter_value(reading->cutter, 0, &bytes, &length);

	if (path != NULL && lines)
		set_problem(page, psprintf("the answer is one record a line, where nothing can stand at "
								   "\"%s\"", path->text), false, NULL);
	else if (value == CUT_VALUE_TOO_LONG)
		set_problem(page, psprintf("the answer has a value at \"%s\" that is too long to be asked "
								   "for", path->text), false, NULL);
	else if (value == CUT_VALUE_PRESENT)
	{
		if (!value_text(bytes, length, &next))
			set_problem(page, psprintf("the answer has a string at \"%s\" that is not valid text",
									   path->text), false, NULL);
		page->facts.next = next;
	}
	page->facts.next_absent = path != NULL && value == CUT_VALUE_ABSENT;
	page->facts.link = find_next_link(reading->response);
}

/* A body was read to its end. */
static void
judge_body(BodyReading *reading, bool lines)
{
	PageReading *page = reading->page;

	if (page->bytes == 0)
	{
		if (reading->response->status != 204)
			set_problem(page, pstrdup("the answer is empty"), reading->response->unbounded, NULL);
		page->facts.link = find_next_link(reading->response);
		return;
	}
	if (!lines)
		check_found(reading);
	if (page->problem == NULL)
		read_next(reading, lines);
}

PageReading
page_read(const SourceSpec *source, HttpResponse *response, RecordReceiver receiver, void *arg)
{
	const CutterLimits limits = {.record_bytes = RECORD_BYTES, .depth = CUTTER_DEPTH_DEFAULT};
	const MemberPath *wanted[] = {source->paging.path};
	bool		lines = is_lines(http_header(response, "Content-Type"));
	PageReading page = {0};
	BodyReading reading = {source, response, receiver, arg, NULL, &page};
	/* a cutter keeps room for the longest record, which nobody needs when its page lands */
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops cutter",
												 ALLOCSET_DEFAULT_SIZES);

	INIT_CRC32C(reading.crc);
	reading.cutter = lines ? cutter_create_lines(memory, &limits) :
		cutter_create(memory, source->records, wanted, wanted[0] != NULL ? 1 : 0, &limits);
	read_body(&reading);
	FIN_CRC32C(reading.crc);
	page.crc32c = reading.crc;
	if (page.problem == NULL)
		judge_body(&reading, lines);
	MemoryContextDelete(memory);
	return page;
}
