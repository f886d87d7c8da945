/*
 * gate.h
 *	  The network gate: which URLs may be asked and which addresses may be connected to.
 *
 *	  The policy is plain data that a higher layer puts together. Two questions are asked of it:
 *	  about a URL before anything is sent, and about each resolved address when a socket opens and
 *	  before each request, also on a kept connection. Names are never trusted in place of
 *	  addresses.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GATE_H
#define DATAOPS_GATE_H

#include "postgres.h"

#include <sys/socket.h>

/* A range of addresses; IPv4 is kept in its mapped form, ::ffff:a.b.c.d. */
typedef struct GateRange
{
	uint8		address[16];
	int			bits;			/* leading bits that count, 0 to 128 */
} GateRange;

/*
 * A host pattern is a host name or address in ASCII, or "*.suffix" for any host below the suffix
 * (not the suffix itself). Letter case and one trailing dot do not matter.
 *
 * An address outside the public internet (loopback, private, link-local, shared, reserved,
 * multicast, and what maps or translates to one) is open only when both the connection's
 * "ranges" and the administrator's "limit_ranges" contain it.
 */
typedef struct GatePolicy
{
	const char **hosts;			/* the connection's host patterns; none: nothing may be asked */
	int			nhosts;
	GateRange  *ranges;			/* non-public ranges this connection may reach */
	int			nranges;
	const char **limit_hosts;	/* the administrator's patterns; none: any host */
	int			nlimit_hosts;
	GateRange  *limit_ranges;	/* the administrator's ranges; none: any public address */
	int			nlimit_ranges;
	bool		allow_http;		/* else https only */
} GatePolicy;

/* Reads "10.0.0.0/8", "fd00::/8" or a single address. False when it is none. */
extern bool gate_range_parse(const char *text, GateRange *range);

/*
 * May this URL be asked? If not, *why is a sentence's rest, such as "host \"x\" is not allowed",
 * allocated in CurrentMemoryContext; it never holds userinfo, path or query. May throw out of
 * memory.
 */
extern bool gate_allows_url(const GatePolicy *policy, const char *url, char **why);

/*
 * May this address be connected to? If not, *why is a constant text. Pure: neither throws nor
 * allocates, fit for a library's callback.
 */
extern bool gate_allows_address(const GatePolicy *policy, const struct sockaddr *address,
								const char **why);

/*
 * The same for an address in text form, as "127.0.0.1" or "::1". What is no address is refused.
 */
extern bool gate_allows_address_text(const GatePolicy *policy, const char *address,
									 const char **why);

#endif
