/*
 * http.h
 *	  What is asked and what comes back, as values. What a server does, or fails to do, is a
 *	  verdict; only a request that is wrong in itself throws.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_HTTP_H
#define DATAOPS_HTTP_H

#include "postgres.h"

#include "core/spool.h"

typedef struct HttpHeader
{
	const char *name;
	const char *value;
} HttpHeader;

/* Zero in a limit means the default given here. */
typedef struct HttpLimits
{
	int			connect_ms;		/* name, TCP and TLS together; 15 s */
	int			first_byte_ms;	/* from the request's last byte sent to the first received; 60 s */
	int			stall_s;		/* seconds below stall_bytes a second in either direction; the
								 * speed is a mean of some five seconds, so noticed that much
								 * later; 60 s */
	int			stall_bytes;	/* 1 */
	int			total_ms;		/* from leaving the queue to the end; 300 s */
	uint64		max_body_bytes; /* as received; 64 MiB */
	uint64		max_inflated_bytes; /* 256 MiB */
	int			max_ratio;		/* inflated to received; 200 */
} HttpLimits;

/*
 * A request. The strings are copied when it starts, the body is not: it must stay until the
 * transfer has finished. Secret headers are sent like the others, and shown nowhere.
 */
typedef struct HttpRequest
{
	const char *method;			/* NULL = GET */
	const char *url;			/* absolute, percent-encoded */
	const HttpHeader *headers;
	int			nheaders;
	const HttpHeader *secret_headers;
	int			nsecret_headers;
	const char *body;			/* NULL = none */
	size_t		body_length;
	bool		once;			/* goes out at most once, whatever its method: never again by itself
								 * when a kept connection breaks */
	HttpLimits	limits;
} HttpRequest;

typedef enum HttpVerdict
{
	HTTP_COMPLETE,				/* an answer, whole as far as the protocol can tell; see status */
	HTTP_BLOCKED,				/* by the network gate: nothing was sent */
	HTTP_DNS_FAILED,
	HTTP_CONNECT_FAILED,
	HTTP_TLS_FAILED,
	HTTP_TIMEOUT,				/* one of the limits; problem says in which phase */
	HTTP_RESET,					/* the connection broke before or within the answer */
	HTTP_TRUNCATED,				/* the body is shorter than announced */
	HTTP_TOO_LARGE,				/* body, inflated body, ratio or headers over the limit */
	HTTP_BAD_ENCODING,			/* Content-Encoding unknown, or the body is not what it says */
	HTTP_MALFORMED,				/* not HTTP, or contradicts itself */
	HTTP_FAILED					/* none of these; problem has the library's words */
} HttpVerdict;

typedef struct HttpResponse
{
	HttpVerdict verdict;
	int			status;			/* 0 when none was received */
	char	   *problem;		/* one clean line, no secrets, no query; NULL when complete */
	HttpHeader *headers;		/* of the final answer; values valid in the database's encoding */
	int			nheaders;
	Spool	   *body;			/* as received, not inflated */
	uint64		bytes;			/* of body */
	bool		unbounded;		/* the body had no length: only its own format can show its end */
	bool		connection_reused;
	int			pauses;			/* times that bytes came faster than they were stored */
	int64		took_ms;
	HttpLimits	limits;			/* in force */
	MemoryContext memory;		/* holds all of it */
} HttpResponse;

/* "timeout", "complete" …: for logs and tables. */
extern const char *http_verdict_name(HttpVerdict verdict);

/* The value of the first header of that name (case does not matter), or NULL. */
extern const char *http_header(const HttpResponse *response, const char *name);

/*
 * Throws 22023 when the request itself is wrong: method or header name no token, a header value
 * with CR, LF or NUL, a limit below zero. Header values are not shown.
 */
extern void http_request_check(const HttpRequest *request);

/*
 * Takes apart the raw header lines of the answer, sets headers and unbounded, and passes the
 * verdict COMPLETE on only if they agree with each other and with the bytes received.
 * "head_only": the answer of a HEAD request. May throw out of memory only.
 */
extern void http_response_judge(HttpResponse *response, const char *head, size_t length,
								bool head_only);

/* Makes the response a failure: the problem is cleaned and cut. */
extern void http_response_fail(HttpResponse *response, HttpVerdict verdict, const char *problem);

/* --- the body, inflated --- */

typedef struct HttpBody HttpBody;

/* Reads the body of a COMPLETE response from its start. Lives as long as the response. */
extern HttpBody *http_body_open(HttpResponse *response);

/*
 * The next bytes: true and *chunk, *length (> 0), good until the next call. False at the end:
 * then the response's verdict is still HTTP_COMPLETE if the body was whole; else it says what is
 * wrong. What was read before is then not to be used.
 */
extern bool http_body_read(HttpBody *body, const char **chunk, size_t *length);

#endif
