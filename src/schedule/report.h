/*
 * report.h
 *	  What run(), start(), wait() and tick() tell their caller.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_REPORT_H
#define DATAOPS_REPORT_H

#include "catalog/ledger.h"

/* The hint of a failed run: that of its step, NULL for none, and the statement that goes on. */
extern char *report_hint(const char *step_hint, const char *run_id);

/* Of a loop that has ended: a notice when the run waits, an error when it failed. */
extern void report_end(const char *pipeline, const RunEnd *end);

/* Throws unless the run has succeeded. */
extern void report_waited(const RunHead *head);

/* A notice that says why a request queued nothing; "range" is what was asked for, NULL: all. */
extern void report_nothing(Definition *pipeline, const char *env, const TimeRange *range);

#endif
