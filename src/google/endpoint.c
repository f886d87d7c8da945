/*
 * endpoint.c
 *	  Reading of dataops.google_endpoints.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "google/endpoint.h"

#include <arpa/inet.h>

#include "core/compat.h"
#include "core/error.h"
#include "core/guc.h"

static const struct
{
	const char *service;
	const char *origin;
}			services[] = {
	{"storage", "https://storage.googleapis.com"},
	{"bigquery", "https://bigquery.googleapis.com"},
	{"oauth2", "https://oauth2.googleapis.com"},
	{"sts", "https://sts.googleapis.com"},
	{"iamcredentials", "https://iamcredentials.googleapis.com"},
	/* link-local: answered by the machine's host, without leaving it */
	{"metadata", "http://metadata.google.internal"}
};

pg_noreturn static void refuse_setting(const char *entry, const char *why);

static void
refuse_setting(const char *entry, const char *why)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFIG_FILE_ERROR),
			errmsg("dataops.google_endpoints is not usable: \"%s\" %s",
				   error_clean(entry, strlen(entry), 200), why),
			errhint("It looks like: storage=http://127.0.0.1:4443, "
					"bigquery=http://127.0.0.1:9050."));
}

/* Where in services[] the name before "=" stands. */
static int
service_of(const char *entry)
{
	const char *names[lengthof(services)];
	size_t		length = strcspn(entry, "=");
	const char *nearest;

	for (int i = 0; i < lengthof(services); i++)
	{
		names[i] = services[i].service;
		if (strlen(names[i]) == length && strncmp(names[i], entry, length) == 0 &&
			entry[length] == '=')
			return i;
	}
	nearest = nearest_name(pnstrdup(entry, length), names, lengthof(services));
	refuse_setting(entry, nearest == NULL ? "names no service" :
				   psprintf("names no service; perhaps \"%s\" is meant", nearest));
}

/* A name, "localhost" too, can be made to mean another machine. */
static bool
is_loopback(const char *host)
{
	uint8		address[4];

	return strcmp(host, "::1") == 0 ||
		(inet_pton(AF_INET, host, address) == 1 && address[0] == 127);
}

/* Where a machine at Google has its metadata server: nobody else answers there. */
static bool
is_metadata_host(const char *host)
{
	return strcmp(host, "metadata.google.internal") == 0 ||
		strcmp(host, "169.254.169.254") == 0 || strcmp(host, "fd20:ce::254") == 0;
}

/* The origin that the setting gives for the service, NULL when silent; checks all entries. */
static const char *
configured(const char *service)
{
	const char *found = NULL;
	ListCell   *cell;
	List	   *entries = guc_list(guc_google_endpoints);

	foreach(cell, entries)
	{
		char	   *entry = lfirst(cell);
		int			index = service_of(entry);

		if (strcmp(services[index].service, service) == 0)
			found = entry + strlen(service) + 1;
	}
	return found;
}

GoogleEndpoint *
google_endpoint(const char *service)
{
	GoogleEndpoint *endpoint = palloc0(sizeof(GoogleEndpoint));
	const char *origin = configured(service);
	bool		metadata = strcmp(service, "metadata") == 0;
	const char *problem;

	for (int i = 0; origin == NULL && i < lengthof(services); i++)
		if (strcmp(services[i].service, service) == 0)
			origin = services[i].origin;
	/* of a metadata server people give host and port, as Google's own clients want it */
	if (metadata && strstr(origin, "://") == NULL)
		origin = psprintf("http://%s", origin);
	if (!url_parse(origin, &endpoint->url, &problem))
		refuse_setting(origin, psprintf("is no address: %s", problem));
	if (strlen(endpoint->url.path) > 1 || endpoint->url.query != NULL)
		refuse_setting(origin, "has a path");
	endpoint->is_local = !endpoint->url.tls && is_loopback(endpoint->url.host);
	if (endpoint->url.tls ? metadata :
		!endpoint->is_local && !(metadata && is_metadata_host(endpoint->url.host)))
		refuse_setting(origin, metadata ? "is no metadata server" :
					   "would send credentials over http to another machine");
	return endpoint;
}
