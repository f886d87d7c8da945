/*
 * guc.c
 *	  Definition of our settings.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/guc.h"

#include <ctype.h>
#include <limits.h>

#include "core/fault.h"
#include "core/spool.h"
#include "utils/guc.h"

char	   *guc_file_root = "";
char	   *guc_network_limit = "";
char	   *guc_google_endpoints = "";
char	   *guc_env_allowed = "";
char	   *guc_secret_key_file = "";
int			guc_export_part_size = 64 * 1024;

static void
define_guard(const char *name, const char *short_text, const char *long_text, char **variable)
{
	DefineCustomStringVariable(name, short_text, long_text, variable, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

void
guc_define(void)
{
	define_guard("dataops.file_root",
				 "Folder below which connections of dataops_file keep their objects.",
				 "An absolute path outside of the data directory and of all tablespaces. "
				 "Empty: there is no file store.", &guc_file_root);
	define_guard("dataops.network_limit",
				 "Hosts and address ranges that connections may reach.",
				 "Comma-separated. \"api.example.com\" or \"*.example.com\": once one is given, "
				 "only such hosts may be called. \"http://host\": this host may also be called "
				 "without TLS. "
				 "\"10.1.0.0/16\": a connection that names such an address in its url or "
				 "allow_addresses may reach it, although private, loopback and link-local "
				 "addresses are otherwise refused; once one is given, no other address is reached. "
				 "Empty: every host with a public address, over https.", &guc_network_limit);
	define_guard("dataops.google_endpoints",
				 "Addresses to use in place of Google's own.",
				 "Comma-separated, as \"storage=http://127.0.0.1:4443\", for storage, bigquery, "
				 "oauth2, sts, iamcredentials and metadata. Credentials never go over http to "
				 "another machine. Empty: Google's.", &guc_google_endpoints);
	define_guard("dataops.env_allowed",
				 "What references of user mappings may name in the server's environment and file "
				 "system.",
				 "Comma-separated: NAME for env:NAME, file:/absolute/path for the reference of "
				 "that spelling, metadata for the identity that the machine has at Google.",
				 &guc_env_allowed);
	define_guard("dataops.secret_key_file",
				 "File with the key that seals the secrets of dataops.set_secret().",
				 "32 bytes, or 64 hexadecimal digits. Empty: set_secret() refuses.",
				 &guc_secret_key_file);
	DefineCustomIntVariable("dataops.spool_limit",
							"Size of the temporary files that one process may keep pages, batches "
							"and exports in.",
							"Files of an export are kept there until the store has taken them.",
							&spool_limit_mb, spool_limit_mb, 1, INT_MAX,
							PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("dataops.export_part_size",
							"Size at which a file of an export is closed and the next one begun.",
							"As stored, so after compression.",
							&guc_export_part_size, guc_export_part_size, 4 * 1024, INT_MAX,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	fault_define();
}

List *
guc_list(const char *text)
{
	List	   *parts = NIL;

	while (*text != '\0')
	{
		size_t		length = strcspn(text, ",");
		size_t		used = length;
		const char *start = text;

		while (used > 0 && isspace((unsigned char) *start))
			start++, used--;
		while (used > 0 && isspace((unsigned char) start[used - 1]))
			used--;
		if (used > 0)
			parts = lappend(parts, pnstrdup(start, used));
		text += length;
		if (*text == ',')
			text++;
	}
	return parts;
}
