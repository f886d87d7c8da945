/*
 * model.c
 *	  Reading a model's definition.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/model.h"

#include "catalog/spec.h"
#include "model/tree.h"

#define SOURCE_PREFIX "source:"

static const char *const strategies[] = {"table", "view", "append", "merge", "partition"};

pg_noreturn static void
wrong_member(const ModelSpec *model, const char *problem, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s %s", model->what, problem),
			errhint("%s", hint));
}

static void
check_grain(const ModelSpec *model)
{
	const Interval *grain = model->grain;

	if (grain == NULL)
		return;
	if ((grain->month != 0) + (grain->day != 0) + (grain->time != 0) != 1 ||
		grain->month < 0 || grain->day < 0 || grain->time < 0)
		wrong_member(model, "has a grain that is not a positive interval of one unit",
					 "Use for example '15 minutes', '1 hour', '1 day' or '1 month'.");
}

static void
check_combination(const ModelSpec *model)
{
	if (model->strategy == STRATEGY_MERGE && model->key == NIL)
		wrong_member(model, "is merged and has no key",
					 "Name the columns that tell its rows apart: key => '{id}'.");
	if (model->strategy == STRATEGY_PARTITION && model->time_column == NULL)
		wrong_member(model, "is made by time and has no time column",
					 "Name the column that tells a row's time: time_column => 'hour'.");
	if (model->strategy == STRATEGY_VIEW && model->key != NIL)
		wrong_member(model, "is a view: it has no key", "Use is_unique() as a check instead.");
	if (model->strategy != STRATEGY_PARTITION && (model->grain != NULL || model->lookback != NULL))
		wrong_member(model, "is not made by time: grain and lookback belong to that",
					 "Use strategy => 'partition', or leave them out.");
}

ModelSpec *
model_spec_read(Jsonb *spec)
{
	ModelSpec  *model = palloc0(sizeof(ModelSpec));
	Jsonb	   *derived;
	RangeVar   *target;
	const char *strategy;

	model->what = "a model";
	target = tree_relation(spec_text_required(spec, "target", model->what));
	model->target = tree_relation_text(target->schemaname, target->relname);
	model->what = psprintf("model \"%s\"", model->target);
	model->query = spec_text_required(spec, "query", model->what);
	strategy = spec_choice(spec, "strategy", strategies, lengthof(strategies), "table",
						   model->what);
	for (int i = 0; i < lengthof(strategies); i++)
		if (strcmp(strategy, strategies[i]) == 0)
			model->strategy = i;
	model->key = spec_texts(spec, "key", model->what);
	model->time_column = spec_text(spec, "time_column", model->what);
	model->grain = spec_interval(spec, "grain", model->what);
	model->lookback = spec_interval_from(spec, "lookback", INTERVAL_NOT_NEGATIVE, model->what);
	check_grain(model);
	check_combination(model);
	derived = spec_object(spec, "derived", model->what);
	if (derived != NULL)
	{
		model->search_path = spec_text(derived, "search_path", model->what);
		model->inputs = spec_texts(derived, "inputs", model->what);
		if (model->time_column == NULL)
			model->time_column = spec_text(derived, "time_column", model->what);
	}
	return model;
}

bool
model_is_incremental(const ModelSpec *model)
{
	return model->strategy == STRATEGY_APPEND || model->strategy == STRATEGY_MERGE;
}

List *
model_sources(const ModelSpec *model)
{
	List	   *sources = NIL;
	ListCell   *cell;

	foreach(cell, model->inputs)
		if (strncmp(lfirst(cell), SOURCE_PREFIX, strlen(SOURCE_PREFIX)) == 0)
			sources = lappend(sources, (char *) lfirst(cell) + strlen(SOURCE_PREFIX));
	return sources;
}

List *
model_relations(const ModelSpec *model)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, model->inputs)
		if (strncmp(lfirst(cell), SOURCE_PREFIX, strlen(SOURCE_PREFIX)) != 0 &&
			strcmp(lfirst(cell), model->target) != 0)
			relations = lappend(relations, lfirst(cell));
	return relations;
}
