/*
 * path.h
 *	  The names of a delivery's objects, from a template.
 *
 * Variables: {schema} {table} {env} {run} {start} {end} {created_at} {part}; times with formats
 * (core/template.h).  Unless the template says {env}, objects of environments other than prod lie
 * below a folder of the environment's name.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PATH_H
#define DATAOPS_PATH_H

#include "postgres.h"

#include "catalog/run.h"

typedef struct PathScope
{
	const char *schema;
	const char *table;
	const char *env;
	const Run  *run;			/* its id and range */
	TimestampTz created_at;		/* of the delivery, in whole milliseconds */
} PathScope;

/* "…/created_at=…/part-{part}.ndjson.gz" below "folder" ("" for exports, "load/"). */
extern char *path_default(const char *folder, const char *format, bool gzip);

/*
 * Throws 22023 unless parts of a relation may be named so: known variables, {part} in the last
 * segment, and {run} or {created_at} before it, so that each run has a folder with its manifest.
 */
extern void path_check(const char *path, const char *schema, const char *table);

/* The name of part "part", in CurrentMemoryContext. */
extern char *path_expand(const char *path, const PathScope *scope, int part);

/* What stands before the last slash; "" without one. */
extern char *path_folder(const char *name);

#endif
