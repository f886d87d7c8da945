/*
 * crypto.c
 *	  The only file that includes OpenSSL.
 *
 * A cipher handle lives inside one function that allocates and throws only when the handle does not
 * exist: so none is leaked, and no key schedule stays in memory.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/crypto.h"

#include "core/compat.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define SEAL_MAX	(1024 * 1024)
#define RSA_BITS_MIN	1024
#define RSA_BITS_MAX	8192

pg_noreturn static void throw_failure(const char *what);

static void
throw_failure(const char *what)
{
	unsigned long code = ERR_get_error();
	char		detail[256] = "unknown reason";

	if (code != 0)
		ERR_error_string_n(code, detail, sizeof(detail));
	ERR_clear_error();
	ereport(ERROR,
			errcode(ERRCODE_INTERNAL_ERROR),
			errmsg("could not %s", what),
			errdetail("OpenSSL says: %s.", detail));
}

void
crypto_sha256(CryptoBytes input, uint8 digest[CRYPTO_SHA256_LENGTH])
{
	if (EVP_Digest(input.data, input.length, digest, NULL, EVP_sha256(), NULL) != 1)
		throw_failure("compute a SHA-256 digest");
}

char *
crypto_sha256_hex(CryptoBytes input)
{
	static const char digits[] = "0123456789abcdef";
	uint8		digest[CRYPTO_SHA256_LENGTH];
	char	   *hex = palloc(2 * CRYPTO_SHA256_LENGTH + 1);

	crypto_sha256(input, digest);
	for (int i = 0; i < CRYPTO_SHA256_LENGTH; i++)
	{
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 0x0F];
	}
	hex[2 * CRYPTO_SHA256_LENGTH] = '\0';
	return hex;
}

/* Ciphertext and tag to "out" (plain.length + CRYPTO_TAG_LENGTH). Neither allocates nor throws. */
static bool
encrypt(EVP_CIPHER_CTX *cipher, CryptoBytes plain, CryptoBytes context, uint8 *out)
{
	int			used;

	return EVP_EncryptUpdate(cipher, NULL, &used, context.data, (int) context.length) == 1 &&
		EVP_EncryptUpdate(cipher, out, &used, plain.data, (int) plain.length) == 1 &&
		EVP_EncryptFinal_ex(cipher, out + plain.length, &used) == 1 &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_LENGTH,
							out + plain.length) == 1;
}

bytea *
crypto_seal(const uint8 key[CRYPTO_KEY_LENGTH], CryptoBytes plain, CryptoBytes context)
{
	size_t		size = VARHDRSZ + CRYPTO_NONCE_LENGTH + plain.length + CRYPTO_TAG_LENGTH;
	bytea	   *sealed;
	uint8	   *nonce;
	EVP_CIPHER_CTX *cipher;
	bool		done;

	if (plain.length > SEAL_MAX || context.length > SEAL_MAX)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("could not encrypt a secret longer than %d bytes", SEAL_MAX));
	sealed = palloc(size);
	SET_VARSIZE(sealed, size);
	nonce = (uint8 *) VARDATA(sealed);
	if (!pg_strong_random(nonce, CRYPTO_NONCE_LENGTH))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes"));

	cipher = EVP_CIPHER_CTX_new();
	done = cipher != NULL &&
		EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		encrypt(cipher, plain, context, nonce + CRYPTO_NONCE_LENGTH);
	EVP_CIPHER_CTX_free(cipher);
	if (!done)
		throw_failure("encrypt a secret");
	return sealed;
}

/* Plain bytes to "out"; *genuine tells whether the tag fits. Neither allocates nor throws. */
static bool
decrypt(EVP_CIPHER_CTX *cipher, CryptoBytes ciphertext, CryptoBytes context, uint8 *out,
		bool *genuine)
{
	const uint8 *tag = ciphertext.data + ciphertext.length;
	int			used;

	if (EVP_DecryptUpdate(cipher, NULL, &used, context.data, (int) context.length) != 1 ||
		EVP_DecryptUpdate(cipher, out, &used, ciphertext.data, (int) ciphertext.length) != 1 ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_LENGTH,
							unconstify(uint8 *, tag)) != 1)
		return false;
	*genuine = EVP_DecryptFinal_ex(cipher, out + ciphertext.length, &used) == 1;
	return true;
}

char *
crypto_open(const uint8 key[CRYPTO_KEY_LENGTH], CryptoBytes sealed, CryptoBytes context,
			size_t *length)
{
	CryptoBytes ciphertext;
	uint8	   *plain;
	EVP_CIPHER_CTX *cipher;
	bool		genuine = false;
	bool		done;

	if (sealed.length < CRYPTO_NONCE_LENGTH + CRYPTO_TAG_LENGTH || context.length > SEAL_MAX ||
		sealed.length > SEAL_MAX + CRYPTO_NONCE_LENGTH + CRYPTO_TAG_LENGTH)
		return NULL;
	ciphertext.data = sealed.data + CRYPTO_NONCE_LENGTH;
	ciphertext.length = sealed.length - CRYPTO_NONCE_LENGTH - CRYPTO_TAG_LENGTH;
	plain = palloc0(ciphertext.length + 1);

	cipher = EVP_CIPHER_CTX_new();
	done = cipher != NULL &&
		EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed.data) == 1 &&
		decrypt(cipher, ciphertext, context, plain, &genuine);
	EVP_CIPHER_CTX_free(cipher);
	if (!done || !genuine)
	{
		crypto_wipe(plain, ciphertext.length);
		pfree(plain);
		if (!done)
			throw_failure("decrypt a secret");
		ERR_clear_error();
		return NULL;
	}
	*length = ciphertext.length;
	return (char *) plain;
}

/* --- signatures --- */

/* Without it the library would ask at the terminal for the passphrase of an encrypted key. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
	return -1;
}

/* The key, the caller's to free; NULL and *why when it is none to sign with. Does not throw. */
static EVP_PKEY *
rsa_key_read(const char *pem, const char **why)
{
	BIO		   *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY   *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	*why = NULL;
	if (key == NULL)
		*why = "is no private key in PEM form, or is encrypted";
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		*why = "is not an RSA key";
	else if (EVP_PKEY_bits(key) < RSA_BITS_MIN || EVP_PKEY_bits(key) > RSA_BITS_MAX)
		*why = "is an RSA key of a size that is not in use";
	if (*why == NULL)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

bool
crypto_rsa_key_check(const char *pem, const char **why)
{
	EVP_PKEY   *key = rsa_key_read(pem, why);

	EVP_PKEY_free(key);
	return *why == NULL;
}

uint8 *
crypto_sign_rs256(const char *pem, CryptoBytes input, size_t *length)
{
	uint8		signature[RSA_BITS_MAX / 8];
	const char *why;
	EVP_PKEY   *key = rsa_key_read(pem, &why);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8	   *copy;
	bool		done;

	*length = sizeof(signature);
	done = key != NULL && digest != NULL &&
		EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(digest, signature, length, input.data, input.length) == 1;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(key);
	if (!done)
		throw_failure("sign with an RSA key");
	copy = palloc(*length);
	memcpy(copy, signature, *length);
	return copy;
}

/* --- memory that is wiped --- */

void
crypto_wipe(void *secret, size_t length)
{
	OPENSSL_cleanse(secret, length);
}

typedef struct SecretMemory
{
	MemoryContextCallback release;
	void	   *bytes;
	size_t		length;
} SecretMemory;

static void
secret_memory_release(void *arg)
{
	SecretMemory *memory = arg;

	crypto_wipe(memory->bytes, memory->length);
}

void
crypto_wipe_with(MemoryContext owner, void *secret, size_t length)
{
	SecretMemory *memory = MemoryContextAlloc(owner, sizeof(SecretMemory));

	memory->bytes = secret;
	memory->length = length;
	memory->release.func = secret_memory_release;
	memory->release.arg = memory;
	MemoryContextRegisterResetCallback(owner, &memory->release);
}

char *
crypto_copy_secret(MemoryContext owner, const char *bytes, size_t length)
{
	char	   *copy = MemoryContextAllocZero(owner, length + 1);

	crypto_wipe_with(owner, copy, length);
	memcpy(copy, bytes, length);
	return copy;
}
