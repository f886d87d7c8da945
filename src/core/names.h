/*
 * names.h
 *	  Lists of names (char *), which are few: they are looked through.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_NAMES_H
#define DATAOPS_NAMES_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Where it stands, from 0; -1: nowhere. */
static inline int
names_index(const List *names, const char *name)
{
	const ListCell *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return foreach_current_index(cell);
	return -1;
}

static inline bool
names_have(const List *names, const char *name)
{
	return names_index(names, name) >= 0;
}

/* With that name at the end unless it is in the list; takes the name over. */
static inline List *
names_add(List *names, char *name)
{
	return names_have(names, name) ? names : lappend(names, name);
}

#endif
