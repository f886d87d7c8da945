/*
 * range.h
 *	  The time range that a window source is read over.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RANGE_H
#define DATAOPS_RANGE_H

#include "postgres.h"

#include "fetch/source_spec.h"

/*
 * Makes an unbounded range finite: it begins where "value", the source's cursor, says (else the
 * cursor's initial) and ends now, at a whole step.  Throws 22023 when there is no beginning.
 */
extern void range_resolve(const SourceSpec *source, const char *value, TimestampTz *start,
						  TimestampTz *end);

#endif
