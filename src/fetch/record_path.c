/*
 * record_path.c
 *	  Paths into records, followed by skipping whole values.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/record_path.h"

#include <ctype.h>

#include "core/json_scan.h"
#include "core/memberpath.h"

#define MAX_STEPS	16
#define ESCAPE_MAX	6			/* bytes of an escape that stands for one */

typedef struct PathStep
{
	MemberName	member;			/* its name NULL: an element of an array */
	int			index;
} PathStep;

struct RecordPath
{
	int			nsteps;
	PathStep	steps[MAX_STEPS];
};

/* ---- reading ---- */

/* Reads ".name" or ".\"any name\""; returns what follows, NULL with *why when it is none. */
static const char *
parse_name(const char *at, PathStep *step, const char **why)
{
	const char *start = at + 1;
	size_t		length;

	if (*start == '"')
	{
		length = strcspn(++start, "\"\\");
		*why = "a quoted name has no end, or an escape in it";
		if (start[length] != '"')
			return NULL;
		at = start + length + 1;
	}
	else
	{
		length = strcspn(start, ".[\"*? ");
		at = start + length;
	}
	*why = "a name is missing";
	if (length == 0)
		return NULL;
	step->member.name = pnstrdup(start, length);
	step->member.length = length;
	return at;
}

static const char *
parse_index(const char *at, PathStep *step, const char **why)
{
	size_t		digits = strspn(at + 1, "0123456789");

	*why = "an element is written as [0], [1] and so on";
	if (digits == 0 || digits > 6 || at[1 + digits] != ']')
		return NULL;
	step->index = atoi(at + 1);
	return at + digits + 2;
}

RecordPath *
record_path_parse(const char *text, int *position, const char **why)
{
	RecordPath *path = palloc0(sizeof(RecordPath));
	const char *at = text;

	*why = "it must begin with $";
	if (*at == '$')
	{
		at++;
		while (*at != '\0')
		{
			PathStep   *step = &path->steps[path->nsteps];
			const char *next = NULL;

			*why = "only .name and [n] are understood";
			if (path->nsteps++ == MAX_STEPS)
				*why = "it has too many steps";
			else if (*at == '.')
				next = parse_name(at, step, why);
			else if (*at == '[')
				next = parse_index(at, step, why);
			if (next == NULL)
			{
				*position = at - text + 1;
				return NULL;
			}
			at = next;
		}
		return path;
	}
	*position = 1;
	return NULL;
}

/* ---- following ---- */

/* Behind the value that begins at "at". */
static const char *
skip_value(const char *at, const char *end)
{
	JsonExtent	extent = {0};

	return json_extent_scan(&extent, at, end);
}

/* The start of the member's value, or NULL; "at" is at its object's brace. */
static const char *
find_member(const char *at, const char *end, const PathStep *step)
{
	at = json_space_skip(at + 1, end);
	while (at < end && *at == '"')
	{
		const char *name = at + 1;
		bool		found;

		at = skip_value(at, end);
		found = member_name_is(&step->member, name, at - name, CurrentMemoryContext);
		at = json_space_skip(at, end);
		if (at == end || *at != ':')
			return NULL;
		at = json_space_skip(at + 1, end);
		if (found)
			return at;
		at = json_space_skip(skip_value(at, end), end);
		if (at == end || *at != ',')
			return NULL;
		at = json_space_skip(at + 1, end);
	}
	return NULL;
}

static const char *
find_element(const char *at, const char *end, const PathStep *step)
{
	at = json_space_skip(at + 1, end);
	for (int i = 0; at < end && *at != ']'; i++)
	{
		if (i == step->index)
			return at;
		at = json_space_skip(skip_value(at, end), end);
		if (at == end || *at != ',')
			return NULL;
		at = json_space_skip(at + 1, end);
	}
	return NULL;
}

static bool
keep_text(RecordValue *value, const char *text, size_t length)
{
	if (length > RECORD_VALUE_MAX)
		return false;
	memcpy(value->text, text, length);
	value->text[length] = '\0';
	value->length = length;
	return true;
}

/* The string whose content begins at "at" and has an escape. */
static bool
take_escaped(const char *at, const char *end, RecordValue *value)
{
	char		text[ESCAPE_MAX * RECORD_VALUE_MAX + 1];
	size_t		length;
	JsonRefusal why;

	end = skip_value(at - 1, end);
	return end - at <= sizeof(text) &&
		json_string_decode(at, at, end, text, &length, &why) != NULL &&
		keep_text(value, text, length);
}

static bool
take_value(const char *at, const char *end, RecordValue *value)
{
	JsonNumber	number;
	const char *stop;

	if (*at == '"')
	{
		stop = json_string_stop(at + 1, end);
		if (stop < end && *stop == '\\')
			return take_escaped(at + 1, end, value);
		return stop < end && *stop == '"' && keep_text(value, at + 1, stop - at - 1);
	}
	stop = json_number_scan(at, end, &number);
	return stop != NULL && keep_text(value, at, stop - at);
}

bool
record_path_find(const RecordPath *path, const char *bytes, size_t length, RecordValue *value)
{
	const char *end = bytes + length;
	const char *at = json_space_skip(bytes, end);

	for (int i = 0; i < path->nsteps && at != NULL && at < end; i++)
	{
		const PathStep *step = &path->steps[i];

		if (*at == '{' && step->member.name != NULL)
			at = find_member(at, end, step);
		else if (*at == '[' && step->member.name == NULL)
			at = find_element(at, end, step);
		else
			return false;
	}
	return at != NULL && at < end && take_value(at, end, value);
}
