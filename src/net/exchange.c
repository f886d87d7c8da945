/*
 * exchange.c
 *	  One request on one handle of libcurl.
 *
 *	  The callbacks neither throw, allocate from a memory context nor serve interrupts: they note
 *	  a reason and stop. Every option is set anew for each request, so nothing of the former is
 *	  left.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/exchange.h"

#include <unistd.h>

#include "net/wait.h"
#include "storage/fd.h"

#define RECEIVE_BUFFER		(128 * 1024L)
/* So much leaves with one call: who only looks in now and then must not starve the connection. */
#define SEND_BUFFER			(512 * 1024L)
#define HEAD_LIMIT			((size_t) 64 * 1024)

#define PICK(given, fallback, builtin) \
	((given) > 0 ? (given) : (fallback) > 0 ? (fallback) : (builtin))

HttpLimits
exchange_limits(const HttpLimits *limits, const HttpLimits *fallback)
{
	HttpLimits	result = {
		.connect_ms = PICK(limits->connect_ms, fallback->connect_ms, 15 * 1000),
		.first_byte_ms = PICK(limits->first_byte_ms, fallback->first_byte_ms, 60 * 1000),
		.stall_s = PICK(limits->stall_s, fallback->stall_s, 60),
		.stall_bytes = PICK(limits->stall_bytes, fallback->stall_bytes, 1),
		.total_ms = PICK(limits->total_ms, fallback->total_ms, 300 * 1000),
		.max_body_bytes = PICK(limits->max_body_bytes, fallback->max_body_bytes,
							   UINT64CONST(64) * 1024 * 1024),
		.max_inflated_bytes = PICK(limits->max_inflated_bytes, fallback->max_inflated_bytes,
								   UINT64CONST(256) * 1024 * 1024),
		.max_ratio = PICK(limits->max_ratio, fallback->max_ratio, 200),
	};

	return result;
}

/* --- callbacks --- */

/* Notes the first reason to stop; returns 0, which stops most kinds of callback. */
static size_t
stop(HttpTransfer *transfer, HttpVerdict verdict, const char *problem)
{
	if (transfer->noted == HTTP_COMPLETE)
	{
		transfer->noted = verdict;
		transfer->noted_problem = problem;
	}
	return 0;
}

/*
 * Header lines come one by one: those of interim answers (100 Continue) are dropped when the next
 * status line comes, trailers after the body are counted but not kept.
 */
static size_t
on_header(char *line, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	size_t		length = size * count;

	transfer->head_bytes += length;
	if (transfer->head_bytes > HEAD_LIMIT)
		return stop(transfer, HTTP_TOO_LARGE, HEAD_TOO_LARGE);
	if (transfer->body_begun)
		return length;
	if (transfer->head_complete)
	{
		if (length < 5 || memcmp(line, "HTTP/", 5) != 0)
			return length;		/* a trailer after an empty body */
		transfer->head.used = 0;
	}
	transfer->head_complete = length == 1 || (length == 2 && line[0] == '\r');
	if (!buffer_append(&transfer->head, line, length))
		return stop(transfer, HTTP_FAILED, transfer->head.problem);
	return length;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	HttpResponse *response = transfer->response;
	size_t		length = size * count;

	transfer->body_begun = true;
	if (length > response->limits.max_body_bytes - response->bytes)
		return stop(transfer, HTTP_TOO_LARGE, "the answer's body is over the size limit");
	/*
	 * One call of the library may read a hundred of its buffers from a fast sender. An empty inbox
	 * takes any piece, so that there is always something to drain, and the pause ends. The piece
	 * that is refused here is the library's to keep: it comes again.
	 */
	if (transfer->inbox.used > 0 &&
		transfer->inbox.used + length > transfer->pool->inbox_bytes)
	{
		transfer->paused = true;
		response->pauses++;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!buffer_append(&transfer->inbox, bytes, length))
		return stop(transfer, HTTP_FAILED, transfer->inbox.problem);
	response->bytes += length;
	if (!transfer->in_received)
	{
		transfer->in_received = true;
		dlist_push_tail(&transfer->pool->received, &transfer->received_node);
	}
	return length;
}

/* Opens a socket only to an address that the gate allows. */
static curl_socket_t
on_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpTransfer *transfer = arg;
	HttpPool   *pool = transfer->pool;
	const char *why;
	int			fd;

	if (purpose != CURLSOCKTYPE_IPCXN || !gate_allows_address(pool->gate, &address->addr, &why))
	{
		stop(transfer, HTTP_BLOCKED, purpose != CURLSOCKTYPE_IPCXN ? "not a connection" : why);
		return CURL_SOCKET_BAD;
	}
	if (!AcquireExternalFD())
	{
		stop(transfer, HTTP_CONNECT_FAILED, "too many open files");
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0 && watch_opened(pool->watch, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	ReleaseExternalFD();
	stop(transfer, HTTP_CONNECT_FAILED, "could not open a socket");
	return CURL_SOCKET_BAD;
}

/* A connection outlives the transfer that made it: so the pool is the argument. */
static int
on_socket_close(void *arg, curl_socket_t fd)
{
	HttpPool   *pool = arg;
	int			code;

	watch_closed(pool->watch, fd);
	code = close(fd);
	ReleaseExternalFD();
	return code;
}

/*
 * The connection, new or kept, is ready and the request about to be sent. The library sends again
 * by itself when a kept connection breaks without an answer; what must not happen twice then ends
 * here.
 */
static int
on_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	HttpTransfer *transfer = arg;
	const char *why;

	if (!gate_allows_address_text(transfer->pool->gate, remote, &why))
	{
		stop(transfer, HTTP_BLOCKED, why);
		return CURL_PREREQFUNC_ABORT;
	}
	if (transfer->attempts++ > 0 && transfer->once)
	{
		stop(transfer, HTTP_RESET, "the connection was closed before an answer came");
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->noted = HTTP_COMPLETE;	/* what was wrong with other addresses of the host */
	transfer->sent_at = 0;
	return CURL_PREREQFUNC_OK;
}

/* Called at least once a second: the library has no limit of its own on the first byte. */
static int
on_progress(void *arg, curl_off_t expected, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
	HttpTransfer *transfer = arg;

	if (transfer->attempts == 0 || transfer->head_bytes > 0 || sent < transfer->body_length)
		return 0;
	if (transfer->sent_at == 0)
		transfer->sent_at = wait_clock_ms();
	if (wait_clock_ms() - transfer->sent_at < transfer->response->limits.first_byte_ms)
		return 0;
	stop(transfer, HTTP_TIMEOUT, "no answer within the time limit for the first byte");
	return 1;
}

/* --- the request --- */

static void
header_line(HttpTransfer *transfer, char *line)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);

	explicit_bzero(line, strlen(line));
	if (longer == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	transfer->headers = longer;
}

/* The library's own spelling: "name;" sends an empty value, "name:" nothing at all. */
static void
header_lines(HttpTransfer *transfer, const HttpHeader *headers, int nheaders)
{
	for (int i = 0; i < nheaders; i++)
		header_line(transfer, headers[i].value[0] == '\0' ?
					psprintf("%s;", headers[i].name) :
					psprintf("%s: %s", headers[i].name, headers[i].value));
}

static bool
request_has(const HttpRequest *request, const char *name)
{
	for (int i = 0; i < request->nheaders; i++)
		if (pg_strcasecmp(request->headers[i].name, name) == 0)
			return true;
	return false;
}

void
exchange_headers(HttpTransfer *transfer, const HttpRequest *request)
{
	header_lines(transfer, request->headers, request->nheaders);
	header_lines(transfer, request->secret_headers, request->nsecret_headers);
	/* inflated by us: the library's own inflating takes a truncated stream for a whole one */
	if (!request_has(request, "Accept-Encoding"))
		header_line(transfer, pstrdup("Accept-Encoding: gzip"));
	/* no waiting for leave to send a body, no content type that nobody chose */
	if (!request_has(request, "Expect"))
		header_line(transfer, pstrdup("Expect:"));
	if (request->body != NULL && !request_has(request, "Content-Type"))
		header_line(transfer, pstrdup("Content-Type:"));
}

#define SET(handle, option, value) \
	do { \
		CURLcode code_ = curl_easy_setopt(handle, option, value); \
		if (code_ != CURLE_OK) \
			elog(ERROR, "could not set %s: %s", #option, curl_easy_strerror(code_)); \
	} while (0)

/* What holds for every connection, whatever is asked. */
static void
setup_safety(HttpTransfer *transfer)
{
	CURL	   *handle = transfer->handle;
	HttpPool   *pool = transfer->pool;

	SET(handle, CURLOPT_PROTOCOLS_STR, pool->gate->allow_http ? "http,https" : "https");
	SET(handle, CURLOPT_FOLLOWLOCATION, 0L);
	SET(handle, CURLOPT_PROXY, "");	/* also keeps the environment's proxy out */
	SET(handle, CURLOPT_NOPROXY, "*");
	SET(handle, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(handle, CURLOPT_NOSIGNAL, 1L);
	SET(handle, CURLOPT_QUICK_EXIT, 1L);	/* never wait for a resolver that hangs */
	SET(handle, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(handle, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(handle, CURLOPT_SSL_VERIFYHOST, 2L);
	if (pool->ca_bundle.data != NULL)
		SET(handle, CURLOPT_CAINFO_BLOB, &pool->ca_bundle);
	/* one answer, one connection: its end, cut or not, can be told */
	SET(handle, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(handle, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(handle, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(handle, CURLOPT_USERAGENT, "dataops");
	if (pool->resolve != NULL)
		SET(handle, CURLOPT_RESOLVE, pool->resolve);
}

static void
setup_callbacks(HttpTransfer *transfer)
{
	CURL	   *handle = transfer->handle;

	SET(handle, CURLOPT_PRIVATE, transfer);
	SET(handle, CURLOPT_ERRORBUFFER, transfer->error);
	SET(handle, CURLOPT_HEADERFUNCTION, on_header);
	SET(handle, CURLOPT_HEADERDATA, transfer);
	SET(handle, CURLOPT_WRITEFUNCTION, on_body);
	SET(handle, CURLOPT_WRITEDATA, transfer);
	SET(handle, CURLOPT_OPENSOCKETFUNCTION, on_socket_open);
	SET(handle, CURLOPT_OPENSOCKETDATA, transfer);
	SET(handle, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close);
	SET(handle, CURLOPT_CLOSESOCKETDATA, transfer->pool);
	SET(handle, CURLOPT_PREREQFUNCTION, on_ready);
	SET(handle, CURLOPT_PREREQDATA, transfer);
	SET(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(handle, CURLOPT_XFERINFODATA, transfer);
	SET(handle, CURLOPT_NOPROGRESS, 0L);
}

static void
setup_limits(HttpTransfer *transfer)
{
	CURL	   *handle = transfer->handle;
	const HttpLimits *limits = &transfer->response->limits;

	SET(handle, CURLOPT_CONNECTTIMEOUT_MS, (long) limits->connect_ms);
	SET(handle, CURLOPT_TIMEOUT_MS, (long) limits->total_ms);
	SET(handle, CURLOPT_LOW_SPEED_TIME, (long) limits->stall_s);
	SET(handle, CURLOPT_LOW_SPEED_LIMIT, (long) limits->stall_bytes);
	SET(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) limits->max_body_bytes);
	SET(handle, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
}

static void
setup_request(HttpTransfer *transfer)
{
	CURL	   *handle = transfer->handle;
	bool		sends = transfer->body != NULL || strcmp(transfer->method, "POST") == 0 ||
		strcmp(transfer->method, "PUT") == 0 || strcmp(transfer->method, "PATCH") == 0;

	SET(handle, CURLOPT_URL, transfer->url);
	SET(handle, CURLOPT_HTTPHEADER, transfer->headers);
	if (strcmp(transfer->method, "HEAD") == 0)
		SET(handle, CURLOPT_NOBODY, 1L);
	else if (sends)
	{
		if (transfer->body_length > SEND_BUFFER)
			SET(handle, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
		SET(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) transfer->body_length);
		SET(handle, CURLOPT_POSTFIELDS, transfer->body != NULL ? transfer->body : "");
		SET(handle, CURLOPT_CUSTOMREQUEST, transfer->method);
	}
	else if (strcmp(transfer->method, "GET") != 0)
		SET(handle, CURLOPT_CUSTOMREQUEST, transfer->method);
}

void
exchange_setup(HttpTransfer *transfer)
{
	setup_safety(transfer);
	setup_callbacks(transfer);
	setup_limits(transfer);
	setup_request(transfer);
}

/* --- after the callbacks --- */

void
exchange_drain(HttpTransfer *transfer)
{
	spool_write(transfer->response->body, transfer->inbox.data, transfer->inbox.used);
	transfer->inbox.used = 0;
}

CURLcode
exchange_resume(HttpTransfer *transfer)
{
	if (!transfer->paused)
		return CURLE_OK;
	transfer->paused = false;	/* first: a callback within the call may pause it again */
	return curl_easy_pause(transfer->handle, CURLPAUSE_CONT);
}

void
exchange_release(HttpTransfer *transfer)
{
	for (struct curl_slist *line = transfer->headers; line != NULL; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	buffer_release(&transfer->head);
	buffer_release(&transfer->inbox);
}
