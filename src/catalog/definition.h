/*
 * definition.h
 *	  Sources, pipelines, steps and checks as they were defined: append-only versions and the
 *	  pointer to the current one in each environment.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DEFINITION_H
#define DATAOPS_DEFINITION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* The environment that always exists. */
#define DEFAULT_ENV "prod"

typedef enum DefinitionKind
{
	DEFINITION_SOURCE,
	DEFINITION_PIPELINE,
	DEFINITION_STEP,
	DEFINITION_CHECK
} DefinitionKind;

typedef struct Definition
{
	pg_uuid_t	id;
	DefinitionKind kind;
	char	   *pipeline;		/* "" for a source */
	char	   *object;			/* the name; "target/name" for a check */
	int			version;
	int			position;
	Jsonb	   *spec;
	char	   *hash;
	Oid			owner;
} Definition;

/* The current definition in "env", or NULL.  All results live in CurrentMemoryContext. */
extern Definition *definition_find(DefinitionKind kind, const char *pipeline, const char *object,
								   const char *env);

/*
 * As definition_find(), else 42704 naming the object and the nearest one that the caller may see.
 */
extern Definition *definition_get(DefinitionKind kind, const char *pipeline, const char *object,
								  const char *env);

/*
 * Versions by their ids (pg_uuid_t *), whatever is current now: List of Definition *, in that
 * order.
 */
extern List *definition_by_ids(List *ids);

/* All current ones of a kind in a pipeline ("" for sources), by position: List of Definition *. */
extern List *definition_list(DefinitionKind kind, const char *pipeline, const char *env);

/*
 * All current models that write "table", of all pipelines in "env", by pipeline and name: List of
 * Definition *.
 */
extern List *definition_writers(const char *table, const char *env);

/* Likewise those that read "input": "schema.table" or "source:name". */
extern List *definition_readers(const char *input, const char *env);

/* Did a model of "pipeline" (NULL: of any), in whatever version of it, make "table"? */
extern bool definition_made(const char *table, const char *pipeline);

/*
 * Stores "spec" as the current version: a new version only when it differs from the current one.
 * Returns the definition.  The caller has validated the spec and the right to change the object.
 */
extern Definition *definition_put(DefinitionKind kind, const char *pipeline, const char *object,
								  const char *env, Jsonb *spec, Oid owner);

/* Takes the pointer away; versions stay.  False when there was none. */
extern bool definition_drop(DefinitionKind kind, const char *pipeline, const char *object,
							const char *env);

/*
 * 42501, naming the object, unless the current user has the owner's rights.  For all that decides
 * what runs with them: no level of dataops lends the rights of another role.
 */
extern void definition_check_right(Oid owner, const char *kind, const char *name);

/* As definition_check_right(); what a dropped role owned is for administrators to drop. */
extern void definition_check_drop(Oid owner, const char *kind, const char *name);

/* As definition_check_right(), but "level" is enough as well (role_has_level). */
extern void definition_check_level(Oid owner, const char *level, const char *kind,
								   const char *name);

/* May the current user know of what belongs to "owner"?  As the views for operators decide. */
extern bool definition_in_sight(Oid owner);

/*
 * Has "role" been given "level" or admin by grant_role(), itself or through a membership?
 * Superusers have every level.  A developer is no operator here: he may call what operators call,
 * but what belongs to others is for those who were made to look after it.
 */
extern bool role_has_level(Oid role, const char *level);

/* Records who did what: action such as "create source", object's name, detail or NULL. */
extern void audit_record(const char *action, const char *object, Jsonb *detail);

#endif
