/*
 * exchange.h
 *	  What pool.c, transfer.c, exchange.c and outcome.c share, and nobody else: the pool and one
 *	  request on one handle of the library.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_EXCHANGE_H
#define DATAOPS_EXCHANGE_H

#include "postgres.h"

#include <curl/curl.h>

#include "core/buffer.h"
#include "lib/ilist.h"
#include "net/transfer.h"
#include "net/watch.h"

#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or later is needed"	/* CURLOPT_QUICK_EXIT */
#endif

#define HEAD_TOO_LARGE	"the answer's headers are over the size limit"

struct HttpPool
{
	MemoryContext memory;
	MemoryContextCallback release;
	const GatePolicy *gate;
	HttpLimits	limits;
	Watch	   *watch;
	CURLM	   *multi;
	struct curl_slist *resolve;
	struct curl_blob ca_bundle; /* data NULL = the system's */
	int64		timer_at;		/* when the library wants to be called; -1 = not */
	int			connections;
	size_t		inbox_bytes;
	CURL	  **handles;		/* all that were made, at most "connections" */
	int			nhandles;
	CURL	  **idle;			/* those of them that serve no transfer */
	int			nidle;
	dlist_head	queued;			/* transfers by state */
	dlist_head	running;
	dlist_head	ended;
	dlist_head	finished;
	dlist_head	received;		/* transfers with bytes in their inbox */
	int			pending;
};

typedef enum TransferState
{
	TRANSFER_QUEUED,			/* waits for a handle */
	TRANSFER_RUNNING,			/* has a handle */
	TRANSFER_ENDED,				/* the library is done with it; not yet judged */
	TRANSFER_FINISHED,			/* has its response */
	TRANSFER_DELIVERED			/* handed out, or its pool is gone: in no list */
} TransferState;

struct HttpTransfer
{
	MemoryContext memory;
	MemoryContextCallback release;
	HttpPool   *pool;			/* NULL once the pool is gone */
	dlist_node	node;
	TransferState state;
	HttpResponse *response;
	void	   *tag;
	char	   *method;
	char	   *url;
	const char *body;			/* the caller's */
	size_t		body_length;
	bool		once;			/* never sent again by the library */
	struct curl_slist *headers; /* secret ones included: wiped before it is freed */

	/* while it runs: written by callbacks, which may not throw */
	CURL	   *handle;
	ByteBuffer	head;			/* header lines of the answer */
	ByteBuffer	inbox;			/* body bytes not yet in the response's spool */
	dlist_node	received_node;
	bool		in_received;
	bool		paused;			/* the inbox was full: what comes waits until it is drained */
	size_t		head_bytes;		/* of all header lines, also interim answers and trailers */
	bool		head_complete;
	bool		body_begun;
	int			attempts;		/* times that the request was about to be sent */
	int64		sent_at;		/* clock when its last byte was sent; 0 = not yet */
	HttpVerdict noted;			/* a callback's reason to stop, with its text; COMPLETE = none */
	const char *noted_problem;
	char		error[CURL_ERROR_SIZE];

	/* once it has ended */
	CURLcode	code;
	const char *phase;			/* in which it ended, such as "connecting" */
};

/* Fills in the defaults: of "fallback" first, then the built-in ones. */
extern HttpLimits exchange_limits(const HttpLimits *limits, const HttpLimits *fallback);

/* Builds the list of header lines. May throw; what was made belongs to the transfer. */
extern void exchange_headers(HttpTransfer *transfer, const HttpRequest *request);

/* Sets every option of the transfer's handle. Throws when the library refuses one. */
extern void exchange_setup(HttpTransfer *transfer);

/*
 * Moves received bytes to the spool. May throw; then the transfer is good for nothing but release.
 */
extern void exchange_drain(HttpTransfer *transfer);

/*
 * Lets a paused transfer that still runs go on. Not within a callback: the library hands out at
 * once what it held back, so the inbox may have bytes again. Does not throw. What it returns other
 * than CURLE_OK is the transfer's end: the library itself would go on without the bytes refused.
 */
extern CURLcode exchange_resume(HttpTransfer *transfer);

/* Frees what the transfer holds of the library and in malloc'ed memory, not its handle. */
extern void exchange_release(HttpTransfer *transfer);

/* --- outcome.c --- */

/* Reads what the handle knows of the ended transfer into the transfer. Does not throw. */
extern void outcome_collect(HttpTransfer *transfer, CURLcode code);

/* Gives an ended transfer's response its verdict. May throw out of memory. */
extern void outcome_judge(HttpTransfer *transfer);

/* --- pool.c --- */

/* Takes the handle away from a running transfer, ready for the next. Does not throw. */
extern void transfer_detach(HttpTransfer *transfer);

/* Takes the transfer out of its pool, whatever its state. Does not throw. */
extern void transfer_leave(HttpTransfer *transfer);

#endif
