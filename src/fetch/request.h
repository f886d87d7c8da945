/*
 * request.h
 *	  One page's request: URL, header fields and body made of the source's definition.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_REQUEST_H
#define DATAOPS_REQUEST_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "catalog/connection.h"
#include "fetch/source_spec.h"
#include "net/http.h"

/* Values of a source's templates; NULL and infinite ones have none. */
typedef struct RequestScope
{
	TimestampTz start;
	TimestampTz end;
	const char *item;
	const char *cursor;
	const char *env;
	const char *run;
} RequestScope;

/* A query parameter besides the source's own. */
typedef struct QueryParam
{
	const char *name;
	const char *value;
} QueryParam;

/*
 * The URL of a page: the connection's, the source's path and params, then "extra".  Without
 * credentials.  palloc'ed; throws 22023 when a template lacks a value.
 */
extern char *request_url(const Connection *connection, const SourceSpec *source,
						 const RequestScope *scope, const QueryParam *extra, int nextra);

/* What is sent with every page, credentials apart. */
typedef struct RequestParts
{
	HttpHeader *headers;
	int			nheaders;
	HttpHeader *secret_headers;
	int			nsecret_headers;
	const char *query_param;	/* name of a parameter that carries the secret; NULL: none */
	char	   *secret;			/* NULL: none */
	char	   *body;			/* NULL: none */
} RequestParts;

/* "secret" may be NULL; all in CurrentMemoryContext. */
extern RequestParts *request_parts(const Connection *connection, const SourceSpec *source,
								   const RequestScope *scope, char *secret);

/* The name of the query parameter that carries the connection's secret; NULL: none does. */
extern const char *request_secret_param(const Connection *connection);

/* The URL as it is sent: a secret parameter of the same name is replaced. palloc'ed. */
extern char *request_with_secret(const char *url, const RequestParts *parts);

#endif
