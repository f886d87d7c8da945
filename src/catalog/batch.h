/*
 * batch.h
 *	  Where fetch and land meet: fetch delivers pages to a sink, the step loop fills the sink with
 *	  land's implementation.  A batch is what lands in one transaction.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BATCH_H
#define DATAOPS_BATCH_H

#include "catalog/run.h"

/* What the sink must know of the source. */
typedef struct BatchSource
{
	char	   *name;
	char	   *env;
	pg_uuid_t	definition;		/* the version of it that is read */
	Oid			raw_table;		/* the partitioned table */
	char	   *archive;		/* store server, or NULL */
	bool		repeatable;		/* its pages may be asked for again */
} BatchSource;

/* A page's envelope; texts are clean and without secrets or query values. */
typedef struct PageInfo
{
	const char *url;
	int			status;
	Jsonb	   *headers;
	TimestampTz received_at;
} PageInfo;

/* Where reading of a shard goes on after its pages delivered so far; written with the batch. */
typedef struct CursorState
{
	const char *shard;			/* "" unless the source has for_each */
	const char *value;			/* highest cursor value seen, or NULL */
	const char *etag;
	const char *last_modified;
	Jsonb	   *position;		/* NULL: came to the end */
} CursorState;

/* One HTTP request made, for the request log. */
typedef struct RequestLog
{
	const char *method;
	const char *url;
	int			status;			/* 0: no answer */
	const char *problem;
	int64		bytes;
	int			took_ms;
	int			attempt;
	TimestampTz started_at;
} RequestLog;

/*
 * The sink.  Calls come outside of any transaction, in this order: open, then for each page
 * page_begin, record*, page_end, at last close.  A record's bytes live only during the call.
 * Pages of several shards may alternate; shard_end follows the last page of each, whether it came
 * to its end or not.  page_end() and shard_end() commit the batch when it is full (8 MB, 16 MB as
 * jsonb, 100 pages, 10 s, many shards), with the cursors told last; close() commits what is left.
 * An error thrown leaves nothing of the open batch behind.
 */
typedef struct BatchSink BatchSink;
struct BatchSink
{
	void		(*open) (BatchSink *sink, Run *run, Step *step, const BatchSource *source);
	void		(*log_request) (BatchSink *sink, const RequestLog *request);
	void		(*page_begin) (BatchSink *sink, const PageInfo *page);
	void		(*record) (BatchSink *sink, const char *bytes, size_t length);
	/* drops the records of the page begun: its body turned out broken */
	void		(*page_discard) (BatchSink *sink);
	void		(*page_end) (BatchSink *sink, const CursorState *cursor, int64 body_bytes,
							 uint32 body_crc32c);
	void		(*shard_end) (BatchSink *sink, const CursorState *cursor);
	/* commits what is open, the cursors and the request log, also when no page came */
	void		(*close) (BatchSink *sink);
	/* totals of the step, valid after close */
	int64		records;
	int64		quarantined;
	int64		bytes;
	int			pages;
};

#endif
