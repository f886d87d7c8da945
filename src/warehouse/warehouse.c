/*
 * warehouse.c
 *	  Choice of the driver.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/warehouse.h"

static const WarehouseDriver *const drivers[] = {
	&warehouse_postgres_driver,
	&warehouse_bigquery_driver,
#ifdef DATAOPS_TEST
	&warehouse_test_driver,
#endif
};

Warehouse *
warehouse_open(Connection *connection, MemoryContext owner)
{
	for (int i = 0; i < lengthof(drivers); i++)
		if (strcmp(connection->wrapper, drivers[i]->wrapper) == 0)
			return drivers[i]->open(connection, owner);
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("connection \"%s\" is not a warehouse", connection->server),
			errdetail("It is a server of %s.", connection->wrapper),
			errhint("Use a server of dataops_postgres or dataops_bigquery."));
}
