/*
 * inputs.c
 *	  Relations and sources that a query reads, found in the server's own query tree.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/inputs.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/names.h"
#include "model/execute.h"
#include "model/parse.h"
#include "model/tree.h"

typedef struct InputsContext
{
	List	   *seen;			/* relation oids */
	List	   *names;
	int			depth;			/* of views around the tree in hand */
	Oid			records;		/* dataops.records(text) */
	const char *text;			/* of the query, for positions */
} InputsContext;

static bool inputs_walker(Node *node, InputsContext *context);

static void
add_name(InputsContext *context, char *name)
{
	context->names = names_add(context->names, name);
}

static void
add_relation(RangeTblEntry *entry, InputsContext *context)
{
	char	   *schema;
	char	   *name;
	Relation	relation;

	if (list_member_oid(context->seen, entry->relid))
		return;
	context->seen = lappend_oid(context->seen, entry->relid);
	schema = get_namespace_name(get_rel_namespace(entry->relid));
	name = get_rel_name(entry->relid);
	if (get_rel_persistence(entry->relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a model cannot read the temporary table \"%s\"", name),
				errhint("Other sessions, and the model's runs, do not see it."));
	if (strcmp(schema, RAW_SCHEMA) == 0)
		add_name(context, psprintf("source:%s", name));
	else
		add_name(context, tree_relation_text(schema, name));
	if (entry->relkind != RELKIND_VIEW)
		return;
	context->depth++;
	relation = relation_open(entry->relid, AccessShareLock);
	inputs_walker((Node *) copyObject(get_view_query(relation)), context);
	relation_close(relation, NoLock);
	context->depth--;
}

static void
add_records_call(FuncExpr *call, InputsContext *context)
{
	Const	   *name = list_length(call->args) == 1 ? linitial(call->args) : NULL;

	if (context->depth == 0 || name == NULL || !IsA(name, Const) || name->constisnull)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("dataops.records() in a model must stand in FROM, "
					   "with its schema and a constant name"),
				errhint("Write FROM dataops.records('name')."),
				error_location(context->text, call->location));
	add_name(context, psprintf("source:%s", TextDatumGetCString(name->constvalue)));
}

static bool
inputs_walker(Node *node, InputsContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			add_relation((RangeTblEntry *) node, context);
		return false;
	}
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == context->records)
		add_records_call((FuncExpr *) node, context);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, inputs_walker, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, inputs_walker, context);
}

List *
query_inputs(Query *query, const char *text)
{
	InputsContext context = {.text = text};
	Oid			argument = TEXTOID;

	context.records = LookupFuncName(list_make2(makeString("dataops"), makeString("records")), 1,
									 &argument, true);
	inputs_walker((Node *) query, &context);
	return context.names;
}
