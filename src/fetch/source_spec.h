/*
 * source_spec.h
 *	  The definition of an HTTP source, read and checked.  The same reading serves the definition,
 *	  where all that is wrong is thrown, and the fetch.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SOURCE_SPEC_H
#define DATAOPS_SOURCE_SPEC_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "core/memberpath.h"
#include "core/template.h"
#include "fetch/record_path.h"
#include "net/retry.h"

typedef enum PagingType
{
	PAGING_FOUND,				/* not given: a Link header is followed when there is one */
	PAGING_NONE,
	PAGING_WINDOW,
	PAGING_PAGE,
	PAGING_OFFSET,
	PAGING_CURSOR,
	PAGING_NEXT_LINK,
	PAGING_LINK_HEADER
} PagingType;

typedef struct PagingSpec
{
	PagingType	type;
	int			max_pages;		/* of one traversal */
	char	   *start_param;	/* window */
	char	   *end_param;
	char	   *format;			/* of a window's times, as in core/template.h */
	bool		end_included;	/* bounds '[]': the end is sent one unit earlier */
	Interval   *step;			/* what one record spans */
	int			limit;			/* records that one request can bring; 0: not told */
	char	   *limit_param;	/* NULL: the limit is not sent */
	char	   *param;			/* page, offset, cursor */
	int64		first;			/* page: the number of the first one */
	MemberPath *path;			/* cursor, next_link: where the next one stands */
} PagingSpec;

typedef enum WatermarkType
{
	WATERMARK_FOUND,			/* as the values are */
	WATERMARK_NUMBER,
	WATERMARK_TIMESTAMP,
	WATERMARK_TEXT
} WatermarkType;

/* "cursor": how far the records go. */
typedef struct WatermarkSpec
{
	RecordPath *path;
	char	   *param;			/* NULL: only {cursor} */
	WatermarkType type;
	char	   *format;			/* how a time is written; NULL: as it was found */
	Interval   *lookback;		/* NULL: none */
	char	   *initial;		/* NULL: none */
} WatermarkSpec;

typedef struct RateSpec
{
	double		per_second;		/* 0: no limit of our own */
	double		burst;
	double		cost;
	char	   *quota_header;	/* NULL: none */
	double		quota;
	double		quota_window_ms;
} RateSpec;

typedef struct SourceSpec
{
	char	   *name;
	char	   *what;			/* source "name", for messages */
	char	   *server;
	char	   *path;			/* a template, from "/" on or empty */
	char	   *method;
	Jsonb	   *params;			/* NULL: none */
	Jsonb	   *headers;
	Jsonb	   *body;
	MemberPath *records;		/* to a list, where paging needs one, however it is written */
	PagingSpec	paging;
	WatermarkSpec *watermark;	/* NULL: none */
	char	   *for_each;		/* NULL: one shard */
	RateSpec	rate;
	RetryPolicy retry;
	bool		idempotent;		/* sending a request twice does no harm */
	StatusTable status;
	bool		conditional;	/* wanted, and each run asks in the same words */
} SourceSpec;

/*
 * Reads and checks a definition; throws 22023 naming what is wrong and where.  All in
 * CurrentMemoryContext; "spec" must live as long.
 */
extern SourceSpec *source_spec_read(const char *name, Jsonb *spec);

/* What templates of a source may name: start, end, item, cursor, env, run. */
extern const TemplateVariable source_variables[];
extern const int source_variable_count;

#endif
