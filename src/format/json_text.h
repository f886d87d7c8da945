/*
 * json_text.h
 *	  Pieces of JSON text.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSON_TEXT_H
#define DATAOPS_JSON_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Appends the bytes as a JSON string, with the escapes that the server's escape_json() makes. */
extern void json_append_string(StringInfo out, const char *bytes, size_t length);

/*
 * Makes valid JSON text fit in a line: its own line breaks stand between its tokens, where a space
 * means the same.
 */
extern void json_in_one_line(char *bytes, size_t length);

#endif
