/*
 * installation_test.c
 *	  Asks the fence, as whatever runs or leaves does.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/installation.h"

#ifdef DATAOPS_TEST

#include "fmgr.h"

PG_FUNCTION_INFO_V1(dataops__test_installation_check);

/* _test_installation_check(): throws where nothing may run */
Datum
dataops__test_installation_check(PG_FUNCTION_ARGS)
{
	installation_check();
	PG_RETURN_VOID();
}

#endif
