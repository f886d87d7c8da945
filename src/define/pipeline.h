/*
 * pipeline.h
 *	  What the definition calls of steps and checks share.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINE_PIPELINE_H
#define DATAOPS_DEFINE_PIPELINE_H

#include "catalog/definition.h"

/* The pipeline, if the current user may change it; else 42704 or 42501. */
extern Definition *pipeline_to_change(const char *pipeline, const char *env);

/* The environment that definitions are made in now. */
extern const char *define_env(void);

#endif
