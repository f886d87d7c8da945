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
#include "catalog/option.h"
#include "catalog/sql.h"
#include "core/error.h"
#include "core/spool.h"
#include "core/url.h"
#include "core/uuid.h"
#include "fetch/client.h"
#include "google/client.h"
#include "net/wait.h"
#include "remote/reach.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

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
	GoogleClient *google;
	Warehouse  *warehouse;
	const WarehouseProbe *step; /* of the warehouse's own */
	const char *detail;			/* what a guarded part has to say */
	bool		failed;			/* a guarded part says that this is why it is not ok */
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

/* Runs a part that throws or notes what is wrong, and shows that as the step's detail. */
static bool
put_guarded(Probe *probe, const char *step, void (*body) (void *), const char *detail)
{
	ErrorData  *error;

	probe->detail = detail;
	probe->failed = false;
	error = sql_run_guarded(body, probe);
	if (error == NULL)
		return put_step(probe, step, !probe->failed, probe->detail);
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

	options.limits.total_ms = WAIT_STATEMENT_MS - 1000;
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
	if (put_outcome(probe, "written", store_put_if_absent(store, name, &content)) &&
		put_outcome(probe, "read back", store->driver->stat(store, name)))
		put_outcome(probe, "removed", store->driver->remove(store, name));
}

/* ---- services of Google ---- */

static GoogleService
service_of(const Probe *probe)
{
	return strcmp(probe->connection->wrapper, "dataops_gcs") == 0 ? GOOGLE_STORAGE :
		GOOGLE_BIGQUERY;
}

static void
open_google(void *arg)
{
	Probe	   *probe = arg;

	probe->google = google_client_open(probe->connection, service_of(probe), probe->memory);
}

static void
get_token(void *arg)
{
	Probe	   *probe = arg;
	MemoryContext previous = MemoryContextSwitchTo(probe->memory);
	bool		needed;
	char	   *problem;

	probe->failed = !google_has_token(probe->google, &needed, &problem);
	probe->detail = needed ? problem : "not needed: on this machine";
	MemoryContextSwitchTo(previous);
}

/* A look at the bucket itself would take more rights than the use of its objects. */
static void
list_bucket(void *arg)
{
	Probe	   *probe = arg;
	MemoryContext previous = MemoryContextSwitchTo(probe->memory);
	StringInfoData path;
	GoogleCall	call = {0};
	GoogleReply *reply;

	initStringInfo(&path);
	appendStringInfoString(&path, "/storage/v1/b/");
	url_encode(&path, option_text(probe->connection->options, "bucket", ""));
	appendStringInfoString(&path, "/o?maxResults=1&fields=kind");
	call.path = path.data;
	reply = google_call(probe->google, &call);
	probe->detail = reply->problem;
	probe->failed = reply->problem != NULL;
	MemoryContextSwitchTo(previous);
}

static bool
probe_google(Probe *probe)
{
	return put_guarded(probe, "credentials", open_google, NULL) &&
		put_guarded(probe, "token", get_token, NULL);
}

static bool
probe_bucket(Probe *probe)
{
	return probe_google(probe) && put_guarded(probe, "bucket", list_bucket, NULL);
}

static void
open_warehouse(void *arg)
{
	Probe	   *probe = arg;

	probe->warehouse = warehouse_open(probe->connection, probe->memory);
}

static void
try_step(void *arg)
{
	Probe	   *probe = arg;
	MemoryContext previous = MemoryContextSwitchTo(probe->memory);
	WarehouseResult result = {0};

	probe->failed = !probe->step->passes(probe->warehouse, &result);
	probe->detail = result.problem;
	MemoryContextSwitchTo(previous);
}

static void
probe_bigquery(Probe *probe)
{
	if (!probe_google(probe) || !put_guarded(probe, "opened", open_warehouse, NULL))
		return;
	for (probe->step = probe->warehouse->driver->probes; probe->step->step != NULL; probe->step++)
		if (!put_guarded(probe, probe->step->step, try_step, NULL))
			return;
}

static void
probe_identity(Probe *probe)
{
	Connection *connection = probe->connection;

	if (connection->reference != NULL)
		put_step(probe, "credentials", true,
				 "tried by the connections that name it as auth_server");
	else
		put_step(probe, "credentials", false,
				 psprintf("There is no user mapping. CREATE USER MAPPING FOR %s SERVER %s OPTIONS "
						  "(credentials 'env:NAME');",
						  quote_identifier(GetUserNameFromId(connection->owner, true)),
						  quote_identifier(connection->server)));
}

/* ---- a warehouse in this database ---- */

/* A schema of the warehouse: there with the rights that loads need, or to be made by the first. */
static bool
put_schema(Probe *probe, const char *step, const char *schema)
{
	static const char sql[] =
		"SELECT CASE WHEN n.oid IS NULL THEN has_database_privilege($2::oid, current_database(), "
		"'CREATE') ELSE has_schema_privilege($2::oid, n.oid, 'USAGE') "
		"AND has_schema_privilege($2::oid, n.oid, 'CREATE') END, n.oid IS NULL, "
		"CASE WHEN n.oid IS NULL THEN format('GRANT CREATE ON DATABASE %I TO %I', "
		"current_database(), pg_get_userbyid($2::oid)) "
		"ELSE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', n.nspname, "
		"pg_get_userbyid($2::oid)) END "
		"FROM (SELECT) o LEFT JOIN pg_namespace n ON n.nspname = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;
	bool		ok;

	sql_add_text(&args, schema);
	sql_add_oid(&args, probe->connection->owner);
	rows = sql_run_own(sql, &args);
	ok = sql_bool(rows, 0, 1);
	return put_step(probe, step, ok,
					!ok ? psprintf("Its owner can run: %s;", sql_text(rows, 0, 3)) :
					sql_bool(rows, 0, 2) ? "made when it is needed" : NULL);
}

static void
probe_postgres(Probe *probe)
{
	const char *staging = option_text(probe->connection->options, "staging_schema", NULL);

	if (put_schema(probe, "schema", option_text(probe->connection->options, "schema", "")) &&
		staging != NULL)
		put_schema(probe, "staging schema", staging);
}

/* ---- all of them ---- */

static void
probe_connection(Probe *probe)
{
	const char *wrapper = probe->connection->wrapper;

	if (strcmp(wrapper, "dataops_http") == 0)
	{
		if (put_guarded(probe, "permitted", open_connection, NULL) &&
			put_guarded(probe, "credentials", find_secret,
						probe->connection->auth == AUTH_NONE ? "not needed" : NULL))
			probe_http(probe);
	}
	else if (strcmp(wrapper, "dataops_google") == 0)
		probe_identity(probe);
	else if (strcmp(wrapper, "dataops_postgres") == 0)
		probe_postgres(probe);
	else if (strcmp(wrapper, "dataops_bigquery") == 0)
		probe_bigquery(probe);
	else if (strcmp(wrapper, "dataops_gcs") != 0 || probe_bucket(probe))
	{
		if (put_guarded(probe, "opened", open_store, NULL))
			probe_store(probe);
	}
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
	wait_interactive(probe.memory, WAIT_STATEMENT_MS,
					 psprintf("the test of connection \"%s\"", probe.server));
	if (put_guarded(&probe, "usable", find_connection, NULL))
		probe_connection(&probe);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(probe.memory);
	return (Datum) 0;
}
