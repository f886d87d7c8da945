/*
 * memberpath.c
 *	  Paths to a member of a JSON document: "$", "$.data.items", "$.\"a key\".b", "$.items[*]".
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/memberpath.h"

#include "core/json_scan.h"
#include "mb/pg_wchar.h"

/* The text being read, and where decoded names go. */
typedef struct PathReader
{
	const char *text;
	const char *at;
	const char *end;
	char	   *names;			/* free space: names together are no longer than the text */
	const char *why;
} PathReader;

static bool
path_refuse(PathReader *reader, const char *at, const char *why)
{
	reader->at = at;
	reader->why = why;
	return false;
}

static bool
is_name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c) ||
		(!first && c >= '0' && c <= '9');
}

/* A member's name behind its dot, bare or quoted. */
static bool
read_name(PathReader *reader, MemberName *name)
{
	name->name = reader->names;
	if (reader->at < reader->end && *reader->at == '"')
	{
		JsonRefusal refusal;
		const char *next = json_string_decode(reader->text, reader->at + 1, reader->end,
											  reader->names, &name->length, &refusal);

		if (next == NULL)
			return path_refuse(reader, reader->text + refusal.offset,
							   refusal.offset == reader->end - reader->text ?
							   "the quoted member name is not closed" : refusal.reason);
		reader->at = next;
	}
	else
	{
		const char *start = reader->at;

		while (reader->at < reader->end && is_name_byte(*reader->at, reader->at == start))
			reader->at++;
		if (reader->at == start)
			return path_refuse(reader, start, "expected a member name: letters, digits and _, "
							   "or in double quotes");
		name->length = reader->at - start;
		memcpy(reader->names, start, name->length);
	}
	reader->names += name->length;
	return true;
}

static bool
read_path(PathReader *reader, MemberPath *path)
{
	if (reader->at == reader->end || *reader->at != '$')
		return path_refuse(reader, reader->at, "a path begins with $");
	reader->at++;
	while (reader->at < reader->end && *reader->at == '.')
	{
		reader->at++;
		if (!read_name(reader, &path->members[path->nmembers]))
			return false;
		path->members[path->nmembers++].text_end = reader->at - reader->text;
	}
	if (reader->end - reader->at >= 3 && memcmp(reader->at, "[*]", 3) == 0)
	{
		path->elements = true;
		reader->at += 3;
		if (reader->at < reader->end)
			return path_refuse(reader, reader->at, "nothing may follow [*]");
	}
	if (reader->at < reader->end)
		return path_refuse(reader, reader->at, "expected .member, [*] or the end of the path");
	return true;
}

bool
member_path_parse(const char *text, MemoryContext memory, MemberPath **path,
				  int *error_position, const char **why)
{
	size_t		length = strlen(text);
	char	   *copy = MemoryContextStrdup(memory, text);
	PathReader	reader = {.text = copy, .at = copy, .end = copy + length};
	int			ndots = 0;
	MemberPath *result;

	for (size_t i = 0; i < length; i++)
		ndots += text[i] == '.';
	result = MemoryContextAllocZero(memory, offsetof(MemberPath, members) +
									ndots * sizeof(MemberName));
	result->text = copy;
	reader.names = MemoryContextAlloc(memory, length + 1);
	if (read_path(&reader, result))
	{
		*path = result;
		return true;
	}
	*error_position = pg_mbstrlen_with_len(copy, reader.at - copy) + 1;
	*why = reader.why;
	return false;
}

bool
member_path_holds(const MemberPath *outer, const MemberPath *inner)
{
	if (outer->nmembers > inner->nmembers)
		return false;
	for (int i = 0; i < outer->nmembers; i++)
		if (outer->members[i].length != inner->members[i].length ||
			memcmp(outer->members[i].name, inner->members[i].name, outer->members[i].length) != 0)
			return false;
	return true;
}

bool
member_name_is(const MemberName *member, const char *key, size_t length, MemoryContext memory)
{
	JsonRefusal refusal;
	size_t		decoded_length;
	char	   *decoded;
	bool		same;

	/* an escape is longer than what it stands for */
	if (length <= member->length)
		return false;
	if (memchr(key, '\\', length) == NULL)
		return length - 1 == member->length && memcmp(key, member->name, length - 1) == 0;
	decoded = MemoryContextAlloc(memory, length);
	same = json_string_decode(key, key, key + length, decoded, &decoded_length, &refusal) != NULL &&
		decoded_length == member->length && memcmp(decoded, member->name, decoded_length) == 0;
	pfree(decoded);
	return same;
}

void
member_trail_key(MemberTrail *trail, int depth, const char *key, size_t length,
				 MemoryContext memory)
{
	trail->matched = Min(trail->matched, depth - 1);
	if (trail->matched == depth - 1 && trail->matched < trail->path->nmembers &&
		member_name_is(&trail->path->members[trail->matched], key, length, memory))
		trail->matched = depth;
}

void
member_trail_element(MemberTrail *trail, int depth)
{
	trail->matched = Min(trail->matched, depth - 1);
}

bool
member_trail_ends(const MemberTrail *trail, int depth)
{
	return trail->matched == depth && trail->path->nmembers == depth;
}
