/*
 * fetch.h
 *	  The stage that reads a source: connection and cursor in, pages of records out to a sink.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_FETCH_H
#define DATAOPS_FETCH_H

#include "catalog/batch.h"

/*
 * Reads what the run's range and the source's cursor ask for and delivers it.  Called outside of a
 * transaction; waits only outside of one.  What the remote side does is in the result; thrown are
 * errors of definition and rights, of the sink, and cancel.  After a crash the same run goes on
 * where its last batch ended.
 */
extern StageResult fetch_stage(Run *run, Step *step, BatchSink *sink);

#endif
