/*
 * check.h
 *	  Definition of checks.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINE_CHECK_H
#define DATAOPS_DEFINE_CHECK_H

#include "catalog/definition.h"

/*
 * Validates a check's document and analyses its rule, as the pipeline's owner, against the rows of
 * the model that writes the target, or against the table when no model does.  Returns the document
 * with its target and name written out.
 */
extern Jsonb *check_define(Definition *pipeline, Jsonb *spec, const char *env);

/*
 * Analyses all checks of "target" against the rows of a new version of its model; throws when one
 * does not fit it.  Called with the owner's rights.
 */
extern void check_define_again(Definition *pipeline, const char *target, const char *query,
							   const char *env);

/*
 * Checks whose model is gone go on as gates of the table that stays: made here for all that lack
 * one.  And the checks of a gate that is dropped by name go with it.
 */
extern void check_settle_gates(const char *pipeline, const char *env);
extern void check_drop_of_gate(const char *pipeline, const char *name, const char *env);

#endif
