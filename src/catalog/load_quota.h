/*
 * load_quota.h
 *	  How often a table of a warehouse was loaded lately, for warehouses that limit that.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOAD_QUOTA_H
#define DATAOPS_LOAD_QUOTA_H

#include "postgres.h"

/*
 * Loads of the last 24 hours into a table that the warehouse has heard of, by all pipelines; failed
 * ones count, too.  Needs a transaction.
 */
extern int64 load_quota_used(const char *server, const char *table);

#endif
