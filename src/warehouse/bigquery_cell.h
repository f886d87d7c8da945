/*
 * bigquery_cell.h
 *	  Rows that BigQuery answers, as jsonb.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_CELL_H
#define DATAOPS_BIGQUERY_CELL_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * An object of the columns: INTEGER, NUMERIC, BIGNUMERIC and FLOAT as numbers with all digits (NaN
 * and infinities as texts), TIMESTAMP as "2024-02-29T12:00:00Z", BYTES in base64, JSON as it is,
 * records and arrays likewise.  "fields" is the schema's, "row" is {"f": [{"v": value}]}.  Throws
 * 08P01 when they do not fit together.
 */
extern Jsonb *bigquery_row(JsonbContainer *fields, JsonbContainer *row);

#endif
