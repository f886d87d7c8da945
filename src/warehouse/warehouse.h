/*
 * warehouse.h
 *	  Warehouses behind one driver: tables that are filled, compared and published.
 *
 * A warehouse has two sides: the staging side takes a load, checks look at it, and publishing
 * makes the production side equal to it in one step.  A local one, whose loads are part of a
 * transaction, may do without the first.  What a warehouse does or refuses is an
 * outcome; wrong definitions and missing rights throw.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_WAREHOUSE_H
#define DATAOPS_WAREHOUSE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "catalog/connection.h"
#include "format/row_encoder.h"

typedef struct Warehouse Warehouse;

typedef enum WarehouseMode
{
	WAREHOUSE_APPEND,
	WAREHOUSE_TRUNCATE,			/* the rows replace all others */
	WAREHOUSE_MERGE				/* rows of the same key are replaced, others added */
} WarehouseMode;

typedef enum WarehouseSide
{
	SIDE_STAGING,
	SIDE_PRODUCTION
} WarehouseSide;

typedef enum WarehouseOutcome
{
	WAREHOUSE_DONE,
	WAREHOUSE_UNKNOWN,			/* whether it happened is not known: the same call asks again */
	WAREHOUSE_FAILED			/* it definitely did not happen; "problem" says why */
} WarehouseOutcome;

/* What a table lacks that a load of changed rows builds on. */
typedef enum WarehouseGap
{
	WAREHOUSE_GAP_NONE,
	WAREHOUSE_GAP_STAGING,		/* the staging table is gone, with what was not published yet */
	WAREHOUSE_GAP_ROWS			/* rows of former loads are on neither side, or a merged table has
								 * no values yet in a column: all rows are to be loaded */
} WarehouseGap;

typedef struct WarehouseResult
{
	WarehouseOutcome outcome;
	int64		rows;			/* of a load: those of its rows that are in the table now */
	int64		bytes_billed;
	char	   *job;			/* the warehouse's name of the work; NULL where it has none */
	char	   *problem;		/* clean; in CurrentMemoryContext */
	WarehouseGap gap;			/* of a load that FAILED before it began: for this reason alone */
	bool		retry;			/* may pass by itself */
	TimestampTz not_before;		/* the warehouse wants no request before that time; 0: any time */
	int			sqlstate;
	List	   *values;			/* of evaluate: char *, NULL for null */
} WarehouseResult;

/* What a step that fails with it says. */
static inline const char *
warehouse_problem(const WarehouseResult *result)
{
	return result->problem != NULL ? result->problem : "the warehouse did not say why";
}

/* A table that loads fill, as the definition describes it. */
typedef struct WarehouseTable
{
	char	   *name;			/* within schema or dataset */
	Oid			relation;		/* whose rows come */
	char	   *description;	/* from COMMENT; NULL without one */
	TupleDesc	columns;		/* of the rows that come */
	char	  **comments;		/* per column; entries may be NULL */
	List	   *key;			/* char *; NIL unless merged */
	char	   *partition_by;	/* a column, or NULL */
	List	   *cluster_by;		/* char * */
} WarehouseTable;

/*
 * One load.  A remote driver reads "files"; the local one runs "query" in the caller's transaction,
 * under the active snapshot and with the rights of the current user.
 * "id" names the load for ever: the same call with the same id does no more than the first.
 */
typedef struct WarehouseLoad
{
	const char *id;				/* letters, digits, "-" and "_", at most 200 */
	const WarehouseTable *table;
	WarehouseMode mode;
	const char *query;
	List	   *files;			/* char *: places of objects, gs://… */
	int64		rows;			/* in the files */
	bool		whole;			/* they are all rows of the relation, not those that changed */
	bool		reset;			/* staging holds what was never published: make it equal to
								 * production first */
} WarehouseLoad;

/* A step of the test of a connection: false with *result where loads would fail. */
typedef struct WarehouseProbe
{
	const char *step;
	bool		(*passes) (Warehouse *warehouse, WarehouseResult *result);
} WarehouseProbe;

typedef struct WarehouseDriver
{
	const char *wrapper;
	bool		remote;			/* outside of transactions, from files, with types of its own */
	Warehouse  *(*open) (Connection *connection, MemoryContext owner);
	/*
	 * Throws unless tables of these columns can be made: in a transaction, without network.  A
	 * remote driver notes there, in CurrentMemoryContext, what its load() needs of the catalogs.
	 */
	void		(*check_table) (Warehouse *warehouse, const WarehouseTable *table);
	/*
	 * Local only (NULL when remote): makes or extends the tables and keeps other writers out until
	 * the transaction ends.  A staging table that was gone is made equal to production.  Says what
	 * was lacking, once; what it throws names the way out.
	 */
	WarehouseGap (*prepare) (Warehouse *warehouse, const WarehouseLoad *load);
	/* The same before a publication alone: 55000 when the staging table is gone. */
	void		(*prepare_publish) (Warehouse *warehouse, const WarehouseLoad *load);
	/* Makes the staging table, or adds columns to it, and fills it.  Atomic per call. */
	WarehouseResult (*load) (Warehouse *warehouse, const WarehouseLoad *load);
	/* Computes expressions (aggregates) over one side, for comparison with the origin. */
	WarehouseResult (*evaluate) (Warehouse *warehouse, const WarehouseLoad *load,
								 WarehouseSide side, List *expressions);
	/* Makes production equal to staging: readers see the old or the new table. */
	WarehouseResult (*publish) (Warehouse *warehouse, const WarehouseLoad *load);
	const WarehouseProbe *probes;	/* the last one has no step; NULL: there are none */
} WarehouseDriver;

struct Warehouse
{
	const WarehouseDriver *driver;
	char	   *server;
	bool		one_sided;		/* local only: a load fills production itself */
	ChooseEncoder choose;		/* remote only: of the files */
};

/*
 * Opens the warehouse behind a connection; it lives as long as "owner".  Needs a transaction.
 * Throws when the connection's wrapper is no warehouse.
 */
extern Warehouse *warehouse_open(Connection *connection, MemoryContext owner);

extern const WarehouseDriver warehouse_postgres_driver;
extern const WarehouseDriver warehouse_bigquery_driver;
#ifdef DATAOPS_TEST
extern const WarehouseDriver warehouse_test_driver;
#endif

#endif
