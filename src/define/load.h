/*
 * load.h
 *	  Definition of the steps that bring rows out: loads and their promotion.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINE_LOAD_H
#define DATAOPS_DEFINE_LOAD_H

#include "catalog/definition.h"

/*
 * Validates the document of a step of kind load or promote and returns it with its target written
 * out and the member "derived": {"inputs": [...], "search_path": "..."}.  The caller has checked
 * the right on the pipeline and stores the result.
 */
extern Jsonb *load_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env);
extern Jsonb *promote_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env);

#endif
