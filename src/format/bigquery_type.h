/*
 * bigquery_type.h
 *	  Which BigQuery type takes the values of a PostgreSQL type.  The schema of a table and the
 *	  encoder of its files both ask here, so that they cannot differ.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_TYPE_H
#define DATAOPS_BIGQUERY_TYPE_H

#include "postgres.h"

#include "access/tupdesc.h"

typedef enum BigQueryKind
{
	BIGQUERY_INTEGER,
	BIGQUERY_NUMERIC,			/* 29 digits before the point, 9 behind it */
	BIGQUERY_BIGNUMERIC,		/* 38 of each, and a part of the 39th before it */
	BIGQUERY_FLOAT,
	BIGQUERY_BOOLEAN,
	BIGQUERY_STRING,
	BIGQUERY_BYTES,
	BIGQUERY_DATE,
	BIGQUERY_TIMESTAMP,
	BIGQUERY_DATETIME,
	BIGQUERY_TIME,
	BIGQUERY_JSON,
	BIGQUERY_RECORD
} BigQueryKind;

typedef struct BigQueryType
{
	BigQueryKind kind;
	bool		repeated;		/* the PostgreSQL type is an array of "type" */
	Oid			type;			/* without domains */
	int32		typmod;
	int			precision;		/* of a declared numeric; 0: none was declared */
	int			scale;
	TupleDesc	fields;			/* of a record, in CurrentMemoryContext; else NULL */
} BigQueryType;

/*
 * The type for a column; "numeric_type" is that of a numeric whose precision is not declared,
 * BIGNUMERIC or STRING.  Throws 0A000 when there is none, naming the column and a way out.
 */
extern BigQueryType bigquery_type_of(const char *column, Oid type, int32 typmod,
									 BigQueryKind numeric_type);

/* As the API spells it: "INTEGER", "BIGNUMERIC" … */
extern const char *bigquery_kind_name(BigQueryKind kind);

#endif
