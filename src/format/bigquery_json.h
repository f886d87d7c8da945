/*
 * bigquery_json.h
 *	  Is a JSON value read by BigQuery as what it is here?
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_JSON_H
#define DATAOPS_BIGQUERY_JSON_H

#include "format/json_tape.h"

/* Makes "tape" ready for bigquery_json_check(). */
extern void bigquery_json_init(JsonTape *tape, MemoryContext memory);

/*
 * NULL, or why BigQuery would refuse or change a value of its type JSON: a clause.  The text is
 * valid UTF-8 and ends with a zero byte.
 */
extern const char *bigquery_json_check(JsonTape *tape, const char *text, size_t length);

#endif
