/*
 * named.h
 *	  The named checks: not_null, accepted, fk, is_unique, fresh, no_gaps, has_columns,
 *	  matches.
 *
 * They look like calls of unqualified functions but are none: arguments are taken from the raw
 * tree.  A function of the user with such a name is reached by its schema.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_NAMED_H
#define DATAOPS_NAMED_H

#include "model/rule.h"

/*
 * When "call" is a named check, turns "rule" into it and returns true.  Throws 42601 with the
 * position for wrong arguments.
 */
extern bool named_check_expand(Rule *rule, FuncCall *call, const char *alias);

/* The named check with the nearest name, or NULL. */
extern const char *named_check_nearest(const char *name);

#endif
