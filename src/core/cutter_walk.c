/*
 * cutter_walk.c
 *	  The record cutter's way through a document: what stands around the records is checked, the
 *	  paths are followed, records are passed over by their extent.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/cutter_state.h"

/* A value has ended before "at"; true when it was a record. */
static bool
value_end(Cutter *cutter)
{
	for (int i = 0; i < cutter->nwanted; i++)
	{
		Wanted	   *wanted = &cutter->wanted[i];

		if (wanted->capture.active && wanted->depth == cutter->depth)
			wanted->state = capture_finish_copy(&wanted->capture, cutter->at, &wanted->bytes,
												&wanted->length) ?
				CUT_VALUE_PRESENT : CUT_VALUE_TOO_LONG;
	}
	cutter->state = cutter->depth == 0 ? AT_END : AT_NEXT;
	if (!cutter->whole || cutter->record_depth != cutter->depth)
		return false;
	cutter->whole = false;
	return cutter_record_finish(cutter, cutter->at);
}

static CutFound
value_type(char first)
{
	switch (first)
	{
		case '[':
			return CUT_ARRAY;
		case '{':
			return CUT_OBJECT;
		case '"':
			return CUT_STRING;
		case 'n':
			return CUT_NULL;
		case 't':
		case 'f':
			return CUT_BOOLEAN;
		default:
			return CUT_NUMBER;
	}
}

static void
record_begin(Cutter *cutter)
{
	capture_begin(&cutter->record, cutter->at);
	memset(&cutter->extent, 0, sizeof(JsonExtent));
	cutter->state = IN_RECORD;
}

/* The value at the records' path begins here. */
static void
records_begin(Cutter *cutter)
{
	const MemberPath *path = cutter->records.path;

	if (cutter->found != CUT_NOTHING)
	{
		cutter_broken(cutter, "the document holds the records' path twice");
		return;
	}
	cutter->found = value_type(*cutter->at);
	if (cutter->found == CUT_ARRAY)
		cutter->element_depth = cutter->depth + 1;
	else if (!path->elements && cutter->found != CUT_NULL &&
			 (cutter->found == CUT_OBJECT || path->nmembers == 0))
	{
		cutter->whole = true;
		cutter->record_depth = cutter->depth;
		if (cutter->found == CUT_OBJECT && !cutter->wanted_inside)
			record_begin(cutter);
		else
			capture_begin(&cutter->record, cutter->at);
	}
}

static bool
container_open(Cutter *cutter)
{
	if (cutter->depth == cutter->limits.depth)
		return cutter_broken(cutter, "arrays and objects around the records are nested too deep");
	cutter->kinds[cutter->depth++] = *cutter->at;
	cutter->state = *cutter->at == '{' ? AT_FIRST_KEY : AT_FIRST_ELEMENT;
	cutter->at++;
	return false;
}

static bool
container_close(Cutter *cutter)
{
	if (cutter->depth == cutter->element_depth)
		cutter->element_depth = 0;
	cutter->depth--;
	cutter->at++;
	return value_end(cutter);
}

/* The innermost container: "{", "[" or, at the root, 0. */
static char
container_kind(const Cutter *cutter)
{
	return cutter->depth == 0 ? '\0' : cutter->kinds[cutter->depth - 1];
}

/* What the byte at which a value begins leads to. */
static bool
value_dispatch(Cutter *cutter)
{
	char		first = *cutter->at;

	if (first == '{' || first == '[')
		return container_open(cutter);
	if (first == '"')
	{
		cutter->at++;
		cutter->state = IN_STRING;
		return false;
	}
	capture_begin(&cutter->token, cutter->at);
	cutter->state = IN_WORD;
	return false;
}

/* A value begins that the records' path leads to or through. */
static void
note_reach(Cutter *cutter)
{
	if (cutter->depth < cutter->reach.nmembers)
		return;
	cutter->reach.nmembers = cutter->depth;
	cutter->reach.type = value_type(*cutter->at);
	cutter->reach.nnames = 0;
}

/* A key, its closing quote included: keeps it when it stands where the path goes on. */
static void
note_name(Cutter *cutter, const char *key, size_t length)
{
	CutReach   *reach = &cutter->reach;
	size_t		kept = Min(length - 1, CUT_NAME_BYTES);

	if (cutter->depth != reach->nmembers + 1 || cutter->records.matched < reach->nmembers)
		return;
	if (reach->nnames < CUT_NAMES)
	{
		memcpy(reach->names[reach->nnames], key, kept);
		reach->names[reach->nnames][kept] = '\0';
	}
	reach->nnames++;
}

static bool
value_begin(Cutter *cutter)
{
	char		first = *cutter->at;

	if (json_is_delimiter(first) && first != '"' && first != '{' && first != '[')
		return cutter_broken(cutter, "expected a value");
	if (container_kind(cutter) == '[')
	{
		if (cutter->depth == cutter->element_depth)
		{
			record_begin(cutter);
			return false;
		}
		member_trail_element(&cutter->records, cutter->depth);
		for (int i = 0; i < cutter->nwanted; i++)
			member_trail_element(&cutter->wanted[i].trail, cutter->depth);
	}
	for (int i = 0; i < cutter->nwanted; i++)
	{
		Wanted	   *wanted = &cutter->wanted[i];

		if (!member_trail_ends(&wanted->trail, cutter->depth))
			continue;
		wanted->depth = cutter->depth;
		wanted->state = CUT_VALUE_ABSENT;
		capture_begin(&wanted->capture, cutter->at);
	}
	if (cutter->records.matched == cutter->depth)
		note_reach(cutter);
	if (member_trail_ends(&cutter->records, cutter->depth))
		records_begin(cutter);
	return cutter->state == IN_RECORD || cutter->why != NULL ? false : value_dispatch(cutter);
}

/* Goes on in a key or string; true behind its closing quote. */
static bool
string_ended(Cutter *cutter)
{
	while (cutter->at < cutter->end)
	{
		if (cutter->escaped)
		{
			cutter->escaped = false;
			cutter->at++;
			continue;
		}
		cutter->at = json_string_stop(cutter->at, cutter->end);
		if (cutter->at == cutter->end)
			break;
		if (*cutter->at == '"')
		{
			cutter->at++;
			return true;
		}
		if (*cutter->at != '\\')
			return cutter_broken(cutter, "a control character in a string");
		cutter->escaped = true;
		cutter->at++;
	}
	return false;
}

static void
key_end(Cutter *cutter)
{
	const char *key;
	size_t		length;
	MemoryContext memory = cutter->token.memory;

	if (!capture_finish(&cutter->token, cutter->at, &key, &length))
	{
		cutter_broken(cutter, "a key is too long");
		return;
	}
	note_name(cutter, key, length);
	member_trail_key(&cutter->records, cutter->depth, key, length, memory);
	for (int i = 0; i < cutter->nwanted; i++)
		member_trail_key(&cutter->wanted[i].trail, cutter->depth, key, length, memory);
	cutter->state = AT_COLON;
}

static bool
word_is_valid(const char *word, size_t length)
{
	JsonNumber	number;

	if (*word == '-' || (*word >= '0' && *word <= '9'))
		return json_number_scan(word, word + length, &number) == word + length;
	return (length == 4 && (memcmp(word, "true", 4) == 0 || memcmp(word, "null", 4) == 0)) ||
		(length == 5 && memcmp(word, "false", 5) == 0);
}

bool
cutter_word_end(Cutter *cutter)
{
	const char *word;
	size_t		length;

	if (!capture_finish(&cutter->token, cutter->at, &word, &length))
		return cutter_broken(cutter, "a number or literal is too long");
	if (!word_is_valid(word, length))
		return cutter_broken(cutter, "neither a number nor true, false or null");
	return value_end(cutter);
}

static bool
step_record(Cutter *cutter)
{
	cutter->at = json_extent_scan(&cutter->extent, cutter->at, cutter->end);
	if (!cutter->extent.done)
		return false;
	if (cutter->whole)
		return value_end(cutter);
	cutter->state = AT_NEXT;
	return cutter_record_finish(cutter, cutter->at);
}

static bool
step_next(Cutter *cutter)
{
	bool		object = container_kind(cutter) == '{';

	if (*cutter->at == (object ? '}' : ']'))
		return container_close(cutter);
	if (*cutter->at != ',')
		return cutter_broken(cutter, object ?
							 "expected \",\" or \"}\"" : "expected \",\" or \"]\"");
	cutter->at++;
	cutter->state = object ? AT_KEY : AT_VALUE;
	return false;
}

static bool
step_key(Cutter *cutter)
{
	if (cutter->state == AT_FIRST_KEY && *cutter->at == '}')
		return container_close(cutter);
	if (*cutter->at != '"')
		return cutter_broken(cutter, "expected a key");
	cutter->at++;
	capture_begin(&cutter->token, cutter->at);
	cutter->state = IN_KEY;
	return false;
}

/* A byte between tokens, no white space. */
static bool
step_structure(Cutter *cutter)
{
	switch (cutter->state)
	{
		case AT_FIRST_ELEMENT:
			return *cutter->at == ']' ? container_close(cutter) : value_begin(cutter);
		case AT_VALUE:
			return value_begin(cutter);
		case AT_FIRST_KEY:
		case AT_KEY:
			return step_key(cutter);
		case AT_COLON:
			if (*cutter->at != ':')
				return cutter_broken(cutter, "expected \":\"");
			cutter->at++;
			cutter->state = AT_VALUE;
			return false;
		case AT_NEXT:
			return step_next(cutter);
		default:
			return cutter_broken(cutter, "text after the end of the document");
	}
}

bool
cutter_walk(Cutter *cutter)
{
	switch (cutter->state)
	{
		case IN_RECORD:
			return step_record(cutter);
		case IN_KEY:
			if (string_ended(cutter))
				key_end(cutter);
			return false;
		case IN_STRING:
			return string_ended(cutter) && value_end(cutter);
		case IN_WORD:
			while (cutter->at < cutter->end && !json_is_delimiter(*cutter->at))
				cutter->at++;
			return cutter->at < cutter->end && cutter_word_end(cutter);
		default:
			cutter->at = json_space_skip(cutter->at, cutter->end);
			return cutter->at < cutter->end && step_structure(cutter);
	}
}
