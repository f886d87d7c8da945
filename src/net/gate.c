/*
 * gate.c
 *	  The network gate.
 *
 *	  The URL is taken apart by the same parser that will use it, so both see the same host:
 *	  numeric spellings of IPv4, percent-encoded hosts and userinfo tricks end there. What
 *	  remains, names that resolve to places they should not, is stopped by address.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/gate.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>

#define MAPPED_BITS		96		/* length of the prefix ::ffff:0:0 */

#define V4(a, b, c, d, bits) \
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, MAPPED_BITS + (bits)}
#define V6(a, b, c, d, bits) \
	{{(a) >> 8, (a) & 0xff, (b) >> 8, (b) & 0xff, (c) >> 8, (c) & 0xff, (d) >> 8, (d) & 0xff}, bits}

/* What is not the public internet (IANA special-purpose registries, RFC 6890 and its updates) */
static const struct
{
	GateRange	range;
	const char *why;
}			special_ranges[] = {
	{V4(0, 0, 0, 0, 8), "the address means this host (0.0.0.0/8)"},
	{V4(10, 0, 0, 0, 8), "the address is private"},
	{V4(100, 64, 0, 0, 10), "the address is shared by a carrier (100.64.0.0/10)"},
	{V4(127, 0, 0, 0, 8), "the address is loopback"},
	{V4(169, 254, 0, 0, 16), "the address is link-local"},
	{V4(172, 16, 0, 0, 12), "the address is private"},
	{V4(192, 0, 0, 0, 24), "the address is reserved"},
	{V4(192, 0, 2, 0, 24), "the address is for documentation"},
	{V4(192, 88, 99, 0, 24), "the address is reserved"},
	{V4(192, 168, 0, 0, 16), "the address is private"},
	{V4(198, 18, 0, 0, 15), "the address is for benchmarks"},
	{V4(198, 51, 100, 0, 24), "the address is for documentation"},
	{V4(203, 0, 113, 0, 24), "the address is for documentation"},
	{V4(224, 0, 0, 0, 4), "the address is multicast"},
	{V4(240, 0, 0, 0, 4), "the address is reserved"},
	/*
	 * ::/96 holds ::, ::1 and the IPv4-compatible form; the rest of ::/8 but the mapped form is
	 * unused
	 */
	{V6(0, 0, 0, 0, 96), "the address is loopback or unspecified"},
	{V6(0x0064, 0xff9b, 1, 0, 48), "the address is a local translation of IPv4"},
	{V6(0x0100, 0, 0, 0, 64), "the address is discarded"},
	{V6(0x2001, 0, 0, 0, 23), "the address is reserved"},	/* Teredo, ORCHID, benchmarks */
	{V6(0x2001, 0x0db8, 0, 0, 32), "the address is for documentation"},
	{V6(0x3fff, 0, 0, 0, 20), "the address is for documentation"},
	{V6(0x5f00, 0, 0, 0, 16), "the address is reserved"},
	{V6(0xfc00, 0, 0, 0, 7), "the address is private"},
	{V6(0xfe80, 0, 0, 0, 10), "the address is link-local"},
	{V6(0xfec0, 0, 0, 0, 10), "the address is private"},
	{V6(0xff00, 0, 0, 0, 8), "the address is multicast"},
};

/* Forms of IPv6 that carry an IPv4 address: where in the sixteen bytes it stands */
static const struct
{
	GateRange	range;
	int			offset;
}			translated_ranges[] = {
	{V6(0x0064, 0xff9b, 0, 0, 96), 12},	/* NAT64, RFC 6052 */
	{V6(0x2002, 0, 0, 0, 16), 2},	/* 6to4, RFC 3056 */
};

static const uint8 mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
range_contains(const GateRange *range, const uint8 *address)
{
	int			bytes = range->bits / 8;
	int			rest = range->bits % 8;

	if (memcmp(range->address, address, bytes) != 0)
		return false;
	return rest == 0 || (range->address[bytes] ^ address[bytes]) >> (8 - rest) == 0;
}

static bool
any_range_contains(const GateRange *ranges, int nranges, const uint8 *address)
{
	for (int i = 0; i < nranges; i++)
		if (range_contains(&ranges[i], address))
			return true;
	return false;
}

static void
map_v4(const void *v4, uint8 *address)
{
	memcpy(address, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address + sizeof(mapped_prefix), v4, 4);
}

/* Why the address is not public, or NULL when it is. */
static const char *
special_reason(const uint8 *address)
{
	uint8		inner[16];

	for (int i = 0; i < lengthof(translated_ranges); i++)
		if (range_contains(&translated_ranges[i].range, address))
		{
			map_v4(address + translated_ranges[i].offset, inner);
			address = inner;
			break;
		}
	for (int i = 0; i < lengthof(special_ranges); i++)
		if (range_contains(&special_ranges[i].range, address))
			return special_ranges[i].why;
	return NULL;
}

static bool
gate_allows_bytes(const GatePolicy *policy, const uint8 *address, const char **why)
{
	bool		in_limit = any_range_contains(policy->limit_ranges, policy->nlimit_ranges, address);
	const char *special = special_reason(address);

	*why = NULL;
	if (special != NULL &&
		!(in_limit && any_range_contains(policy->ranges, policy->nranges, address)))
		*why = special;
	else if (policy->nlimit_ranges > 0 && !in_limit)
		*why = "the address is outside the administrator's network limit";
	return *why == NULL;
}

bool
gate_allows_address(const GatePolicy *policy, const struct sockaddr *address, const char **why)
{
	uint8		bytes[16];

	if (address->sa_family == AF_INET)
		map_v4(&((const struct sockaddr_in *) address)->sin_addr, bytes);
	else if (address->sa_family == AF_INET6)
		memcpy(bytes, &((const struct sockaddr_in6 *) address)->sin6_addr, sizeof(bytes));
	else
	{
		*why = "it is not an internet address";
		return false;
	}
	return gate_allows_bytes(policy, bytes, why);
}

static bool
address_parse(const char *text, uint8 *address)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	map_v4(&v4, address);
	return true;
}

bool
gate_allows_address_text(const GatePolicy *policy, const char *address, const char **why)
{
	uint8		bytes[16];

	if (!address_parse(address, bytes))
	{
		*why = "it is not an internet address";
		return false;
	}
	return gate_allows_bytes(policy, bytes, why);
}

bool
gate_range_parse(const char *text, GateRange *range)
{
	char		address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t		length = slash != NULL ? slash - text : strlen(text);
	bool		v4 = strchr(text, ':') == NULL;
	int			bits = v4 ? 32 : 128;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!address_parse(address, range->address))
		return false;
	if (slash != NULL)
	{
		char	   *end;
		long		given = strtol(slash + 1, &end, 10);

		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || given > bits)
			return false;
		bits = given;
	}
	range->bits = v4 ? MAPPED_BITS + bits : bits;
	return true;
}

/* Length of a host without brackets and one trailing dot; *host is moved past the bracket. */
static size_t
host_core(const char **host)
{
	size_t		length = strlen(*host);

	if (length >= 2 && (*host)[0] == '[' && (*host)[length - 1] == ']')
	{
		(*host)++;
		return length - 2;
	}
	if (length > 1 && (*host)[length - 1] == '.')
		length--;
	return length;
}

static bool
host_matches(const char *pattern, const char *host)
{
	bool		below = strncmp(pattern, "*.", 2) == 0;
	size_t		pattern_length;
	size_t		host_length = host_core(&host);

	if (below)
		pattern++;				/* keeps the dot: "*.a.b" takes "x.a.b", not "xa.b" */
	pattern_length = host_core(&pattern);
	if (below)
	{
		if (pattern_length < 2 || host_length <= pattern_length)
			return false;
		host += host_length - pattern_length;
		host_length = pattern_length;
	}
	return host_length == pattern_length && pg_strncasecmp(pattern, host, host_length) == 0;
}

static bool
any_pattern_matches(const char **patterns, int npatterns, const char *host)
{
	for (int i = 0; i < npatterns; i++)
		if (host_matches(patterns[i], host))
			return true;
	return false;
}

static bool
host_is_ascii(const char *host)
{
	for (; *host != '\0'; host++)
		if (IS_HIGHBIT_SET(*host))
			return false;
	return true;
}

/* Does not throw before *why is made, so that the caller's library strings are freed first. */
static const char *
url_refusal(const GatePolicy *policy, const char *scheme, const char *host)
{
	if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		return "the scheme is neither https nor http";
	if (strcmp(scheme, "http") == 0 && !policy->allow_http)
		return "the scheme is http, and only https is allowed";
	if (host == NULL || host[0] == '\0')
		return "the URL has no host";
	if (!host_is_ascii(host))
		return "the host is not in its ASCII form";
	if (!any_pattern_matches(policy->hosts, policy->nhosts, host))
		return "the host is not allowed for this connection";
	if (policy->nlimit_hosts > 0 &&
		!any_pattern_matches(policy->limit_hosts, policy->nlimit_hosts, host))
		return "the host is outside the administrator's network limit";
	return NULL;
}

bool
gate_allows_url(const GatePolicy *policy, const char *url, char **why)
{
	CURLU	   *parts = curl_url();
	CURLUcode	code;
	char	   *scheme = NULL;
	char	   *host = NULL;
	char		shown[256] = "";
	const char *refusal = "the URL is malformed";

	if (parts == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	code = curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_USER_NOT_ALLOWED)
		refusal = "the URL holds a user name";
	else if (code == CURLUE_OK &&
			 curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
	{
		(void) curl_url_get(parts, CURLUPART_HOST, &host, 0);
		refusal = url_refusal(policy, scheme, host);
		if (host != NULL && host_is_ascii(host))
			strlcpy(shown, host, sizeof(shown));
	}
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);

	if (refusal != NULL)
		*why = shown[0] != '\0' ? psprintf("%s: \"%s\"", refusal, shown) : pstrdup(refusal);
	return refusal == NULL;
}
