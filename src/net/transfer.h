/*
 * transfer.h
 *	  Many HTTP transfers at once over kept connections, and the one place that sleeps on sockets.
 *
 *	  What happens on the network is a value in the response (net/http.h); thrown are cancel, a
 *	  wrong request, and the machine's own limits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TRANSFER_H
#define DATAOPS_TRANSFER_H

#include "postgres.h"

#include "net/http.h"
#include "net/pool.h"

typedef struct HttpTransfer HttpTransfer;

/*
 * Starts a request, or queues it while all connections are busy. Does not wait. The transfer and
 * its response live in a child of CurrentMemoryContext, until that is reset or
 * transfer_release(). "tag" is the caller's own. A URL that the gate refuses gives a transfer
 * that has finished already. Throws as http_request_check() does.
 */
extern HttpTransfer *transfer_start(HttpPool *pool, const HttpRequest *request, void *tag);

/*
 * Moves all transfers on until one has finished, and hands it out, each once. NULL when
 * timeout_ms passed (-1: no limit; 0: do what can be done without sleeping) or nothing is
 * pending. Serves interrupts. Sleeps only without snapshot and transaction id, see net/wait.h.
 */
extern HttpTransfer *transfer_wait(HttpPool *pool, long timeout_ms);

extern HttpResponse *transfer_response(const HttpTransfer *transfer);
extern void *transfer_tag(const HttpTransfer *transfer);

/* Drops a transfer in any state, with its response; a running one is broken off. */
extern void transfer_release(HttpTransfer *transfer);

/*
 * Has this transfer its response? With "wait" moves all on until it has, as transfer_wait() does;
 * else does what can be done without sleeping. Others that finish meanwhile are handed out to
 * nobody, and have their responses too.
 */
extern bool transfer_finish(HttpTransfer *transfer, bool wait);

/* One request from start to end. The response lives in a child of CurrentMemoryContext. */
extern HttpResponse *http_perform(HttpPool *pool, const HttpRequest *request);

#endif
