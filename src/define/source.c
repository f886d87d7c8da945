/*
 * source.c
 *	  create_http_source(), alter_source(), drop_source() and fetch steps.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "define/source.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/plancache.h"

#include "catalog/connection.h"
#include "catalog/raw_table.h"
#include "catalog/source_step.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/guc.h"
#include "define/pipeline.h"
#include "fetch/source_spec.h"
#include "store/store.h"

/* The query must be one SELECT of one column; what is wrong with it otherwise, the server says. */
static void
check_for_each(const SourceSpec *source, Oid owner)
{
	SqlRole		before = sql_become_owner(owner, "pg_catalog", "UTC");
	SPIPlanPtr	plan;
	List	   *parsed;
	CachedPlanSource *query;

	SPI_connect();
	plan = SPI_prepare(source->for_each, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare for_each: %s", SPI_result_code_string(SPI_result));
	parsed = SPI_plan_get_plan_sources(plan);
	query = list_length(parsed) == 1 ? linitial(parsed) : NULL;
	if (query == NULL || query->commandTag != CMDTAG_SELECT || query->resultDesc == NULL ||
		query->resultDesc->natts != 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"for_each\" of %s must be one SELECT of one column", source->what));
	SPI_finish();
	sql_leave(&before);
}

/*
 * "spec" without the members that are null: what was not given.  Deeper nulls, as in a body, stay.
 */
static Jsonb *
without_nulls(Jsonb *spec)
{
	JsonbIterator *iterator = JsonbIteratorInit(&spec->root);
	JsonbIteratorToken token;
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(spec))
		return spec;
	(void) JsonbIteratorNext(&iterator, &value, true);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvNull)
			continue;
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
source_define(const char *name, Jsonb *spec, Oid owner)
{
	const char *env = define_env();
	SourceSpec *source;
	Definition *existing;
	Connection *connection;

	spec_check_name(name, "source");
	spec = without_nulls(spec);
	source = source_spec_read(name, spec);
	existing = definition_find(DEFINITION_SOURCE, "", name, env);
	if (existing != NULL)
	{
		definition_check_right(existing->owner, "source", name);
		owner = existing->owner;
	}
	connection = connection_find(source->server, owner);
	if (strcmp(connection->wrapper, "dataops_http") != 0)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("connection \"%s\" is not an HTTP API", source->server),
				errdetail("It is a server of %s.", connection->wrapper),
				errhint("Use a server of dataops_http."));
	if (source->for_each != NULL)
		check_for_each(source, owner);
	(void) raw_table_ensure(name, env, owner);
	return definition_put(DEFINITION_SOURCE, "", name, env, spec, owner)->spec;
}

/* ---- fetch steps ---- */

/* "spec" with one text member added or replaced. */
static Jsonb *
with_member(Jsonb *spec, const char *key, const char *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	pair = {.type = jbvString};
	Jsonb	   *added;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pair.val.string.val = (char *) key;
	pair.val.string.len = strlen(key);
	pushJsonbValue(&state, WJB_KEY, &pair);
	pair.val.string.val = (char *) value;
	pair.val.string.len = strlen(value);
	pushJsonbValue(&state, WJB_VALUE, &pair);
	added = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(spec),
											  JsonbPGetDatum(added)));
}

static void
check_only_step(const char *source, const char *env, const char *pipeline, const char *name)
{
	char	   *other_pipeline;
	char	   *other_step;

	if (!source_step_find(source, env, &other_pipeline, &other_step))
		return;
	if (strcmp(other_pipeline, pipeline) != 0 || strcmp(other_step, name) != 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("source \"%s\" is fetched already by step \"%s\" of pipeline \"%s\"", source,
					   other_step, other_pipeline),
				errhint("A source has one fetch step; other pipelines read records('%s').",
						source));
}

Jsonb *
fetch_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	char	   *what = psprintf("step \"%s\"", name);
	char	   *source_name = spec_text_required(spec, "source", what);
	Definition *source = definition_get(DEFINITION_SOURCE, "", source_name, env);
	char	   *archive = spec_text(spec, "archive", what);

	if (source->owner != pipeline->owner)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("source \"%s\" and pipeline \"%s\" have different owners", source_name,
					   pipeline->object));
	check_only_step(source_name, env, pipeline->object, name);
	if (archive == NULL)
		archive = source_step_archive();
	if (archive == NULL)
		archive = "";
	if (*archive != '\0')
		(void) store_open(connection_open(archive, pipeline->owner), STORE_PRODUCTION,
						  CurrentMemoryContext);
	return with_member(spec, "archive", archive);
}

/* ---- dropping ---- */

pg_noreturn static void
refuse_drop(const char *name, const char *use, const char *pipeline, const char *step)
{
	ereport(ERROR,
			errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			errmsg("source \"%s\" is %s by step \"%s\" of pipeline \"%s\"", name, use, step,
				   pipeline),
			errhint("Drop that first: SELECT dataops.drop_step(%s, %s);",
					quote_literal_cstr(pipeline), quote_literal_cstr(step)));
}

/* Who may see the models that read it has to settle them first; of others he cannot be told. */
static void
check_unused(const char *name, const char *env)
{
	char	   *pipeline;
	char	   *step;
	bool		others = false;
	ListCell   *cell;

	if (source_step_find(name, env, &pipeline, &step))
		refuse_drop(name, "fetched", pipeline, step);
	foreach(cell, definition_readers(psprintf("source:%s", name), env))
	{
		Definition *reader = lfirst(cell);

		if (definition_in_sight(reader->owner))
			refuse_drop(name, "read", reader->pipeline, reader->object);
		others = true;
	}
	if (others)
		ereport(WARNING,
				errmsg("models of other roles read source \"%s\"", name),
				errdetail("They go on with the records that are there; no new ones come."));
}

/* ---- the functions ---- */

PG_FUNCTION_INFO_V1(dataops_define_source);
PG_FUNCTION_INFO_V1(dataops_alter_source);
PG_FUNCTION_INFO_V1(dataops_drop_source);
PGDLLEXPORT Datum dataops_define_source(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_alter_source(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum dataops_drop_source(PG_FUNCTION_ARGS);

Datum
dataops_define_source(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	(void) source_define(name, PG_GETARG_JSONB_P(1), GetUserId());
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

Datum
dataops_alter_source(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Definition *source = definition_get(DEFINITION_SOURCE, "", name, define_env());
	Datum		changed;

	definition_check_right(source->owner, "source", name);
	changed = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(source->spec), PG_GETARG_DATUM(1));
	(void) source_define(name, DatumGetJsonbP(changed), source->owner);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

Datum
dataops_drop_source(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *env = define_env();
	Definition *source = definition_get(DEFINITION_SOURCE, "", name, env);

	definition_check_drop(source->owner, "source", name);
	check_unused(name, env);
	(void) definition_drop(DEFINITION_SOURCE, "", name, env);
	ereport(NOTICE,
			errmsg("table \"%s.%s\" with the records stays", raw_table_schema(env), name));
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
