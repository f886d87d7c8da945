/*
 * insert.c
 *	  Bulk and ordinary insertion into raw tables.
 *
 * The bulk way is that of COPY: virtual tuples are formed in slots and handed to the table in
 * groups, then the indexes follow.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "land/insert.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/raw_table.h"
#include "catalog/sql.h"
#include "core/compat.h"

#define GROUP_ROWS	1000
#define GROUP_BYTES	65536

typedef struct BulkWay
{
	Relation	partition;
	ResultRelInfo *target;
	EState	   *estate;
	BulkInsertState state;
	CommandId	command;
	bool		indexes_blocks; /* a block's first row stands for all of them in every index */
	TupleTableSlot *slots[GROUP_ROWS];
	int			nmade;			/* slots that exist */
	int			nused;
	size_t		bytes;
} BulkWay;

struct RawInsert
{
	SqlRole		before;
	pg_uuid_t	batch;
	TimestampTz created_at;
	Oid			table;
	BulkWay    *bulk;			/* NULL: the ordinary way */
	SPIPlanPtr	plan;
	MemoryContext row_memory;
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

/*
 * Would every row of a batch in one block make the same entry?  So it is with BRIN, which
 * summarizes blocks, over the columns that are one for the batch.
 */
static bool
indexes_blocks(const ResultRelInfo *target)
{
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		const IndexInfo *info = target->ri_IndexRelationInfo[i];

		if (target->ri_IndexRelationDescs[i]->rd_rel->relam != BRIN_AM_OID ||
			info->ii_Predicate != NIL)
			return false;
		for (int key = 0; key < info->ii_NumIndexAttrs; key++)
			if (info->ii_IndexAttrNumbers[key] != RAW_BATCH_ID &&
				info->ii_IndexAttrNumbers[key] != RAW_CREATED_AT)
				return false;
	}
	return true;
}

static BulkWay *
bulk_open(Relation partition)
{
	BulkWay    *bulk = palloc0(sizeof(BulkWay));

	bulk->partition = partition;
	bulk->estate = CreateExecutorState();
	bulk->target = makeNode(ResultRelInfo);
	InitResultRelInfo(bulk->target, partition, 0, NULL, 0);
	ExecOpenIndices(bulk->target, false);
	bulk->indexes_blocks = indexes_blocks(bulk->target);
	bulk->state = GetBulkInsertState();
	bulk->command = GetCurrentCommandId(true);
	return bulk;
}

/* The bulk way into the partition for "at", or NULL when something stands in it. */
static BulkWay *
bulk_begin(Oid table_id, Oid owner, TimestampTz at)
{
	Oid			partition_id = raw_table_partition(table_id, owner, at);
	Relation	table;
	Relation	partition;
	BulkWay    *bulk = NULL;

	if (!OidIsValid(partition_id))
		return NULL;
	table = table_open(table_id, RowExclusiveLock);
	partition = table_open(partition_id, RowExclusiveLock);
	if (allows_bulk(table, partition))
		bulk = bulk_open(partition);
	else
		table_close(partition, NoLock);
	table_close(table, NoLock);
	return bulk;
}

static void
bulk_index(BulkWay *bulk, TupleTableSlot *slot)
{
	if (bulk->target->ri_NumIndices > 0)
	{
		List	   *recheck = compat_insert_index_tuples(bulk->target, slot, bulk->estate);

		/* a deferred constraint's recheck would be an AFTER trigger, and those exclude this way */
		Assert(recheck == NIL);
		list_free(recheck);
	}
	ResetPerTupleExprContext(bulk->estate);
}

static void
bulk_flush(BulkWay *bulk, MemoryContext work)
{
	BlockNumber indexed = InvalidBlockNumber;
	MemoryContext previous = MemoryContextSwitchTo(work);

	if (bulk->nused > 0)
		table_multi_insert(bulk->partition, bulk->slots, bulk->nused, bulk->command, 0,
						   bulk->state);
	MemoryContextSwitchTo(previous);
	for (int i = 0; i < bulk->nused; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&bulk->slots[i]->tts_tid);

		if (!bulk->indexes_blocks || block != indexed)
			bulk_index(bulk, bulk->slots[i]);
		indexed = block;
		ExecClearTuple(bulk->slots[i]);
	}
	MemoryContextReset(work);
	bulk->nused = 0;
	bulk->bytes = 0;
}

static TupleTableSlot *
bulk_slot(BulkWay *bulk)
{
	if (bulk->nused == bulk->nmade)
		bulk->slots[bulk->nmade++] = table_slot_create(bulk->partition, NULL);
	return bulk->slots[bulk->nused++];
}

static void
bulk_row(BulkWay *bulk, Datum *values)
{
	TupleTableSlot *slot = bulk_slot(bulk);

	memcpy(slot->tts_values, values, sizeof(Datum) * RAW_COLUMNS);
	memset(slot->tts_isnull, false, sizeof(bool) * RAW_COLUMNS);
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(bulk->partition);
	if (bulk->nmade == 1 && bulk->nused == 1)
		(void) ExecPartitionCheck(bulk->target, slot, bulk->estate, true);
	if (bulk->partition->rd_att->constr != NULL)
		ExecConstraints(bulk->target, slot, bulk->estate);
	/* the tuple takes its copy of the values */
	ExecMaterializeSlot(slot);
	bulk->bytes += VARSIZE_ANY(DatumGetPointer(values[RAW_RECORD - 1]));
}

static void
bulk_end(BulkWay *bulk, MemoryContext work)
{
	bulk_flush(bulk, work);
	FreeBulkInsertState(bulk->state);
	for (int i = 0; i < bulk->nmade; i++)
		ExecDropSingleTupleTableSlot(bulk->slots[i]);
	table_finish_bulk_insert(bulk->partition, 0);
	ExecCloseIndices(bulk->target);
	table_close(bulk->partition, NoLock);
	FreeExecutorState(bulk->estate);
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
	RawInsert  *insert = palloc0(sizeof(RawInsert));

	if (pg_class_aclcheck(table, owner, ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("role \"%s\" may not insert into \"%s\"", GetUserNameFromId(owner, true),
					   get_rel_name(table)));
	insert->batch = *batch;
	insert->created_at = created_at;
	insert->table = table;
	insert->row_memory = AllocSetContextCreate(CurrentMemoryContext, "dataops raw rows",
											   ALLOCSET_DEFAULT_SIZES);
	insert->bulk = bulk_begin(table, owner, created_at);
	insert->before = sql_become_owner(owner, "pg_catalog", "UTC");
	if (insert->bulk == NULL)
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

	if (insert->bulk != NULL)
	{
		bulk_row(insert->bulk, values);
		if (insert->bulk->nused == GROUP_ROWS || insert->bulk->bytes >= GROUP_BYTES)
			bulk_flush(insert->bulk, insert->row_memory);
	}
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
		bulk_end(insert->bulk, insert->row_memory);
	else
		SPI_finish();
	sql_leave(&insert->before);
	CommandCounterIncrement();
	MemoryContextDelete(insert->row_memory);
}
