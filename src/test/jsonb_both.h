/*
 * jsonb_both.h
 *	  One text given to the jsonb writer and to the server's own jsonb input.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSONB_BOTH_H
#define DATAOPS_JSONB_BOTH_H

#include "postgres.h"

#include "format/jsonb_writer.h"

/* The outcome of one of the two ways to make a jsonb. */
typedef struct JsonbOutcome
{
	Jsonb	   *value;			/* NULL when refused */
	int			sqlstate;
} JsonbOutcome;

typedef struct JsonbBoth
{
	JsonbOutcome server;		/* in the current memory context */
	JsonbOutcome ours;			/* until the writer's next call */
	bool		agree;			/* the same bytes, or refused with the same SQLSTATE */
} JsonbBoth;

/* Bytes that need not be terminated nor be valid UTF-8.  Throws only on cancel. */
extern JsonbBoth jsonb_both(JsonbWriter *writer, const char *text, size_t length);

/* Warns of a text on which they differ, with both outcomes. */
extern void jsonb_both_show(const JsonbBoth *both, const char *text, size_t length);

/* Are these the same bytes? */
extern bool jsonb_same_bytes(const Jsonb *one, const Jsonb *other);

#endif
