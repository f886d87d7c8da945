/*
 * google_auth.h
 *	  Access tokens for Google's services, by credentials of all kinds.
 *
 *	  Addresses inside of credentials are not asked, but for the source of an external account's
 *	  subject token: tokens are exchanged at the endpoints given here only. Tokens are kept in the
 *	  memory of the process, and nowhere else; neither they nor credentials get into a message.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GOOGLE_AUTH_H
#define DATAOPS_GOOGLE_AUTH_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "net/pool.h"

typedef struct GoogleAuth GoogleAuth;

/* Endpoints are origins such as "https://sts.googleapis.com"; those a kind does not use: NULL. */
typedef struct GoogleAuthOptions
{
	Oid			role;			/* on whose behalf: roles do not share tokens */
	const char *credentials;	/* JSON, or base64 of JSON; NULL: the metadata server's */
	const char *scopes;			/* separated by spaces */
	const char *oauth2_endpoint;
	const char *sts_endpoint;
	const char *iamcredentials_endpoint;
	const char *metadata_host;	/* "metadata.google.internal", or host:port */
	/* reads a file that an external account names; may throw. NULL: no files are read */
	const char *(*subject_token) (const char *path, void *arg);
	void	   *arg;
} GoogleAuthOptions;

/*
 * Reads and checks the credentials; uses no network. All strings are copied. Throws 22023 saying
 * what is wrong with the credentials, without any value of them. Lives until "owner" is reset, and
 * is wiped then.
 */
extern GoogleAuth *google_auth_create(MemoryContext owner, const GoogleAuthOptions *options);

typedef struct GoogleToken
{
	const char *token;			/* until the next call for the same GoogleAuth; NULL: see problem */
	char	   *problem;		/* one clean line, no secrets, in CurrentMemoryContext */
	bool		retry;			/* it may pass by itself */
	int			sqlstate;
} GoogleToken;

/*
 * A token, of this process's cache if that has one good for minutes to come; else from the network
 * through "pool", tried again a few times. "renew": the token handed out last was refused with
 * status 401. Without "wait" nothing sleeps, and false means that there is no answer yet.
 * Throws what the caller's subject_token throws, and cancel.
 */
extern bool google_auth_token(GoogleAuth *auth, HttpPool *pool, bool renew, bool wait,
							  GoogleToken *token);

/*
 * The addresses (char *) that tokens of these credentials are asked for at, which the pool must
 * reach: endpoints, and an external account's source. In CurrentMemoryContext.
 */
extern List *google_auth_addresses(const GoogleAuth *auth);

/* The project that the credentials belong to, or NULL. */
extern const char *google_auth_project(const GoogleAuth *auth);

#endif
