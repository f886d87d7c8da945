/*
 * net_test.c
 *	  The tests' own way to core and net; not in an ordinary build. Arguments and results are
 *	  jsonb, so that a test can set and see everything; sql/test/net.sql has the signatures.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#ifdef DATAOPS_TEST

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/error.h"
#include "core/gzip.h"
#include "core/spool.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "net/transfer.h"
#include "net/wait.h"
#include "nodes/parsenodes.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#define HEAD_SHOWN	200			/* bytes of a body that a result shows */

/* --- options --- */

static JsonbValue *
option(Jsonb *options, const char *name)
{
	return getKeyJsonValueFromContainer(&options->root, name, strlen(name), NULL);
}

static char *
option_text(Jsonb *options, const char *name)
{
	JsonbValue *value = option(options, name);

	if (value == NULL || value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int
option_int(Jsonb *options, const char *name)
{
	JsonbValue *value = option(options, name);

	if (value == NULL || value->type != jbvNumeric)
		return 0;
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)));
}

static bool
option_bool(Jsonb *options, const char *name)
{
	JsonbValue *value = option(options, name);

	return value != NULL && value->type == jbvBool && value->val.boolean;
}

/* The texts of an array or, as name and value in turn, of an object. */
static const char **
option_texts(Jsonb *options, const char *name, int *count)
{
	JsonbValue *list = option(options, name);
	const char **texts;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	*count = 0;
	if (list == NULL || list->type != jbvBinary)
		return NULL;
	texts = palloc(2 * JsonContainerSize(list->val.binary.data) * sizeof(char *));
	iterator = JsonbIteratorInit(list->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if ((token == WJB_ELEM || token == WJB_KEY || token == WJB_VALUE) &&
			value.type == jbvString)
			texts[(*count)++] = pnstrdup(value.val.string.val, value.val.string.len);
	return texts;
}

static GateRange *
option_ranges(Jsonb *options, const char *name, int *count)
{
	const char **texts = option_texts(options, name, count);
	GateRange  *ranges = palloc(Max(*count, 1) * sizeof(GateRange));

	for (int i = 0; i < *count; i++)
		if (!gate_range_parse(texts[i], &ranges[i]))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("no address range: \"%s\"", texts[i]));
	return ranges;
}

static GatePolicy *
policy_read(Jsonb *options)
{
	GatePolicy *policy = palloc0(sizeof(GatePolicy));

	policy->hosts = option_texts(options, "hosts", &policy->nhosts);
	policy->ranges = option_ranges(options, "ranges", &policy->nranges);
	policy->limit_hosts = option_texts(options, "limit_hosts", &policy->nlimit_hosts);
	policy->limit_ranges = option_ranges(options, "limit_ranges", &policy->nlimit_ranges);
	policy->allow_http = option_bool(options, "allow_http");
	return policy;
}

static HttpHeader *
headers_read(Jsonb *options, const char *name, int *count)
{
	return (HttpHeader *) option_texts(options, name, count);
}

static HttpRequest *
request_read(const char *url, Jsonb *options)
{
	HttpRequest *request = palloc0(sizeof(HttpRequest));

	request->url = url;
	request->method = option_text(options, "method");
	request->headers = headers_read(options, "headers", &request->nheaders);
	request->nheaders /= 2;
	request->secret_headers = headers_read(options, "secret_headers", &request->nsecret_headers);
	request->nsecret_headers /= 2;
	request->body = option_text(options, "body");
	request->body_length = request->body != NULL ? strlen(request->body) : 0;
	request->once = option_bool(options, "once");
	request->limits.connect_ms = option_int(options, "connect_ms");
	request->limits.first_byte_ms = option_int(options, "first_byte_ms");
	request->limits.stall_s = option_int(options, "stall_s");
	request->limits.stall_bytes = option_int(options, "stall_bytes");
	request->limits.total_ms = option_int(options, "total_ms");
	request->limits.max_body_bytes = option_int(options, "max_body_bytes");
	request->limits.max_inflated_bytes = option_int(options, "max_inflated_bytes");
	request->limits.max_ratio = option_int(options, "max_ratio");
	return request;
}

static HttpPool *
pool_read(MemoryContext owner, Jsonb *options)
{
	PoolOptions pool = {
		.gate = policy_read(options),
		.connections = option_int(options, "connections"),
		.inbox_bytes = option_int(options, "inbox_bytes"),
		.ca_bundle = option_text(options, "ca"),
	};

	pool.resolve = option_texts(options, "resolve", &pool.nresolve);
	return pool_create(owner, &pool);
}

/* --- results --- */

static void
result_key(StringInfo result, const char *name)
{
	appendStringInfoChar(result, result->len == 0 ? '{' : ',');
	escape_json(result, name);
	appendStringInfoChar(result, ':');
}

static void
result_text(StringInfo result, const char *name, const char *text)
{
	result_key(result, name);
	if (text != NULL)
		escape_json(result, text);
	else
		appendStringInfoString(result, "null");
}

static void
result_number(StringInfo result, const char *name, int64 number)
{
	result_key(result, name);
	appendStringInfo(result, INT64_FORMAT, number);
}

static void
result_bool(StringInfo result, const char *name, bool value)
{
	result_key(result, name);
	appendStringInfoString(result, value ? "true" : "false");
}

static void
result_headers(StringInfo result, HttpResponse *response)
{
	result_key(result, "headers");
	appendStringInfoChar(result, '[');
	for (int i = 0; i < response->nheaders; i++)
	{
		appendStringInfoString(result, i > 0 ? ",[" : "[");
		escape_json(result, response->headers[i].name);
		appendStringInfoChar(result, ',');
		escape_json(result, response->headers[i].value);
		appendStringInfoChar(result, ']');
	}
	appendStringInfoChar(result, ']');
}

static void
result_body(StringInfo result, HttpResponse *response)
{
	HttpBody   *body = http_body_open(response);
	StringInfoData head;
	const char *chunk;
	size_t		length;
	int64		total = 0;
	pg_crc32c	crc;

	initStringInfo(&head);
	INIT_CRC32C(crc);
	while (http_body_read(body, &chunk, &length))
	{
		COMP_CRC32C(crc, chunk, length);
		if (head.len < HEAD_SHOWN)
			appendBinaryStringInfo(&head, chunk, Min(length, HEAD_SHOWN));
		total += length;
	}
	FIN_CRC32C(crc);
	result_number(result, "inflated", total);
	result_number(result, "crc32c", crc);
	result_text(result, "head", error_clean(head.data, head.len, HEAD_SHOWN));
}

static char *
result_of(HttpResponse *response)
{
	StringInfoData result;

	initStringInfo(&result);
	if (response->verdict == HTTP_COMPLETE)
		result_body(&result, response);
	result_text(&result, "verdict", http_verdict_name(response->verdict));
	result_text(&result, "problem", response->problem);
	result_number(&result, "status", response->status);
	result_number(&result, "bytes", response->bytes);
	result_number(&result, "took_ms", response->took_ms);
	result_bool(&result, "unbounded", response->unbounded);
	result_bool(&result, "reused", response->connection_reused);
	result_number(&result, "pauses", response->pauses);
	result_headers(&result, response);
	appendStringInfoChar(&result, '}');
	return result.data;
}

static Datum
as_jsonb(const char *text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

/* --- HTTP --- */

PG_FUNCTION_INFO_V1(dataops_test_http);
/* "repeat" times the same request over one pool; the last response is the result. */
Datum
dataops_test_http(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *options = PG_GETARG_JSONB_P(1);
	int			limit_ms = option_int(options, "interactive_ms");
	HttpPool   *pool;
	HttpResponse *response;

	wait_interactive(CurrentMemoryContext, limit_ms > 0 ? limit_ms : 60 * 1000, "a test");
	pool = pool_read(CurrentMemoryContext, options);
	for (int i = option_int(options, "repeat"); i > 1; i--)
		http_perform(pool, request_read(url, options));
	response = http_perform(pool, request_read(url, options));
	PG_RETURN_DATUM(as_jsonb(result_of(response)));
}

PG_FUNCTION_INFO_V1(dataops_test_http_many);
/* "count" requests at once; released before the last ones came when "abandon" says so. */
Datum
dataops_test_http_many(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			count = PG_GETARG_INT32(1);
	Jsonb	   *options = PG_GETARG_JSONB_P(2);
	int			abandon = option_int(options, "abandon");
	HttpRequest *request = request_read(url, options);
	HttpPool   *pool;
	HttpTransfer *transfer;
	StringInfoData result;
	int64		began = wait_clock_ms();
	int64		bytes = 0;
	int			complete = 0;
	int			reused = 0;

	wait_interactive(CurrentMemoryContext, 60 * 1000, "a test");
	pool = pool_read(CurrentMemoryContext, options);
	for (int i = 0; i < count; i++)
		transfer_start(pool, request, NULL);
	while (pool_pending(pool) > abandon && (transfer = transfer_wait(pool, -1)) != NULL)
	{
		HttpResponse *response = transfer_response(transfer);

		complete += response->verdict == HTTP_COMPLETE && response->status == 200;
		reused += response->connection_reused;
		bytes += response->bytes;
		transfer_release(transfer);
	}
	pool_release(pool);
	initStringInfo(&result);
	result_number(&result, "ms", wait_clock_ms() - began);
	result_number(&result, "complete", complete);
	result_number(&result, "reused", reused);
	result_number(&result, "bytes", bytes);
	appendStringInfoChar(&result, '}');
	PG_RETURN_DATUM(as_jsonb(result.data));
}

PG_FUNCTION_INFO_V1(dataops_test_http_call);
/* As a run does it: commits, then waits holding nothing. The result is a notice. */
Datum
dataops_test_http_call(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *options = PG_GETARG_JSONB_P_COPY(1);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(PortalContext, "dataops test",
												 ALLOCSET_DEFAULT_SIZES);
	int			sleep_ms = option_int(options, "sleep_ms");

	if (castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				errmsg("could not commit inside a transaction block"));
	MemoryContextSwitchTo(memory);
	url = pstrdup(url);
	options = (Jsonb *) PG_DETOAST_DATUM_COPY(JsonbPGetDatum(options));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
	MemoryContextSwitchTo(memory);
	if (sleep_ms > 0)
		latch_sleep(sleep_ms);
	else
		ereport(NOTICE,
				errmsg("%s", result_of(http_perform(pool_read(memory, options),
													request_read(url, options)))));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
	PG_RETURN_VOID();
}

/* --- the gate --- */

PG_FUNCTION_INFO_V1(dataops_test_gate);
/* Why the URL is refused, or null. */
Datum
dataops_test_gate(PG_FUNCTION_ARGS)
{
	char	   *why;

	if (gate_allows_url(policy_read(PG_GETARG_JSONB_P(1)),
						text_to_cstring(PG_GETARG_TEXT_PP(0)), &why))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(why));
}

PG_FUNCTION_INFO_V1(dataops_test_gate_address);
/* Why the address is refused, or null; asked in both forms, which must agree. */
Datum
dataops_test_gate_address(PG_FUNCTION_ARGS)
{
	char	   *literal = text_to_cstring(PG_GETARG_TEXT_PP(0));
	GatePolicy *policy = policy_read(PG_GETARG_JSONB_P(1));
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr *address = (struct sockaddr *) &v4;
	const char *why;
	const char *why_text;

	if (inet_pton(AF_INET6, literal, &v6.sin6_addr) == 1)
		address = (struct sockaddr *) &v6;
	else if (inet_pton(AF_INET, literal, &v4.sin_addr) != 1)
		v4.sin_family = AF_UNIX;
	if (gate_allows_address(policy, address, &why) !=
		gate_allows_address_text(policy, literal, &why_text))
		elog(ERROR, "the two forms of address %s are judged differently", literal);
	if (why == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(why));
}

/* --- core --- */

static const char *const gzip_statuses[] = {
	[GZIP_CHUNK] = "chunk",
	[GZIP_MORE] = "more",
	[GZIP_DONE] = "done",
	[GZIP_TRUNCATED] = "truncated",
	[GZIP_CORRUPT] = "corrupt",
	[GZIP_TOO_LARGE] = "too_large",
	[GZIP_NO_MEMORY] = "no_memory",
};

PG_FUNCTION_INFO_V1(dataops_test_inflate);
/* Inflates in pushes of "push" bytes. */
Datum
dataops_test_inflate(PG_FUNCTION_ARGS)
{
	bytea	   *input = PG_GETARG_BYTEA_PP(0);
	Jsonb	   *options = PG_GETARG_JSONB_P(1);
	GzipLimits	limits = {option_int(options, "max_output"), option_int(options, "max_ratio")};
	GzipReader *reader = gzip_reader_create(CurrentMemoryContext, option_bool(options, "deflate") ?
											GZIP_DEFLATE : GZIP_GZIP, &limits);
	size_t		left = VARSIZE_ANY_EXHDR(input);
	size_t		push = option_int(options, "push");
	const char *at = VARDATA_ANY(input);
	const char *chunk;
	size_t		length;
	GzipStatus	status = GZIP_MORE;
	StringInfoData output;
	StringInfoData result;

	initStringInfo(&output);
	while (left > 0 && status == GZIP_MORE)
	{
		size_t		part = push > 0 ? Min(push, left) : left;

		gzip_push(reader, at, part);
		while ((status = gzip_pull(reader, &chunk, &length)) == GZIP_CHUNK)
			appendBinaryStringInfo(&output, chunk, length);
		at += part;
		left -= part;
	}
	status = gzip_finish(reader);
	initStringInfo(&result);
	result_text(&result, "status", gzip_statuses[status]);
	result_text(&result, "problem", gzip_problem(reader));
	result_number(&result, "length", output.len);
	result_text(&result, "head", error_clean(output.data, output.len, HEAD_SHOWN));
	appendStringInfoChar(&result, '}');
	PG_RETURN_DATUM(as_jsonb(result.data));
}

PG_FUNCTION_INFO_V1(dataops_test_gzip);
Datum
dataops_test_gzip(PG_FUNCTION_ARGS)
{
	bytea	   *input = PG_GETARG_BYTEA_PP(0);
	size_t		length = VARSIZE_ANY_EXHDR(input);
	size_t		room = gzip_member_bound(length);
	bytea	   *result = palloc(VARHDRSZ + room);

	length = gzip_member(gzip_writer_create(CurrentMemoryContext, PG_GETARG_INT32(1)),
						 VARDATA_ANY(input), length, VARDATA(result), room);
	SET_VARSIZE(result, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(result);
}

/* Reads all from the byte at "from" on; byte n of the whole is n modulo a prime. */
static void
spool_check(Spool *spool, int64 from, int64 size)
{
	const char *read;
	size_t		length;
	int64		at = from;

	spool_seek(spool, from);
	while (spool_read(spool, &read, &length))
		for (size_t j = 0; j < length; j++, at++)
			if ((unsigned char) read[j] != at % 251)
				elog(ERROR, "byte " INT64_FORMAT " is wrong", at);
	if (at != size || spool_size(spool) != size)
		elog(ERROR, "read to byte " INT64_FORMAT, at);
}

PG_FUNCTION_INFO_V1(dataops_test_spool);
/*
 * Writes "size" bytes in pieces and reads them "reads" times, each time as a whole, then from a
 * place further on and from one further back. A limit stays for the session.
 */
Datum
dataops_test_spool(PG_FUNCTION_ARGS)
{
	int64		size = PG_GETARG_INT64(0);
	int			piece = PG_GETARG_INT32(1);
	int			reads = PG_GETARG_INT32(2);
	Spool	   *spool = spool_create(CurrentMemoryContext);
	char	   *bytes = palloc(piece + 251);

	for (int i = 0; i < piece + 251; i++)
		bytes[i] = i % 251;
	if (!PG_ARGISNULL(3))
		spool_limit_mb = PG_GETARG_INT32(3);
	for (int64 done = 0; done < size; done += piece)
		spool_write(spool, bytes + done % 251, Min(piece, size - done));
	for (int i = 0; i < reads; i++)
	{
		spool_check(spool, 0, size);
		spool_check(spool, size - size / 3, size);
		spool_check(spool, size / (i + 2), size);
	}
	PG_RETURN_INT64(spool_size(spool));
}

#endif
