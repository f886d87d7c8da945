/*
 * calendar.h
 *	  Our own schedule table, and the one pg_cron job that reads it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_CALENDAR_H
#define DATAOPS_CALENDAR_H

#include "postgres.h"

#include "utils/timestamp.h"

/*
 * The first due time after "after" of a five-field cron text read in an IANA zone; 22023 if
 * invalid.
 */
extern TimestampTz calendar_next(const char *cron, const char *timezone, TimestampTz after);

#endif
