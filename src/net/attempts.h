/*
 * attempts.h
 *	  Attempts at one request, one after the other, with pauses between them.  Who can wait does;
 *	  who cannot looks in now and then, and finds it where it has got to.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ATTEMPTS_H
#define DATAOPS_ATTEMPTS_H

#include "postgres.h"

#include "net/retry.h"
#include "net/transfer.h"

typedef struct HttpAttempts
{
	HttpPool   *pool;
	HttpTransfer *transfer;		/* of the last attempt; NULL before the first one */
	bool		under_way;		/* its answer has not been taken */
	int			number;			/* of the last attempt, from 1 */
	int64		began_ms;		/* clock: the first was wanted then */
	int64		due_ms;			/* clock: the next one is not sent before */
} HttpAttempts;

extern HttpAttempts attempts_begin(HttpPool *pool);

/* Between two attempts: may the next one be sent?  With "wait" sleeps until it may. */
extern bool attempts_are_due(const HttpAttempts *attempts, bool wait);

/*
 * Sends the next attempt, in a child of CurrentMemoryContext; the response of the last one goes.
 * The request's body must stay until the answer.
 */
extern void attempts_send(HttpAttempts *attempts, const HttpRequest *request);

/* The response to the last attempt; NULL as long as there is none, which never is with "wait". */
extern HttpResponse *attempts_receive(HttpAttempts *attempts, bool wait);

/*
 * What to do after an attempt that did not give what was wanted: completes "attempt" with number
 * and times, decides, and notes the pause before the next one.
 */
extern RetryDecision attempts_decide(HttpAttempts *attempts, const RetryPolicy *policy,
									 RetryAttempt *attempt);

#endif
