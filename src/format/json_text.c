/*
 * json_text.c
 *	  Strings and lines of JSON.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/json_text.h"

#include "core/json_scan.h"
#include "format/append.h"
#include "format/plain_text.h"

/* What stands behind the backslash; 'u' for all that has no letter. */
static char
escape_of(unsigned char byte)
{
	switch (byte)
	{
		case '\b':
			return 'b';
		case '\f':
			return 'f';
		case '\n':
			return 'n';
		case '\r':
			return 'r';
		case '\t':
			return 't';
		case '"':
		case '\\':
			return byte;
		default:
			return 'u';
	}
}

static void
append_escaped(StringInfo out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	char	   *to = append_room(out, 6);

	*to++ = '\\';
	*to++ = escape_of(byte);
	if (to[-1] == 'u')
	{
		*to++ = '0';
		*to++ = '0';
		*to++ = hex[byte >> 4];
		*to++ = hex[byte & 15];
	}
	append_until(out, to);
}

/* A string that has something to be escaped. */
static void
append_escaping(StringInfo out, const char *bytes, const char *end)
{
	while (bytes < end)
	{
		const char *stop = json_string_stop(bytes, end);

		append_bytes(out, bytes, stop - bytes);
		if (stop < end)
			append_escaped(out, *stop++);
		bytes = stop;
	}
}

void
json_append_string(StringInfo out, const char *bytes, size_t length)
{
	static const SpecialBytes special = {{'"', '"', '\\', '\\'}, true};
	char	   *to = append_room(out, length + 2);

	*to = '"';
	if (likely(plain_copy(to + 1, bytes, length, special)))
	{
		to[length + 1] = '"';
		out->len += length + 2;
		return;
	}
	out->len++;
	append_escaping(out, bytes, bytes + length);
	append_char(out, '"');
}

static void
blank_out(char *bytes, size_t length, char unwanted)
{
	char	   *end = bytes + length;

	while ((bytes = memchr(bytes, unwanted, end - bytes)) != NULL)
		*bytes++ = ' ';
}

void
json_in_one_line(char *bytes, size_t length)
{
	blank_out(bytes, length, '\n');
	blank_out(bytes, length, '\r');
}
