/*
 * bigquery_test.c
 *	  The tests' own way to what BigQuery is told of types and values; not in an ordinary build.
 *	  sql/test/bigquery.sql has the signatures.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "test/bigquery_test.h"

#ifdef DATAOPS_TEST

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/rel.h"

#include "format/append.h"
#include "format/row_encoder.h"
#include "warehouse/bigquery_cell.h"
#include "warehouse/bigquery_growth.h"
#include "warehouse/bigquery_json_value.h"
#include "warehouse/bigquery_schema.h"

PG_FUNCTION_INFO_V1(dataops_test_bigquery_encode);
PG_FUNCTION_INFO_V1(dataops_test_bigquery_lines);
PG_FUNCTION_INFO_V1(dataops_test_bigquery_table);
PG_FUNCTION_INFO_V1(dataops_test_bigquery_row);
PGDLLEXPORT Datum dataops_test_bigquery_encode(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_test_bigquery_lines(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_test_bigquery_table(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_test_bigquery_row(PG_FUNCTION_ARGS);

/* ---- values ---- */

/* Runs the query; the encoders of its columns.  "nulls_pass" as in row_encoder.h. */
static ColumnEncoder *
run_query(text *query, bool nulls_pass)
{
	ColumnEncoder *columns;

	SPI_connect();
	if (SPI_execute(text_to_cstring(query), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "not a query");
	columns = palloc0(SPI_tuptable->tupdesc->natts * sizeof(ColumnEncoder));
	for (int i = 0; i < SPI_tuptable->tupdesc->natts; i++)
	{
		columns[i].nulls_pass = nulls_pass;
		bigquery_ndjson_choose(&columns[i], TupleDescAttr(SPI_tuptable->tupdesc, i));
	}
	return columns;
}

/* The text of one value; NULL for null and when there is a problem. */
static char *
encode_value(ColumnEncoder *column, uint64 row, int number, const char **problem)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number,
									  &is_null);
	StringInfoData out;

	initStringInfo(&out);
	*problem = is_null ? column->null_problem : column->encode(column, value, &out);
	return is_null || *problem != NULL ? NULL : append_ended(&out, 0);
}

Datum
dataops_test_bigquery_encode(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ColumnEncoder *columns;

	InitMaterializedSRF(fcinfo, 0);
	columns = run_query(PG_GETARG_TEXT_PP(0), PG_GETARG_BOOL(1));
	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
		for (int i = 0; i < SPI_tuptable->tupdesc->natts; i++)
		{
			const char *problem;
			char	   *json = encode_value(&columns[i], row, i + 1, &problem);
			Datum		values[4] = {
				Int64GetDatum(row + 1), CStringGetTextDatum(columns[i].name),
				json != NULL ? CStringGetTextDatum(json) : (Datum) 0,
				problem != NULL ? CStringGetTextDatum(problem) : (Datum) 0
			};
			bool		nulls[4] = {false, false, json == NULL, problem == NULL};

			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	SPI_finish();
	return (Datum) 0;
}

/* The whole file; throws when a value has a problem. */
Datum
dataops_test_bigquery_lines(PG_FUNCTION_ARGS)
{
	MemoryContext memory = CurrentMemoryContext;
	ColumnEncoder *columns = run_query(PG_GETARG_TEXT_PP(0), true);
	StringInfoData lines;
	text	   *result;

	initStringInfo(&lines);
	for (uint64 row = 0; row < SPI_tuptable->numvals; row++)
	{
		for (int i = 0; i < SPI_tuptable->tupdesc->natts; i++)
		{
			const char *problem;
			char	   *json = encode_value(&columns[i], row, i + 1, &problem);

			if (problem != NULL)
				elog(ERROR, "column \"%s\" %s", columns[i].name, problem);
			appendStringInfo(&lines, "%s\"%s\":%s", i == 0 ? "{" : ",", columns[i].name,
							 json != NULL ? json : "null");
		}
		appendStringInfoString(&lines, "}\n");
	}
	MemoryContextSwitchTo(memory);
	result = cstring_to_text_with_len(lines.data, lines.len);
	SPI_finish();
	PG_RETURN_TEXT_P(result);
}

/* ---- tables ---- */

List *
test_bigquery_list(JsonbContainer *options, const char *name)
{
	JsonbContainer *array = json_value_container(options, name);
	List	   *list = NIL;

	for (uint32 i = 0; array != NULL && i < JsonContainerSize(array); i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		list = lappend(list, pnstrdup(value->val.string.val, value->val.string.len));
	}
	return list;
}

WarehouseTable *
test_bigquery_table(Oid relation_id, JsonbContainer *options)
{
	Relation	relation = relation_open(relation_id, AccessShareLock);
	WarehouseTable *table = palloc0(sizeof(WarehouseTable));

	table->name = pstrdup(RelationGetRelationName(relation));
	table->columns = CreateTupleDescCopy(RelationGetDescr(relation));
	table->description = GetComment(relation_id, RelationRelationId, 0);
	table->comments = palloc0(table->columns->natts * sizeof(char *));
	for (int i = 0; i < table->columns->natts; i++)
		table->comments[i] = GetComment(relation_id, RelationRelationId, i + 1);
	relation_close(relation, AccessShareLock);
	table->key = test_bigquery_list(options, "key");
	table->cluster_by = test_bigquery_list(options, "cluster_by");
	table->partition_by = (char *) json_value_text(options, "partition_by", NULL);
	return table;
}

/* What a table would be made as, and what becomes of a schema that is there (option "existing"). */
Datum
dataops_test_bigquery_table(PG_FUNCTION_ARGS)
{
	JsonbContainer *options = &PG_GETARG_JSONB_P(1)->root;
	WarehouseTable *table = test_bigquery_table(PG_GETARG_OID(0), options);
	JsonbContainer *existing = json_value_container(options, "existing");
	static const char *const words[] = {"same", "grows", "conflicts"};
	const char *numeric = json_value_text(options, "numeric_type", "BIGNUMERIC");
	BigQueryKind numeric_type = strcmp(numeric, "STRING") == 0 ? BIGQUERY_STRING :
		BIGQUERY_BIGNUMERIC;
	StringInfoData out;
	List	   *fields;

	fields = bigquery_schema_read(table, numeric_type);
	initStringInfo(&out);
	appendStringInfoString(&out, "{\"fields\":");
	if (existing == NULL)
		bigquery_put_fields(&out, fields);
	else
	{
		char	   *problem;
		SchemaDifference difference = bigquery_schema_compare(existing, fields, &out, &problem);

		appendStringInfo(&out, ",\"difference\":\"%s\",\"problem\":", words[difference]);
		escape_json(&out, problem != NULL ? problem : "");
	}
	bigquery_put_layout(&out, table);
	appendStringInfoChar(&out, '}');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- rows ---- */

/* (fields, row), both as in an answer → the row */
Datum
dataops_test_bigquery_row(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(bigquery_row(&PG_GETARG_JSONB_P(0)->root, &PG_GETARG_JSONB_P(1)->root));
}

#endif
