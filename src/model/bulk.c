/*
 * bulk.c
 *	  Groups of rows for table_multi_insert().
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/bulk.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define GROUP_ROWS	1000
#define GROUP_BYTES	65536

struct BulkInsert
{
	MemoryContext memory;
	MemoryContext work;			/* of one group */
	Relation	table;
	ResultRelInfo *target;
	EState	   *estate;
	BulkInsertState state;
	CommandId	command;
	bool		one_bound;		/* one row's partition is that of all */
	bool		indexes_blocks; /* a block's first row stands for all of them in every index */
	bool		begun;
	TupleTableSlot *slots[GROUP_ROWS];
	int			nmade;			/* slots that exist */
	int			nused;
	size_t		bytes;
};

/*
 * Would every row in one block make the same entry?  So it is with BRIN, which summarizes blocks,
 * over columns that are one for all rows.
 */
static bool
indexes_blocks(const ResultRelInfo *target, const bool *constant)
{
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		const IndexInfo *info = target->ri_IndexRelationInfo[i];

		if (target->ri_IndexRelationDescs[i]->rd_rel->relam != BRIN_AM_OID ||
			info->ii_Predicate != NIL)
			return false;
		for (int key = 0; key < info->ii_NumIndexAttrs; key++)
		{
			AttrNumber	number = info->ii_IndexAttrNumbers[key];

			if (number <= 0 || constant == NULL || !constant[number - 1])
				return false;
		}
	}
	return true;
}

BulkInsert *
bulk_begin(Relation table, const bool *constant)
{
	BulkInsert *bulk = palloc0(sizeof(BulkInsert));

	bulk->memory = CurrentMemoryContext;
	bulk->work = AllocSetContextCreate(CurrentMemoryContext, "dataops bulk",
									   ALLOCSET_DEFAULT_SIZES);
	bulk->table = table;
	bulk->estate = CreateExecutorState();
	bulk->target = makeNode(ResultRelInfo);
	InitResultRelInfo(bulk->target, table, 0, NULL, 0);
	ExecOpenIndices(bulk->target, false);
	bulk->one_bound = constant != NULL;
	bulk->indexes_blocks = indexes_blocks(bulk->target, constant);
	bulk->state = GetBulkInsertState();
	bulk->command = GetCurrentCommandId(true);
	return bulk;
}

static void
add_to_indexes(BulkInsert *bulk, TupleTableSlot *slot)
{
	if (bulk->target->ri_NumIndices > 0)
	{
		List	   *recheck = compat_insert_index_tuples(bulk->target, slot, bulk->estate);

		/* a deferred constraint's recheck would be an AFTER trigger, and there is none */
		Assert(recheck == NIL);
		list_free(recheck);
	}
	ResetPerTupleExprContext(bulk->estate);
}

static void
flush(BulkInsert *bulk)
{
	BlockNumber indexed = InvalidBlockNumber;
	MemoryContext previous = MemoryContextSwitchTo(bulk->work);

	if (bulk->nused > 0)
		table_multi_insert(bulk->table, bulk->slots, bulk->nused, bulk->command, 0, bulk->state);
	MemoryContextSwitchTo(previous);
	for (int i = 0; i < bulk->nused; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&bulk->slots[i]->tts_tid);

		if (!bulk->indexes_blocks || block != indexed)
			add_to_indexes(bulk, bulk->slots[i]);
		indexed = block;
		ExecClearTuple(bulk->slots[i]);
	}
	MemoryContextReset(bulk->work);
	bulk->nused = 0;
	bulk->bytes = 0;
}

static TupleTableSlot *
next_slot(BulkInsert *bulk)
{
	if (bulk->nused == bulk->nmade)
	{
		MemoryContext previous = MemoryContextSwitchTo(bulk->memory);

		bulk->slots[bulk->nmade++] = table_slot_create(bulk->table, NULL);
		MemoryContextSwitchTo(previous);
	}
	return bulk->slots[bulk->nused++];
}

void
bulk_row(BulkInsert *bulk, const Datum *values, const bool *nulls, size_t bytes)
{
	TupleTableSlot *slot = next_slot(bulk);
	int			natts = RelationGetDescr(bulk->table)->natts;

	memcpy(slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(bulk->table);
	if (bulk->table->rd_rel->relispartition && !(bulk->one_bound && bulk->begun))
		(void) ExecPartitionCheck(bulk->target, slot, bulk->estate, true);
	if (RelationGetDescr(bulk->table)->constr != NULL)
		ExecConstraints(bulk->target, slot, bulk->estate);
	/* the tuple takes its copy of the values */
	ExecMaterializeSlot(slot);
	bulk->begun = true;
	bulk->bytes += bytes;
	if (bulk->nused == GROUP_ROWS || bulk->bytes >= GROUP_BYTES)
		flush(bulk);
}

void
bulk_end(BulkInsert *bulk)
{
	flush(bulk);
	FreeBulkInsertState(bulk->state);
	for (int i = 0; i < bulk->nmade; i++)
		ExecDropSingleTupleTableSlot(bulk->slots[i]);
	table_finish_bulk_insert(bulk->table, 0);
	ExecCloseIndices(bulk->target);
	FreeExecutorState(bulk->estate);
	MemoryContextDelete(bulk->work);
}
