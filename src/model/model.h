/*
 * model.h
 *	  A model step as its definition says: target, query, strategy.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_MODEL_H
#define DATAOPS_MODEL_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef enum ModelStrategy
{
	STRATEGY_TABLE,				/* rebuilt aside, then swapped in */
	STRATEGY_VIEW,
	STRATEGY_APPEND,			/* rows of new batches are added */
	STRATEGY_MERGE,				/* rows of new batches replace those with the same key */
	STRATEGY_PARTITION			/* the rows of a time window are made again */
} ModelStrategy;

/* Columns that merge keeps: the first is set once, the second when the row changes. */
#define CREATED_AT "created_at"
#define UPDATED_AT "updated_at"

typedef struct ModelSpec
{
	char	   *what;			/* for messages: model "staging.candles" */
	char	   *target;			/* schema.table */
	char	   *query;
	ModelStrategy strategy;
	List	   *key;			/* char * */
	char	   *time_column;	/* NULL: none */
	Interval   *grain;			/* NULL: none; of one unit, positive */
	Interval   *lookback;		/* NULL: none */
	/* found by the definition; NULL and NIL before it */
	char	   *search_path;	/* of the session that defined it */
	List	   *inputs;			/* query_inputs() */
} ModelSpec;

/* Reads and validates; 22023 names the member that is wrong. */
extern ModelSpec *model_spec_read(Jsonb *spec);

/* Does it take in batches once each? */
extern bool model_is_incremental(const ModelSpec *model);

/* Its inputs that are sources: names without the "source:" prefix. */
extern List *model_sources(const ModelSpec *model);

/* Its inputs that are relations other than its target. */
extern List *model_relations(const ModelSpec *model);

#endif
