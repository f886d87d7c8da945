/*
 * transfer.h
 *	  Many HTTP transfers at once over kept connections, and the one place that sleeps on sockets.
 *
 *	  A pool serves one server and one user: connections, once opened under its gate policy with its
 *	  credentials, are shared with nobody else. What happens on the network is a value in the response
 *	  (net/http.h); thrown are cancel, a wrong request, and the machine's own limits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TRANSFER_H
#define DATAOPS_TRANSFER_H

#include "postgres.h"

#include "net/gate.h"
#include "net/http.h"

typedef struct HttpPool HttpPool;
typedef struct HttpTransfer HttpTransfer;

typedef struct PoolOptions
{
	const GatePolicy *gate;		/* must live as long as the pool */
	int			connections;	/* transfers at the same time; 0 = 16 */
	HttpLimits	limits;			/* for requests that leave them zero; zero here: http.h's defaults */
	const char *ca_bundle;		/* PEM, copied; NULL = the system's certificates */
	const char *const *resolve; /* "host:port:address" instead of a look-up; copied */
	int			nresolve;
} PoolOptions;

/*
 * A pool that lives until "owner" is reset or deleted, or pool_release(). Its transfers that did not
 * finish by then never will. Connections are made when needed.
 */
extern HttpPool *pool_create(MemoryContext owner, const PoolOptions *options);
extern void pool_release(HttpPool *pool);

/* Transfers started and not yet handed out by transfer_wait(). */
extern int	pool_pending(const HttpPool *pool);

/*
 * Starts a request, or queues it while all connections are busy. Does not wait. The transfer and its
 * response live in a child of CurrentMemoryContext, until that is reset or transfer_release().
 * "tag" is the caller's own. A URL that the gate refuses gives a transfer that has finished already.
 * Throws as http_request_check() does.
 */
extern HttpTransfer *transfer_start(HttpPool *pool, const HttpRequest *request, void *tag);

/*
 * Moves all transfers on until one has finished, and hands it out, each once. NULL when timeout_ms
 * passed (-1: no limit; 0: do what can be done without sleeping) or nothing is pending. Serves
 * interrupts. Sleeps only without snapshot and transaction id, see net/wait.h.
 */
extern HttpTransfer *transfer_wait(HttpPool *pool, long timeout_ms);

extern HttpResponse *transfer_response(const HttpTransfer *transfer);
extern void *transfer_tag(const HttpTransfer *transfer);

/* Drops a transfer in any state, with its response; a running one is broken off. */
extern void transfer_release(HttpTransfer *transfer);

/*
 * One request from start to end. Not for a pool that has others pending. The response lives in a
 * child of CurrentMemoryContext.
 */
extern HttpResponse *http_perform(HttpPool *pool, const HttpRequest *request);

#endif
