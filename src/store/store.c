/*
 * store.c
 *	  Choice of the driver, the names of objects, and the listing for SQL.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "store/store.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "catalog/option.h"
#include "core/error.h"
#include "net/wait.h"

static const StoreDriver *const drivers[] = {&store_file_driver, &store_gcs_driver};

/* NULL: the connection leads to no object store. */
static const StoreDriver *
driver_of(const Connection *connection)
{
	for (int i = 0; i < lengthof(drivers); i++)
		if (strcmp(connection->wrapper, drivers[i]->wrapper) == 0)
			return drivers[i];
	return NULL;
}

Store *
store_open(Connection *connection, StoreArea area, MemoryContext owner)
{
	const StoreDriver *driver = driver_of(connection);

	if (driver == NULL)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("connection \"%s\" is not an object store", connection->server),
				errdetail("It is a server of %s.", connection->wrapper),
				errhint("Use a server of dataops_file or dataops_gcs."));
	if (area == STORE_STAGING && option_text(connection->options, "staging_prefix", NULL) == NULL)
		return NULL;
	return driver->open(connection, area, owner);
}

StoreResult
store_put_if_absent(Store *store, const char *name, const StoreContent *content)
{
	return store->driver->put_finish(store->driver->put_begin(store, name, content));
}

bool
store_is_behind(const Connection *connection)
{
	return driver_of(connection) != NULL;
}

bool
store_name_is_valid(const char *name)
{
	const char *segment = name;

	if (strlen(name) > 1000)
		return false;
	for (;;)
	{
		size_t		length = strcspn(segment, "/");

		if (length == 0 || length > 200 || segment[0] == '.')
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char) segment[i] < ' ' || segment[i] == 0x7f || segment[i] == '\\')
				return false;
		if (segment[length] == '\0')
			return true;
		segment += length + 1;
	}
}

void
store_check_name(const char *name)
{
	if (!store_name_is_valid(name))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("invalid object name \"%s\"", error_clean(name, strlen(name), 200)));
}

int
store_compare_objects(const ListCell *a, const ListCell *b)
{
	return strcmp(((StoreObject *) lfirst(a))->name, ((StoreObject *) lfirst(b))->name);
}

PG_FUNCTION_INFO_V1(dataops_list_objects);
PGDLLEXPORT Datum dataops_list_objects(PG_FUNCTION_ARGS);

Datum
dataops_list_objects(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *prefix = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "dataops listing",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous;
	Store	   *store;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	previous = MemoryContextSwitchTo(memory);
	wait_interactive(memory, WAIT_STATEMENT_MS,
					 psprintf("the list of what connection \"%s\" stores", server));
	store = store_open(connection_open(server, GetUserId()), STORE_PRODUCTION, memory);
	foreach(cell, store->driver->list(store, prefix))
	{
		StoreObject *object = lfirst(cell);
		StoreResult found = {.crc32c = object->crc32c};
		Datum		values[3] = {
			CStringGetTextDatum(object->name), Int64GetDatum((int64) object->size)
		};
		bool		nulls[3] = {false};

		if (!object->has_checksum)
			found = store->driver->stat(store, object->name);
		values[2] = CStringGetTextDatum(psprintf("%08x", found.crc32c));
		nulls[2] = found.outcome != STORE_DONE;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(memory);
	return (Datum) 0;
}
