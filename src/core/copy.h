/*
 * copy.h
 *	  Copies in CurrentMemoryContext of what may be missing: NULL stays NULL.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_COPY_H
#define DATAOPS_COPY_H

#include "postgres.h"

#include "utils/jsonb.h"

static inline char *
copy_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

static inline Jsonb *
copy_jsonb(const Jsonb *value)
{
	return value != NULL ? memcpy(palloc(VARSIZE(value)), value, VARSIZE(value)) : NULL;
}

#endif
