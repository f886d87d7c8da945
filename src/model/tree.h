/*
 * tree.h
 *	  Small pieces of a statement's raw parse tree, as the grammar would make them.
 *
 * Nothing made here has a position in a text, so an error about it points nowhere rather than at
 * the wrong word.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TREE_H
#define DATAOPS_TREE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/timestamp.h"

/* relation.column, or column when "relation" is NULL; column NULL: every column. */
extern Node *tree_column(const char *relation, const char *column);

extern Node *tree_string(const char *value);
extern Node *tree_time(TimestampTz time);
extern Node *tree_cast(Node *value, Oid type);

/* A function of pg_catalog. */
extern FuncCall *tree_call(const char *name, List *args);

/* count(*) FILTER (WHERE "filter"); no filter when NULL. */
extern Node *tree_count(Node *filter);

/* "left" <operator of pg_catalog> "right". */
extern Node *tree_compare(const char *operator, Node *left, Node *right);
extern Node *tree_and(List *conditions);
extern Node *tree_is_false(Node *condition);
extern Node *tree_is_unknown(Node *condition);
extern Node *tree_is_not_null(Node *value);
extern Node *tree_row(List *values);

/* CASE WHEN "condition" THEN "value" END; "value" itself when there is no condition. */
extern Node *tree_when(Node *condition, Node *value);

extern ResTarget *tree_target(Node *value, const char *name);
extern Node *tree_subselect(SelectStmt *select, const char *alias);

/* "SELECT targets FROM from", to be completed. */
extern SelectStmt *tree_select(List *targets, Node *from);

extern SortBy *tree_sort(Node *value, SortByDir direction);

/* EXISTS (SELECT FROM from, … WHERE "condition") */
extern Node *tree_exists(List *from, Node *condition);
extern Node *tree_not(Node *condition);

/* "value" = ANY ("array") */
extern Node *tree_any(Node *value, Node *array);

/* '{…}'::type[] of "count" values. */
extern Node *tree_array(Datum *values, int count, Oid type);

/* The FROM item ROWS FROM (unnest(array), …) AS alias (name, …). */
extern Node *tree_arrays(const char *alias, List *names, List *arrays);

/* "schema.table" as stored in a definition; throws 22023 when it is not of that form. */
extern RangeVar *tree_relation(const char *qualified_name);

/* The name as tree_relation() reads it: quoted where it would be folded or taken apart. */
extern char *tree_relation_text(const char *schema, const char *name);

#endif
