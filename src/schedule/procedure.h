/*
 * procedure.h
 *	  What the entry points of the engine share.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PROCEDURE_H
#define DATAOPS_PROCEDURE_H

#include "postgres.h"

#include "fmgr.h"

#include "catalog/definition.h"

/* The pipeline, if the current user may run it: member of its owner or operator; else 42501. */
extern Definition *pipeline_to_run(const char *pipeline, const char *env);

/*
 * For procedures that commit: refuses to be called inside a transaction block or a function (25001,
 * naming "what"), then connects SPI non-atomically and returns a context that lives until the
 * procedure ends, also by error.  procedure_end() deletes it and disconnects.
 */
extern MemoryContext procedure_begin(FunctionCallInfo fcinfo, const char *what);
extern void procedure_end(MemoryContext memory);

/* Throws 22004 naming the argument when it is null. */
extern void argument_required(FunctionCallInfo fcinfo, int number, const char *name);

/* A text argument, or NULL. */
extern char *argument_text(FunctionCallInfo fcinfo, int number);

/* The reason that a person gives for what he takes on himself: 22023 when it is empty. */
extern char *argument_reason(FunctionCallInfo fcinfo, int number);

/* "env", the session's dataops.env when NULL; 42704 when there is no such environment. */
extern char *argument_env(FunctionCallInfo fcinfo, int number);

/* Arguments (pipeline, env): the pipeline, if the current user may run it (pipeline_to_run). */
extern Definition *argument_pipeline(FunctionCallInfo fcinfo, char **env);

#endif
