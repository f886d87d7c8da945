/*
 * http.c
 *	  Judging requests and answers.
 *
 *	  The library below calls a cut body without a length, a wrong Content-Length and truncated
 *	  gzip a success. Here an answer is complete only when its headers do not contradict each
 *	  other or the bytes received, and its compressed body ends where it should.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/http.h"

#include "core/error.h"
#include "core/gzip.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#define PROBLEM_LIMIT		1024	/* bytes of a problem's text */
#define HEADER_VALUE_LIMIT	8192	/* bytes kept of one header's value */

struct HttpBody
{
	HttpResponse *response;
	GzipReader *gzip;			/* NULL: not compressed */
	bool		ended;
};

static const char *const verdict_names[] = {
	[HTTP_COMPLETE] = "complete",
	[HTTP_BLOCKED] = "blocked",
	[HTTP_DNS_FAILED] = "dns_failed",
	[HTTP_CONNECT_FAILED] = "connect_failed",
	[HTTP_TLS_FAILED] = "tls_failed",
	[HTTP_TIMEOUT] = "timeout",
	[HTTP_RESET] = "reset",
	[HTTP_TRUNCATED] = "truncated",
	[HTTP_TOO_LARGE] = "too_large",
	[HTTP_BAD_ENCODING] = "bad_encoding",
	[HTTP_MALFORMED] = "malformed",
	[HTTP_FAILED] = "failed",
};

const char *
http_verdict_name(HttpVerdict verdict)
{
	return verdict_names[verdict];
}

const char *
http_header(const HttpResponse *response, const char *name)
{
	for (int i = 0; i < response->nheaders; i++)
		if (pg_strcasecmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	return NULL;
}

void
http_response_fail(HttpResponse *response, HttpVerdict verdict, const char *problem)
{
	MemoryContext caller = MemoryContextSwitchTo(response->memory);

	response->verdict = verdict;
	response->problem = error_clean(problem, strlen(problem), PROBLEM_LIMIT);
	MemoryContextSwitchTo(caller);
}

/* --- the request --- */

static bool
is_token(const char *text, size_t length)
{
	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = text[i];

		if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c) != NULL)
			return false;
	}
	return true;
}

static void
headers_check(const HttpHeader *headers, int nheaders)
{
	for (int i = 0; i < nheaders; i++)
	{
		if (!is_token(headers[i].name, strlen(headers[i].name)))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("could not send a header with an invalid name"),
					errdetail("A header's name consists of letters, digits and !#$%%&'*+-.^_`|~."));
		if (strpbrk(headers[i].value, "\r\n") != NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("could not send header \"%s\": its value contains a line break",
						   headers[i].name));
	}
}

void
http_request_check(const HttpRequest *request)
{
	const HttpLimits *limits = &request->limits;

	if (request->method != NULL && !is_token(request->method, strlen(request->method)))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("could not send a request with an invalid method"));
	headers_check(request->headers, request->nheaders);
	headers_check(request->secret_headers, request->nsecret_headers);
	if (limits->connect_ms < 0 || limits->first_byte_ms < 0 || limits->stall_s < 0 ||
		limits->stall_bytes < 0 || limits->total_ms < 0 || limits->max_ratio < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("could not send a request with a limit below zero"));
}

/* --- the answer's headers --- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Adds the header that stands in one line; false when the line is none. */
static bool
header_add(HttpResponse *response, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	const char *value;
	HttpHeader *header = &response->headers[response->nheaders];

	if (colon == NULL || !is_token(line, colon - line) || memchr(line, '\0', length) != NULL)
		return false;
	value = colon + 1;
	length -= value - line;
	while (length > 0 && is_blank(*value))
		value++, length--;
	while (length > 0 && is_blank(value[length - 1]))
		length--;
	header->name = pnstrdup(line, colon - line);
	header->value = error_clean(value, length, HEADER_VALUE_LIMIT);
	response->nheaders++;
	return true;
}

/* Takes the raw lines apart, the status line first. False when they are not HTTP. */
static bool
headers_parse(HttpResponse *response, const char *head, size_t length)
{
	const char *end = head + length;
	int			nlines = 0;
	bool		status_line = true;

	for (const char *at = head; at < end; at++)
		nlines += *at == '\n';
	response->headers = palloc0((nlines + 1) * sizeof(HttpHeader));
	while (head < end)
	{
		const char *newline = memchr(head, '\n', end - head);
		size_t		line = (newline != NULL ? newline : end) - head;
		size_t		next = line + (newline != NULL);

		if (line > 0 && head[line - 1] == '\r')
			line--;
		if (line > 0 && !status_line && !header_add(response, head, line))
			return false;
		status_line = false;
		head += next;
	}
	return true;
}

static int
header_count(const HttpResponse *response, const char *name)
{
	int			count = 0;

	for (int i = 0; i < response->nheaders; i++)
		count += pg_strcasecmp(response->headers[i].name, name) == 0;
	return count;
}

/* Reads a Content-Length: digits only, below 2^63. */
static bool
length_parse(const char *text, uint64 *length)
{
	size_t		digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*length = strtou64(text, NULL, 10);
	return true;
}

/* Why the framing headers (RFC 9112, section 6) cannot be trusted, or NULL. */
static const char *
framing_problem(const HttpResponse *response)
{
	const char *coding = http_header(response, "Transfer-Encoding");
	const char *length = http_header(response, "Content-Length");
	uint64		parsed;

	if (header_count(response, "Content-Length") > 1)
		return "the answer has more than one Content-Length";
	if (header_count(response, "Transfer-Encoding") > 1 ||
		(coding != NULL && pg_strcasecmp(coding, "chunked") != 0))
		return "the answer has a Transfer-Encoding other than chunked";
	if (coding != NULL && length != NULL)
		return "the answer has both Content-Length and Transfer-Encoding";
	if (length != NULL && !length_parse(length, &parsed))
		return "the answer's Content-Length is not a number";
	return NULL;
}

/* Is the body's compression one that we read? "gzip, gzip" is not: a chain multiplies bombs. */
static bool
encoding_known(const HttpResponse *response, bool *compressed, GzipFormat *format)
{
	const char *encoding = http_header(response, "Content-Encoding");

	*compressed = false;
	if (header_count(response, "Content-Encoding") > 1)
		return false;
	if (encoding == NULL || encoding[0] == '\0' || pg_strcasecmp(encoding, "identity") == 0)
		return true;
	*compressed = true;
	*format = pg_strcasecmp(encoding, "deflate") == 0 ? GZIP_DEFLATE : GZIP_GZIP;
	return *format == GZIP_DEFLATE || pg_strcasecmp(encoding, "gzip") == 0 ||
		pg_strcasecmp(encoding, "x-gzip") == 0;
}

void
http_response_judge(HttpResponse *response, const char *head, size_t length, bool head_only)
{
	MemoryContext caller = MemoryContextSwitchTo(response->memory);
	bool		parsed = headers_parse(response, head, length);
	const char *framing = framing_problem(response);
	const char *announced = http_header(response, "Content-Length");
	bool		bodiless = head_only || response->status == 204 || response->status == 304;
	bool		compressed;
	GzipFormat	format;
	uint64		expected;

	MemoryContextSwitchTo(caller);
	if (response->verdict != HTTP_COMPLETE)
		return;
	response->unbounded = !bodiless && announced == NULL &&
		http_header(response, "Transfer-Encoding") == NULL;
	if (!parsed)
		http_response_fail(response, HTTP_MALFORMED, "the answer has a malformed header line");
	else if (framing != NULL)
		http_response_fail(response, HTTP_MALFORMED, framing);
	else if (!bodiless && announced != NULL && length_parse(announced, &expected) &&
			 expected != response->bytes)
		http_response_fail(response, HTTP_TRUNCATED,
						   psprintf("received " UINT64_FORMAT " of " UINT64_FORMAT " bytes",
									response->bytes, expected));
	else if (!bodiless && !encoding_known(response, &compressed, &format))
		http_response_fail(response, HTTP_BAD_ENCODING,
						   "the answer has a Content-Encoding that was not asked for");
}

/* --- the body --- */

HttpBody *
http_body_open(HttpResponse *response)
{
	HttpBody   *body = MemoryContextAllocZero(response->memory, sizeof(HttpBody));
	bool		compressed;
	GzipFormat	format;

	body->response = response;
	/* an empty body is empty in every encoding; servers send it so with an error status */
	if (encoding_known(response, &compressed, &format) && compressed && response->bytes > 0)
	{
		GzipLimits	limits = {
			.max_output = response->limits.max_inflated_bytes,
			.max_ratio = response->limits.max_ratio
		};

		body->gzip = gzip_reader_create(response->memory, format, &limits);
	}
	spool_rewind(response->body);
	return body;
}

static bool
body_end(HttpBody *body, GzipStatus status)
{
	HttpVerdict verdict = HTTP_BAD_ENCODING;

	body->ended = true;
	if (status == GZIP_DONE)
		return false;
	if (status == GZIP_TRUNCATED)
		verdict = HTTP_TRUNCATED;
	else if (status == GZIP_TOO_LARGE || status == GZIP_NO_MEMORY)
		verdict = HTTP_TOO_LARGE;
	http_response_fail(body->response, verdict, gzip_problem(body->gzip));
	return false;
}

bool
http_body_read(HttpBody *body, const char **chunk, size_t *length)
{
	if (body->ended)
		return false;
	if (body->gzip == NULL)
		return spool_read(body->response->body, chunk, length);
	for (;;)
	{
		const char *compressed;
		size_t		compressed_length;
		GzipStatus	status = gzip_pull(body->gzip, chunk, length);

		if (status == GZIP_CHUNK)
			return true;
		if (status != GZIP_MORE)
			return body_end(body, status);
		if (!spool_read(body->response->body, &compressed, &compressed_length))
			return body_end(body, gzip_finish(body->gzip));
		gzip_push(body->gzip, compressed, compressed_length);
	}
}
