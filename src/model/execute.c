/*
 * execute.c
 *	  From raw tree to rows.  SPI takes only texts, so the executor is driven here directly.
 *
 * Analysis scribbles on raw trees, therefore every entry works on a copy: one tree may be used
 * any number of times.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/execute.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "format/append.h"
#include "format/value_text.h"

static void
point_into_text(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery((const char *) arg);
}

void
error_text_push(ErrorText *place, const char *text)
{
	place->callback.previous = error_context_stack;
	place->callback.callback = point_into_text;
	place->callback.arg = (void *) text;
	error_context_stack = &place->callback;
}

void
error_text_pop(ErrorText *place)
{
	error_context_stack = place->callback.previous;
}

int
error_location(const char *text, int location)
{
	if (location < 0)
		return 0;
	/* before 18 a statement begins with the white space in front of it */
	while (isspace((unsigned char) text[location]))
		location++;
	return errposition(pg_mbstrlen_with_len(text, location) + 1);
}

static RawStmt *
whole_text(Node *statement)
{
	RawStmt    *raw = makeNode(RawStmt);

	raw->stmt = copyObject(statement);
	return raw;
}

Query *
tree_analyse(Node *statement, const char *text, QueryEnvironment *environment)
{
	return parse_analyze_fixedparams(whole_text(statement), text, NULL, 0, environment);
}

static uint64
run_plan(PlannedStmt *plan, const char *text, QueryEnvironment *environment, DestReceiver *dest)
{
	QueryDesc  *query;
	uint64		processed;

	if (plan->commandType == CMD_UTILITY)
	{
		ProcessUtility(plan, text, false, PROCESS_UTILITY_QUERY, NULL, environment, dest, NULL);
		return 0;
	}
	query = CreateQueryDesc(plan, text, GetActiveSnapshot(), InvalidSnapshot, dest, NULL,
							environment, 0);
	ExecutorStart(query, 0);
	compat_executor_run(query);
	processed = query->estate->es_processed;
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
	return processed;
}

uint64
tree_execute(Node *statement, const char *text, QueryEnvironment *environment, DestReceiver *dest)
{
	return tree_execute_under(NULL, statement, text, environment, dest);
}

/* Under the active snapshot. */
static List *
plan_statement(Node *statement, const char *text, QueryEnvironment *environment)
{
	List	   *queries = pg_analyze_and_rewrite_fixedparams(whole_text(statement), text, NULL, 0,
															environment);

	return pg_plan_queries(queries, text, CURSOR_OPT_PARALLEL_OK, NULL);
}

static void
begin_under(Snapshot snapshot)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(snapshot ? snapshot : GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
}

uint64
tree_execute_under(Snapshot snapshot, Node *statement, const char *text,
				   QueryEnvironment *environment, DestReceiver *dest)
{
	uint64		processed = 0;
	List	   *plans;
	ListCell   *cell;

	begin_under(snapshot);
	plans = plan_statement(statement, text, environment);
	if (snapshot == NULL)
	{
		/* a table that planning waited for may have been written anew meanwhile */
		PopActiveSnapshot();
		begin_under(NULL);
	}
	foreach(cell, plans)
	{
		PlannedStmt *plan = lfirst_node(PlannedStmt, cell);
		uint64		rows;

		rows = run_plan(plan, text, environment, dest ? dest : None_Receiver);
		if (plan->canSetTag)
			processed = rows;
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
	}
	PopActiveSnapshot();
	return processed;
}

PlannedStmt *
tree_plan(Snapshot snapshot, Node *statement, const char *text, QueryEnvironment *environment)
{
	PlannedStmt *plan;

	begin_under(snapshot);
	plan = linitial_node(PlannedStmt, plan_statement(statement, text, environment));
	PopActiveSnapshot();
	return plan;
}

uint64
tree_run(Snapshot snapshot, PlannedStmt *plan, const char *text, QueryEnvironment *environment,
		 DestReceiver *dest)
{
	uint64		processed;

	begin_under(snapshot);
	processed = run_plan(plan, text, environment, dest ? dest : None_Receiver);
	CommandCounterIncrement();
	PopActiveSnapshot();
	return processed;
}

QueryEnvironment *
tree_environment(const char *name, Tuplestorestate *store, TupleDesc desc)
{
	QueryEnvironment *environment = create_queryEnv();
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	relation->md.name = pstrdup(name);
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = tuplestore_tuple_count(store);
	relation->reldata = store;
	register_ENR(environment, relation);
	return environment;
}

typedef struct RowReceiver
{
	DestReceiver receiver;
	RowVisitor	visit;
	void	   *arg;
	MemoryContext per_row;
} RowReceiver;

static void
rows_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	((RowReceiver *) self)->per_row = AllocSetContextCreate(CurrentMemoryContext, "dataops row",
															ALLOCSET_DEFAULT_SIZES);
}

static bool
rows_receive(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *rows = (RowReceiver *) self;
	MemoryContext caller = MemoryContextSwitchTo(rows->per_row);

	slot_getallattrs(slot);
	rows->visit(slot, rows->arg);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->per_row);
	return true;
}

static void
rows_shutdown(DestReceiver *self)
{
	MemoryContextDelete(((RowReceiver *) self)->per_row);
}

static void
rows_destroy(DestReceiver *self)
{
	pfree(self);
}

DestReceiver *
row_receiver(RowVisitor visit, void *arg)
{
	RowReceiver *rows = palloc0(sizeof(RowReceiver));

	rows->receiver.receiveSlot = rows_receive;
	rows->receiver.rStartup = rows_startup;
	rows->receiver.rShutdown = rows_shutdown;
	rows->receiver.rDestroy = rows_destroy;
	rows->receiver.mydest = DestNone;
	rows->visit = visit;
	rows->arg = arg;
	return &rows->receiver;
}

char *
slot_text(TupleTableSlot *slot, int column)
{
	Oid			output;
	bool		varlena;

	if (slot->tts_isnull[column])
		return NULL;
	getTypeOutputInfo(TupleDescAttr(slot->tts_tupleDescriptor, column)->atttypid, &output,
					  &varlena);
	return OidOutputFunctionCall(output, slot->tts_values[column]);
}

/* As ISO 8601. */
static char *
time_text(Datum value, Oid type)
{
	bool		moment = type == TIMESTAMPTZOID;
	StringInfoData text;

	initStringInfo(&text);
	text_append_time(&text, value, moment ? TIMESTAMPOID : type, TIME_JSON, text_day_create());
	if (moment && !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
		append_char(&text, 'Z');
	return append_ended(&text, 0);
}

/* A value by no setting of the session. */
static char *
plain_text(TupleTableSlot *slot, int column)
{
	Datum		value = slot->tts_values[column];
	Oid			type = TupleDescAttr(slot->tts_tupleDescriptor, column)->atttypid;
	char		text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (slot->tts_isnull[column])
		return NULL;
	switch (type)
	{
		case BOOLOID:
			return pstrdup(DatumGetBool(value) ? "true" : "false");
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
			return pstrdup(text);
		case FLOAT8OID:
			double_to_shortest_decimal_buf(DatumGetFloat8(value), text);
			return pstrdup(text);
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return time_text(value, type);
		default:
			return slot_text(slot, column);
	}
}

typedef struct RowTexts
{
	List	   *texts;
	MemoryContext memory;
} RowTexts;

static void
receive_texts(TupleTableSlot *slot, void *arg)
{
	RowTexts   *row = arg;
	MemoryContext previous = MemoryContextSwitchTo(row->memory);

	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		row->texts = lappend(row->texts, plain_text(slot, i));
	MemoryContextSwitchTo(previous);
}

List *
tree_row_texts(Snapshot snapshot, Node *select, const char *text)
{
	RowTexts	row = {.memory = CurrentMemoryContext};
	DestReceiver *receiver = row_receiver(receive_texts, &row);

	tree_execute_under(snapshot, select, text, NULL, receiver);
	receiver->rDestroy(receiver);
	return row.texts;
}

Jsonb *
row_as_jsonb(TupleDesc desc, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(desc, values, nulls);
	Datum		json = DirectFunctionCall1(row_to_json, HeapTupleGetDatum(tuple));
	char	   *object = TextDatumGetCString(json);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(object)));
}
