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

/* A value: a string's content as it stands between its quotes, or a number's digits. */
typedef struct RecordValue
{
	const char *bytes;			/* within the record */
	size_t		length;
	bool		is_number;
} RecordValue;

/*
 * The string or number at the path; false when there is none, when it is of another type, or when
 * the string holds an escape (no timestamp, number or token does).  Neither allocates nor throws.
 */
extern bool record_path_find(const RecordPath *path, const char *bytes, size_t length,
							 RecordValue *value);

#endif
