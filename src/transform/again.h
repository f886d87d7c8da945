/*
 * again.h
 *	  Which windows of a model that is made by time are to be made again for its quarantined rows.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_AGAIN_H
#define DATAOPS_AGAIN_H

#include "postgres.h"

#include "catalog/run.h"
#include "model/model.h"
#include "transform/replayed.h"
#include "transform/window.h"

/*
 * The windows of "places" (QuarantinePlace *) and of the rows that the model makes of their records
 * now, as TimeWindow * that do not meet, by begin.  Those of records that are gone are left out,
 * lest what is in the target is lost, too; *gone is how many of the places that concerns.
 * "replayed" has the records (NULL: there are none), and replayed_find() was called.
 */
extern List *again_windows(const Run *run, const ModelSpec *model, List *places,
						   const Replayed *replayed, int64 *gone);

#endif
