/*
 * load_spec.h
 *	  What a load or promote step says, and the table that it is about.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LOAD_SPEC_H
#define DATAOPS_LOAD_SPEC_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "export/parts.h"
#include "warehouse/warehouse.h"

typedef struct LoadSpec
{
	char	   *what;			/* for messages: load "production.candles@bq" */
	char	   *target;			/* relation@server: what checks and promotions name */
	char	   *relation;		/* schema.table */
	char	   *server;
	WarehouseMode mode;
	List	   *key;			/* char * */
	char	   *stage;			/* a store that a remote warehouse reads from; NULL: none */
	char	   *partition_by;	/* NULL: none */
	List	   *cluster_by;		/* char * */
	bool		publish;
	bool		changed_rows;	/* those written since the load before; else all */
	BadValue	bad_value;
	char	   *search_path;	/* of the session that defined it; NULL before it is defined */
} LoadSpec;

/* Reads and validates; 22023 names the member that is wrong.  In CurrentMemoryContext. */
extern LoadSpec *load_spec_read(Jsonb *spec);

/* The same names in SQL and in the ledger. */
extern const char *load_mode_name(WarehouseMode mode);

/*
 * The relation as the table that a warehouse shall have, in CurrentMemoryContext.  Throws 42P01
 * and 42703 when it or a column that the step names does not exist.
 */
extern WarehouseTable *load_table(const LoadSpec *spec);

#endif
