/*
 * json_text.c
 *	  Strings and lines of JSON.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/json_text.h"

/* What stands behind the backslash; 'u' for all that has no letter, 0 for what stays as it is. */
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
			return byte < ' ' ? 'u' : 0;
	}
}

void
json_append_string(StringInfo out, const char *bytes, size_t length)
{
	const char *end = bytes + length;
	const char *start = bytes;

	appendStringInfoCharMacro(out, '"');
	for (; bytes < end; bytes++)
	{
		unsigned char byte = *bytes;
		char		escape;

		if (likely(byte >= ' ' && byte != '"' && byte != '\\'))
			continue;
		escape = escape_of(byte);
		appendBinaryStringInfo(out, start, bytes - start);
		appendStringInfoCharMacro(out, '\\');
		appendStringInfoCharMacro(out, escape);
		if (escape == 'u')
			appendStringInfo(out, "%04x", byte);
		start = bytes + 1;
	}
	appendBinaryStringInfo(out, start, end - start);
	appendStringInfoCharMacro(out, '"');
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
