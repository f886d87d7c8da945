/*
 * pool.h
 *	  Kept connections to one server for one user: opened under one gate policy, with one user's
 *	  credentials, and shared with nobody else.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_POOL_H
#define DATAOPS_POOL_H

#include "postgres.h"

#include "net/gate.h"
#include "net/http.h"

typedef struct HttpPool HttpPool;

typedef struct PoolOptions
{
	const GatePolicy *gate;		/* must live as long as the pool */
	int			connections;	/* transfers at the same time; 0 = 16 */
	size_t		inbox_bytes;	/* received, not yet stored, of a transfer; 0 = 4 MB */
	HttpLimits	limits;			/* for requests that leave them zero; zero: http.h's */
	const char *ca_bundle;		/* PEM, copied; NULL = the system's certificates */
	const char *const *resolve; /* "host:port:address" instead of a look-up; copied */
	int			nresolve;
} PoolOptions;

/*
 * A pool that lives until "owner" is reset or deleted, or pool_release(). Its transfers that did
 * not finish by then never will. Connections are made when needed.
 */
extern HttpPool *pool_create(MemoryContext owner, const PoolOptions *options);
extern void pool_release(HttpPool *pool);

/* Transfers started and not yet handed out by transfer_wait(). */
extern int	pool_pending(const HttpPool *pool);

#endif
