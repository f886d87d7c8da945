/*
 * scan.h
 *	  Judges rows that are already in place: one scan for all row rules, one for all aggregates.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SCAN_H
#define DATAOPS_SCAN_H

#include "postgres.h"

#include "utils/queryenvironment.h"
#include "utils/snapshot.h"

#include "model/check.h"

/* The rows that are judged. */
typedef struct JudgedRows
{
	Node	   *from;			/* FROM item */
	const char *alias;			/* its name, as rules have it */
	Oid			relation;		/* whose columns and unique indexes count */
	QueryEnvironment *environment;	/* to read "from" in; NULL: none is needed */
	Snapshot	snapshot;		/* to read it under; NULL: a fresh one */
} JudgedRows;

/* Fills the tallies of "checks" (Check *, bound) with the rights of the current user. */
extern void checks_scan(List *checks, const JudgedRows *rows);

#endif
