/*
 * error.h
 *	  What every message of ours has in common.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ERROR_H
#define DATAOPS_ERROR_H

#include "postgres.h"

#define ERRCODE_CONNECTION_LOST		ERRCODE_CONNECTION_FAILURE		/* 08006 */
#define ERRCODE_MALFORMED_REPLY		ERRCODE_PROTOCOL_VIOLATION		/* 08P01 */
#define ERRCODE_REMOTE_REFUSED		ERRCODE_EXTERNAL_ROUTINE_EXCEPTION	/* 38000 */

/*
 * The name of "names" (nnames of them) that is nearest to "name", or NULL when none is near.
 * For hints: "Perhaps you meant …".
 */
extern const char *nearest_name(const char *name, const char *const *names, int nnames);

/* "a", "b" and "c", for hints that name the values there are; palloc'ed. */
extern char *values_list(const char *const *values, int nvalues);

/*
 * A copy of "text" fit for a message, log row or table: one line, at most "limit" bytes, cut at a
 * character, control characters as spaces, invalid bytes of the database's encoding as '?'.
 * Allocated in CurrentMemoryContext.
 */
extern char *error_clean(const char *text, size_t length, size_t limit);

/* Does the text hold a secret, or as much of it as would be worth something? */
extern bool error_mentions(const char *text, const char *secret);

/*
 * Is it a service's word for an error, such as "invalid_grant"? Letters and "_", and not many: what
 * is longer or has other characters could be something else.
 */
extern bool error_is_code(const char *text);

#endif
