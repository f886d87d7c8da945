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
} MemberName;

typedef struct MemberPath
{
	const char *text;			/* as it was given */
	bool		elements;		/* ends in "[*]" */
	int			nmembers;
	MemberName	members[FLEXIBLE_ARRAY_MEMBER];
} MemberPath;

/*
 * Reads "text" into a path allocated, with all it points at, in "memory".  False when it is not
 * such a path: *error_position is the character, from 1, and *why a one-line constant.
 */
extern bool member_path_parse(const char *text, MemoryContext memory, MemberPath **path,
							  int *error_position, const char **why);

/* Does "outer" lead to a value that holds, or is, the one that "inner" leads to? */
extern bool member_path_holds(const MemberPath *outer, const MemberPath *inner);

#endif
