/*
 * store_test.c
 *	  The tests' own way to the drivers of object stores; not in an ordinary build.
 *	  sql/test/store.sql has the signature.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#ifdef DATAOPS_TEST

#include "common/pg_prng.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "net/wait.h"
#include "store/store.h"

#define LIMIT_MS	600000
#define PUMPED_MS	60000		/* in which what can be done in passing must be done */

PG_FUNCTION_INFO_V1(dataops_test_store);
PG_FUNCTION_INFO_V1(dataops_test_remove_marked);
PGDLLEXPORT Datum dataops_test_store(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_test_remove_marked(PG_FUNCTION_ARGS);

static const char *const outcomes[] = {"done", "same", "other", "absent", "failed"};

/* Bytes that nothing compresses, the same for a size and a seed. */
static StoreContent
make_content(MemoryContext memory, int64 size, int seed)
{
	StoreContent content = {.spool = spool_create(memory), .content_type = "application/gzip"};
	pg_prng_state state;
	uint64		words[1024];

	pg_prng_seed(&state, seed);
	INIT_CRC32C(content.crc32c);
	for (int64 done = 0; done < size; done += sizeof(words))
	{
		size_t		length = Min((int64) sizeof(words), size - done);

		for (int i = 0; i < lengthof(words); i++)
			words[i] = pg_prng_uint64(&state);
		COMP_CRC32C(content.crc32c, words, length);
		spool_write(content.spool, (char *) words, length);
	}
	FIN_CRC32C(content.crc32c);
	return content;
}

static void
measure(StoreResult *result, Spool *content)
{
	pg_crc32c	crc;
	const char *bytes;
	size_t		length;

	INIT_CRC32C(crc);
	spool_rewind(content);
	while (spool_read(content, &bytes, &length))
		COMP_CRC32C(crc, bytes, length);
	FIN_CRC32C(crc);
	result->size = spool_size(content);
	result->crc32c = crc;
}

/* A put moved on without waiting: to its end, or as far as it gets in "ms". */
static StoreResult
pump(Store *store, const char *name, const StoreContent *content, long ms)
{
	StorePut   *put = store->driver->put_begin(store, name, content);
	int64		until = wait_clock_ms() + ms;

	while (store->driver->put_pump(put) == STORE_PUT_SENDING)
	{
		if (wait_clock_ms() < until)
			latch_sleep(1);
		else if (ms == PUMPED_MS)
			elog(ERROR, "the put does not end by itself");
		else
			break;
	}
	return store->driver->put_finish(put);
}

static StoreResult
operate(Store *store, Store *staging, const char *operation, const char *name,
		const StoreContent *content)
{
	StoreResult result;

	if (strcmp(operation, "put") == 0)
		return store_put_if_absent(store, name, content);
	if (strcmp(operation, "pump") == 0)
		return pump(store, name, content, PUMPED_MS);
	if (strcmp(operation, "pump some") == 0)
		return pump(store, name, content, 1000);
	if (strcmp(operation, "stat") == 0)
		return store->driver->stat(store, name);
	if (strcmp(operation, "remove") == 0)
		return store->driver->remove(store, name);
	if (strcmp(operation, "copy") == 0)
		return store->driver->copy_if_absent(staging, store, name);
	if (strcmp(operation, "get") != 0)
		elog(ERROR, "unknown operation \"%s\"", operation);
	result = store->driver->get(store, name, content->spool);
	if (result.outcome == STORE_DONE)
		measure(&result, content->spool);
	return result;
}

Datum
dataops_test_store(PG_FUNCTION_ARGS)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops test store",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(memory);
	Connection *connection = connection_open(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId());
	bool		in_staging = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(5)), "staging") == 0;
	Store	   *staging = store_open(connection, STORE_STAGING, memory);
	Store	   *store = in_staging ? staging : store_open(connection, STORE_PRODUCTION, memory);
	StoreContent content = make_content(memory, PG_GETARG_INT64(3), PG_GETARG_INT32(4));
	bool		nulls[6] = {false};
	Datum		values[6];
	StoreResult result;
	TupleDesc	row;

	wait_interactive(memory, LIMIT_MS, "a test");
	result = operate(store, staging, text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 text_to_cstring(PG_GETARG_TEXT_PP(2)), &content);
	MemoryContextSwitchTo(previous);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "not a row");
	values[0] = CStringGetTextDatum(outcomes[result.outcome]);
	values[1] = Int64GetDatum(result.size);
	values[2] = CStringGetTextDatum(psprintf("%08x", result.crc32c));
	values[3] = Int64GetDatum(result.generation);
	nulls[4] = result.reason == NULL;
	values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(result.reason);
	values[5] = BoolGetDatum(result.retry);
	MemoryContextDelete(memory);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* _test_remove_marked(server, prefix, mark) → outcome */
Datum
dataops_test_remove_marked(PG_FUNCTION_ARGS)
{
	Connection *connection = connection_open(text_to_cstring(PG_GETARG_TEXT_PP(0)), GetUserId());
	Store	   *store = store_open(connection, STORE_PRODUCTION, CurrentMemoryContext);
	StoreResult result;

	wait_interactive(CurrentMemoryContext, LIMIT_MS, "a test");
	result = store->driver->remove_marked(store, text_to_cstring(PG_GETARG_TEXT_PP(1)),
										  text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_TEXT_P(cstring_to_text(outcomes[result.outcome]));
}

#endif
