/*
 * client.h
 *	  Authorised requests to Google's services: tokens, retries and Google's way of telling errors.
 *
 * What a service answers, or fails to, is a value; thrown are cancel, wrong settings and missing
 * rights.  All calls wait on the network: outside of a transaction only, but for those that
 * net/wait.h excepts.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GOOGLE_CLIENT_H
#define DATAOPS_GOOGLE_CLIENT_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "catalog/connection.h"
#include "core/json.h"
#include "net/http.h"

typedef enum GoogleService
{
	GOOGLE_STORAGE,
	GOOGLE_BIGQUERY
} GoogleService;

typedef struct GoogleClient GoogleClient;

/* One request.  Either "path" or "url" is given. */
typedef struct GoogleCall
{
	const char *method;			/* NULL = GET */
	const char *path;			/* "/storage/v1/b/…?…", percent-encoded, at the endpoint */
	const char *url;			/* a whole URL that the service handed out (an upload session): its
								 * host must be the endpoint's, it is shown nowhere */
	const HttpHeader *headers;
	int			nheaders;
	const char *content_type;	/* of the body; NULL without one */
	const char *body;			/* must stay until the call returns */
	size_t		body_length;
	bool		repeatable;		/* the same request twice does no more than once: tried again after
								 * 408, 429, 5xx, lost connections and time-outs */
	bool		media;			/* a body that came is contents for the caller, JSON or not */
	bool		quiet_404;		/* 404 is an ordinary answer: no message is made of it */
} GoogleCall;

typedef struct GoogleReply
{
	int			status;			/* of the last answer; 0: none came, and whether the
								 * request had an effect is not known */
	HttpResponse *response;		/* of the last answer, NULL without one */
	JsonReply  *json;			/* its body when that is JSON, else NULL */
	char	   *reason;			/* Google's word: "notFound", "rateLimitExceeded"; or NULL */
	char	   *problem;		/* one clean line, no secrets; NULL when status is below 400 */
	bool		retry;			/* it may pass by itself: worth another attempt of the step */
	TimestampTz not_before;		/* the service wants no request before that time, which is too long
								 * a wait for this process; 0: it did not say so */
	int			sqlstate;		/* with a problem */
} GoogleReply;

/*
 * A client for the service behind a connection (dataops_gcs, dataops_bigquery), with the
 * credentials of its own mapping or of its auth_server's.  Lives until "owner" is reset.  Needs a
 * transaction, for the catalogs; does not use the network.  Throws 42501, 42704 and 22023 for
 * connections and credentials that cannot be used.
 */
extern GoogleClient *google_client_open(Connection *connection, GoogleService service,
										MemoryContext owner);

/*
 * Is there a token to send? True also when none is needed; then *needed is false. Else *problem is
 * one clean line without secrets, in CurrentMemoryContext.
 */
extern bool google_has_token(GoogleClient *client, bool *needed, char **problem);

/*
 * Performs the call: adds the token, renews it once after a 401, tries again as long as that is
 * wise inside a step (Google's "Retry strategy").  The reply lives in CurrentMemoryContext.
 */
extern GoogleReply *google_call(GoogleClient *client, const GoogleCall *call);

/* A call under way. */
typedef struct GoogleExchange GoogleExchange;

/*
 * The same for those who cannot wait: begins a call.  What "call" points to must stay until its
 * reply.  It lives in CurrentMemoryContext, and ends with that.
 */
extern GoogleExchange *google_begin(GoogleClient *client, const GoogleCall *call);

/*
 * The reply, which lives in the exchange's context; NULL as long as there is none.  With "wait"
 * there always is; without, what can be done is done without sleeping, retries and new tokens
 * included.
 */
extern GoogleReply *google_receive(GoogleExchange *exchange, bool wait);

#endif
