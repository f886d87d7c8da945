/*
 * connection.c
 *	  Loading of foreign servers and user mappings.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/connection.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "catalog/option.h"
#include "catalog/secret.h"
#include "catalog/sql.h"
#include "core/compat.h"
#include "core/error.h"
#include "core/guc.h"
#include "core/names.h"

/* The nearest server of ours that "owner" may use, for the hint. */
static const char *
nearest_server(const char *name, Oid owner)
{
	static const char sql[] =
		"SELECT s.srvname FROM pg_foreign_server s "
		"JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw "
		"WHERE w.fdwname LIKE 'dataops\\_%' AND has_server_privilege($1::oid, s.oid, 'USAGE')";
	SqlArgs		args = {0};
	SqlRows    *rows;
	const char **names;

	sql_add_oid(&args, owner);
	rows = sql_run_own(sql, &args);
	names = palloc(sizeof(char *) * (rows->count + 1));
	for (uint64 i = 0; i < rows->count; i++)
		names[i] = sql_text(rows, i, 1);
	return nearest_name(name, names, rows->count);
}

pg_noreturn static void refuse_unknown(const char *name, Oid owner);

static void
refuse_unknown(const char *name, Oid owner)
{
	const char *nearest = nearest_server(name, owner);

	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("connection \"%s\" does not exist", error_clean(name, strlen(name), 100)),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) :
			errhint("Make it with CREATE SERVER … FOREIGN DATA WRAPPER dataops_http."));
}

/* The wrapper's name when it is one of ours: by its validator, a name alone could be anybody's. */
static char *
wrapper_of_ours(Oid wrapper_id)
{
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(wrapper_id);

	if (wrapper->owner != sql_extension_owner() || strncmp(wrapper->fdwname, "dataops_", 8) != 0)
		return NULL;
	return wrapper->fdwname;
}

/* The options of "role"'s mapping; false when it has none. */
static bool
find_mapping(Oid role, Oid server_id, List **options)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role),
										ObjectIdGetDatum(server_id));
	Datum		value;
	bool		is_null;

	if (!HeapTupleIsValid(tuple))
		return false;
	value = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
	*options = is_null ? NIL : untransformRelOptions(value);
	ReleaseSysCache(tuple);
	return true;
}

static ConnectionAuth
auth_of(List *options)
{
	static const char *const names[] = {"none", "bearer", "basic", "api_key"};
	const char *auth = option_text(options, "auth", "none");

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(auth, names[i]) == 0)
			return i;
	elog(ERROR, "unknown auth \"%s\"", auth);
}

Connection *
connection_find(const char *server, Oid owner)
{
	ForeignServer *found = GetForeignServerByName(server, true);
	Connection *connection = palloc0(sizeof(Connection));
	List	   *mapping = NIL;
	const char *problem;

	sql_check_owner(owner);
	connection->wrapper = found != NULL ? wrapper_of_ours(found->fdwid) : NULL;
	if (connection->wrapper == NULL)
		refuse_unknown(server, owner);
	if (compat_server_aclcheck(found->serverid, owner, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("role \"%s\" may not use connection \"%s\"", GetUserNameFromId(owner, true),
					   server),
				errhint("Its owner can run: GRANT USAGE ON FOREIGN SERVER %s TO %s;",
						quote_identifier(server),
						quote_identifier(GetUserNameFromId(owner, true))));
	connection->server = pstrdup(server);
	connection->server_id = found->serverid;
	connection->owner = owner;
	connection->options = found->options;
	if (find_mapping(owner, found->serverid, &mapping) ||
		find_mapping(InvalidOid, found->serverid, &mapping))
		connection->reference = (char *) option_text(mapping, "credentials", NULL);
	connection->reach.ranges = guc_list(option_text(connection->options, "allow_addresses", ""));
	connection->auth = auth_of(connection->options);
	if (strcmp(connection->wrapper, "dataops_http") == 0 &&
		!url_parse(option_text(connection->options, "url", ""), &connection->url, &problem))
		elog(ERROR, "url of connection \"%s\" is not usable: %s", server, problem);
	return connection;
}

/* ---- limits of the network ---- */

static bool
is_range(const char *entry)
{
	char	   *address = pnstrdup(entry, strcspn(entry, "/"));
	uint8		bytes[16];

	return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

bool
connection_host_matches(const char *host, const char *pattern)
{
	size_t		length = strlen(host);

	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) == 0)
	{
		size_t		suffix = strlen(pattern) - 1;

		return length > suffix && pg_strcasecmp(host + length - suffix, pattern + 1) == 0;
	}
	return pg_strcasecmp(host, pattern) == 0;
}

static bool
host_matches_any(const char *host, List *patterns)
{
	ListCell   *cell;

	foreach(cell, patterns)
		if (connection_host_matches(host, lfirst(cell)))
			return true;
	return false;
}

/* Sorts the superuser's limit into hosts, hosts for plain http, and ranges. */
static void
read_network_limit(const Url *url, ConnectionReach *reach)
{
	ListCell   *cell;
	List	   *entries = guc_list(guc_network_limit);

	foreach(cell, entries)
	{
		char	   *entry = lfirst(cell);
		bool		plain = strncmp(entry, "http://", 7) == 0;

		if (plain)
			entry += 7;
		if (plain && connection_host_matches(url->host, entry))
			reach->plain_http = true;
		if (!plain && is_range(entry))
			reach->limit_ranges = lappend(reach->limit_ranges, entry);
		else
			reach->limit_hosts = lappend(reach->limit_hosts, entry);
	}
}

/* The administrator's table: it can only take hosts away. */
static List *
admin_hosts(void)
{
	static const char sql[] = "SELECT value FROM dataops.setting WHERE name = 'allowed_hosts'";
	SqlRows    *rows = sql_run_own(sql, NULL);

	return rows->count == 0 ? NIL : guc_list(sql_text(rows, 0, 1));
}

static void
check_reach(Connection *connection, const Url *url)
{
	ConnectionReach *reach = &connection->reach;
	List	   *narrowed = admin_hosts();

	if ((reach->limit_hosts != NIL && !host_matches_any(url->host, reach->limit_hosts)) ||
		(narrowed != NIL && !host_matches_any(url->host, narrowed)))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("host \"%s\" of connection \"%s\" is not allowed", url->host,
					   connection->server),
				errhint("An administrator can add it to %s.",
						narrowed != NIL ? "the setting \"allowed_hosts\" (dataops.set_setting()) "
										  "and dataops.network_limit" :
						"dataops.network_limit in the server's configuration"));
	if (!url->tls && !reach->plain_http)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("connection \"%s\" must use https", connection->server),
				errhint("An administrator can allow plain http by \"http://%s\" in "
						"dataops.network_limit.", url->host));
}

void
connection_allow(Connection *connection, const Url *url)
{
	ConnectionReach *reach = &connection->reach;

	reach->hosts = names_add(reach->hosts, url->host);
	if (is_range(url->host))
		reach->ranges = names_add(reach->ranges, url->host);
	reach->limit_hosts = reach->limit_ranges = NIL;
	read_network_limit(url, reach);
	check_reach(connection, url);
	/* "*" has been seen to: to the gate it would be a host of that name */
	if (host_matches_any("any.host", reach->limit_hosts))
		reach->limit_hosts = NIL;
}

Connection *
connection_open(const char *server, Oid owner)
{
	Connection *connection = connection_find(server, owner);

	if (strcmp(connection->wrapper, "dataops_http") != 0)
		return connection;
	connection_allow(connection, &connection->url);
	return connection;
}

/* ---- credentials ---- */

pg_noreturn static void refuse_without_mapping(const Connection *connection);

static void
refuse_without_mapping(const Connection *connection)
{
	const char *role = GetUserNameFromId(connection->owner, true);

	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("connection \"%s\" has no credentials for role \"%s\"", connection->server,
				   role),
			errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (credentials 'env:NAME');",
					quote_identifier(role), quote_identifier(connection->server)));
}

char *
connection_secret(Connection *connection, MemoryContext memory)
{
	char	   *secret;

	if (connection->auth == AUTH_NONE)
		return NULL;
	if (connection->reference == NULL)
		refuse_without_mapping(connection);
	secret = secret_resolve(connection->reference, connection->owner, connection->wrapper,
							connection->url.host, memory);
	for (const char *at = secret; *at != '\0'; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7f)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("what \"%s\" stands for holds control characters",
						   connection->reference));
	return secret;
}

bool
connection_google_credentials(Connection *connection, const char *host, bool required,
							  MemoryContext memory, char **credentials)
{
	const char *auth_server = option_text(connection->options, "auth_server", NULL);
	Connection *holder = connection;

	if (auth_server != NULL)
	{
		holder = connection_find(auth_server, connection->owner);
		if (strcmp(holder->wrapper, "dataops_google") != 0)
			ereport(ERROR,
					errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("auth_server \"%s\" of connection \"%s\" holds no credentials of Google",
						   auth_server, connection->server),
					errdetail("It is a server of %s.", holder->wrapper),
					errhint("Use a server of dataops_google."));
	}
	if (holder->reference == NULL && !required)
		return false;
	if (holder->reference == NULL)
		refuse_without_mapping(holder);
	*credentials = secret_resolve(holder->reference, holder->owner, holder->wrapper, host, memory);
	return true;
}
