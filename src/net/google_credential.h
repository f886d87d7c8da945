/*
 * google_credential.h
 *	  Google's credentials files, read and checked.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GOOGLE_CREDENTIAL_H
#define DATAOPS_GOOGLE_CREDENTIAL_H

#include "postgres.h"

#include "net/http.h"

typedef enum GoogleCredentialKind
{
	CREDENTIAL_METADATA,		/* none of our own: the machine's */
	CREDENTIAL_SERVICE_ACCOUNT,
	CREDENTIAL_AUTHORIZED_USER,
	CREDENTIAL_EXTERNAL_ACCOUNT
} GoogleCredentialKind;

typedef struct GoogleCredential
{
	GoogleCredentialKind kind;
	const char *project;		/* NULL: not told */

	/* service account */
	const char *email;
	const char *key;			/* PEM */
	const char *key_id;			/* NULL: not told */

	/* authorized user */
	const char *client_id;
	const char *client_secret;
	const char *refresh_token;

	/* external account */
	const char *audience;
	const char *subject_type;
	const char *file;			/* either this or "url" */
	const char *url;
	HttpHeader *headers;		/* for the URL; secret */
	int			nheaders;
	const char *field;			/* of JSON, where the subject token is; NULL: it is all there is */
	const char *impersonated;	/* e-mail or id of a service account; NULL: none */
	int			lifetime_s;		/* of the impersonated account's tokens */
} GoogleCredential;

/*
 * Reads JSON, or base64 of JSON; NULL stands for the metadata server. All in "owner", and wiped
 * with it. Throws 22023 saying what is wrong, without any value.
 */
extern const GoogleCredential *google_credential_parse(MemoryContext owner, const char *text);

#endif
