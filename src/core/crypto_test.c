/*
 * crypto_test.c
 *	  SQL access to digests, sealing and identities, for the regression tests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/base64.h"
#include "core/crypto.h"
#include "core/uuid.h"

#include "core/compat.h"
#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(dataops_test_sha256);
PG_FUNCTION_INFO_V1(dataops_test_seal);
PG_FUNCTION_INFO_V1(dataops_test_open);
PG_FUNCTION_INFO_V1(dataops_test_wipe);
PG_FUNCTION_INFO_V1(dataops_test_base64_url);
PG_FUNCTION_INFO_V1(dataops_test_base64_open);
PG_FUNCTION_INFO_V1(dataops_test_uuid);
PG_FUNCTION_INFO_V1(dataops_test_uuid_at);

static CryptoBytes
bytes_of(bytea *value)
{
	return (CryptoBytes) {(const uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

static const uint8 *
key_of(bytea *value)
{
	if (VARSIZE_ANY_EXHDR(value) != CRYPTO_KEY_LENGTH)
		elog(ERROR, "a key has %d bytes", CRYPTO_KEY_LENGTH);
	return (const uint8 *) VARDATA_ANY(value);
}

Datum
dataops_test_sha256(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(crypto_sha256_hex(bytes_of(PG_GETARG_BYTEA_PP(0)))));
}

/* (key, plain, context) → sealed */
Datum
dataops_test_seal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(crypto_seal(key_of(PG_GETARG_BYTEA_PP(0)),
								  bytes_of(PG_GETARG_BYTEA_PP(1)),
								  bytes_of(PG_GETARG_BYTEA_PP(2))));
}

/* (key, sealed, context) → plain, or null */
Datum
dataops_test_open(PG_FUNCTION_ARGS)
{
	size_t		length;
	char	   *plain = crypto_open(key_of(PG_GETARG_BYTEA_PP(0)),
									bytes_of(PG_GETARG_BYTEA_PP(1)),
									bytes_of(PG_GETARG_BYTEA_PP(2)), &length);

	if (plain == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P((bytea *) cstring_to_text_with_len(plain, length));
}

/* The bytes after they were wiped. */
Datum
dataops_test_wipe(PG_FUNCTION_ARGS)
{
	bytea	   *copy = PG_GETARG_BYTEA_P_COPY(0);

	crypto_wipe(VARDATA(copy), VARSIZE(copy) - VARHDRSZ);
	PG_RETURN_BYTEA_P(copy);
}

Datum
dataops_test_base64_url(PG_FUNCTION_ARGS)
{
	CryptoBytes bytes = bytes_of(PG_GETARG_BYTEA_PP(0));
	StringInfoData text;

	initStringInfo(&text);
	base64_append_url(&text, bytes.data, bytes.length);
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

/* (text) → the bytes, or null */
Datum
dataops_test_base64_open(PG_FUNCTION_ARGS)
{
	size_t		length;
	char	   *bytes = base64_open(CurrentMemoryContext,
									text_to_cstring(PG_GETARG_TEXT_PP(0)), &length);

	if (bytes == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P((bytea *) cstring_to_text_with_len(bytes, length));
}

Datum
dataops_test_uuid(PG_FUNCTION_ARGS)
{
	pg_uuid_t	uuid = uuid_v7();

	PG_RETURN_TEXT_P(cstring_to_text(uuid_text(&uuid)));
}

/* (ms, ms, n): the first identity made at the first millisecond, the last of n at the second */
Datum
dataops_test_uuid_at(PG_FUNCTION_ARGS)
{
	UuidClock	clock = {0};
	pg_uuid_t	first = uuid_v7_at(&clock, PG_GETARG_INT64(0));
	pg_uuid_t	before = first;

	for (int i = 0; i < PG_GETARG_INT32(2); i++)
	{
		pg_uuid_t	uuid = uuid_v7_at(&clock, PG_GETARG_INT64(1));

		if (memcmp(&before, &uuid, sizeof(uuid)) >= 0)
			elog(ERROR, "identity %d is not above the one before", i);
		before = uuid;
	}
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%.13s %.13s", uuid_text(&first),
											  uuid_text(&before))));
}

#endif
