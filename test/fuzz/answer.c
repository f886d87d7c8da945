/*
 * answer.c
 *	  Fuzzer: an answer's header lines and body, from the bytes received to records.
 *
 * An input is a byte for status and source, header lines up to an empty one, and the body.  All
 * that is told of the answer goes into tables and messages, so it must be text.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "fetch/page.h"
#include "utils/jsonb.h"

static void
on_record(const char *bytes, size_t length, void *arg)
{
	volatile char last;

	/* every record has its bytes */
	fuzz_check(length > 0);
	last = bytes[length - 1];
	(void) last;
	(*(int64 *) arg)++;
}

static void
check_jsonb(Jsonb *jsonb)
{
	char	   *text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));

	fuzz_check(fuzz_is_text(text));
}

/* The end of the header lines: behind the first empty one. */
static size_t
head_length(const char *bytes, size_t length)
{
	for (size_t i = 0; i + 2 <= length; i++)
	{
		if (bytes[i] == '\n' && bytes[i + 1] == '\n')
			return i + 2;
		if (i + 4 <= length && memcmp(bytes + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	}
	return length;
}

static void
read_answer(const SourceSpec *source, HttpResponse *response)
{
	int64		received = 0;
	PageReading page = page_read(source, response, on_record, &received);

	fuzz_check(page.facts.records == received);
	fuzz_check(page.problem != NULL || response->verdict == HTTP_COMPLETE);
	fuzz_check(page.problem == NULL || fuzz_is_text(page.problem));
	fuzz_check(page.facts.next == NULL || fuzz_is_text(page.facts.next));
	fuzz_check(page.facts.link == NULL || fuzz_is_text(page.facts.link));
}

void
fuzz_one(const char *bytes, size_t length)
{
	static const char *const paths[] = {"$", "$.data", "$.data[*]", "$.a.b"};
	static const int statuses[] = {200, 204, 304, 503};
	SourceSpec	source = {.name = "fuzz"};
	HttpResponse response = {.limits = {.max_inflated_bytes = 1024 * 1024, .max_ratio = 200}};
	unsigned char choice;
	size_t		head;

	if (length < 1)
		return;
	choice = *bytes++;
	length--;
	source.records = fuzz_path(paths[choice & 3]);
	source.paging.type = (choice & 4) != 0 ? PAGING_NEXT_LINK : PAGING_FOUND;
	source.paging.path = (choice & 4) != 0 ? fuzz_path("$.next") : NULL;
	source.rate.quota_header = "X-Quota";
	response.status = statuses[choice >> 3 & 3];
	response.memory = CurrentMemoryContext;
	head = head_length(bytes, length);
	response.body = spool_create(CurrentMemoryContext);
	spool_write(response.body, bytes + head, length - head);
	response.bytes = length - head;
	http_response_judge(&response, fuzz_bytes(bytes, head), head, (choice & 0x20) != 0);
	check_jsonb(page_headers(&source, &response));
	if (response.verdict == HTTP_COMPLETE)
		read_answer(&source, &response);
	else
		fuzz_check(fuzz_is_text(response.problem));
}
