/*
 * json.h
 *	  Reading the small JSON replies of services: error bodies, tokens, job states.
 *
 * Not for data: numbers lose digits here. Data goes to jsonb as received. What a reply held is
 * wiped when it is freed: it may be a token, or credentials.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSON_H
#define DATAOPS_JSON_H

#include "postgres.h"

typedef struct JsonReply JsonReply;

/*
 * The parsed reply, freed with "owner". NULL when the bytes are not one JSON value; then *why says
 * what is wrong with them, in one line that quotes none of them, and that lives as long as "owner".
 * Throws only when memory is short.
 */
extern JsonReply *json_reply_parse(MemoryContext owner, const char *bytes, size_t length,
								   const char **why);

/*
 * What stands at a path such as "$.error.details[0].reason". The text is UTF-8 and belongs to the
 * reply; NULL when there is nothing or something other than a string.
 */
extern const char *json_reply_text(const JsonReply *reply, const char *path);

/* An integer, also one written as a string as Google does; false when there is none. */
extern bool json_reply_int64(const JsonReply *reply, const char *path, int64 *value);

/*
 * The name and the text of member number "index" (from 0) of the object at the path; *text is NULL
 * when the member is no string. False when the object has no more members, or there is none.
 */
extern bool json_reply_member(const JsonReply *reply, const char *path, int index,
							  const char **name, const char **text);

/*
 * The sentence for people in an error body of one of the common shapes, as error_clean makes it, in
 * CurrentMemoryContext; NULL when none is found.
 */
extern char *json_error_message(const char *body, size_t length);

#endif
