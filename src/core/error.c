/*
 * error.c
 *	  Texts for messages: the nearest known name, and foreign text made safe to show.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/error.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#define CODE_MAX	60
#define WINDOW		16			/* bytes of a secret that are not shown */
#define NAME_MAX_LENGTH	255		/* longer ones are not compared */

/*
 * How many letters must be put in, taken out, replaced or swapped with their neighbours to make
 * one name of the other.  The server's own distance counts two for a swap, the commonest slip.
 */
static int
name_distance(const char *from, const char *to)
{
	int			rows[3][NAME_MAX_LENGTH + 1];
	int			length = strlen(to);
	int		   *before = rows[0];
	int		   *above = rows[1];
	int		   *here = rows[2];

	for (int j = 0; j <= length; j++)
		above[j] = j;
	for (int i = 1; from[i - 1] != '\0'; i++)
	{
		int		   *last = before;

		here[0] = i;
		for (int j = 1; j <= length; j++)
		{
			here[j] = Min(above[j], here[j - 1]) + 1;
			here[j] = Min(here[j], above[j - 1] + (from[i - 1] != to[j - 1]));
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				here[j] = Min(here[j], before[j - 2] + 1);
		}
		before = above;
		above = here;
		here = last;
	}
	return above[length];
}

const char *
nearest_name(const char *name, const char *const *names, int nnames)
{
	const char *nearest = NULL;
	int			best = 5;		/* more than four edits apart is another word */
	int			length = strlen(name);

	for (int i = 0; i < nnames; i++)
	{
		int			longer = Max(length, (int) strlen(names[i]));
		int			distance = longer <= NAME_MAX_LENGTH ? name_distance(name, names[i]) : best;

		if (distance < best && distance <= longer / 2)
		{
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}

char *
values_list(const char *const *values, int nvalues)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < nvalues; i++)
		appendStringInfo(&list, "%s\"%s\"", i == 0 ? "" : i < nvalues - 1 ? ", " : " and ",
						 values[i]);
	return list.data;
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
