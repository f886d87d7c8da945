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
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/compat.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/guc.h"

#define SECRET_MAX	65536		/* bytes of one secret */
#define KEY_BYTES	32

/* ---- memory that is wiped ---- */

typedef struct SecretMemory
{
	MemoryContextCallback release;
	size_t		length;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];
} SecretMemory;

static void
secret_wipe(void *arg)
{
	SecretMemory *memory = arg;

	explicit_bzero(memory->bytes, memory->length);
}

static char *
secret_copy(MemoryContext context, const char *bytes, size_t length)
{
	SecretMemory *memory = MemoryContextAlloc(context, offsetof(SecretMemory, bytes) + length + 1);

	memory->length = length;
	memory->release.func = secret_wipe;
	memory->release.arg = memory;
	MemoryContextRegisterResetCallback(context, &memory->release);
	memcpy(memory->bytes, bytes, length);
	memory->bytes[length] = '\0';
	return memory->bytes;
}

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
		"SELECT EXISTS (SELECT FROM dataops.secret WHERE name = $1 AND pg_has_role($2::oid, owner::oid, 'USAGE'))";
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
	ListCell   *cell;
	List	   *allowed = guc_list(guc_env_allowed);
	const char *entry = strncmp(reference, "env:", 4) == 0 ? reference + 4 : reference;

	foreach(cell, allowed)
		if (strcmp(lfirst(cell), entry) == 0)
			return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("reference \"%s\" is not allowed on this server", reference),
			errhint("A superuser can add %s to dataops.env_allowed.", entry));
}

/* ---- files ---- */

/* Up to "limit" bytes of a file, its trailing newlines left out. "what" is for the message. */
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
				errmsg("could not read %s: it is unreadable or larger than %zu bytes", what, limit));
	FreeFile(file);
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
				errhint("Use a reference 'env:NAME' or 'file:/path' in the user mapping, or for Google connections 'metadata'."));
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
	explicit_bzero(bytes, length);
}
