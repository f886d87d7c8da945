/*
 * option.h
 *	  Options of our foreign servers and user mappings: which exist, what they accept, and how they
 *	  are read.  The validators check with the same functions that readers use.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_OPTION_H
#define DATAOPS_OPTION_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The value of an option in a List of DefElem, or "missing". */
extern const char *option_text(List *options, const char *name, const char *missing);

/* Values with units ("64MB", "30 s"); option_check() has refused what these cannot read. */
extern int64 option_bytes(List *options, const char *name, int64 missing);
extern int	option_ms(List *options, const char *name, int missing);
extern int	option_count(List *options, const char *name, int missing);

/*
 * A rate is "N/s", "N/min" or "N/h": *count requests in *period_ms. False when it is none.
 */
extern bool option_rate_parse(const char *text, double *count, int *period_ms);

/* Throws 22023 unless every pattern of a comma-separated list is a CIDR range or an address. */
extern void option_check_ranges(const char *name, const char *value);

#endif
