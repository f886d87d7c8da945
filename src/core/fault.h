/*
 * fault.h
 *	  Points where a test makes the process die, fail or stand still.  An ordinary build has none.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_FAULT_H
#define DATAOPS_FAULT_H

#include "postgres.h"

#ifdef DATAOPS_TEST

/* Does what the setting dataops.fault says for this name, if it says anything. */
#define FAULT_POINT(name) fault_point(name)

extern void fault_point(const char *name);
extern void fault_define(void);

#else
#define FAULT_POINT(name) ((void) 0)
#define fault_define() ((void) 0)
#endif

#endif
