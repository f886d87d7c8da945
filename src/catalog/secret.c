/*
 * secret.c
 *	  Resolving, granting and storing of secrets.
 *
 * A stored secret is sealed with AES-256-GCM under a key that only the server's files hold; its
 * name and version are sealed with it, so that rows cannot be exchanged.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/secret.h"

#include <ctype.h>

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/connection.h"
#include "catalog/definition.h"
#include "catalog/role.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/compat.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/guc.h"
#include "core/names.h"

#define SECRET_MAX	65536		/* bytes of one secret */
#define KEY_BYTES	CRYPTO_KEY_LENGTH

/* ---- what was allowed ---- */

static bool
is_granted(const char *reference, Oid role, const char *wrapper, const char *host)
{
	static const char sql[] =
		"SELECT host_pattern FROM dataops.reference_grant WHERE reference = $1 AND wrapper = $2 "
		"AND pg_has_role($3::oid, role::oid, 'USAGE')";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, reference);
	sql_add_text(&args, wrapper);
	sql_add_oid(&args, role);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
		if (connection_host_matches(host, sql_text(rows, i, 1)))
			return true;
	return false;
}

static bool
owns_secret(const char *reference, Oid role)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM dataops.secret WHERE name = $1 "
		"AND pg_has_role($2::oid, owner::oid, 'USAGE'))";
	SqlArgs		args = {0};

	if (strncmp(reference, "secret:", 7) != 0)
		return false;
	sql_add_text(&args, reference + 7);
	sql_add_oid(&args, role);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

static void
check_granted(const char *reference, Oid role, const char *wrapper, const char *host)
{
	const char *role_name = GetUserNameFromId(role, true);

	if (owns_secret(reference, role) || is_granted(reference, role, wrapper, host))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("role \"%s\" may not send \"%s\" to host \"%s\"", role_name, reference, host),
			errhint("An administrator can run: SELECT dataops.grant_reference(%s, %s, %s, %s);",
					quote_literal_cstr(reference), quote_literal_cstr(role_name),
					quote_literal_cstr(wrapper), quote_literal_cstr(host)));
}

/* The server's configuration has the last word on what of its surroundings can be named. */
static void
check_surroundings(const char *reference)
{
	const char *entry = strncmp(reference, "env:", 4) == 0 ? reference + 4 : reference;

	if (names_have(guc_list(guc_env_allowed), entry))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("reference \"%s\" is not allowed on this server", reference),
			errhint("A superuser can add %s to dataops.env_allowed.", entry));
}

/* ---- files ---- */

/* Up to "limit" bytes of a file, with a NUL behind them. "what" is for the message. */
static char *
read_file(const char *path, size_t limit, const char *what, size_t *length)
{
	FILE	   *file = AllocateFile(path, "r");
	char	   *bytes = palloc(limit + 1);

	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open %s: %m", what));
	*length = fread(bytes, 1, limit, file);
	if (ferror(file) || (*length == limit && fgetc(file) != EOF))
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("could not read %s: it is unreadable or larger than %zu bytes", what,
					   limit));
	FreeFile(file);
	bytes[*length] = '\0';
	return bytes;
}

static size_t
without_newlines(const char *bytes, size_t length)
{
	while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	return length;
}

static int
hex_digit(char digit)
{
	return isdigit((unsigned char) digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* The sealing key: 32 bytes, or 64 hexadecimal digits. */
static void
read_key(uint8 *key)
{
	size_t		length;
	char	   *bytes;

	if (*guc_secret_key_file == '\0')
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("this server has no key to seal secrets with"),
				errdetail("dataops.secret_key_file is not set in the server's configuration."),
				errhint("Use a reference 'env:NAME' or 'file:/path' in the user mapping, or for "
						"Google connections 'metadata'."));
	bytes = read_file(guc_secret_key_file, 1024, "the file of dataops.secret_key_file", &length);
	if (length != KEY_BYTES)
		length = without_newlines(bytes, length);
	if (length == KEY_BYTES)
		memcpy(key, bytes, KEY_BYTES);
	else if (length == 2 * KEY_BYTES &&
			 strspn(bytes, "0123456789abcdefABCDEF") >= 2 * KEY_BYTES)
		for (int i = 0; i < KEY_BYTES; i++)
			key[i] = hex_digit(bytes[2 * i]) << 4 | hex_digit(bytes[2 * i + 1]);
	else
		ereport(ERROR,
				errcode(ERRCODE_CONFIG_FILE_ERROR),
				errmsg("the file of dataops.secret_key_file holds no key"),
				errhint("It must hold 32 bytes, or 64 hexadecimal digits."));
	crypto_wipe(bytes, length);
}

/* ---- stored secrets ---- */

static CryptoBytes
bytes_of(const char *text)
{
	return (CryptoBytes) {.data = (const uint8 *) text, .length = strlen(text)};
}

/* What a sealed secret is bound to. */
static CryptoBytes
seal_context(const char *name, int version)
{
	return bytes_of(psprintf("dataops secret %s version %d", name, version));
}

static char *
open_stored(const char *name, MemoryContext memory)
{
	static const char sql[] = "SELECT sealed, version FROM dataops.secret WHERE name = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	uint8		key[KEY_BYTES];
	bytea	   *sealed;
	char	   *plain;
	char	   *copy;
	size_t		length;

	sql_add_text(&args, name);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("secret \"%s\" does not exist", name),
				errhint("Set it by SELECT dataops.set_secret(name, value)."));
	sealed = DatumGetByteaPP(sql_datum(rows, 0, 1));
	read_key(key);
	plain = crypto_open(key,
						(CryptoBytes) {(uint8 *) VARDATA_ANY(sealed), VARSIZE_ANY_EXHDR(sealed)},
						seal_context(name, sql_bigint(rows, 0, 2)), &length);
	crypto_wipe(key, sizeof(key));
	if (plain == NULL)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("secret \"%s\" cannot be opened with this server's key", name),
				errhint("Set it again by SELECT dataops.set_secret(name, value)."));
	copy = crypto_copy_secret(memory, plain, length);
	crypto_wipe(plain, length);
	return copy;
}

static char *
open_file(const char *path, const char *reference, MemoryContext memory)
{
	size_t		length;
	char	   *bytes = read_file(path, SECRET_MAX,
								  psprintf("the file of reference \"%s\"", reference),
								  &length);
	char	   *copy = crypto_copy_secret(memory, bytes, without_newlines(bytes, length));

	crypto_wipe(bytes, length);
	return copy;
}

static char *
open_environment(const char *name, MemoryContext memory)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0')
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("the server's environment has no \"%s\"", name),
				errhint("It is read from the environment that the server was started with."));
	return crypto_copy_secret(memory, value, strlen(value));
}

char *
secret_resolve(const char *reference, Oid role, const char *wrapper, const char *host,
			   MemoryContext memory)
{
	char	   *secret;

	check_granted(reference, role, wrapper, host);
	if (strncmp(reference, "secret:", 7) == 0)
		secret = open_stored(reference + 7, memory);
	else
	{
		check_surroundings(reference);
		if (strcmp(reference, "metadata") == 0)
			return NULL;
		secret = strncmp(reference, "env:", 4) == 0 ?
			open_environment(reference + 4, memory) : open_file(reference + 5, reference, memory);
	}
	return secret;
}

char *
secret_file(const char *path, MemoryContext memory)
{
	char	   *reference = psprintf("file:%s", path);

	check_surroundings(reference);
	return open_file(path, reference, memory);
}

/* ---- the functions ---- */

PG_FUNCTION_INFO_V1(dataops_set_secret);
PG_FUNCTION_INFO_V1(dataops_grant_reference);
PG_FUNCTION_INFO_V1(dataops_revoke_reference);
PGDLLEXPORT Datum dataops_set_secret(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_grant_reference(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_revoke_reference(PG_FUNCTION_ARGS);

/* The version that the next value of a secret gets, after the right to change it was checked. */
static int
next_version(const char *name)
{
	static const char sql[] =
		"SELECT owner, version FROM dataops.secret WHERE name = $1 FOR UPDATE";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, name);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return 1;
	definition_check_level(DatumGetObjectId(sql_datum(rows, 0, 1)), "admin", "secret", name);
	return sql_bigint(rows, 0, 2) + 1;
}

/* The statement may hold the value: whatever fails, the server's log does without it. */
static void
hide_statement(void *arg)
{
	errhidestmt(true);
}

Datum
dataops_set_secret(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding = {.previous = error_context_stack, .callback = hide_statement};

	static const char sql[] =
		"INSERT INTO dataops.secret (name, owner, version, sealed, changed_at) "
		"VALUES ($1, $2::regrole, $3, $4, now()) "
		"ON CONFLICT (name) DO UPDATE SET version = $3, sealed = $4, changed_at = now()";
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *value = text_to_cstring(PG_GETARG_TEXT_PP(1));
	SqlArgs		args = {0};
	uint8		key[KEY_BYTES];
	bytea	   *sealed;
	int			version;

	error_context_stack = &hiding;
	spec_check_name(name, "secret");
	if (*value == '\0' || strlen(value) > SECRET_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a secret must have 1 to %d bytes", SECRET_MAX));
	read_key(key);
	version = next_version(name);
	sealed = crypto_seal(key, bytes_of(value), seal_context(name, version));
	crypto_wipe(key, sizeof(key));
	crypto_wipe(value, strlen(value));
	sql_add_text(&args, name);
	sql_add_oid(&args, GetUserId());
	sql_add_int(&args, version);
	sql_add_bytes(&args, VARDATA_ANY(sealed), VARSIZE_ANY_EXHDR(sealed));
	sql_run_own(sql, &args);
	audit_record("set secret", name, NULL);
	error_context_stack = hiding.previous;
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* An administrator's act on one row of the grants; "sql" takes reference, role, wrapper, host. */
static void
change_grant(FunctionCallInfo fcinfo, const char *sql, const char *action)
{
	char	   *reference = text_to_cstring(PG_GETARG_TEXT_PP(0));
	SqlArgs		args = {0};

	role_check_admin("change who may use a reference");
	sql_add_text(&args, reference);
	sql_add_oid(&args, PG_GETARG_OID(1));
	sql_add_text(&args, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	sql_add_text(&args, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	sql_run_own(sql, &args);
	audit_record(action,
				 psprintf("%s to %s", reference, GetUserNameFromId(PG_GETARG_OID(1), false)),
				 NULL);
}

static void
check_reference_form(const char *reference)
{
	if (strncmp(reference, "env:", 4) != 0 && strncmp(reference, "file:/", 6) != 0 &&
		strncmp(reference, "secret:", 7) != 0 && strcmp(reference, "metadata") != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid reference"),
				errhint("A reference is 'env:NAME', 'file:/path', 'secret:NAME' or 'metadata'."),
				errhidestmt(true));
}

static void
check_takes_references(const char *wrapper)
{
	static const char *const wrappers[] = {
		"dataops_http", "dataops_gcs", "dataops_bigquery", "dataops_google"
	};

	for (int i = 0; i < lengthof(wrappers); i++)
		if (strcmp(wrapper, wrappers[i]) == 0)
			return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("connections of \"%s\" take no references", wrapper),
			errhint("References are for dataops_http, dataops_gcs, dataops_bigquery and "
					"dataops_google."));
}

Datum
dataops_grant_reference(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"INSERT INTO dataops.reference_grant (reference, role, wrapper, host_pattern) "
		"VALUES ($1, $2::regrole, $3, lower($4)) ON CONFLICT DO NOTHING";
	char	   *wrapper = text_to_cstring(PG_GETARG_TEXT_PP(2));

	check_reference_form(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	check_takes_references(wrapper);
	change_grant(fcinfo, sql, "grant reference");
	PG_RETURN_VOID();
}

Datum
dataops_revoke_reference(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"DELETE FROM dataops.reference_grant WHERE reference = $1 AND role = $2::regrole "
		"AND wrapper = $3 AND host_pattern = lower($4)";

	change_grant(fcinfo, sql, "revoke reference");
	PG_RETURN_VOID();
}
