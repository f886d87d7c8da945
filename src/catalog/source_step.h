/*
 * source_step.h
 *	  Which step fetches a source, and where its objects go unless the step says so.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SOURCE_STEP_H
#define DATAOPS_SOURCE_STEP_H

#include "postgres.h"

/*
 * The current fetch step of "source" in "env": true with pipeline and step palloc'ed, false when
 * there is none.
 */
extern bool source_step_find(const char *source, const char *env, char **pipeline, char **step);

/* The administrator's setting "archive": a store server; NULL when it is not set. */
extern char *source_step_archive(void);

#endif
