/*
 * bigquery_parameter.h
 *	  Named parameters of queries, from jsonb.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_PARAMETER_H
#define DATAOPS_BIGQUERY_PARAMETER_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/*
 * Appends ',"parameterMode":"NAMED","queryParameters":[…]' for the members of an object; nothing
 * when it has none.  Numbers are INT64, NUMERIC or BIGNUMERIC, whichever holds them; texts STRING;
 * arrays have elements of one type.  {"type": "DATE", "value": "2024-02-29"} names a type.  Throws
 * 22023 for what cannot be a parameter.
 */
extern void bigquery_put_parameters(StringInfo out, JsonbContainer *params);

#endif
