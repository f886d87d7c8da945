/*
 * parse.c
 *	  Model text → raw tree.  The text is never edited: refusals and replacements happen on the
 *	  tree, so positions in it stay true.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/parse.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "core/names.h"
#include "core/uuid.h"
#include "model/execute.h"
#include "model/tree.h"

const char *const address_columns[ADDRESS_COLUMNS] = {
	"dataops batch", "dataops page", "dataops ordinal", "dataops record"
};

/* columns of records(), in order; which of them are the address and the record */
static const char *const records_columns[] = {"record", "landed_at", "batch_id", "page", "ordinal"};
static const int address_in_records[ADDRESS_COLUMNS] = {2, 3, 4, 0};

typedef struct ParseContext
{
	ModelTree  *model;
	List	   *filters;
} ParseContext;

/* ---- records() ---- */

/* r.batch_id = ANY ('{…}') */
static Node *
in_batches(List *batches)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(batches) + 1));
	ListCell   *cell;

	foreach(cell, batches)
		values[foreach_current_index(cell)] = UUIDPGetDatum((pg_uuid_t *) lfirst(cell));
	return tree_any(tree_column("r", "batch_id"),
					tree_array(values, list_length(batches), UUIDOID));
}

List *
address_arrays(List *addresses)
{
	int			count = list_length(addresses);
	Datum	   *batches = palloc(sizeof(Datum) * (count + 1));
	Datum	   *pages = palloc(sizeof(Datum) * (count + 1));
	Datum	   *ordinals = palloc(sizeof(Datum) * (count + 1));
	ListCell   *cell;

	foreach(cell, addresses)
	{
		RecordAddress *address = lfirst(cell);
		int			i = foreach_current_index(cell);

		batches[i] = UUIDPGetDatum(&address->batch);
		pages[i] = Int32GetDatum(address->page);
		ordinals[i] = Int32GetDatum(address->ordinal);
	}
	return list_make3(tree_array(batches, count, UUIDOID), tree_array(pages, count, INT4OID),
					  tree_array(ordinals, count, INT4OID));
}

/* EXISTS (SELECT FROM ROWS FROM (unnest(batches), …) AS a (batch_id, page, ordinal) WHERE …) */
static Node *
in_addresses(List *addresses)
{
	List	   *names = list_make3("batch_id", "page", "ordinal");
	List	   *equal = NIL;
	ListCell   *cell;

	foreach(cell, names)
		equal = lappend(equal, tree_compare("=", tree_column("a", lfirst(cell)),
											tree_column("r", lfirst(cell))));
	return tree_exists(list_make1(tree_arrays("a", names, address_arrays(addresses))),
					   tree_and(equal));
}

/* SELECT r.record, r.created_at AS landed_at, … FROM raw.source r WHERE … */
static SelectStmt *
records_select(const char *source, List *filters)
{
	RangeVar   *table = makeRangeVar(RAW_SCHEMA, pstrdup(source), -1);
	SelectStmt *select;
	List	   *targets = NIL;
	ListCell   *cell;

	table->alias = makeAlias("r", NIL);
	for (int i = 0; i < lengthof(records_columns); i++)
	{
		const char *stored = i == 1 ? "created_at" : records_columns[i];

		targets = lappend(targets, tree_target(tree_column("r", stored), records_columns[i]));
	}
	select = tree_select(targets, (Node *) table);
	foreach(cell, filters)
	{
		RecordsFilter *filter = lfirst(cell);

		if (strcmp(filter->source, source) != 0)
			continue;
		select->whereClause = in_batches(filter->batches);
		if (filter->addresses != NIL)
			select->whereClause = tree_and(list_make2(select->whereClause,
													  in_addresses(filter->addresses)));
		if (filter->except != NIL)
			select->whereClause = tree_and(list_make2(select->whereClause,
													  tree_not(in_addresses(filter->except))));
	}
	return select;
}

static bool
is_records_call(RangeFunction *function)
{
	FuncCall   *call;

	if (function->is_rowsfrom)
		return false;
	call = linitial(linitial_node(List, function->functions));
	return IsA(call, FuncCall) && list_length(call->funcname) == 2 &&
		strcmp(strVal(linitial(call->funcname)), "dataops") == 0 &&
		strcmp(strVal(lsecond(call->funcname)), "records") == 0;
}

static Node *
expand_records(RangeFunction *function, ParseContext *context)
{
	FuncCall   *call = linitial(linitial_node(List, function->functions));
	A_Const    *name = list_length(call->args) == 1 ? linitial(call->args) : NULL;
	RangeSubselect *range;

	if (name == NULL || !IsA(name, A_Const) || name->isnull || !IsA(&name->val, String) ||
		function->ordinality || function->coldeflist)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("dataops.records() takes the name of one source"),
				errhint("Write FROM dataops.records('name')."),
				error_location(context->model->text, call->location));
	context->model->sources = names_add(context->model->sources, pstrdup(strVal(&name->val)));
	range = makeNode(RangeSubselect);
	range->lateral = function->lateral;
	range->subquery = (Node *) records_select(strVal(&name->val), context->filters);
	range->alias = function->alias ? function->alias : makeAlias("records", NIL);
	return (Node *) range;
}

/*
 * Replaces records() in one FROM item; counts them in *found.  "visible": its columns can be
 * named from the select list, and *records becomes their alias.
 */
static Node *
expand_from(Node *item, ParseContext *context, bool visible, int *found, Alias **records)
{
	if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;

		visible = visible && join->alias == NULL;
		join->larg = expand_from(join->larg, context, visible, found, records);
		join->rarg = expand_from(join->rarg, context, visible, found, records);
	}
	else if (IsA(item, RangeFunction) && is_records_call((RangeFunction *) item))
	{
		item = expand_records((RangeFunction *) item, context);
		*found += 1;
		if (visible)
			*records = ((RangeSubselect *) item)->alias;
	}
	return item;
}

/* ---- refusals ---- */

static void
check_select(SelectStmt *select, const char *text)
{
	ListCell   *cell;

	if (select->intoClause != NULL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a model is a plain SELECT: INTO is not allowed"),
				error_location(text, select->intoClause->rel->location));
	if (select->lockingClause != NIL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a model is a plain SELECT: it locks no rows"));
	if (select->withClause == NULL)
		return;
	foreach(cell, select->withClause->ctes)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (!IsA(cte->ctequery, SelectStmt))
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("a model does not change data: WITH query \"%s\" is not a SELECT",
						   cte->ctename),
					error_location(text, cte->location));
	}
}

static bool
model_walker(Node *node, ParseContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SelectStmt))
	{
		SelectStmt *select = (SelectStmt *) node;
		Alias	   *records = NULL;
		int			found = 0;
		ListCell   *cell;

		check_select(select, context->model->text);
		foreach(cell, select->fromClause)
			lfirst(cell) = expand_from(lfirst(cell), context, true, &found, &records);
		if (found > 1)
			context->model->joins_sources = true;
		if (select == context->model->select && found == 1)
			context->model->records = records;
	}
	return raw_expression_tree_walker(node, model_walker, context);
}

ModelTree *
model_parse(const char *text, List *filters)
{
	ModelTree  *model = palloc0(sizeof(ModelTree));
	ParseContext context = {.model = model, .filters = filters};
	ErrorText	place;
	List	   *statements;
	RawStmt    *first;

	error_text_push(&place, text);
	statements = raw_parser(text, RAW_PARSE_DEFAULT);
	if (statements == NIL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("a model is one SELECT, this is empty"));
	first = linitial_node(RawStmt, statements);
	if (list_length(statements) > 1)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("a model is one SELECT, these are %d statements", list_length(statements)),
				error_location(text, lsecond_node(RawStmt, statements)->stmt_location));
	if (!IsA(first->stmt, SelectStmt))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("a model is one SELECT"),
				errhint("Use dataops.add_sql() for other commands."),
				error_location(text, first->stmt_location));
	model->text = text;
	model->select = (SelectStmt *) first->stmt;
	model_walker((Node *) model->select, &context);
	error_text_pop(&place);
	return model;
}

/* ---- address ---- */

bool
model_append_address(ModelTree *model, const Query *query)
{
	if (model->records == NULL || query->setOperations || query->hasAggs || query->groupClause ||
		query->groupingSets || query->havingQual || query->distinctClause)
		return false;
	for (int i = 0; i < ADDRESS_COLUMNS; i++)
	{
		int			column = address_in_records[i];
		const char *name = records_columns[column];
		Node	   *value;

		/* an alias may rename the first columns: records('x') AS r (line) */
		if (column < list_length(model->records->colnames))
			name = strVal(list_nth(model->records->colnames, column));
		value = tree_column(model->records->aliasname, name);
		model->select->targetList = lappend(model->select->targetList,
											tree_target(value, address_columns[i]));
	}
	return true;
}
