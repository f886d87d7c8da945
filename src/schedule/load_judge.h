/*
 * load_judge.h
 *	  The checks of a load: rules about the rows that go out, and whether they came through.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOAD_JUDGE_H
#define DATAOPS_LOAD_JUDGE_H

#include "export/load.h"
#include "schedule/judge.h"

/*
 * Checks whose target is the load, as what load_here() and the like ask.  The number of rows is
 * compared always, by a check named "row_count" that is added to them.
 */
extern LoadJudge load_judge(StepChecks *checks);

#endif
