/*
 * crypto.h
 *	  Digests, sealing of secrets with AES-256-GCM, signatures, and memory that is wiped.
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

/*
 * Can "pem" make RS256 signatures? Only an RSA private key that is not encrypted, of a size that is
 * in use, can. If not, *why is the rest of a sentence about it, a constant text.
 */
extern bool crypto_rsa_key_check(const char *pem, const char **why);

/*
 * The RS256 signature (RFC 7518, section 3.3) of "input" by a key that passed the check, in
 * CurrentMemoryContext.
 */
extern uint8 *crypto_sign_rs256(const char *pem, CryptoBytes input, size_t *length);

/* Overwrite a secret; not optimised away. */
extern void crypto_wipe(void *secret, size_t length);

/* The same when "owner", in which the secret lies, is reset or deleted. */
extern void crypto_wipe_with(MemoryContext owner, void *secret, size_t length);

/* A copy in "owner", wiped with it; a zero byte follows it. */
extern char *crypto_copy_secret(MemoryContext owner, const char *bytes, size_t length);

#endif
