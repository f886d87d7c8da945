/*
 * url.h
 *	  The parts of an absolute http or https URL, read strictly: no user, no fragment, nothing that
 *	  two readers could understand differently.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_URL_H
#define DATAOPS_URL_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct Url
{
	bool		tls;			/* https */
	char	   *host;			/* lower case, without the brackets of an IPv6 literal */
	int			port;			/* the scheme's default when not given */
	char	   *origin;			/* "https://host:port" as written */
	char	   *path;			/* "" or from the first "/" on, without query */
	char	   *query;			/* behind "?", or NULL */
} Url;

/* Takes "text" apart; results are palloc'ed. On failure returns false and *problem, a clause. */
extern bool url_parse(const char *text, Url *url, const char **problem);

/*
 * The absolute URL that "reference" (absolute, "//host/…", "/path", "path", "?query") means in a
 * document at "base" (RFC 3986, section 5). NULL when it is none; palloc'ed.
 */
extern char *url_resolve(const Url *base, const char *reference);

/* Appends "text" percent-encoded: all but the unreserved characters of RFC 3986. */
extern void url_encode(StringInfo target, const char *text);

/* "url" without the query parameters of that name. palloc'ed. */
extern char *url_without_param(const char *url, const char *name);

/*
 * "url" without the values of its query parameters: fit for a message, log row or table. palloc'ed.
 */
extern char *url_shown(const char *url);

#endif
