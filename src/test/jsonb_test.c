/*
 * jsonb_test.c
 *	  SQL functions that put the jsonb writer beside the server's own jsonb input.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "core/compat.h"

#include "common/pg_prng.h"
#include "fmgr.h"
#include "format/jsonb_writer.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "test/json_corpus.h"
#include "test/jsonb_both.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(dataops_test_jsonb);
PG_FUNCTION_INFO_V1(dataops_test_jsonb_same);
PG_FUNCTION_INFO_V1(dataops_test_jsonb_corpus);
PG_FUNCTION_INFO_V1(dataops_test_jsonb_fuzz);
PG_FUNCTION_INFO_V1(dataops_test_corpus);

static JsonbWriter *
writer_of_call(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = jsonb_writer_create(fcinfo->flinfo->fn_mcxt);
	return fcinfo->flinfo->fn_extra;
}

/* Of a text or bytea. */
Datum
dataops_test_jsonb(PG_FUNCTION_ARGS)
{
	struct varlena *input = PG_GETARG_VARLENA_PP(0);
	JsonRefusal why;
	Jsonb	   *result;

	if (!jsonb_write(writer_of_call(fcinfo), VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &result,
					 &why))
		ereport(ERROR,
				errcode(why.sqlstate),
				errmsg("could not write jsonb: %s", why.reason),
				errdetail("At byte %zu.", why.offset));
	PG_RETURN_POINTER(memcpy(palloc(VARSIZE(result)), result, VARSIZE(result)));
}

/* Do both take the text and give the same bytes, or refuse it with the same SQLSTATE? */
static bool
outcomes_agree(JsonbWriter *writer, const char *text, size_t length, bool *accepted)
{
	JsonbBoth	both = jsonb_both(writer, text, length);

	*accepted = both.ours.value != NULL;
	if (!both.agree)
		jsonb_both_show(&both, text, length);
	return both.agree;
}

Datum
dataops_test_jsonb_same(PG_FUNCTION_ARGS)
{
	struct varlena *input = PG_GETARG_VARLENA_PP(0);
	bool		accepted;

	PG_RETURN_BOOL(outcomes_agree(writer_of_call(fcinfo), VARDATA_ANY(input),
								  VARSIZE_ANY_EXHDR(input), &accepted));
}

typedef struct Tally
{
	int64		documents;
	int64		accepted;
	int64		differences;
} Tally;

static void
tally_text(Tally *tally, JsonbWriter *writer, StringInfo text)
{
	bool		accepted;

	tally->differences += !outcomes_agree(writer, text->data, text->len, &accepted);
	tally->documents++;
	tally->accepted += accepted;
}

/* dataops._test_jsonb_corpus(seed bigint, documents int), kinds in turn */
Datum
dataops_test_jsonb_corpus(PG_FUNCTION_ARGS)
{
	int			ndocuments = PG_GETARG_INT32(1);
	JsonbWriter *writer = jsonb_writer_create(CurrentMemoryContext);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "document",
											   ALLOCSET_DEFAULT_SIZES);
	Tally		tallies[CORPUS_KINDS] = {0};
	pg_prng_state random;
	StringInfoData text;
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	initStringInfo(&text);
	pg_prng_seed(&random, PG_GETARG_INT64(0));
	for (int i = 0; i < ndocuments; i++)
	{
		CorpusKind	kind = i % CORPUS_KINDS;
		MemoryContext old = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		corpus_document(&random, kind, &text);
		tally_text(&tallies[kind], writer, &text);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	for (int kind = 0; kind < CORPUS_KINDS; kind++)
	{
		Tally	   *tally = &tallies[kind];
		bool		nulls[5] = {0};
		Datum		values[5] = {
			CStringGetTextDatum(corpus_kind_names[kind]),
			Int64GetDatum(tally->documents),
			Int64GetDatum(tally->accepted),
			Int64GetDatum(tally->documents - tally->accepted),
			Int64GetDatum(tally->differences)
		};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* dataops._test_corpus(seed bigint, documents int): the first documents of that corpus */
Datum
dataops_test_corpus(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	pg_prng_state random;
	StringInfoData document;

	InitMaterializedSRF(fcinfo, 0);
	initStringInfo(&document);
	pg_prng_seed(&random, PG_GETARG_INT64(0));
	for (int i = 0; i < PG_GETARG_INT32(1); i++)
	{
		CorpusKind	kind = i % CORPUS_KINDS;
		bool		nulls[2] = {0};
		Datum		values[2] = {CStringGetTextDatum(corpus_kind_names[kind])};

		corpus_document(&random, kind, &document);
		values[1] = PointerGetDatum(cstring_to_text_with_len(document.data, document.len));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* dataops._test_jsonb_fuzz(text, seed bigint, rounds int): differences among mutations of a text */
Datum
dataops_test_jsonb_fuzz(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	JsonbWriter *writer = jsonb_writer_create(CurrentMemoryContext);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "document",
											   ALLOCSET_DEFAULT_SIZES);
	Tally		tally = {0};
	pg_prng_state random;
	StringInfoData text;

	initStringInfo(&text);
	pg_prng_seed(&random, PG_GETARG_INT64(1));
	for (int i = 0; i < PG_GETARG_INT32(2); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&text);
		appendBinaryStringInfo(&text, VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));
		corpus_mutate(&random, &text);
		tally_text(&tally, writer, &text);
		MemoryContextSwitchTo(old);
		MemoryContextReset(each);
	}
	PG_RETURN_INT64(tally.differences);
}

#endif
