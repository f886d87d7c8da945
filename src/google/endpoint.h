/*
 * endpoint.h
 *	  Where Google's services are asked: at their own addresses, or where a superuser says.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_GOOGLE_ENDPOINT_H
#define DATAOPS_GOOGLE_ENDPOINT_H

#include "postgres.h"

#include "core/url.h"

typedef struct GoogleEndpoint
{
	Url			url;			/* without path */
	bool		is_local;		/* plain http on this machine: a counterpart for tests, which may
								 * be used without credentials */
} GoogleEndpoint;

/*
 * The endpoint of "storage", "bigquery", "oauth2", "sts", "iamcredentials" or "metadata", in
 * CurrentMemoryContext.  Throws F0000 when dataops.google_endpoints is malformed, or would send
 * credentials over http to another machine.
 */
extern GoogleEndpoint *google_endpoint(const char *service);

#endif
