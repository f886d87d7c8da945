/*
 * scan.h
 *	  Judges rows that are already in place: one scan for all rules that one scan can answer.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SCAN_H
#define DATAOPS_SCAN_H

#include "postgres.h"

#include "utils/queryenvironment.h"

#include "model/check.h"

/*
 * Fills the tallies of "checks" (Check *, bound) from the rows of FROM item "from", named
 * "alias", with the rights of the current user.  "environment" is for reading "from", or NULL.
 * "target" is the table itself, whose columns and unique indexes count.
 */
extern void checks_scan(List *checks, Node *from, const char *alias, QueryEnvironment *environment,
						Oid target);

#endif
