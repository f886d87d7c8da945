/*
 * bigquery_call.h
 *	  A project of BigQuery as one connection sees it, and single requests to it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_CALL_H
#define DATAOPS_BIGQUERY_CALL_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "format/bigquery_type.h"
#include "google/client.h"
#include "warehouse/warehouse.h"

typedef struct BigQuery
{
	Warehouse	base;
	GoogleClient *client;
	char	   *project;
	char	   *datasets[2];	/* by WarehouseSide */
	bool		dataset_known[2];	/* it is there, and in our location */
	char	   *location;
	int64		maximum_bytes_billed;	/* of one query; 0: no limit */
	int			job_timeout_ms; /* after which a job is cancelled */
	BigQueryKind numeric_type;	/* of a numeric whose precision is not declared */
	List	   *fields;			/* BigQueryField *, of the table that was checked last */
	int64		loads_today;	/* into it */
} BigQuery;

/* Lives as long as "owner"; needs a transaction, throws as google_client_open() does. */
extern BigQuery *bigquery_open(Connection *connection, MemoryContext owner);

/* One request.  It does no more than once however often it is sent. */
typedef struct BigQueryCall
{
	const char *method;
	const char *path;			/* behind "projects/P/": "datasets/d", encoded */
	const char *body;			/* JSON; NULL without one */
	bool		absent;			/* 404 is an ordinary answer */
} BigQueryCall;

typedef struct BigQueryReply
{
	int			status;			/* 0: no answer, or one that makes no sense */
	JsonbContainer *json;		/* an object; NULL with a status of 400 or more, and for 204 */
	char	   *reason;			/* Google's word; "" without one */
	char	   *problem;		/* clean; NULL when all is well */
	bool		retry;
	TimestampTz not_before;		/* no request before that time; 0: any time */
	int			sqlstate;
} BigQueryReply;

/* In CurrentMemoryContext.  Waits on the network. */
extern BigQueryReply bigquery_call(BigQuery *warehouse, const BigQueryCall *call);

static inline bool
bigquery_answered(const BigQueryReply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

/* The outcome FAILED, or UNKNOWN without an answer, with the reply's problem behind "what: ". */
extern WarehouseResult bigquery_problem(const BigQueryReply *reply, const char *what);

/* The outcome FAILED, not worth another attempt. */
extern WarehouseResult bigquery_refusal(int sqlstate, char *problem);

/* Appends {"projectId": …, "datasetId": …, "tableId": …}. */
extern void bigquery_put_table(StringInfo out, const BigQuery *warehouse, WarehouseSide side,
							   const char *table);

/* `project.dataset.table` for statements. */
extern char *bigquery_table_name(const BigQuery *warehouse, WarehouseSide side, const char *table);

/* "text" percent-encoded. */
extern char *bigquery_encoded(const char *text);

#endif
