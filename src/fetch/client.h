/*
 * client.h
 *	  Pages asked for over a connection, many at the same time: at the pace that is allowed, tried
 *	  again as the source says, with every request logged.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CLIENT_H
#define DATAOPS_CLIENT_H

#include "postgres.h"

#include "lib/ilist.h"

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
	int			connections;	/* requests that can be on their way at the same time */
	RateLimiter rate;
	dlist_head	waiting;		/* asks to be sent, when their time comes and the rate allows it */
	RequestObserver observer;
	void	   *observer_arg;
	TimestampTz deadline;		/* 0: none */
} Client;

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
	HttpResponse *response;		/* until the page is asked for again */
	char	   *problem;		/* FAILED: a sentence's rest, without secrets */
	char	   *hint;			/* or NULL */
	int			sqlstate;
	bool		retry;			/* FAILED: may go better another time */
	TimestampTz not_before;		/* FAILED: the server wants no request before that time, which is
								 * too long a wait for this process; 0: it did not say so */
} Answer;

/* One page that is asked for. */
typedef struct Ask
{
	MemoryContext memory;		/* holds all of it */
	const PageRequest *page;
	const RequestParts *parts;
	void	   *owner;			/* the caller's own */
	char	   *url;			/* as sent, with a secret parameter */
	char	   *shown;			/* fit for messages and tables */
	const char *if_none_match;	/* NULL: not sent */
	const char *if_modified_since;
	HttpTransfer *transfer;		/* NULL: not sent yet, or not yet again */
	dlist_node	node;			/* of the client's list, while it waits to be sent */
	int64		send_ms;		/* clock from which on it may be sent */
	int			attempt;
	int64		first_ms;		/* clock at the first attempt */
	TimestampTz started_at;		/* of the attempt in hand */
	bool		answered;
	Answer		answer;			/* once it is answered */
} Ask;

/* A client for one connection, in "memory"; observer and deadline are the caller's to set. */
extern Client *client_create(MemoryContext memory, const Connection *connection,
							 const SourceSpec *source);

/*
 * Asks for a page; the answer comes out of client_next().  Does not wait.  The ask lives in
 * CurrentMemoryContext, which must live until the answer was read or no client_ function is called
 * any more.
 */
extern Ask *client_ask(Client *client, const PageRequest *page, const RequestParts *parts,
					   void *owner);

/*
 * Waits for the next answer to any page, trying again as long as that is wise inside the run. NULL
 * when none is asked for.
 */
extern Ask *client_next(Client *client);

/*
 * The body of an ANSWER_PAGE turned out broken ("problem").  True when the page is asked for again;
 * else the ask's answer says that it is over.
 */
extern bool client_again(Client *client, Ask *ask, const char *problem);

#endif
