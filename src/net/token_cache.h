/*
 * token_cache.h
 *	  The tokens of this process: in its memory only, wiped when they go.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TOKEN_CACHE_H
#define DATAOPS_TOKEN_CACHE_H

#include "postgres.h"

#include "core/crypto.h"

/* Times are wait_clock_ms()'s. */

/* The token under that key, if it is fresh; else NULL. It is the cache's, until its next call. */
extern const char *token_cache_find(const uint8 key[CRYPTO_SHA256_LENGTH], int64 now_ms);

/* Keeps a copy until "stale_ms", instead of what was there under that key. */
extern void token_cache_keep(const uint8 key[CRYPTO_SHA256_LENGTH], const char *token,
							 int64 stale_ms);

extern void token_cache_drop(const uint8 key[CRYPTO_SHA256_LENGTH]);

#endif
