/*
 * google_grant.h
 *	  What each kind of credentials is exchanged for a token by.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GOOGLE_GRANT_H
#define DATAOPS_GOOGLE_GRANT_H

#include "postgres.h"

#include "net/google_auth.h"
#include "net/google_credential.h"

typedef struct GoogleGrant
{
	const char *token;			/* NULL: see problem */
	int64		expires_ms;		/* by wait_clock_ms() */
	char	   *problem;		/* as in GoogleToken */
	bool		retry;
	int			sqlstate;
} GoogleGrant;

/* The way to a token: a question, or up to three of which each needs the answer before it. */
typedef struct GoogleGranting GoogleGranting;

/*
 * Begins it, without waiting; credential and options must stay. It and all that comes of it live in
 * CurrentMemoryContext, secrets wiped with it. Throws what the caller's subject_token throws.
 */
extern GoogleGranting *google_grant_begin(HttpPool *pool, const GoogleCredential *credential,
										  const GoogleAuthOptions *options);

/* The grant; false when it has not come yet, which never is with "wait". Throws cancel. */
extern bool google_grant_end(GoogleGranting *granting, bool wait, GoogleGrant *grant);

/*
 * The assertion of a service account: a JSON Web Token signed with its key, good for an hour from
 * "now" (seconds since 1970) on. In CurrentMemoryContext, and wiped with it.
 */
extern char *google_assertion(const GoogleCredential *credential, const char *scopes, int64 now);

#endif
