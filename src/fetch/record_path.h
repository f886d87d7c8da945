/*
 * record_path.h
 *	  One value out of one record, found in its bytes: "$", "$.a.b", "$[0]", "$.list[2].c".
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RECORD_PATH_H
#define DATAOPS_RECORD_PATH_H

#include "postgres.h"

typedef struct RecordPath RecordPath;

/*
 * Reads "text" into a path in CurrentMemoryContext; NULL when it is none, then *position is the
 * character, from 1, and *why a constant clause.
 */
extern RecordPath *record_path_parse(const char *text, int *position, const char **why);

#define RECORD_VALUE_MAX	127		/* bytes: no timestamp, number or token has more */

/* A value: a string's text, its escapes decoded, or a number's digits. */
typedef struct RecordValue
{
	char		text[RECORD_VALUE_MAX + 1];
	size_t		length;
} RecordValue;

/*
 * The string or number at the path; false when there is none, when it is of another type or too
 * long, or when the string is not valid.  Throws only when out of memory.
 */
extern bool record_path_find(const RecordPath *path, const char *bytes, size_t length,
							 RecordValue *value);

#endif
