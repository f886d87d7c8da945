/*
 * fill.c
 *	  A SELECT whose rows go into a table in bulk.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/fill.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "model/bulk.h"
#include "model/table.h"

typedef struct Fill
{
	Relation	table;
	BulkInsert *bulk;
	int		   *columns;		/* of the rows: where they are in the table, from 0 */
	Datum	   *values;			/* by the table's columns */
	bool	   *nulls;
	RowVisitor	visit;
	void	   *arg;
} Fill;

static Node *
select_rows(RangeVar *into, const RowSource *rows)
{
	return statement_insert(into, rows)->selectStmt;
}

/* Defaults and CHECK constraints may call functions that a parallel query does not allow. */
bool
fill_suits(RangeVar *into, const RowSource *rows, QueryEnvironment *environment)
{
	Relation	table = table_openrv(into, RowExclusiveLock);
	TupleConstr *constraints = RelationGetDescr(table)->constr;
	bool		suits = table_is_plain(table) &&
		(constraints == NULL || (constraints->num_defval == 0 && constraints->num_check == 0)) &&
		table_has_types(table, tree_analyse(select_rows(into, rows), "dataops fill", environment));

	table_close(table, NoLock);
	return suits;
}

static void
fill_row(TupleTableSlot *slot, void *arg)
{
	Fill	   *fill = arg;

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		fill->values[fill->columns[i]] = slot->tts_values[i];
		fill->nulls[fill->columns[i]] = slot->tts_isnull[i];
	}
	bulk_row(fill->bulk, fill->values, fill->nulls,
			 heap_compute_data_size(RelationGetDescr(fill->table), fill->values, fill->nulls));
	fill->visit(slot, fill->arg);
}

static void
begin(Fill *fill, RangeVar *into, const RowSource *rows)
{
	int			natts;
	int			column = 0;
	ListCell   *cell;

	fill->table = table_openrv(into, RowExclusiveLock);
	natts = RelationGetDescr(fill->table)->natts;
	fill->columns = palloc(sizeof(int) * list_length(rows->columns));
	foreach(cell, rows->columns)
		fill->columns[column++] = get_attnum(RelationGetRelid(fill->table), lfirst(cell)) - 1;
	fill->values = palloc0(sizeof(Datum) * natts);
	fill->nulls = palloc(sizeof(bool) * natts);
	memset(fill->nulls, true, sizeof(bool) * natts);
	/* while a parallel query runs none can be assigned */
	(void) GetCurrentTransactionId();
	fill->bulk = bulk_begin(fill->table, NULL);
}

uint64
fill_table(RangeVar *into, const RowSource *rows, QueryEnvironment *environment, RowVisitor visit,
		   void *arg)
{
	Fill		fill = {.visit = visit, .arg = arg};
	DestReceiver *receiver = row_receiver(fill_row, &fill);
	uint64		count;

	begin(&fill, into, rows);
	count = tree_execute(select_rows(into, rows), "dataops fill", environment, receiver);
	bulk_end(fill.bulk);
	table_close(fill.table, NoLock);
	receiver->rDestroy(receiver);
	CommandCounterIncrement();
	return count;
}
