/*
 * source.h
 *	  Definition of sources and of the steps that fetch them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SOURCE_H
#define DATAOPS_SOURCE_H

#include "catalog/definition.h"

/*
 * Checks "spec" and makes it the current definition of HTTP source "name" in the environment of
 * run_scope(), with its raw table.  A source that exists keeps its owner, whose rights the caller
 * must have.  Returns the spec as stored.
 */
extern Jsonb *source_define(const char *name, Jsonb *spec, Oid owner);

/*
 * Checks the spec of a fetch step of "pipeline": the source exists and has the pipeline's owner, no
 * other step fetches it, the archive can be used.  Returns the spec to store: the archive is
 * filled in from the setting when it was not given; an empty text means none.
 */
extern Jsonb *fetch_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env);

#endif
