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

/*
 * Asks for a token; waits on the network. All in CurrentMemoryContext, secrets wiped with it.
 * Throws what the caller's subject_token throws, and cancel.
 */
extern GoogleGrant google_grant(HttpPool *pool, const GoogleCredential *credential,
								const GoogleAuthOptions *options);

/*
 * The assertion of a service account: a JSON Web Token signed with its key, good for an hour from
 * "now" (seconds since 1970) on. In CurrentMemoryContext, and wiped with it.
 */
extern char *google_assertion(const GoogleCredential *credential, const char *scopes, int64 now);

#endif
