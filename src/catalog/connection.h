/*
 * connection.h
 *	  A connection is a foreign server of ours with the user mapping of the role on whose behalf it
 *	  is used.  Loading it checks that role's rights and the administrator's limits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CONNECTION_H
#define DATAOPS_CONNECTION_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "core/url.h"

typedef enum ConnectionAuth
{
	AUTH_NONE,
	AUTH_BEARER,
	AUTH_BASIC,
	AUTH_API_KEY
} ConnectionAuth;

/* What the network gate is told; patterns and ranges as texts. */
typedef struct ConnectionReach
{
	List	   *hosts;			/* the connection's own host */
	List	   *ranges;			/* non-public addresses it names */
	List	   *limit_hosts;	/* NIL: any */
	List	   *limit_ranges;	/* NIL: any public address */
	bool		plain_http;		/* its host may be called without TLS */
} ConnectionReach;

typedef struct Connection
{
	char	   *server;
	Oid			server_id;
	char	   *wrapper;		/* "dataops_http" */
	Oid			owner;			/* the role on whose behalf it is used */
	List	   *options;		/* of the server: DefElem; see option.h */
	char	   *reference;		/* to the secret, from the mapping; NULL without one */
	/* dataops_http only */
	Url			url;
	ConnectionAuth auth;
	ConnectionReach reach;
} Connection;

/*
 * Loads server "server" for role "owner": USAGE is checked for that role, its mapping is taken,
 * else PUBLIC's.  Throws 42704 when there is no such server of ours, 42501 without USAGE or when
 * the administrator's limits exclude its host.  Needs a transaction; allocated in
 * CurrentMemoryContext.
 */
extern Connection *connection_open(const char *server, Oid owner);

/*
 * Lets the connection's requests go to the host of "url" as well, within the administrator's
 * limits; 42501 when they exclude it.  "url" must live as long as the connection.
 */
extern void connection_allow(Connection *connection, const Url *url);

/* As connection_open() without checks of the network: for definitions, where rights count. */
extern Connection *connection_find(const char *server, Oid owner);

/*
 * The secret that the connection's reference names, checked against what was granted to the
 * connection's role, wrapper and host.  NULL when auth is none.  Allocated in "memory" and wiped
 * when that is reset.  Needs a transaction.
 */
extern char *connection_secret(Connection *connection, MemoryContext memory);

/*
 * The credentials for a service of Google at "host", of the connection's own mapping or of its
 * auth_server's: JSON, or NULL for the machine's own identity.  False when there is no mapping and
 * none is required, else 42704.  Rights and memory as for connection_secret().
 */
extern bool connection_google_credentials(Connection *connection, const char *host, bool required,
										  MemoryContext memory, char **credentials);

/* Does a host name match a pattern: a name, "*.suffix", or "*"? */
extern bool connection_host_matches(const char *host, const char *pattern);

#endif
