/*
 * probe.c
 *	  dataops.test_connection(): how far a connection gets, step by step.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "catalog/connection.h"
#include "catalog/sql.h"
#include "core/error.h"
#include "core/spool.h"
#include "core/uuid.h"
#include "fetch/client.h"
#include "net/wait.h"
#include "remote/reach.h"
#include "store/store.h"

#define WAIT_LIMIT_MS	30000

PG_FUNCTION_INFO_V1(dataops_probe_connection);
PGDLLEXPORT Datum dataops_probe_connection(PG_FUNCTION_ARGS);

typedef struct Probe
{
	ReturnSetInfo *result;
	MemoryContext memory;
	const char *server;
	Connection *connection;
	char	   *secret;
	Store	   *store;
} Probe;

static bool
put_step(Probe *probe, const char *step, bool ok, const char *detail)
{
	Datum		values[3] = {
		CStringGetTextDatum(step), BoolGetDatum(ok),
		detail != NULL ? CStringGetTextDatum(detail) : (Datum) 0
	};
	bool		nulls[3] = {false, false, detail == NULL};

	tuplestore_putvalues(probe->result->setResult, probe->result->setDesc, values, nulls);
	return ok;
}

/* Runs a part that throws what is wrong, and shows that as the step's detail. */
static bool
put_guarded(Probe *probe, const char *step, void (*body) (void *), const char *detail)
{
	ErrorData  *error = sql_run_guarded(body, probe);

	if (error == NULL)
		return put_step(probe, step, true, detail);
	return put_step(probe, step, false, error->hint == NULL ? error->message :
					psprintf("%s. %s", error->message, error->hint));
}

static void
find_connection(void *arg)
{
	Probe	   *probe = arg;
	MemoryContext previous = MemoryContextSwitchTo(probe->memory);

	probe->connection = connection_find(probe->server, GetUserId());
	MemoryContextSwitchTo(previous);
}

static void
open_connection(void *arg)
{
	Probe	   *probe = arg;
	MemoryContext previous = MemoryContextSwitchTo(probe->memory);

	probe->connection = connection_open(probe->server, GetUserId());
	MemoryContextSwitchTo(previous);
}

static void
find_secret(void *arg)
{
	Probe	   *probe = arg;

	probe->secret = connection_secret(probe->connection, probe->memory);
}

static void
open_store(void *arg)
{
	Probe	   *probe = arg;

	probe->store = store_open(probe->connection, STORE_PRODUCTION, probe->memory);
}

/* ---- an HTTP API ---- */

/* The steps in the order in which a request passes them; each verdict belongs to one. */
static const struct
{
	const char *step;
	HttpVerdict verdict;
}			http_steps[] = {
	{"allowed", HTTP_BLOCKED}, {"resolved", HTTP_DNS_FAILED}, {"connected", HTTP_CONNECT_FAILED},
	{"TLS", HTTP_TLS_FAILED}
};

static bool
put_http_steps(Probe *probe, const HttpResponse *response)
{
	for (int i = 0; i < lengthof(http_steps); i++)
	{
		bool		ok = response->verdict != http_steps[i].verdict;
		bool		plain = http_steps[i].verdict == HTTP_TLS_FAILED && !probe->connection->url.tls;

		/* what was not reached is not shown; a time-out names its phase in the last step */
		if (!put_step(probe, http_steps[i].step, ok,
					  plain ? "not used: plain http" : ok ? NULL : response->problem))
			return false;
	}
	return true;
}

static void
probe_http(Probe *probe)
{
	Connection *connection = probe->connection;
	SourceSpec	source = {.what = "", .path = "", .method = "GET"};
	RequestScope scope = {.start = DT_NOBEGIN, .end = DT_NOEND};
	GatePolicy	gate = reach_gate(connection);
	PoolOptions options = reach_pool_options(connection, &gate);
	RequestParts *parts = request_parts(connection, &source, &scope, probe->secret);
	HttpRequest request = {
		.url = request_with_secret(request_url(connection, &source, &scope, NULL, 0), parts),
		.headers = parts->headers, .nheaders = parts->nheaders,
		.secret_headers = parts->secret_headers, .nsecret_headers = parts->nsecret_headers
	};
	HttpResponse *response;

	options.limits.total_ms = WAIT_LIMIT_MS - 1000;
	response = http_perform(pool_create(probe->memory, &options), &request);
	if (!put_http_steps(probe, response))
		return;
	if (response->verdict != HTTP_COMPLETE)
		put_step(probe, "answered", false, response->problem);
	else
		put_step(probe, "answered", response->status != 401 && response->status != 403 &&
				 response->status < 500,
				 psprintf("status %d in " INT64_FORMAT " ms", response->status, response->took_ms));
}

/* ---- an object store ---- */

static bool
put_outcome(Probe *probe, const char *step, StoreResult result)
{
	return put_step(probe, step, result.outcome == STORE_DONE, result.reason);
}

static void
probe_store(Probe *probe)
{
	static const char text[] = "dataops.test_connection\n";
	Store	   *store = probe->store;
	StoreContent content = {.spool = spool_create(probe->memory), .content_type = "text/plain"};
	pg_uuid_t	id = uuid_v7();
	char	   *name = psprintf("test_connection/%s", uuid_text(&id));

	INIT_CRC32C(content.crc32c);
	COMP_CRC32C(content.crc32c, text, strlen(text));
	FIN_CRC32C(content.crc32c);
	spool_write(content.spool, text, strlen(text));
	if (put_outcome(probe, "written", store->driver->put_if_absent(store, name, &content)) &&
		put_outcome(probe, "read back", store->driver->stat(store, name)))
		put_outcome(probe, "removed", store->driver->remove(store, name));
}

Datum
dataops_probe_connection(PG_FUNCTION_ARGS)
{
	Probe		probe = {
		.result = (ReturnSetInfo *) fcinfo->resultinfo,
		.memory = AllocSetContextCreate(CurrentMemoryContext, "dataops probe",
										ALLOCSET_DEFAULT_SIZES),
		.server = text_to_cstring(PG_GETARG_TEXT_PP(0))
	};
	MemoryContext previous;

	InitMaterializedSRF(fcinfo, 0);
	previous = MemoryContextSwitchTo(probe.memory);
	wait_interactive(probe.memory, WAIT_LIMIT_MS);
	if (put_guarded(&probe, "usable", find_connection, NULL))
	{
		bool		is_http = strcmp(probe.connection->wrapper, "dataops_http") == 0;

		if (!is_http)
		{
			if (put_guarded(&probe, "opened", open_store, NULL))
				probe_store(&probe);
		}
		else if (put_guarded(&probe, "permitted", open_connection, NULL) &&
				 put_guarded(&probe, "credentials", find_secret,
							 probe.connection->auth == AUTH_NONE ? "not needed" : NULL))
			probe_http(&probe);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(probe.memory);
	return (Datum) 0;
}
