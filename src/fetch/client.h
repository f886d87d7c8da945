/*
 * client.h
 *	  Pages asked for over a connection: at the pace that is allowed, tried again as the
 *	  source says, with every request logged.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CLIENT_H
#define DATAOPS_CLIENT_H

#include "postgres.h"

#include "catalog/batch.h"
#include "catalog/connection.h"
#include "fetch/pager.h"
#include "fetch/request.h"
#include "net/rate.h"
#include "net/transfer.h"

/* Takes note of a request that was made; NULL: nobody does. */
typedef void (*RequestObserver) (const RequestLog *log, void *arg);

typedef struct Client
{
	MemoryContext memory;
	const SourceSpec *source;
	GatePolicy	gate;
	HttpPool   *pool;
	RateLimiter rate;
	RequestParts *parts;
	RequestObserver observer;
	void	   *observer_arg;
	TimestampTz deadline;		/* 0: none */
} Client;

/* One page on its way. */
typedef struct Ask
{
	const PageRequest *page;
	char	   *url;			/* as sent, with a secret parameter */
	char	   *shown;			/* fit for messages and tables */
	const char *if_none_match;	/* NULL: not sent */
	const char *if_modified_since;
	HttpTransfer *transfer;
	bool		finished;		/* the transfer in hand has its response */
	int			attempt;
	int64		first_ms;		/* clock at the first attempt */
	TimestampTz started_at;		/* of the attempt in hand */
} Ask;

typedef enum AnswerKind
{
	ANSWER_PAGE,				/* a whole answer that the source accepts: read it */
	ANSWER_UNCHANGED,			/* 304 */
	ANSWER_SKIP,				/* by the source's status rules: no records here */
	ANSWER_STOP,				/* likewise, and the end of the pages */
	ANSWER_FAILED
} AnswerKind;

typedef struct Answer
{
	AnswerKind	kind;
	HttpResponse *response;		/* until the next client_ call for the same page */
	char	   *problem;		/* FAILED: a sentence's rest, without secrets */
	char	   *hint;			/* or NULL */
	int			sqlstate;
	bool		retry;			/* FAILED: may go better another time */
	TimestampTz not_before;		/* FAILED: the server wants no request before that time, which is
								 * too long a wait for this process; 0: it did not say so */
} Answer;

/*
 * A client for one connection, living in "memory"; parts, observer and deadline are the caller's
 * to set.
 */
extern Client *client_create(MemoryContext memory, const Connection *connection,
							 const SourceSpec *source);

/*
 * Starts asking for a page, after the wait that the rate asks for.  In CurrentMemoryContext, which
 * must live until the answer was read.
 */
extern Ask *client_ask(Client *client, const PageRequest *page, const char *etag,
					   const char *last_modified);

/* Waits for the answer, trying again as long as that is wise inside the run. */
extern Answer client_answer(Client *client, Ask *ask);

/*
 * The body of an ANSWER_PAGE turned out broken ("problem"): asks again, or says that it is over.
 */
extern Answer client_again(Client *client, Ask *ask, const char *problem);

#endif
