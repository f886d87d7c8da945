/*
 * secret.h
 *	  Secrets by reference: env:NAME, file:/path and secret:NAME.  A reference is granted to a role,
 *	  for one kind of connection and for hosts, so that nobody can send it to a host of his own.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SECRET_H
#define DATAOPS_SECRET_H

#include "postgres.h"

/*
 * What "reference" stands for, for use by "role" through a connection of "wrapper" to "host".
 * Throws 42501 when that was not granted, 42704 when there is no such secret.  Messages never hold
 * the secret.  Allocated in "memory", wiped when that is reset.  NULL for "metadata", the machine's
 * own identity.  Needs a transaction.
 */
extern char *secret_resolve(const char *reference, Oid role, const char *wrapper, const char *host,
							MemoryContext memory);

/*
 * The contents of a file that dataops.env_allowed names, as credentials of Google may refer to.
 * Allocated as above.  Needs no transaction.
 */
extern char *secret_file(const char *path, MemoryContext memory);

#endif
