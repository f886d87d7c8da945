/*
 * load_spec.c
 *	  Reading a load's definition.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "export/load_spec.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "commands/comment.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/spec.h"
#include "core/error.h"
#include "model/tree.h"

static const char *const modes[] = {"append", "truncate", "merge"};
static const char *const row_choices[] = {"changed", "all"};
static const char *const bad_values[] = {"refuse", "quarantine", "null"};
static const char *const known_keys[] = {
	"kind", "target", "relation", "server", "mode", "key", "stage", "partition_by", "cluster_by",
	"publish", "rows", "on_bad_value", "after", "retry", "timeout", "derived"
};

const char *
load_mode_name(WarehouseMode mode)
{
	return modes[mode];
}

/* The place of the member's value in "values"; -1 when it is not given. */
static int
choose(Jsonb *spec, const char *key, const char *const *values, int nvalues, const char *what)
{
	const char *value = spec_choice(spec, key, values, nvalues, NULL, what);

	for (int i = 0; value != NULL && i < nvalues; i++)
		if (strcmp(value, values[i]) == 0)
			return i;
	return -1;
}

static void
wrong_combination(const LoadSpec *load, const char *problem, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s %s", load->what, problem),
			errhint("%s", hint));
}

static void
check_combination(const LoadSpec *load)
{
	if (load->mode == WAREHOUSE_MERGE && load->key == NIL)
		wrong_combination(load, "merges and has no key",
						  "Name the columns that tell its rows apart: key => '{id}'.");
	if (load->mode != WAREHOUSE_MERGE && load->key != NIL)
		wrong_combination(load, "has a key and does not merge",
						  "Use mode => 'merge', or leave the key out.");
	if (load->mode == WAREHOUSE_TRUNCATE && load->changed_rows)
		wrong_combination(load, "would replace all rows by those that changed",
						  "Use rows => 'all', or mode => 'merge' or 'append'.");
}

LoadSpec *
load_spec_read(Jsonb *spec)
{
	LoadSpec   *load = palloc0(sizeof(LoadSpec));
	RangeVar   *relation = tree_relation(spec_text_required(spec, "relation", "a load"));
	Jsonb	   *derived = spec_object(spec, "derived", "a load");
	int			choice;

	load->relation = tree_relation_text(relation->schemaname, relation->relname);
	load->server = spec_text_required(spec, "server", "a load");
	load->target = psprintf("%s@%s", load->relation, load->server);
	load->what = psprintf("load \"%s\"", load->target);
	spec_check_keys(spec, known_keys, lengthof(known_keys), load->what);
	load->key = spec_texts(spec, "key", load->what);
	choice = choose(spec, "mode", modes, lengthof(modes), load->what);
	load->mode = choice >= 0 ? choice : load->key ? WAREHOUSE_MERGE : WAREHOUSE_TRUNCATE;
	choice = choose(spec, "rows", row_choices, lengthof(row_choices), load->what);
	load->changed_rows = choice >= 0 ? choice == 0 : load->mode != WAREHOUSE_TRUNCATE;
	load->bad_value = Max(choose(spec, "on_bad_value", bad_values, lengthof(bad_values),
								 load->what), 0);
	load->stage = spec_text(spec, "stage", load->what);
	load->partition_by = spec_text(spec, "partition_by", load->what);
	load->cluster_by = spec_texts(spec, "cluster_by", load->what);
	load->publish = spec_bool(spec, "publish", true, load->what);
	if (derived != NULL)
		load->search_path = spec_text(derived, "search_path", load->what);
	check_combination(load);
	return load;
}

/* ---- the relation ---- */

static void
check_column(const LoadSpec *load, TupleDesc desc, const char *name)
{
	const char **names = palloc(sizeof(char *) * desc->natts);
	const char *nearest;
	int			count = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		if (strcmp(NameStr(attribute->attname), name) == 0)
			return;
		names[count++] = NameStr(attribute->attname);
	}
	nearest = nearest_name(name, names, count);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" of %s does not exist", name, load->what),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0);
}

static void
check_columns(const LoadSpec *load, TupleDesc desc)
{
	ListCell   *cell;

	foreach(cell, load->key)
		check_column(load, desc, lfirst(cell));
	foreach(cell, load->cluster_by)
		check_column(load, desc, lfirst(cell));
	if (load->partition_by != NULL)
		check_column(load, desc, load->partition_by);
}

WarehouseTable *
load_table(const LoadSpec *spec)
{
	WarehouseTable *table = palloc0(sizeof(WarehouseTable));
	Relation	relation = relation_openrv(tree_relation(spec->relation), AccessShareLock);
	Oid			id = RelationGetRelid(relation);

	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP ||
		(relation->rd_rel->relkind != RELKIND_RELATION &&
		 relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		 relation->rd_rel->relkind != RELKIND_VIEW &&
		 relation->rd_rel->relkind != RELKIND_MATVIEW &&
		 relation->rd_rel->relkind != RELKIND_FOREIGN_TABLE))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is not a table or view that lasts", spec->relation));
	/* without what belongs to the relation alone: not null, defaults, generated columns */
	table->columns = CreateTupleDescCopy(RelationGetDescr(relation));
	check_columns(spec, table->columns);
	table->name = pstrdup(RelationGetRelationName(relation));
	table->relation = id;
	table->description = GetComment(id, RelationRelationId, 0);
	table->comments = palloc0(sizeof(char *) * table->columns->natts);
	for (int i = 0; i < table->columns->natts; i++)
		table->comments[i] = GetComment(id, RelationRelationId, i + 1);
	table->key = spec->key;
	table->partition_by = spec->partition_by;
	table->cluster_by = spec->cluster_by;
	relation_close(relation, NoLock);
	return table;
}
