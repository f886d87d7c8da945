/*
 * loop.h
 *	  The one engine: claims a ready step, does it, records it, until none is left.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOOP_H
#define DATAOPS_LOOP_H

#include "catalog/ledger.h"

typedef struct LoopOptions
{
	TimestampTz now;			/* runs that wait until then are due */
	bool		in_worker;		/* else inside CALL, with SPI connected non-atomically */
	int			step_limit;		/* stop after so many steps and queue the rest again; 0: none */
} LoopOptions;

/*
 * Executes every run of the pipeline that is pending (ledger_pending), oldest first, one after the
 * other, until none is left, one must wait, or one fails in a pipeline that holds then.  The caller
 * holds the pipeline's lock and no transaction of ours; "memory" lives as long as the call.
 * Returns how the first one that failed ended, else the last one, in "memory"; state is NULL when
 * there was none.  A cancel is recorded and thrown on.
 */
extern RunEnd loop_work_off(const char *pipeline, const char *env, const LoopOptions *options,
							MemoryContext memory);

#endif
