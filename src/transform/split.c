/*
 * split.c
 *	  One pass over a model's rows that judges and parts them.
 *
 * The statement's columns are: the model's own, its address columns, for each judge the filter (if
 * it has one) and the condition, at last the condition that all rows must meet.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "transform/split.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/copy.h"
#include "model/execute.h"
#include "model/tree.h"

#define STORED_ADDRESS 3		/* batch, page, ordinal; the record is read only to be kept */

/* columns of the diverted rows */
enum
{
	DIVERTED_JUDGE, DIVERTED_REASON, DIVERTED_ROW, DIVERTED_RECORD, DIVERTED_BATCH, DIVERTED_PAGE,
	DIVERTED_ORDINAL, DIVERTED_COLUMNS
};

static SelectStmt *
judged_select(Split *split)
{
	SelectStmt *select = tree_select(NIL, tree_subselect(split->model->select, split->alias));
	ListCell   *cell;

	foreach(cell, split->columns)
		select->targetList = lappend(select->targetList,
									 tree_target(tree_column(split->alias, lfirst(cell)), NULL));
	for (int i = 0; split->addressed && i < ADDRESS_COLUMNS; i++)
	{
		Node	   *address = tree_column(split->alias, address_columns[i]);

		select->targetList = lappend(select->targetList, tree_target(address, NULL));
	}
	foreach(cell, split->judges)
	{
		const Rule *rule = ((RowJudge *) lfirst(cell))->rule;

		if (rule->filter != NULL)
			select->targetList = lappend(select->targetList, tree_target(rule->filter, NULL));
		select->targetList = lappend(select->targetList, tree_target(rule_condition(rule), NULL));
	}
	if (split->inside != NULL)
		select->targetList = lappend(select->targetList, tree_target(split->inside, NULL));
	return select;
}

/* The first "count" columns of a query's result. */
static TupleDesc
leading_columns(List *targets, int count)
{
	TupleDesc	all = ExecTypeFromTL(targets);
	TupleDesc	desc = CreateTemplateTupleDesc(count);

	for (int i = 1; i <= count; i++)
		TupleDescCopyEntry(desc, i, all, i);
	return desc;
}

static TupleDesc
make_diverted_desc(void)
{
	static const Oid types[DIVERTED_COLUMNS] = {
		INT4OID, TEXTOID, JSONBOID, JSONBOID, UUIDOID, INT4OID, INT4OID
	};
	TupleDesc	desc = CreateTemplateTupleDesc(DIVERTED_COLUMNS);

	for (int i = 0; i < DIVERTED_COLUMNS; i++)
		TupleDescInitEntry(desc, i + 1, NULL, types[i], -1, 0);
	return desc;
}

/* Of three columns of a slot, from "first" on. */
static bool
read_address(TupleTableSlot *slot, int first, RecordAddress *address)
{
	Datum	   *values = slot->tts_values + first;

	if (slot->tts_isnull[first])
		return false;
	address->batch = *DatumGetUUIDP(values[0]);
	address->page = DatumGetInt32(values[1]);
	address->ordinal = DatumGetInt32(values[2]);
	return true;
}

bool
split_address(const Split *split, TupleTableSlot *slot, RecordAddress *address)
{
	return read_address(slot, list_length(split->columns), address);
}

Jsonb *
split_own_columns(const Split *split, TupleTableSlot *slot)
{
	return row_as_jsonb(split->row_desc, slot->tts_values, slot->tts_isnull);
}

static void
keep_sample(RowJudge *judge, Jsonb *row, MemoryContext memory)
{
	MemoryContext previous;

	if (list_length(judge->samples) >= MAX_SAMPLES)
		return;
	previous = MemoryContextSwitchTo(memory);
	judge->samples = lappend(judge->samples, copy_jsonb(row));
	MemoryContextSwitchTo(previous);
}

static void
divert_row(Split *split, TupleTableSlot *slot, int judge, const char *reason, Jsonb *row)
{
	Datum		values[DIVERTED_COLUMNS] = {0};
	bool		nulls[DIVERTED_COLUMNS] = {false};
	int			address = list_length(split->columns);

	values[DIVERTED_JUDGE] = Int32GetDatum(judge);
	values[DIVERTED_REASON] = CStringGetTextDatum(reason);
	values[DIVERTED_ROW] = JsonbPGetDatum(row);
	for (int i = 0; i < ADDRESS_COLUMNS; i++)
	{
		/* the slot has batch, page, ordinal, record; here the record comes first */
		int			to = i == STORED_ADDRESS ? DIVERTED_RECORD : DIVERTED_BATCH + i;

		nulls[to] = !split->addressed || slot->tts_isnull[address + i];
		if (!nulls[to])
			values[to] = slot->tts_values[address + i];
	}
	tuplestore_putvalues(split->diverted, split->diverted_desc, values, nulls);
	split->rows_diverted++;
}

/*
 * Judges the row whose conditions begin at "column".  Returns the number of the first diverting
 * rule that it failed, or -1, and adds the failed ones' names to "reason".
 */
static int
judge_row(Split *split, TupleTableSlot *slot, int column, StringInfo reason, Jsonb **row)
{
	int			diverting = -1;
	ListCell   *cell;

	foreach(cell, split->judges)
	{
		RowJudge   *judge = lfirst(cell);

		if (judge->rule->filter != NULL)
		{
			bool		meant = !slot->tts_isnull[column] && DatumGetBool(slot->tts_values[column]);

			column++;
			if (!meant)
			{
				column++;
				continue;
			}
		}
		judge->judged++;
		if (slot->tts_isnull[column])
			judge->unknown++;
		else if (!DatumGetBool(slot->tts_values[column]))
		{
			judge->failed++;
			if (*row == NULL)
				*row = split_own_columns(split, slot);
			keep_sample(judge, *row, split->memory);
			if (judge->divert)
			{
				if (diverting < 0)
					diverting = foreach_current_index(cell);
				appendStringInfo(reason, "%s%s", reason->len > 0 ? ", " : "failed ", judge->name);
			}
		}
		column++;
	}
	return diverting;
}

static void
split_row(TupleTableSlot *slot, void *arg)
{
	Split	   *split = arg;
	int			columns = list_length(split->columns);
	int			first = columns + (split->addressed ? ADDRESS_COLUMNS : 0);
	int			last = slot->tts_tupleDescriptor->natts - 1;
	StringInfoData reason;
	Jsonb	   *row = NULL;
	int			diverting;

	if (split->wanted != NULL && !split->wanted(split, slot, split->wanted_arg))
		return;
	split->rows++;
	initStringInfo(&reason);
	diverting = judge_row(split, slot, first, &reason, &row);
	if (diverting >= 0)
	{
		divert_row(split, slot, diverting, reason.data, row);
		return;
	}
	if (split->inside != NULL && (slot->tts_isnull[last] || !DatumGetBool(slot->tts_values[last])))
		split->rows_outside++;
	tuplestore_putvalues(split->good, split->good_desc, slot->tts_values, slot->tts_isnull);
}

void
split_run(Split *split)
{
	SelectStmt *select = judged_select(split);
	int			columns = list_length(split->columns);
	Query	   *query = tree_analyse((Node *) select, split->model->text, NULL);
	DestReceiver *receiver = row_receiver(split_row, split);

	split->memory = CurrentMemoryContext;
	split->row_desc = BlessTupleDesc(leading_columns(query->targetList, columns));
	split->good_desc = leading_columns(query->targetList,
									   columns + (split->addressed ? STORED_ADDRESS : 0));
	split->diverted_desc = make_diverted_desc();
	split->good = tuplestore_begin_heap(false, false, work_mem);
	split->diverted = tuplestore_begin_heap(false, false, work_mem);
	tree_execute((Node *) select, split->model->text, NULL, receiver);
	receiver->rDestroy(receiver);
}

Node *
split_from(const Split *split)
{
	RangeVar   *rows = makeRangeVar(NULL, pstrdup(SPLIT_ROWS), -1);

	rows->alias = makeAlias(split->alias, NIL);
	return (Node *) rows;
}

QueryEnvironment *
split_environment(Split *split)
{
	return tree_environment(SPLIT_ROWS, split->good, split->good_desc);
}

static void
keep_row(TupleTableSlot *slot, void *arg)
{
	Split	   *split = arg;

	tuplestore_putvalues(split->good, split->good_desc, slot->tts_values, slot->tts_isnull);
}

void
split_keep(Split *split, List *others, Node *condition)
{
	Tuplestorestate *all = split->good;
	QueryEnvironment *environment = split_environment(split);
	DestReceiver *receiver = row_receiver(keep_row, split);
	Node	   *every = tree_column(split->alias, NULL);
	SelectStmt *select = tree_select(list_make1(tree_target(every, NULL)), split_from(split));

	select->fromClause = list_concat(select->fromClause, others);
	select->whereClause = condition;
	split->good = tuplestore_begin_heap(false, false, work_mem);
	tree_execute((Node *) select, "dataops keep", environment, receiver);
	receiver->rDestroy(receiver);
	tuplestore_end(all);
}

typedef struct PartialRecord
{
	RecordAddress address;		/* the key */
	bool		partial;
} PartialRecord;

static HTAB *
diverted_records(Split *split, TupleTableSlot *slot)
{
	HASHCTL		control = {
		.keysize = sizeof(RecordAddress),
		.entrysize = sizeof(PartialRecord),
		.hcxt = split->memory
	};
	HTAB	   *records = hash_create("dataops diverted records", 256, &control,
									  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	tuplestore_rescan(split->diverted);
	while (tuplestore_gettupleslot(split->diverted, true, false, slot))
	{
		RecordAddress address;
		PartialRecord *record;
		bool		found;

		slot_getallattrs(slot);
		if (!read_address(slot, DIVERTED_BATCH, &address))
			continue;
		record = hash_search(records, &address, HASH_ENTER, &found);
		if (!found)
			record->partial = false;
	}
	return records;
}

void
split_find_partial(Split *split)
{
	TupleTableSlot *slot;

	if (!split->addressed || split->rows_diverted == 0)
		return;
	slot = MakeSingleTupleTableSlot(split->diverted_desc, &TTSOpsMinimalTuple);
	split->partial = diverted_records(split, slot);
	ExecDropSingleTupleTableSlot(slot);
	slot = MakeSingleTupleTableSlot(split->good_desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(split->good);
	while (tuplestore_gettupleslot(split->good, true, false, slot))
	{
		RecordAddress address;
		PartialRecord *record;

		slot_getallattrs(slot);
		if (!split_address(split, slot, &address))
			continue;
		record = hash_search(split->partial, &address, HASH_FIND, NULL);
		if (record != NULL)
			record->partial = true;
	}
	ExecDropSingleTupleTableSlot(slot);
}

void
split_end(Split *split)
{
	tuplestore_end(split->good);
	tuplestore_end(split->diverted);
}

void
split_each_diverted(Split *split, void (*visit) (DivertedRow *row, void *arg), void *arg)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(split->diverted_desc, &TTSOpsMinimalTuple);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "dataops diverted row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(per_row);

	tuplestore_rescan(split->diverted);
	while (tuplestore_gettupleslot(split->diverted, true, false, slot))
	{
		DivertedRow row = {0};
		RecordAddress address;
		Datum	   *values;

		slot_getallattrs(slot);
		values = slot->tts_values;
		row.judge = list_nth(split->judges, DatumGetInt32(values[DIVERTED_JUDGE]));
		row.reason = TextDatumGetCString(values[DIVERTED_REASON]);
		row.row = DatumGetJsonbP(values[DIVERTED_ROW]);
		if (!slot->tts_isnull[DIVERTED_RECORD])
			row.record = DatumGetJsonbP(values[DIVERTED_RECORD]);
		if (read_address(slot, DIVERTED_BATCH, &address))
		{
			row.address = &address;
			row.partial = split->partial != NULL &&
				((PartialRecord *) hash_search(split->partial, &address, HASH_FIND,
											   NULL))->partial;
		}
		visit(&row, arg);
		ExecClearTuple(slot);	/* a row that was on disk is memory of the context */
		MemoryContextReset(per_row);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(per_row);
	ExecDropSingleTupleTableSlot(slot);
}
