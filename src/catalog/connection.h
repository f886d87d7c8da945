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

/* The same without checks of the network: for definitions, where only the rights count. */
extern Connection *connection_find(const char *server, Oid owner);

/*
 * The secret that the connection's reference names, checked against what was granted to the
 * connection's role, wrapper and host.  NULL when auth is none.  Allocated in "memory" and wiped
 * when that is reset.  Needs a transaction.
 */
extern char *connection_secret(Connection *connection, MemoryContext memory);

/* Does a host name match a pattern: a name, "*.suffix", or "*"? */
extern bool connection_host_matches(const char *host, const char *pattern);

#endif
