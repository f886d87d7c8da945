/*
 * load.c
 *	  What add_load() and add_promote() store.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "define/load.h"

#include "utils/builtins.h"

#include "catalog/connection.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "define/check.h"
#include "define/export.h"
#include "define/model.h"
#include "export/changed.h"
#include "export/load.h"
#include "model/tree.h"
#include "store/store.h"

static const char *const promote_keys[] = {
	"kind", "target", "relation", "server", "after", "retry", "timeout", "derived"
};

static Jsonb *
with_derived(Jsonb *spec, const char *target, List *inputs, const char *search_path)
{
	static const char sql[] =
		"SELECT $1 || jsonb_build_object('target', $2::text, 'derived', "
		" jsonb_build_object('inputs', to_jsonb($3::text[]), 'search_path', $4::text))";
	SqlArgs		args = {0};

	sql_add_jsonb(&args, spec);
	sql_add_text(&args, target);
	sql_add_texts(&args, inputs);
	sql_add_text(&args, search_path);
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

/* Tables go into warehouses, files into stores. */
static void
refuse_store(const Connection *connection, const char *hint)
{
	if (store_is_behind(connection))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("connection \"%s\" is an object store, not a warehouse",
					   connection->server),
				errhint("%s", hint));
}

/* One load of a relation to a server: their target is one name for checks and promotions. */
static void
refuse_second_load(Definition *pipeline, const char *name, const LoadSpec *load, const char *env)
{
	Definition *other = load_step_of(pipeline->object, load->target, env);

	if (other != NULL && strcmp(other->object, name) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("step \"%s\" of pipeline \"%s\" loads %s already", other->object,
					   pipeline->object, load->target),
				errhint("Give both steps one name to replace it."));
}

static void
check_sides(const LoadSpec *load, const Warehouse *warehouse)
{
	if (!load->publish && warehouse->one_sided)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("warehouse \"%s\" has no staging side to leave rows on", load->server),
				errhint("ALTER SERVER %s OPTIONS (ADD staging_schema '…'), or let the load "
						"publish.", quote_identifier(load->server)));
	if (warehouse->driver->remote && load->stage == NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s needs a stage", load->what),
				errdetail("Warehouse \"%s\" reads files from an object store.", load->server),
				errhint("Name its connection: stage => 'lake'."));
	if (!warehouse->driver->remote && load->stage != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s needs no stage", load->what),
				errdetail("Warehouse \"%s\" is in this database.", load->server));
}

/* With the owner's rights. */
static List *
check_load(Definition *pipeline, const LoadSpec *load)
{
	Connection *connection = connection_find(load->server, pipeline->owner);
	Warehouse  *warehouse;
	List	   *inputs;

	refuse_store(connection, "For files in it use add_export().");
	warehouse = warehouse_open(connection, CurrentMemoryContext);
	inputs = delivered_inputs(load->relation);
	if (load->stage != NULL)
		(void) store_open(connection_find(load->stage, pipeline->owner), STORE_PRODUCTION,
						  CurrentMemoryContext);
	check_sides(load, warehouse);
	warehouse->driver->check_table(warehouse, load_table(load));
	if (load->changed_rows)
		(void) changed_mark(load->relation);
	return inputs;
}

Jsonb *
load_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	LoadSpec   *load = load_spec_read(spec);
	char	   *search_path = model_search_path();
	SqlRole		before;
	List	   *inputs;

	refuse_second_load(pipeline, name, load, env);
	before = sql_become_owner(pipeline->owner, search_path,
							  spec_text(pipeline->spec, "timezone", "the pipeline"));
	inputs = check_load(pipeline, load);
	check_define_again(pipeline, load->target, NULL, env);
	sql_leave(&before);
	return with_derived(spec, load->target, inputs, search_path);
}

Jsonb *
promote_define(Definition *pipeline, const char *name, Jsonb *spec, const char *env)
{
	char	   *what = psprintf("step \"%s\"", name);
	RangeVar   *relation = tree_relation(spec_text_required(spec, "relation", what));
	char	   *server = spec_text_required(spec, "server", what);
	char	   *target = psprintf("%s@%s", tree_relation_text(relation->schemaname,
															  relation->relname), server);
	Definition *load = load_step_of(pipeline->object, target, env);

	spec_check_keys(spec, promote_keys, lengthof(promote_keys), what);
	refuse_store(connection_find(server, pipeline->owner),
				 "An export publishes by itself: its files are copied from staging_prefix, where "
				 "there is one, when all of them have arrived, and manifest.json is put last.");
	if (load == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("pipeline \"%s\" has no load of %s", pipeline->object, target),
				errhint("Define it first: add_load(…, publish => false)."));
	if (load_spec_read(load->spec)->publish)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("load \"%s\" publishes by itself", load->object),
				errhint("Define it with publish => false, or leave the promotion out."));
	return with_derived(spec, psprintf("%s:promote", target), list_make1(target),
						model_search_path());
}
