/*
 * token_request.h
 *	  One question to a place that gives out tokens: tried again as long as that is wise, with the
 *	  answer read and refusals told without secrets.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TOKEN_REQUEST_H
#define DATAOPS_TOKEN_REQUEST_H

#include "postgres.h"

#include "core/json.h"
#include "net/pool.h"

#define TOKEN_SECRETS	4

typedef struct TokenRequest
{
	HttpRequest http;
	const char *place;			/* "Google's token endpoint": the subject of problems */
	const char *wanted;			/* path of the text that the JSON must hold; NULL: any text */
	const char *secrets[TOKEN_SECRETS]; /* what was sent and must not be shown if it is repeated;
										 * NULL: no more */
	bool		metadata;		/* the answer must say that it is a metadata server's */
} TokenRequest;

typedef struct TokenReply
{
	const char *text;			/* the answer's; NULL: see problem */
	JsonReply  *json;			/* the same, if JSON was wanted */
	char	   *problem;		/* as in GoogleToken */
	bool		retry;
	int			sqlstate;
} TokenReply;

/* A question under way. */
typedef struct TokenQuestion TokenQuestion;

/* Begins to ask, without waiting. In CurrentMemoryContext, where what "request" points to stays. */
extern TokenQuestion *token_ask(HttpPool *pool, const TokenRequest *request);

/*
 * The answer; false when there is none yet, which never is with "wait". All in
 * CurrentMemoryContext; the answer's text is wiped with it.
 */
extern bool token_answer(TokenQuestion *question, bool wait, TokenReply *reply);

/* A field of a form. */
typedef struct FormField
{
	const char *name;
	const char *value;			/* NULL: left out */
} FormField;

/* A POST of that form to the URL. The body is in CurrentMemoryContext, and wiped with it. */
extern HttpRequest token_form(const char *url, const FormField *fields, int nfields);

#endif
