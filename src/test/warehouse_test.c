/*
 * warehouse_test.c
 *	  A remote warehouse for tests, which keeps its tables in sql/test/warehouse.sql and loses
 *	  requests and answers when it is told to.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#ifdef DATAOPS_TEST

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"

#include "catalog/option.h"
#include "catalog/sql.h"
#include "catalog/txn.h"
#include "core/fault.h"
#include "test/parts_test.h"
#include "warehouse/warehouse.h"

typedef struct TestWarehouse
{
	Warehouse	base;
	char	   *stage;
	char	   *fault_load;
	char	   *fault_publish;
	Run			outside;		/* of a process of its own, as it were: its transactions */
} TestWarehouse;

static Warehouse *
test_open(Connection *connection, MemoryContext owner)
{
	TestWarehouse *warehouse = MemoryContextAllocZero(owner, sizeof(TestWarehouse));
	MemoryContext previous = MemoryContextSwitchTo(owner);

	warehouse->base.driver = &warehouse_test_driver;
	warehouse->base.server = pstrdup(connection->server);
	warehouse->base.choose = parts_choose_but_13;
	warehouse->stage = pstrdup(option_text(connection->options, "stage", "lake"));
	warehouse->fault_load = pstrdup(option_text(connection->options, "fault_load", ""));
	warehouse->fault_publish = pstrdup(option_text(connection->options, "fault_publish", ""));
	warehouse->outside.in_worker = MyBgworkerEntry != NULL;
	warehouse->outside.guarded = true;
	MemoryContextSwitchTo(previous);
	return &warehouse->base;
}

static void
test_check_table(Warehouse *warehouse, const WarehouseTable *table)
{
}

static void
begin(TestWarehouse *warehouse)
{
	warehouse->outside.memory = CurrentMemoryContext;
	txn_begin(&warehouse->outside);
	MemoryContextSwitchTo(warehouse->outside.memory);
}

static SqlRows *
work(TestWarehouse *warehouse, const char *sql, SqlArgs *args)
{
	SqlRows    *rows;

	begin(warehouse);
	rows = sql_run_own(sql, args);
	txn_commit(&warehouse->outside);
	return rows;
}

static WarehouseResult
answer(const char *fault, const char *id)
{
	WarehouseResult result = {.outcome = WAREHOUSE_DONE, .job = pstrdup(id), .bytes_billed = 10};

	if (*fault == '\0')
		return result;
	result.outcome = strcmp(fault, "refuse") == 0 ? WAREHOUSE_FAILED : WAREHOUSE_UNKNOWN;
	result.problem = psprintf("fault \"%s\"", fault);
	result.sqlstate = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	return result;
}

static WarehouseResult
test_load(Warehouse *base, const WarehouseLoad *load)
{
	static const char sql[] =
		"SELECT dataops._test_load($1, $2, $3, $4, $5, coalesce($6, '{}'), $7)";
	static const char *const modes[] = {"append", "truncate", "merge"};
	TestWarehouse *warehouse = (TestWarehouse *) base;
	WarehouseResult result = answer(warehouse->fault_load, load->id);
	SqlArgs		args = {0};

	sql_add_text(&args, load->id);
	sql_add_text(&args, load->table->name);
	sql_add_text(&args, modes[load->mode]);
	sql_add_texts(&args, load->table->key);
	sql_add_text(&args, warehouse->stage);
	sql_add_texts(&args, load->files);
	sql_add_bool(&args, load->reset);
	if (result.outcome == WAREHOUSE_DONE || strcmp(warehouse->fault_load, "after") == 0)
		result.rows = sql_bigint(work(warehouse, sql, &args), 0, 1);
	return result;
}

static WarehouseResult
test_evaluate(Warehouse *base, const WarehouseLoad *load, WarehouseSide side, List *expressions)
{
	static const char sql[] = "SELECT dataops._test_evaluate($1, $2, $3, $4, $5)";
	WarehouseResult result = answer("", load->id);
	TupleDesc	columns = load->table->columns;
	List	   *names = NIL;
	List	   *types = NIL;
	SqlArgs		args = {0};

	begin((TestWarehouse *) base);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);

		if (attribute->attisdropped)
			continue;
		names = lappend(names, NameStr(attribute->attname));
		types = lappend(types, format_type_be(attribute->atttypid));
	}
	sql_add_text(&args, load->table->name);
	sql_add_text(&args, side == SIDE_STAGING ? "staging" : "production");
	sql_add_texts(&args, names);
	sql_add_texts(&args, types);
	sql_add_texts(&args, expressions);
	result.values = sql_texts(sql_run_own(sql, &args), 0, 1);
	txn_commit(&((TestWarehouse *) base)->outside);
	return result;
}

static WarehouseResult
test_publish(Warehouse *base, const WarehouseLoad *load)
{
	static const char sql[] = "SELECT dataops._test_publish($1, $2)";
	TestWarehouse *warehouse = (TestWarehouse *) base;
	WarehouseResult result = answer(warehouse->fault_publish, load->id);
	SqlArgs		args = {0};

	sql_add_text(&args, load->id);
	sql_add_text(&args, load->table->name);
	if (result.outcome == WAREHOUSE_DONE || strcmp(warehouse->fault_publish, "after") == 0)
		result.rows = sql_bigint(work(warehouse, sql, &args), 0, 1);
	return result;
}

const WarehouseDriver warehouse_test_driver = {
	.wrapper = "dataops_remote_test",
	.remote = true,
	.open = test_open,
	.check_table = test_check_table,
	.load = test_load,
	.evaluate = test_evaluate,
	.publish = test_publish
};

#endif
