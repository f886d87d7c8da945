/*
 * reach.h
 *	  What a connection may reach, in the terms of the network: the gate's policy and the limits of
 *	  its transfers.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_REACH_H
#define DATAOPS_REACH_H

#include "postgres.h"

#include "catalog/connection.h"
#include "net/pool.h"

/* The gate's policy, in CurrentMemoryContext; the connection must live as long. */
extern GatePolicy reach_gate(const Connection *connection);

/* The connection's own limits, for a pool behind that gate. */
extern PoolOptions reach_pool_options(const Connection *connection, const GatePolicy *gate);

#endif
