/*
 * parts_test.c
 *	  The tests' way to the parts of a query; not in an ordinary build.  sql/test/parts.sql has the
 *	  signature.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#ifdef DATAOPS_TEST

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "core/gzip.h"
#include "export/parts.h"
#include "format/value_text.h"
#include "store/store.h"
#include "test/parts_test.h"

PG_FUNCTION_INFO_V1(dataops_test_parts);
PG_FUNCTION_INFO_V1(dataops_test_object);
PGDLLEXPORT Datum dataops_test_parts(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_test_object(PG_FUNCTION_ARGS);

static const char *
encode_but_13(ColumnEncoder *column, Datum value, StringInfo out)
{
	(void) text_encode_int4(column, value, out);
	return DatumGetInt32(value) == 13 ? "is 13" : NULL;
}

void
parts_choose_but_13(ColumnEncoder *column, Form_pg_attribute attribute)
{
	ndjson_choose(column, attribute);
	if (column->type == INT4OID)
		column->encode = encode_but_13;
}

static void
notice_bad_row(const BadRow *bad, void *arg)
{
	ereport(NOTICE,
			errmsg("row " INT64_FORMAT ", column %s %s: %s", bad->row, bad->column, bad->reason,
				   JsonbToCString(NULL, &DatumGetJsonbP(bad->record)->root, 0)));
}

static bytea *
spool_content(Spool *spool, bool inflate)
{
	GzipLimits	limits = {0};
	GzipReader *reader = gzip_reader_create(CurrentMemoryContext, GZIP_GZIP, &limits);
	StringInfoData content;
	const char *bytes;
	const char *inflated;
	size_t		length;

	initStringInfo(&content);
	spool_rewind(spool);
	while (spool_read(spool, &bytes, &length))
	{
		if (!inflate)
		{
			appendBinaryStringInfo(&content, bytes, length);
			continue;
		}
		gzip_push(reader, bytes, length);
		while (gzip_pull(reader, &inflated, &length) == GZIP_CHUNK)
			appendBinaryStringInfo(&content, inflated, length);
	}
	if (inflate && gzip_finish(reader) != GZIP_DONE)
		elog(ERROR, "no gzip: %s", gzip_problem(reader));
	return (bytea *) cstring_to_text_with_len(content.data, content.len);
}

/* _test_object(server, name) → its text, inflated */
Datum
dataops_test_object(PG_FUNCTION_ARGS)
{
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	size_t		length = strlen(name);
	Store	   *store = store_open(connection_open(server, GetUserId()), STORE_PRODUCTION,
								   CurrentMemoryContext);
	Spool	   *content = spool_create(CurrentMemoryContext);
	StoreResult answer = store->driver->get(store, name, content);

	if (answer.outcome != STORE_DONE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(spool_content(content, length > 3 && strcmp(name + length - 3, ".gz") == 0));
}

/* _test_parts(query, format, gzip, part_bytes, bad_value) → part, rows, bytes, crc32c, content */
Datum
dataops_test_parts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		csv = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)), "csv") == 0;
	char	   *bad_value = text_to_cstring(PG_GETARG_TEXT_PP(4));
	PartsOptions options = {
		.format = csv ? ROW_CSV : ROW_NDJSON,
		.choose = csv ? csv_choose : ndjson_choose,
		.gzip = PG_GETARG_BOOL(2),
		.part_bytes = PG_GETARG_INT64(3)
	};
	Parts	   *parts;
	ListCell   *cell;

	if (*bad_value != '\0')
	{
		options.choose = parts_choose_but_13;
		options.on_bad_row = notice_bad_row;
		options.bad_value = strcmp(bad_value, "null") == 0 ? BAD_VALUE_NULL :
			strcmp(bad_value, "quarantine") == 0 ? BAD_VALUE_QUARANTINE : BAD_VALUE_REFUSE;
	}
	InitMaterializedSRF(fcinfo, 0);
	parts = parts_encode(query, &options, CurrentMemoryContext);
	foreach(cell, parts->parts)
	{
		Part	   *part = lfirst(cell);
		Datum		values[5] = {
			Int32GetDatum(foreach_current_index(cell)),
			Int64GetDatum(part->rows),
			Int64GetDatum((int64) part->bytes),
			CStringGetTextDatum(psprintf("%08x", part->crc32c)),
			PointerGetDatum(spool_content(part->spool, false))
		};
		bool		nulls[5] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

#endif
