/*
 * culprit.h
 *	  Which raw record it is that a model throws on.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CULPRIT_H
#define DATAOPS_CULPRIT_H

#include "postgres.h"

#include "model/parse.h"

/* Does the model throw on these records?  Runs in a subtransaction of its own. */
typedef bool (*CulpritTest) (RecordsFilter *filter, void *arg);

/*
 * Looks for one record of "batches" (pg_uuid_t *) of the source on which alone the model throws, by
 * halves: about twice the work of reading all of them once.  Returns a text that tells where it is
 * and how it begins, or NULL when there is none.  With the rights of the current user.
 */
extern char *culprit_find(const char *source, List *batches, CulpritTest throws, void *arg);

#endif
