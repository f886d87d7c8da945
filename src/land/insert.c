/*
 * insert.c
 *	  Bulk and ordinary insertion into raw tables.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/insert.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/raw_table.h"
#include "catalog/sql.h"
#include "model/bulk.h"

struct RawInsert
{
	SqlRole		before;
	pg_uuid_t	batch;
	TimestampTz created_at;
	Oid			table;
	Relation	partition;		/* with "bulk" */
	BulkInsert *bulk;			/* NULL: the ordinary way */
	SPIPlanPtr	plan;
};

/* ---- the bulk way ---- */

static bool
has_insert_trigger(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	return triggers != NULL &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
		 triggers->trig_insert_instead_row || triggers->trig_insert_before_statement ||
		 triggers->trig_insert_after_statement || triggers->trig_insert_new_table);
}

static bool
has_raw_columns(Relation relation)
{
	static const Oid types[RAW_COLUMNS] = {UUIDOID, INT4OID, INT4OID, TIMESTAMPTZOID, JSONBOID};
	TupleDesc	desc = RelationGetDescr(relation);

	if (desc->natts != RAW_COLUMNS)
		return false;
	for (int i = 0; i < RAW_COLUMNS; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || column->attgenerated != '\0' || column->atttypid != types[i])
			return false;
	}
	return true;
}

static bool
allows_bulk(Relation table, Relation partition)
{
	return partition->rd_rel->relkind == RELKIND_RELATION &&
		has_raw_columns(partition) &&
		!table->rd_rel->relrowsecurity && !partition->rd_rel->relrowsecurity &&
		!has_insert_trigger(table) && !has_insert_trigger(partition);
}

/* The partition for "at", or NULL when something stands in the bulk way. */
static Relation
bulk_partition(Oid table_id, Oid owner, TimestampTz at)
{
	Oid			partition_id = raw_table_partition(table_id, owner, at);
	Relation	table;
	Relation	partition;

	if (!OidIsValid(partition_id))
		return NULL;
	table = table_open(table_id, RowExclusiveLock);
	partition = table_open(partition_id, RowExclusiveLock);
	if (!allows_bulk(table, partition))
	{
		table_close(partition, NoLock);
		partition = NULL;
	}
	table_close(table, NoLock);
	return partition;
}

/* ---- the ordinary way ---- */

static SPIPlanPtr
prepare_insert(Oid table)
{
	Oid			types[RAW_COLUMNS] = {UUIDOID, INT4OID, INT4OID, TIMESTAMPTZOID, JSONBOID};
	char	   *relation = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
													  get_rel_name(table));
	char	   *sql = psprintf("INSERT INTO %s (batch_id, page, ordinal, created_at, record) "
							   "VALUES ($1, $2, $3, $4, $5)", relation);
	SPIPlanPtr	plan = SPI_prepare(sql, RAW_COLUMNS, types);

	if (plan == NULL)
		elog(ERROR, "could not prepare the insertion: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* ---- both ---- */

RawInsert *
raw_insert_begin(Oid table, Oid owner, const pg_uuid_t *batch, TimestampTz created_at)
{
	static const bool of_batch[RAW_COLUMNS] = {
		[RAW_BATCH_ID - 1] = true, [RAW_CREATED_AT - 1] = true
	};
	RawInsert  *insert = palloc0(sizeof(RawInsert));

	if (pg_class_aclcheck(table, owner, ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("role \"%s\" may not insert into \"%s\"", GetUserNameFromId(owner, true),
					   get_rel_name(table)));
	insert->batch = *batch;
	insert->created_at = created_at;
	insert->table = table;
	insert->partition = bulk_partition(table, owner, created_at);
	/* from here on: opening an index evaluates what its owner wrote */
	insert->before = sql_become_owner(owner, "pg_catalog", "UTC");
	if (insert->partition != NULL)
		insert->bulk = bulk_begin(insert->partition, of_batch);
	else
	{
		SPI_connect();
		insert->plan = prepare_insert(table);
	}
	return insert;
}

void
raw_insert_row(RawInsert *insert, int page, int ordinal, Jsonb *record)
{
	Datum		values[RAW_COLUMNS] = {
		UUIDPGetDatum(&insert->batch), Int32GetDatum(page), Int32GetDatum(ordinal),
		TimestampTzGetDatum(insert->created_at), JsonbPGetDatum(record)
	};
	static const bool nulls[RAW_COLUMNS] = {false};

	if (insert->bulk != NULL)
		bulk_row(insert->bulk, values, nulls, VARSIZE(record));
	else
	{
		int			code = SPI_execute_plan(insert->plan, values, NULL, false, 0);

		if (code != SPI_OK_INSERT)
			elog(ERROR, "could not insert: %s", SPI_result_code_string(code));
	}
}

void
raw_insert_end(RawInsert *insert)
{
	if (insert->bulk != NULL)
	{
		bulk_end(insert->bulk);
		table_close(insert->partition, NoLock);
	}
	else
		SPI_finish();
	sql_leave(&insert->before);
	CommandCounterIncrement();
}
