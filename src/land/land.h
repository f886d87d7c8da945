/*
 * land.h
 *	  Landing: pages that fetch delivers become an archive object, raw rows, page rows and a new
 *	  cursor, in one commit per batch.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LAND_H
#define DATAOPS_LAND_H

#include "catalog/batch.h"

/*
 * A sink that lands what it is given; see catalog/batch.h.  It lives in "memory", which must be
 * that of a run or of one step, never of a transaction.
 */
extern BatchSink *land_sink(MemoryContext memory);

#endif
