/*
 * postgres.c
 *	  The warehouse that is two schemas of this database.
 *
 * A load is part of the caller's transaction, so nothing of it is ever half done: there is no
 * outcome but "done" or an error, and nothing to reset.  Without a staging schema the production
 * table is both sides: readers see nothing of it before the commit either way.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "warehouse/warehouse.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/option.h"
#include "model/execute.h"
#include "model/merge.h"
#include "model/rule.h"
#include "model/statement.h"
#include "model/table.h"
#include "model/tree.h"

/* Names of FROM items, which no column of a user is qualified by. */
#define ROWS_ALIAS "dataops rows"
#define OTHER_ALIAS "dataops other"

typedef struct PostgresWarehouse
{
	Warehouse	base;
	char	   *schemas[2];		/* by WarehouseSide; the same when there is no staging */
} PostgresWarehouse;

static Warehouse *
postgres_open(Connection *connection, MemoryContext owner)
{
	PostgresWarehouse *warehouse = MemoryContextAllocZero(owner, sizeof(PostgresWarehouse));
	const char *schema = option_text(connection->options, "schema", "");
	const char *staging = option_text(connection->options, "staging_schema", schema);

	warehouse->base.driver = &warehouse_postgres_driver;
	warehouse->base.server = MemoryContextStrdup(owner, connection->server);
	warehouse->base.one_sided = strcmp(schema, staging) == 0;
	warehouse->schemas[SIDE_PRODUCTION] = MemoryContextStrdup(owner, schema);
	warehouse->schemas[SIDE_STAGING] = MemoryContextStrdup(owner, staging);
	return &warehouse->base;
}

static RangeVar *
side_table(Warehouse *warehouse, const WarehouseTable *table, WarehouseSide side)
{
	char	   *schema = ((PostgresWarehouse *) warehouse)->schemas[side];

	return makeRangeVar(schema, table->name, -1);
}

static Node *
aliased(RangeVar *table, const char *alias)
{
	table->alias = makeAlias(alias, NIL);
	return (Node *) table;
}

/* What a load would add to or replace is not to be what it reads. */
static void
refuse_itself(Warehouse *warehouse, const WarehouseTable *table)
{
	for (WarehouseSide side = SIDE_STAGING; side <= SIDE_PRODUCTION; side++)
	{
		RangeVar   *target = side_table(warehouse, table, side);
		Oid			schema = get_namespace_oid(target->schemaname, true);

		/* whatever rights there are in the schema */
		if (get_relname_relid(target->relname, schema) == table->relation)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s.%s\" would be loaded into itself", target->schemaname,
						   target->relname),
					errdetail("Its schema is one of warehouse \"%s\".", warehouse->server),
					errhint("Use a warehouse with another schema."));
	}
}

static void
postgres_check_table(Warehouse *warehouse, const WarehouseTable *table)
{
	const char *option = table->partition_by ? "partition_by" :
		table->cluster_by ? "cluster_by" : NULL;

	refuse_itself(warehouse, table);
	if (option == NULL)
		return;
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("warehouse \"%s\" has no %s", warehouse->server, option),
			errdetail("It is in schemas of this database."),
			errhint("Create table %s.%s yourself, partitioned and indexed as it should be.",
					((PostgresWarehouse *) warehouse)->schemas[SIDE_PRODUCTION], table->name));
}

/* ---- tables ---- */

static List *
target_columns(TupleDesc desc)
{
	List	   *columns = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		TargetColumn *column;

		if (attribute->attisdropped)
			continue;
		column = palloc0(sizeof(TargetColumn));
		column->name = pstrdup(NameStr(attribute->attname));
		column->type = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		column->collation = attribute->attcollation;
		columns = lappend(columns, column);
	}
	return columns;
}

/* COMMENT ON TABLE, or on one of its columns. */
static void
put_comment(RangeVar *table, const char *column, const char *comment)
{
	CommentStmt *statement = makeNode(CommentStmt);
	List	   *names = list_make2(makeString(table->schemaname), makeString(table->relname));

	if (comment == NULL)
		return;
	if (column != NULL)
		names = lappend(names, makeString(pstrdup(column)));
	statement->objtype = column != NULL ? OBJECT_COLUMN : OBJECT_TABLE;
	statement->object = (Node *) names;
	statement->comment = pstrdup(comment);
	tree_execute((Node *) statement, "dataops comment", NULL, NULL);
}

static void
put_comments(RangeVar *name, const WarehouseTable *table)
{
	put_comment(name, NULL, table->description);
	for (int i = 0; i < table->columns->natts; i++)
		if (table->comments != NULL && !TupleDescAttr(table->columns, i)->attisdropped)
			put_comment(name, NameStr(TupleDescAttr(table->columns, i)->attname),
						table->comments[i]);
}

/* Before it is locked: nobody shall hold up a table that he may not write. */
static void
check_right(RangeVar *name)
{
	Oid			table = RangeVarGetRelid(name, NoLock, false);
	AclResult	right = pg_class_aclcheck(table, GetUserId(), ACL_INSERT);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_TABLE, name->relname);
}

static TableChange
ensure_table(RangeVar *name, const WarehouseLoad *load)
{
	TargetTable target = {
		.name = name,
		.maker = "load",
		.columns = target_columns(load->table->columns),
		.key = load->mode == WAREHOUSE_MERGE ? load->table->key : NIL,
		.merged = load->mode == WAREHOUSE_MERGE,
		.same_types = true,
		.way_out = "Alter the table yourself, or drop it if only loads have filled it."
	};
	TableChange change;

	schema_ensure(name);
	change = table_ensure(&target);
	if (change != TABLE_KEPT)
		put_comments(name, load->table);
	check_right(name);
	table_close(table_openrv(name, ShareRowExclusiveLock), NoLock);
	return change;
}

static List *
column_names(TupleDesc desc)
{
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped && !TupleDescAttr(desc, i)->attgenerated)
			names = lappend(names, pstrdup(NameStr(TupleDescAttr(desc, i)->attname)));
	return names;
}

/* Those columns of "into" that "from" has as well. */
static List *
shared_columns(RangeVar *from, RangeVar *into)
{
	Relation	target = table_openrv(into, AccessShareLock);
	List	   *names = column_names(RelationGetDescr(target));
	Oid			source = RangeVarGetRelid(from, NoLock, false);
	List	   *shared = NIL;
	ListCell   *cell;

	foreach(cell, names)
		if (get_attnum(source, lfirst(cell)) != InvalidAttrNumber)
			shared = lappend(shared, lfirst(cell));
	table_close(target, NoLock);
	return shared;
}

/* Both tables are locked.  What came to the staging side and was not published yet is lost. */
static void
restore_staging(Warehouse *warehouse, const WarehouseLoad *load)
{
	RangeVar   *from = side_table(warehouse, load->table, SIDE_PRODUCTION);
	RangeVar   *into = side_table(warehouse, load->table, SIDE_STAGING);
	RowSource	rows = {.alias = ROWS_ALIAS, .columns = shared_columns(from, into)};

	rows.from = aliased(from, ROWS_ALIAS);
	tree_execute((Node *) statement_insert(into, &rows), "dataops load", NULL, NULL);
}

static WarehouseGap
postgres_prepare(Warehouse *warehouse, const WarehouseLoad *load)
{
	bool		merged = load->mode == WAREHOUSE_MERGE;
	TableChange staging = ensure_table(side_table(warehouse, load->table, SIDE_STAGING), load);
	TableChange production = TABLE_CREATED;

	if (!warehouse->one_sided)
		production = ensure_table(side_table(warehouse, load->table, SIDE_PRODUCTION), load);
	if (staging == TABLE_CREATED && production != TABLE_CREATED)
	{
		if (load->mode != WAREHOUSE_TRUNCATE)
			restore_staging(warehouse, load);
		return merged && production == TABLE_EXTENDED ? WAREHOUSE_GAP_ROWS : WAREHOUSE_GAP_STAGING;
	}
	return staging == TABLE_CREATED || (merged && staging == TABLE_EXTENDED) ?
		WAREHOUSE_GAP_ROWS : WAREHOUSE_GAP_NONE;
}

static void
postgres_prepare_publish(Warehouse *warehouse, const WarehouseLoad *load)
{
	RangeVar   *staging = side_table(warehouse, load->table, SIDE_STAGING);

	if (!OidIsValid(RangeVarGetRelid(staging, NoLock, true)))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("table \"%s.%s\", whose rows are to be published, has gone",
					   staging->schemaname, staging->relname),
				errhint("The next run of the load brings them again."));
	table_close(table_openrv(staging, ShareRowExclusiveLock), NoLock);
	ensure_table(side_table(warehouse, load->table, SIDE_PRODUCTION), load);
}

/* ---- rows ---- */

static uint64
execute(void *statement)
{
	return tree_execute_under(GetActiveSnapshot(), statement, "dataops load", NULL, NULL);
}

static uint64
merge(RangeVar *into, const RowSource *rows)
{
	return merge_rows(&(MergeJob) {
		.snapshot = GetActiveSnapshot(), .into = into, .rows = rows, .count = -1,
		.text = "dataops load"
	});
}

/* EXISTS (SELECT FROM other WHERE other.key = "alias".key) */
static Node *
has_same_key(RangeVar *other, const char *alias, List *key)
{
	SelectStmt *select = tree_select(NIL, aliased(other, OTHER_ALIAS));
	SubLink    *exists = makeNode(SubLink);
	List	   *conditions = NIL;
	ListCell   *cell;

	foreach(cell, key)
		conditions = lappend(conditions,
							 makeSimpleA_Expr(AEXPR_OP, "=",
											  tree_column(OTHER_ALIAS, lfirst(cell)),
											  tree_column(alias, lfirst(cell)), -1));
	select->whereClause = tree_and(conditions);
	exists->subLinkType = EXISTS_SUBLINK;
	exists->subselect = (Node *) select;
	exists->location = -1;
	return (Node *) exists;
}

/* How many of the merged rows have their key in the table: triggers may have dropped some. */
static int64
count_merged(RangeVar *into, const RowSource *rows)
{
	Node	   *found = has_same_key(into, rows->alias, rows->key);
	SelectStmt *select = tree_select(list_make1(tree_target(tree_count(found), NULL)), rows->from);

	return pg_strtoint64(linitial(tree_row_texts(GetActiveSnapshot(), (Node *) select,
												 "dataops load")));
}

static WarehouseResult
postgres_load(Warehouse *warehouse, const WarehouseLoad *load)
{
	RangeVar   *into = side_table(warehouse, load->table, SIDE_STAGING);
	RawStmt    *query = linitial_node(RawStmt, raw_parser(load->query, RAW_PARSE_DEFAULT));
	WarehouseResult result = {.outcome = WAREHOUSE_DONE};
	RowSource	rows = {
		.from = tree_subselect((SelectStmt *) query->stmt, ROWS_ALIAS),
		.alias = ROWS_ALIAS,
		.columns = column_names(load->table->columns),
		.key = load->table->key
	};

	if (load->mode == WAREHOUSE_TRUNCATE)
		execute(statement_delete(into, NULL));
	if (load->mode != WAREHOUSE_MERGE)
	{
		result.rows = execute(statement_insert(into, &rows));
		return result;
	}
	(void) merge(into, &rows);
	result.rows = count_merged(into, &rows);
	return result;
}

static WarehouseResult
postgres_evaluate(Warehouse *warehouse, const WarehouseLoad *load, WarehouseSide side,
				  List *expressions)
{
	WarehouseResult result = {.outcome = WAREHOUSE_DONE};
	List	   *targets = NIL;
	Node	   *from = aliased(side_table(warehouse, load->table, side), load->table->name);
	ListCell   *cell;

	foreach(cell, expressions)
		targets = lappend(targets,
						  tree_target(expression_parse(lfirst(cell), "a value to compare"), NULL));
	result.values = tree_row_texts(GetActiveSnapshot(), (Node *) tree_select(targets, from),
								   "dataops load");
	return result;
}

/* With a key only what differs is written, else all rows; what only one side has stays its own. */
static WarehouseResult
postgres_publish(Warehouse *warehouse, const WarehouseLoad *load)
{
	RangeVar   *from = side_table(warehouse, load->table, SIDE_STAGING);
	RangeVar   *into = side_table(warehouse, load->table, SIDE_PRODUCTION);
	WarehouseResult result = {.outcome = WAREHOUSE_DONE};
	bool		merged = load->mode == WAREHOUSE_MERGE;
	RowSource	rows = {.alias = ROWS_ALIAS, .key = load->table->key};
	Node	   *gone = NULL;

	if (warehouse->one_sided)
		return result;
	rows.columns = shared_columns(from, into);
	if (merged)
		gone = (Node *) makeBoolExpr(NOT_EXPR,
									 list_make1(has_same_key(copyObject(from), into->relname,
															 rows.key)), -1);
	execute(statement_delete(into, gone));
	rows.from = aliased(from, ROWS_ALIAS);
	result.rows = merged ? merge(into, &rows) : execute(statement_insert(into, &rows));
	return result;
}

const WarehouseDriver warehouse_postgres_driver = {
	.wrapper = "dataops_postgres",
	.open = postgres_open,
	.check_table = postgres_check_table,
	.prepare = postgres_prepare,
	.prepare_publish = postgres_prepare_publish,
	.load = postgres_load,
	.evaluate = postgres_evaluate,
	.publish = postgres_publish
};
