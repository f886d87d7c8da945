/*
 * decide.h
 *	  From what was counted to a verdict.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_DECIDE_H
#define DATAOPS_DECIDE_H

#include "model/check.h"

/*
 * Sets the check's verdict and message from its tallies.  True when the target must not be
 * published.
 */
extern bool check_decide(Check *check);

#endif
