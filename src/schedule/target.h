/*
 * target.h
 *	  One step that has a target: the rows and all checks of that target as one unit, which
 *	  happens whole or not at all.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TARGET_H
#define DATAOPS_TARGET_H

#include "catalog/run.h"

/*
 * Does the attempt of a model, command or gate in the transaction in hand, which the caller has
 * begun and commits with the step's record.  step->checks are Definition * of kind check.
 *
 * When a check stops or the user's SQL fails, what was written is rolled back (to where the call
 * began), the verdicts stay, and the result is STAGE_FAILED.  Only a cancel, a termination and
 * bugs are thrown.  Texts of the result live in run->memory.
 */
extern StageResult target_run(Run *run, Step *step);

#endif
