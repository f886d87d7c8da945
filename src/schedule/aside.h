/*
 * aside.h
 *	  Rows of a model that checks set aside, as entries of the quarantine.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ASIDE_H
#define DATAOPS_ASIDE_H

#include "catalog/run.h"
#include "transform/write.h"

/*
 * Records what the job diverted, and closes the older entries of what was made again as a whole: a
 * table, or the window of a partition.  Ends the split.  Returns how many entries were closed.
 */
extern int64 aside_record(const WriteJob *job, Written *written);

#endif
