/*
 * crypto.h
 *	  Digests, and sealing of secrets with AES-256-GCM.
 *
 * Failures of the library are thrown (XX000, with its text as detail).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CRYPTO_H
#define DATAOPS_CRYPTO_H

#include "postgres.h"

#define CRYPTO_SHA256_LENGTH	32
#define CRYPTO_KEY_LENGTH		32
#define CRYPTO_NONCE_LENGTH		12
#define CRYPTO_TAG_LENGTH		16

/* Bytes that belong to somebody else. */
typedef struct CryptoBytes
{
	const uint8 *data;
	size_t		length;
} CryptoBytes;

extern void crypto_sha256(CryptoBytes input, uint8 digest[CRYPTO_SHA256_LENGTH]);

/* 64 lower case hexadecimal digits, allocated in CurrentMemoryContext. */
extern char *crypto_sha256_hex(CryptoBytes input);

/*
 * Encrypt "plain" and bind it to "context" (not secret; the same is needed to open it). The result
 * is nonce, ciphertext, tag, as a bytea in CurrentMemoryContext. The nonce is random, so one key is
 * good for 2^32 seals. At most 1 MB.
 */
extern bytea *crypto_seal(const uint8 key[CRYPTO_KEY_LENGTH], CryptoBytes plain,
						  CryptoBytes context);

/*
 * The plain bytes of what crypto_seal made, followed by a zero byte that *length does not count, in
 * CurrentMemoryContext; the caller wipes them after use. NULL when key or context is another one,
 * or the sealed bytes were changed.
 */
extern char *crypto_open(const uint8 key[CRYPTO_KEY_LENGTH], CryptoBytes sealed,
						 CryptoBytes context, size_t *length);

/* Overwrite a secret; not optimised away. */
extern void crypto_wipe(void *secret, size_t length);

#endif
