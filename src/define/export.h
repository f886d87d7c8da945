/*
 * export.h
 *	  What add_export() stores.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINE_EXPORT_H
#define DATAOPS_DEFINE_EXPORT_H

#include "catalog/definition.h"

/*
 * Checks the document of an export step with the rights of the pipeline's owner: the relation can
 * be read and its changes told, the server is a store, the path names files.  Returns the document
 * to store, with what was derived.
 */
extern Jsonb *export_define(Definition *pipeline, const char *name, Jsonb *spec);

/*
 * For steps that deliver a relation, with the owner's rights in force: throws 42P01, 42809 or 42501
 * unless it can be read.  Returns what it reads, itself included: List of char *.
 */
extern List *delivered_inputs(const char *relation);

#endif
