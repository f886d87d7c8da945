/*
 * landing.h
 *	  Every SQL text about what came in: batches, pages, requests, cursors, quarantined records, and
 *	  the intents that name archive objects before they are written.
 *
 * All functions need a transaction and throw on errors of the database.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_LANDING_H
#define DATAOPS_LANDING_H

#include "postgres.h"

#include "catalog/batch.h"
#include "catalog/run.h"

typedef struct BatchRow
{
	pg_uuid_t	id;
	const BatchSource *source;
	TimestampTz created_at;
	int			pages;
	int64		records;
	int64		quarantined;
	int64		bytes;			/* bodies, inflated */
	const char *object;			/* NULL without an archive */
	int64		object_bytes;
	uint32		object_crc32c;
} BatchRow;

typedef struct PageRow
{
	int			number;			/* in its batch, from 1 */
	char	   *shard;
	char	   *url;
	int			status;
	Jsonb	   *headers;		/* NULL: none were kept */
	TimestampTz received_at;
	int64		bytes;
	int64		records;
	uint32		crc32c;
} PageRow;

typedef struct QuarantinedRecord
{
	int			page;
	int			ordinal;
	const char *raw;
	size_t		length;
	const char *reason;
	const char *sqlstate;
} QuarantinedRecord;

/* The cursor of one shard as it was last written; value and the others may be NULL. */
typedef struct CursorRow
{
	char	   *shard;
	char	   *value;
	char	   *etag;
	char	   *last_modified;
	Jsonb	   *position;		/* only of this run, NULL when another run wrote it */
	bool		done;			/* this run came to the end, its attempt died before saying so */
} CursorRow;

/* What a run has landed of a source, by all its attempts. */
typedef struct LandedTotals
{
	int64		records;
	int64		quarantined;
	int64		bytes;
} LandedTotals;

/* An intent whose attempt is over without its batch: the object may be there, or a part of it. */
typedef struct LeftObject
{
	pg_uuid_t	intent;
	char	   *server;
	char	   *name;
} LeftObject;

extern void landing_batch(Run *run, Step *step, const BatchRow *batch);
extern void landing_pages(const pg_uuid_t *batch, List *pages);	/* PageRow * */
extern void landing_requests(Run *run, Step *step, List *requests); /* RequestLog * */
extern void landing_quarantine(Run *run, Step *step, const BatchRow *batch,
							   const QuarantinedRecord *record);

/*
 * Do two versions of a source (rows of dataops.definition) have the same pages?  A position among
 * other pages would leave records out, which is worse than landing some twice.
 */
#define LANDING_SAME_PAGES(one, other) \
	"(" LANDING_PAGES_OF(one) " = " LANDING_PAGES_OF(other) ")"
#define LANDING_PAGES_OF(version) \
	"(jsonb_strip_nulls(" version ".spec) - " \
	"'{records,key,rate_limit,retry,status,conditional}'::text[] #- '{paginate,max_pages}')"

/*
 * The rows of "shards" (char *) in their order, CursorRow *, in CurrentMemoryContext; empty ones
 * for shards that were never read, without a position if it is one among other pages.
 */
extern List *landing_cursors(Run *run, Step *step, const BatchSource *source, List *shards);

/* Of a source whose raw table is made anew: it is read from its beginning again. */
extern void landing_forget_cursor(const char *source, const char *env);

extern LandedTotals landing_totals(Run *run, const char *source);

/* "cursors" is a list of CursorState *; "batch" may be NULL: the last one stays noted. */
extern void landing_cursors_put(Run *run, const BatchSource *source, List *cursors,
								const pg_uuid_t *batch);

/* The intent's id is the batch's. */
extern void landing_intent(Run *run, Step *step, const pg_uuid_t *id, const char *server,
						   const char *name);

/*
 * Throws 55000 when somebody else has resolved it meanwhile: the batch must not be committed then.
 */
extern void landing_intent_done(const pg_uuid_t *id, int64 bytes, uint32 crc32c);
extern void landing_intent_removed(const pg_uuid_t *id);

/*
 * Open intents of this step's dead attempts: of this run, and of runs that are over.
 * List of LeftObject * in CurrentMemoryContext.
 */
extern List *landing_left_objects(Run *run, Step *step);

#endif
