/*
 * google_auth.c
 *	  Tokens from the cache, or granted anew.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/google_auth.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/copy.h"
#include "core/crypto.h"
#include "net/google_credential.h"
#include "net/google_grant.h"
#include "net/token_cache.h"
#include "net/wait.h"

/*
 * A token is not used in its last minutes, so that a long request does not outlive it. The
 * metadata server makes a new one only some four minutes before the end of the former.
 */
#define REFRESH_BEFORE_MS	(INT64CONST(225) * 1000)

struct GoogleAuth
{
	MemoryContext memory;
	GoogleAuthOptions options;	/* without the credentials' text */
	const GoogleCredential *credential;
	uint8		key[CRYPTO_SHA256_LENGTH];	/* of the cache */
	MemoryContext handed_memory;	/* of the token handed out last */
	const char *handed;			/* NULL: none yet */
	MemoryContext granting_memory;	/* of a grant that has not come yet */
	GoogleGranting *granting;	/* NULL: none is asked for */
};

/* Everything that tells a token from others. */
static void
make_key(GoogleAuth *auth, const char *credentials)
{
	const GoogleAuthOptions *options = &auth->options;
	const char *parts[] = {
		credentials, options->scopes, options->oauth2_endpoint, options->sts_endpoint,
		options->iamcredentials_endpoint, options->metadata_host
	};
	StringInfoData digests;

	initStringInfo(&digests);
	appendStringInfo(&digests, "%u", options->role);
	for (int i = 0; i < lengthof(parts); i++)
		if (parts[i] == NULL)
			appendStringInfoChar(&digests, '-');
		else
			appendStringInfoString(&digests, crypto_sha256_hex((CryptoBytes) {
				(const uint8 *) parts[i], strlen(parts[i])}));
	crypto_sha256((CryptoBytes) {(uint8 *) digests.data, digests.len}, auth->key);
}

GoogleAuth *
google_auth_create(MemoryContext owner, const GoogleAuthOptions *options)
{
	MemoryContext memory = AllocSetContextCreate(owner, "dataops google credentials",
												 ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(memory);
	GoogleAuth *auth = palloc0(sizeof(GoogleAuth));

	auth->memory = memory;
	auth->options = (GoogleAuthOptions) {
		.role = options->role,
		.scopes = copy_text(options->scopes),
		.oauth2_endpoint = copy_text(options->oauth2_endpoint),
		.sts_endpoint = copy_text(options->sts_endpoint),
		.iamcredentials_endpoint = copy_text(options->iamcredentials_endpoint),
		.metadata_host = copy_text(options->metadata_host),
		.subject_token = options->subject_token,
		.arg = options->arg
	};
	make_key(auth, options->credentials);
	auth->credential = google_credential_parse(memory, options->credentials);
	if (auth->credential->file != NULL && options->subject_token == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("could not use the credentials for Google"),
				errdetail("They name a file, and files are not read here."));
	auth->handed_memory = AllocSetContextCreate(memory, "dataops google token",
												ALLOCSET_SMALL_SIZES);
	auth->granting_memory = AllocSetContextCreate(memory, "dataops google grant",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(caller);
	return auth;
}

List *
google_auth_addresses(const GoogleAuth *auth)
{
	const GoogleCredential *credential = auth->credential;
	const char *first = NULL;
	List	   *addresses = NIL;

	switch (credential->kind)
	{
		case CREDENTIAL_METADATA:
			first = psprintf("http://%s", auth->options.metadata_host);
			break;
		case CREDENTIAL_SERVICE_ACCOUNT:
		case CREDENTIAL_AUTHORIZED_USER:
			first = auth->options.oauth2_endpoint;
			break;
		case CREDENTIAL_EXTERNAL_ACCOUNT:
			first = auth->options.sts_endpoint;
			break;
	}
	addresses = lappend(addresses, pstrdup(first));
	if (credential->impersonated != NULL)
		addresses = lappend(addresses, pstrdup(auth->options.iamcredentials_endpoint));
	if (credential->url != NULL)
		addresses = lappend(addresses, pstrdup(credential->url));
	return addresses;
}

const char *
google_auth_project(const GoogleAuth *auth)
{
	return auth->credential->project;
}

static const char *
cached_token(GoogleAuth *auth, bool renew)
{
	const char *token = token_cache_find(auth->key, wait_clock_ms());

	/* the one that was refused; another one is newer, got by somebody else in this process */
	if (token != NULL && renew && auth->handed != NULL && strcmp(token, auth->handed) == 0)
	{
		token_cache_drop(auth->key);
		return NULL;
	}
	return token;
}

static void
hand_out(GoogleAuth *auth, const char *token)
{
	auth->handed = NULL;
	MemoryContextReset(auth->handed_memory);
	auth->handed = crypto_copy_secret(auth->handed_memory, token, strlen(token));
}

/* Forgets the grant that is asked for. */
static void
drop_granting(GoogleAuth *auth)
{
	auth->granting = NULL;
	MemoryContextReset(auth->granting_memory);
}

/* Asks for a grant, or goes on asking; false: there is none yet. */
static bool
get_grant(GoogleAuth *auth, HttpPool *pool, bool wait, GoogleGrant *grant)
{
	GoogleGranting *granting = auth->granting;
	bool		ended;

	auth->granting = NULL;		/* should it throw, the next call begins anew */
	if (granting == NULL)
	{
		MemoryContext caller;

		drop_granting(auth);
		caller = MemoryContextSwitchTo(auth->granting_memory);
		granting = google_grant_begin(pool, auth->credential, &auth->options);
		MemoryContextSwitchTo(caller);
	}
	ended = google_grant_end(granting, wait, grant);
	if (!ended)
		auth->granting = granting;
	return ended;
}

bool
google_auth_token(GoogleAuth *auth, HttpPool *pool, bool renew, bool wait, GoogleToken *token)
{
	const char *cached = cached_token(auth, renew);
	GoogleGrant grant;

	*token = (GoogleToken) {0};
	if (cached != NULL)
		hand_out(auth, cached);
	else if (!get_grant(auth, pool, wait, &grant))
		return false;
	else if (grant.token != NULL)
	{
		token_cache_keep(auth->key, grant.token, grant.expires_ms - REFRESH_BEFORE_MS);
		hand_out(auth, grant.token);
	}
	else
	{
		token->problem = pstrdup(grant.problem);
		token->retry = grant.retry;
		token->sqlstate = grant.sqlstate;
	}
	if (token->problem == NULL)
		token->token = auth->handed;
	drop_granting(auth);
	return true;
}
