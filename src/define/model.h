/*
 * model.h
 *	  Definition of the steps that run SQL: models and commands.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINE_MODEL_H
#define DATAOPS_DEFINE_MODEL_H

#include "catalog/definition.h"

/*
 * Validates the document of a step of kind model, sql or check (a gate) and returns it with the
 * member "derived".  The caller has checked the right on the pipeline and stores the result.
 *
 * A model's query is analysed as the pipeline's owner, and its target is made or extended;
 * "derived" is {"inputs": [...], "search_path": "...", "columns": {name: type},
 * "time_column": "...", "volatile": bool}.  That of a command holds the search_path.
 */
extern Jsonb *model_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env);

/* The rows of a model's SELECT as a FROM item named "alias"; for rules about them. */
extern Node *model_rows(const char *query, const char *alias);

/* The step of the pipeline whose target is "target", gates left out; or NULL. */
extern Definition *model_of_target(Definition *pipeline, const char *target, const char *env);

/* The search_path of the session as a text that means the same for another role. */
extern char *model_search_path(void);

#endif
