/*
 * memberpath.h
 *	  Paths to a member of a JSON document: "$", "$.data.items", "$.\"a key\".b", "$.items[*]".
 *
 * A strict subset of jsonpath: members from the root down, and at the very end "[*]" for the
 * elements of an array.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_MEMBERPATH_H
#define DATAOPS_MEMBERPATH_H

#include "postgres.h"

typedef struct MemberName
{
	const char *name;			/* UTF-8, unescaped, not terminated */
	size_t		length;
	size_t		text_end;		/* in the path's text: behind the member */
} MemberName;

typedef struct MemberPath
{
	const char *text;			/* as it was given */
	bool		elements;		/* ends in "[*]" */
	int			nmembers;
	MemberName	members[FLEXIBLE_ARRAY_MEMBER];
} MemberPath;

/* How far the keys of the open containers of a document follow a path, on a walk through it. */
typedef struct MemberTrail
{
	const MemberPath *path;
	int			matched;		/* its first so many members */
} MemberTrail;

/*
 * Reads "text" into a path allocated, with all it points at, in "memory".  False when it is not
 * such a path: *error_position is the character, from 1, and *why a one-line constant.
 */
extern bool member_path_parse(const char *text, MemoryContext memory, MemberPath **path,
							  int *error_position, const char **why);

/* Does "outer" lead to a value that holds, or is, the one that "inner" leads to? */
extern bool member_path_holds(const MemberPath *outer, const MemberPath *inner);

/*
 * Is it the name that this key stands for?  "key" is its text as it stands, from behind the opening
 * quote, the closing one included.  "memory" is for the moment.
 */
extern bool member_name_is(const MemberName *member, const char *key, size_t length,
						   MemoryContext memory);

/*
 * The innermost of "depth" containers, an object, comes to a key: its text as it stands, from
 * behind the opening quote, the closing one included.  "memory" is for the moment.
 */
extern void member_trail_key(MemberTrail *trail, int depth, const char *key, size_t length,
							 MemoryContext memory);

/* The innermost of "depth" containers, an array, comes to an element. */
extern void member_trail_element(MemberTrail *trail, int depth);

/* Is the value that begins now, within "depth" containers, the one at the path? */
extern bool member_trail_ends(const MemberTrail *trail, int depth);

#endif
