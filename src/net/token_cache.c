/*
 * token_cache.c
 *	  A small table of tokens: one process has few credentials.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/token_cache.h"

#include "utils/memutils.h"

#define TOKENS_MAX	32

typedef struct CachedToken
{
	uint8		key[CRYPTO_SHA256_LENGTH];
	char	   *token;			/* NULL: the place is free */
	int64		stale_ms;
} CachedToken;

static CachedToken tokens[TOKENS_MAX];

static void
forget(CachedToken *cached)
{
	if (cached->token == NULL)
		return;
	crypto_wipe(cached->token, strlen(cached->token));
	pfree(cached->token);
	cached->token = NULL;
}

static CachedToken *
look_up(const uint8 *key)
{
	for (int i = 0; i < TOKENS_MAX; i++)
		if (tokens[i].token != NULL && memcmp(tokens[i].key, key, CRYPTO_SHA256_LENGTH) == 0)
			return &tokens[i];
	return NULL;
}

const char *
token_cache_find(const uint8 key[CRYPTO_SHA256_LENGTH], int64 now_ms)
{
	CachedToken *cached;

	/* stale ones do not lie about until somebody asks for them */
	for (int i = 0; i < TOKENS_MAX; i++)
		if (tokens[i].token != NULL && tokens[i].stale_ms <= now_ms)
			forget(&tokens[i]);
	cached = look_up(key);
	return cached != NULL ? cached->token : NULL;
}

void
token_cache_keep(const uint8 key[CRYPTO_SHA256_LENGTH], const char *token, int64 stale_ms)
{
	char	   *copy = MemoryContextStrdup(TopMemoryContext, token);
	CachedToken *place = &tokens[0];

	token_cache_drop(key);
	/* a free place, else that of the token which is stale first */
	for (int i = 0; i < TOKENS_MAX && place->token != NULL; i++)
		if (tokens[i].token == NULL || tokens[i].stale_ms < place->stale_ms)
			place = &tokens[i];
	forget(place);
	memcpy(place->key, key, CRYPTO_SHA256_LENGTH);
	place->token = copy;
	place->stale_ms = stale_ms;
}

void
token_cache_drop(const uint8 key[CRYPTO_SHA256_LENGTH])
{
	CachedToken *cached = look_up(key);

	if (cached != NULL)
		forget(cached);
}
