/*
 * error.c
 *	  Texts for messages: the nearest known name, and foreign text made safe to show.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/error.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#define CODE_MAX	60
#define WINDOW		16			/* bytes of a secret that are not shown */

const char *
nearest_name(const char *name, const char *const *names, int nnames)
{
	const char *nearest = NULL;
	int			best = 5;		/* more than four edits apart is another word */
	size_t		length = strlen(name);

	if (length > 255)
		return NULL;
	for (int i = 0; i < nnames; i++)
	{
		int			distance = varstr_levenshtein_less_equal(name, length,
															 names[i], strlen(names[i]),
															 1, 1, 1, best - 1, true);

		if (distance < best && distance <= (int) Max(length, strlen(names[i])) / 2)
		{
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}

char *
error_clean(const char *text, size_t length, size_t limit)
{
	char	   *copy = palloc(Min(length, limit) + 1);
	size_t		used = 0;

	for (size_t i = 0; i < length;)
	{
		int			width = pg_encoding_mblen(GetDatabaseEncoding(), text + i);
		bool		valid = width <= (int) (length - i) &&
			pg_verify_mbstr(GetDatabaseEncoding(), text + i, width, true);

		if (!valid)
			width = 1;
		if (used + width > limit)
			break;
		if (!valid)
			copy[used++] = text[i] == '\0' ? ' ' : '?';
		else if (width == 1 && (unsigned char) text[i] < ' ')
			copy[used++] = ' ';
		else
		{
			memcpy(copy + used, text + i, width);
			used += width;
		}
		i += width;
	}
	copy[used] = '\0';
	return copy;
}

bool
error_mentions(const char *text, const char *secret)
{
	size_t		length = strlen(secret);

	if (length <= WINDOW)
		return length > 0 && strstr(text, secret) != NULL;
	for (size_t at = 0; at + WINDOW <= length; at += WINDOW / 2)
	{
		char		part[WINDOW + 1] = {0};

		memcpy(part, secret + at, WINDOW);
		if (strstr(text, part) != NULL)
			return true;
	}
	return false;
}

bool
error_is_code(const char *text)
{
	size_t		length = strlen(text);

	return length > 0 && length <= CODE_MAX &&
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == length;
}
