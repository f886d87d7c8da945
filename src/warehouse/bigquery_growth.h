/*
 * bigquery_growth.h
 *	  How the schema of a table that is there may grow.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BIGQUERY_GROWTH_H
#define DATAOPS_BIGQUERY_GROWTH_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum SchemaDifference
{
	SCHEMA_SAME,				/* every field is there already */
	SCHEMA_GROWS,				/* fields have to be added */
	SCHEMA_CONFLICTS			/* a field is there with another type */
} SchemaDifference;

/* Is there a field of the name? */
extern bool bigquery_has_field(JsonbContainer *existing, const char *name);

/*
 * Compares the fields that are there ("existing", an array, as the API gave them) with those
 * wanted (BigQueryField *).  "out" gets the fields to have: the existing ones as they are, then
 * those that are new.  With SCHEMA_CONFLICTS *problem is a clause.
 */
extern SchemaDifference bigquery_schema_compare(JsonbContainer *existing, List *wanted,
												StringInfo out, char **problem);

#endif
