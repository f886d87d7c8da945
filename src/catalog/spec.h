/*
 * spec.h
 *	  Reading a definition's document: typed members of a jsonb object, with errors that name the
 *	  object, the member and the nearest known one.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SPEC_H
#define DATAOPS_SPEC_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/*
 * Members of "spec" by key; JSON null and absent are alike and give NULL, "missing" or NIL.
 * All throw 22023 when the member has another type: "what" (as: source "btc") names the object in
 * the message.  Results are palloc'ed.
 */
extern char *spec_text(Jsonb *spec, const char *key, const char *what);
extern char *spec_text_required(Jsonb *spec, const char *key, const char *what);
extern bool spec_bool(Jsonb *spec, const char *key, bool missing, const char *what);
extern int64 spec_integer(Jsonb *spec, const char *key, int64 missing, const char *what);
extern double spec_number(Jsonb *spec, const char *key, double missing, const char *what);
extern Interval *spec_interval(Jsonb *spec, const char *key, const char *what);
extern TimestampTz spec_timestamptz(Jsonb *spec, const char *key, TimestampTz missing,
									const char *what);

/* As spec_interval(); 22023 when a field of it is negative, or all of them are zero. */
typedef enum IntervalBound
{
	INTERVAL_NOT_NEGATIVE,
	INTERVAL_POSITIVE
} IntervalBound;

extern Interval *spec_interval_from(Jsonb *spec, const char *key, IntervalBound bound,
									const char *what);

/* An array of strings, as List of char *. */
extern List *spec_texts(Jsonb *spec, const char *key, const char *what);
extern Jsonb *spec_object(Jsonb *spec, const char *key, const char *what);
extern bool spec_has(Jsonb *spec, const char *key);

/* One of "values" (nvalues of them), "missing" when absent; else 22023 naming them. */
extern const char *spec_choice(Jsonb *spec, const char *key, const char *const *values, int nvalues,
							   const char *missing, const char *what);

/* Throws 22023 for a key of "spec" that is not among "known", naming the nearest. */
extern void spec_check_keys(Jsonb *spec, const char *const *known, int nknown, const char *what);

/* Calls visit(key, value as text or JSON text, arg) for each member in jsonb's order. */
extern void spec_each(Jsonb *spec, void (*visit) (const char *key, JsonbValue *value, void *arg),
					  void *arg);

/* A jsonb value as the text a URL or a message shows: strings bare, others as JSON. palloc'ed. */
extern char *spec_value_text(const JsonbValue *value);

/* Names of ours: ^[a-z][a-z0-9_]{0,39}$, else 22023 naming "kind" ("pipeline"). */
extern void spec_check_name(const char *name, const char *kind);

#endif
