/*
 * bigquery_json_value.h
 *	  Looking into the JSON that BigQuery answers.  Numbers stay exact, unlike those of core/json.h.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_JSON_VALUE_H
#define DATAOPS_BIGQUERY_JSON_VALUE_H

#include "postgres.h"

#include "utils/jsonb.h"

/* A member of an object: "missing" when it is absent or of another kind.  palloc'ed. */
extern const char *json_value_text(JsonbContainer *object, const char *key, const char *missing);

/* An integer, also as a text, as Google writes those of 64 bits. */
extern int64 json_value_int64(JsonbContainer *object, const char *key, int64 missing);

extern bool json_value_bool(JsonbContainer *object, const char *key, bool missing);

/* An object or array; NULL when there is none. */
extern JsonbContainer *json_value_container(JsonbContainer *object, const char *key);

/* The same by a path "a.b.c" of members. */
extern JsonbContainer *json_path_container(JsonbContainer *object, const char *path);

/* An element of an array that must be an object or array: 08P01 otherwise. */
extern JsonbContainer *json_element_container(JsonbContainer *array, uint32 index);

/* The members of an object, one by one; begin with JsonbIteratorInit(). */
extern bool json_value_next(JsonbIterator **iterator, JsonbValue *key, JsonbValue *value);

/* As JSON text. */
extern char *json_value_source(JsonbValue *value);
extern char *json_container_source(JsonbContainer *container);

#endif
