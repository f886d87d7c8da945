/*
 * url.c
 *	  Reading, resolving and writing URLs.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/url.h"

#include <ctype.h>

static bool
has_unsafe_byte(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text <= ' ' || *text == 0x7f || strchr("\\\"<>^`{|}", *text) != NULL)
			return true;
	return false;
}

static char *
lower_copy(const char *text, size_t length)
{
	char	   *copy = pnstrdup(text, length);

	for (char *at = copy; *at != '\0'; at++)
		*at = pg_tolower((unsigned char) *at);
	return copy;
}

/* The host of "host", "host:port" or "[v6]:port"; *rest stands behind it. */
static bool
take_host(const char *authority, size_t length, char **host, const char **rest)
{
	size_t		used;

	if (authority[0] == '[')
	{
		const char *close = memchr(authority, ']', length);

		if (close == NULL)
			return false;
		*host = lower_copy(authority + 1, close - authority - 1);
		*rest = close + 1;
		return strspn(*host, "0123456789abcdef:.") == strlen(*host) && (*host)[0] != '\0';
	}
	used = Min(strcspn(authority, ":"), length);
	*host = lower_copy(authority, used);
	*rest = authority + used;
	for (size_t i = 0; i < used; i++)
		if (!isalnum((unsigned char) authority[i]) && strchr("-._", authority[i]) == NULL)
			return false;
	return used > 0 && used <= 253;
}

static bool
take_port(const char *text, const char *end, Url *url)
{
	long		port;
	char	   *stop;

	url->port = url->tls ? 443 : 80;
	if (text == end)
		return true;
	if (*text++ != ':' || text == end || end - text > 5 || !isdigit((unsigned char) *text))
		return false;
	port = strtol(text, &stop, 10);
	url->port = (int) port;
	return stop == end && port >= 1 && port <= 65535;
}

bool
url_parse(const char *text, Url *url, const char **problem)
{
	const char *authority;
	const char *rest;
	size_t		length;

	memset(url, 0, sizeof(Url));
	*problem = "it is not an http or https URL";
	if (pg_strncasecmp(text, "https://", 8) == 0)
		url->tls = true;
	else if (pg_strncasecmp(text, "http://", 7) != 0)
		return false;
	*problem = "it holds a character that must be percent-encoded";
	if (has_unsafe_byte(text))
		return false;
	authority = text + (url->tls ? 8 : 7);
	length = strcspn(authority, "/?#");
	*problem = "it holds a user or a password";
	if (memchr(authority, '@', length) != NULL)
		return false;
	*problem = "its host is not a name or an address";
	if (!take_host(authority, length, &url->host, &rest))
		return false;
	*problem = "its port is not a number from 1 to 65535";
	if (!take_port(rest, authority + length, url))
		return false;
	*problem = "it holds a fragment (#)";
	if (strchr(authority, '#') != NULL)
		return false;
	url->origin = pnstrdup(text, authority + length - text);
	url->path = pnstrdup(authority + length, strcspn(authority + length, "?"));
	rest = strchr(authority + length, '?');
	url->query = rest != NULL ? pstrdup(rest + 1) : NULL;
	*problem = NULL;
	return true;
}

/* Takes "." and ".." segments out of an absolute path, in place. */
static void
remove_dot_segments(char *path)
{
	char	   *in = path;
	char	   *out = path;

	while (*in != '\0')
	{
		size_t		length = strcspn(in + 1, "/") + 1;

		if (length == 2 && in[1] == '.')
			in += length;
		else if (length == 3 && in[1] == '.' && in[2] == '.')
		{
			in += length;
			while (out > path && *--out != '/')
				;
		}
		else
		{
			memmove(out, in, length);
			out += length;
			in += length;
			continue;
		}
		if (*in == '\0')
			*out++ = '/';
	}
	*out = '\0';
}

static char *
resolve_path(const Url *base, const char *reference)
{
	size_t		path_length = strcspn(reference, "?");
	char	   *path;

	if (path_length == 0)
		path = pstrdup(base->path);
	else if (reference[0] == '/')
		path = pnstrdup(reference, path_length);
	else
	{
		const char *slash = strrchr(base->path, '/');
		int			folder = slash != NULL ? (int) (slash - base->path) : 0;

		path = psprintf("%.*s/%.*s", folder, base->path, (int) path_length, reference);
	}
	remove_dot_segments(path);
	return path;
}

char *
url_resolve(const Url *base, const char *reference)
{
	char	   *clean = pnstrdup(reference, strcspn(reference, "#"));
	const char *query = strchr(clean, '?');
	char	   *resolved;
	Url			parts;
	const char *problem;

	/* nothing but a fragment, if that: the document itself */
	if (*clean == '\0' && base->query != NULL)
		query = psprintf("?%s", base->query);

	if (strncmp(clean, "//", 2) == 0)
		resolved = psprintf("%s:%s", base->tls ? "https" : "http", clean);
	else if (strstr(clean, "://") != NULL && strcspn(clean, "/?") > strcspn(clean, ":"))
		resolved = clean;
	else
		resolved = psprintf("%s%s%s", base->origin, resolve_path(base, clean),
							query != NULL ? query : "");
	return url_parse(resolved, &parts, &problem) ? resolved : NULL;
}

void
url_encode(StringInfo target, const char *text)
{
	for (; *text != '\0'; text++)
	{
		unsigned char byte = (unsigned char) *text;

		if ((byte < 0x80 && isalnum(byte)) || strchr("-._~", byte) != NULL)
			appendStringInfoChar(target, byte);
		else
			appendStringInfo(target, "%%%02X", byte);
	}
}

/* Is the parameter at "pair" (up to its end) named "name"? */
static bool
is_param(const char *pair, size_t length, const char *name)
{
	size_t		name_length = strlen(name);

	return length >= name_length && strncmp(pair, name, name_length) == 0 &&
		(length == name_length || pair[name_length] == '=');
}

char *
url_without_param(const char *url, const char *name)
{
	const char *query = strchr(url, '?');
	StringInfoData rest;
	char		separator = '?';

	if (query == NULL)
		return pstrdup(url);
	initStringInfo(&rest);
	appendBinaryStringInfo(&rest, url, query - url);
	while (*query != '\0')
	{
		const char *pair = query + 1;
		size_t		length = strcspn(pair, "&");

		if (length > 0 && !is_param(pair, length, name))
		{
			appendStringInfoChar(&rest, separator);
			appendBinaryStringInfo(&rest, pair, length);
			separator = '&';
		}
		query = pair + length;
	}
	return rest.data;
}

char *
url_shown(const char *url)
{
	size_t		path_length = strcspn(url, "?#");
	StringInfoData shown;
	const char *at = url + path_length;

	initStringInfo(&shown);
	appendBinaryStringInfo(&shown, url, path_length);
	while (*at == '?' || *at == '&')
	{
		size_t		name = strcspn(at + 1, "=&#") + 1;

		appendBinaryStringInfo(&shown, at, name);
		at += name;
		if (*at == '=')
		{
			appendStringInfoString(&shown, "=…");
			at += strcspn(at, "&#");
		}
	}
	return shown.data;
}
