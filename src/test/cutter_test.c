/*
 * cutter_test.c
 *	  SQL functions that run the record cutter over a body in chunks of any size.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/compat.h"

#include "catalog/pg_type.h"
#include "core/cutter.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(dataops_test_cut);
PG_FUNCTION_INFO_V1(dataops_test_cut_count);
PG_FUNCTION_INFO_V1(dataops_test_member_path);

/* A body that is fed in pieces, each in memory of its own so that no stale byte is read. */
typedef struct Feed
{
	const char *bytes;
	size_t		length;
	size_t		fed;
	size_t		chunk;
	char	   *piece;
} Feed;

static MemberPath *
parse_path(const char *text)
{
	MemberPath *path;
	int			position;
	const char *why;

	if (!member_path_parse(text, CurrentMemoryContext, &path, &position, &why))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid path \"%s\": %s", text, why),
				errdetail("At character %d.", position));
	return path;
}

static void
feed_piece(Feed *feed, Cutter *cutter)
{
	size_t		length = Min(feed->chunk, feed->length - feed->fed);

	if (feed->piece != NULL)
		pfree(feed->piece);
	feed->piece = palloc(Max(length, 1));
	memcpy(feed->piece, feed->bytes + feed->fed, length);
	feed->fed += length;
	cutter_feed(cutter, feed->piece, length, feed->fed == feed->length);
}

static void
put_row(ReturnSetInfo *result, const char *event, int64 ordinal, const char *bytes, size_t length)
{
	bool		nulls[3] = {false, ordinal < 0, bytes == NULL};
	Datum		values[3] = {CStringGetTextDatum(event), Int64GetDatum(ordinal), (Datum) 0};

	if (bytes != NULL)
		values[2] = PointerGetDatum(cstring_to_text_with_len(bytes, length));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_end(ReturnSetInfo *result, const Cutter *cutter, const MemberPath *const *wanted, int nwanted)
{
	const char *found = cut_found_name(cutter_found(cutter));

	put_row(result, "end", -1, found, strlen(found));
	for (int i = 0; i < nwanted; i++)
	{
		const char *bytes;
		size_t		length;
		CutValue	value = cutter_value(cutter, i, &bytes, &length);

		put_row(result, wanted[i]->text, i + 1,
				value == CUT_VALUE_ABSENT ? NULL : value == CUT_VALUE_TOO_LONG ? "too long" : bytes,
				value == CUT_VALUE_TOO_LONG ? strlen("too long") : length);
	}
}

static void
cut_all(Cutter *cutter, Feed *feed, ReturnSetInfo *result, const MemberPath *const *wanted,
		int nwanted)
{
	for (;;)
	{
		CutRecord	record;
		uint64		offset;
		const char *why;

		CHECK_FOR_INTERRUPTS();
		switch (cutter_next(cutter, &record))
		{
			case CUT_RECORD:
				put_row(result, "record", record.ordinal, record.bytes, record.length);
				break;
			case CUT_MORE:
				feed_piece(feed, cutter);
				break;
			case CUT_END:
				put_end(result, cutter, wanted, nwanted);
				return;
			case CUT_BROKEN:
				why = cutter_reason(cutter, &offset);
				put_row(result, "broken", (int64) offset, why, strlen(why));
				return;
		}
	}
}

/*
 * dataops._test_cut(body bytea, path text, chunk integer, wanted text[], record_limit integer):
 * records, then "end" or "broken", then wanted values; path null: by lines; chunk 0: in one piece
 */
Datum
dataops_test_cut(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(0);
	int			chunk = PG_GETARG_INT32(2);
	Feed		feed = {
		.bytes = VARDATA_ANY(body), .length = VARSIZE_ANY_EXHDR(body),
		.chunk = chunk > 0 ? chunk : VARSIZE_ANY_EXHDR(body)
	};
	CutterLimits limits = {.record_bytes = PG_GETARG_INT32(4), .depth = CUTTER_DEPTH_DEFAULT};
	const MemberPath **wanted;
	Datum	   *texts;
	int			nwanted;
	Cutter	   *cutter;

	InitMaterializedSRF(fcinfo, 0);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL,
					  &nwanted);
	wanted = palloc(sizeof(MemberPath *) * nwanted);
	for (int i = 0; i < nwanted; i++)
		wanted[i] = parse_path(TextDatumGetCString(texts[i]));
	if (PG_ARGISNULL(1))
		cutter = cutter_create_lines(CurrentMemoryContext, &limits);
	else
		cutter = cutter_create(CurrentMemoryContext,
							   parse_path(text_to_cstring(PG_GETARG_TEXT_PP(1))),
							   wanted, nwanted, &limits);
	cut_all(cutter, &feed, (ReturnSetInfo *) fcinfo->resultinfo, wanted,
			PG_ARGISNULL(1) ? 0 : nwanted);
	return (Datum) 0;
}

/* dataops._test_cut_count(body bytea, path text, rounds integer): records, to measure speed */
Datum
dataops_test_cut_count(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(0);
	MemberPath *path = parse_path(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	CutterLimits limits = {.record_bytes = MaxAllocSize, .depth = CUTTER_DEPTH_DEFAULT};
	int64		nrecords = 0;

	for (int i = 0; i < PG_GETARG_INT32(2); i++)
	{
		Cutter	   *cutter = cutter_create(CurrentMemoryContext, path, NULL, 0, &limits);
		CutRecord	record;

		CHECK_FOR_INTERRUPTS();
		cutter_feed(cutter, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), true);
		while (cutter_next(cutter, &record) == CUT_RECORD)
			nrecords++;
	}
	PG_RETURN_INT64(nrecords);
}

/* dataops._test_member_path(text): its members, and "[*]" at the end where it stands */
Datum
dataops_test_member_path(PG_FUNCTION_ARGS)
{
	MemberPath *path = parse_path(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Datum	   *names = palloc(sizeof(Datum) * (path->nmembers + 1));

	for (int i = 0; i < path->nmembers; i++)
		names[i] = PointerGetDatum(cstring_to_text_with_len(path->members[i].name,
															path->members[i].length));
	names[path->nmembers] = CStringGetTextDatum(path->elements ? "[*]" : "");
	PG_RETURN_ARRAYTYPE_P(construct_array(names, path->nmembers + 1, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

#endif
