/*
 * export.c
 *	  Export steps: checked now, so that a run finds no surprises.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "define/export.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/connection.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "define/model.h"
#include "export/changed.h"
#include "export/export.h"
#include "export/path.h"
#include "model/execute.h"
#include "model/inputs.h"
#include "model/parse.h"
#include "model/tree.h"
#include "store/store.h"

static const char *const export_keys[] = {
	"kind", "target", "relation", "server", "rows", "format", "compression", "path", "after",
	"retry", "timeout", "derived"
};

static void
check_readable(Oid relation, const char *name)
{
	char		kind = get_rel_relkind(relation);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_VIEW &&
		kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is no table or view", name));
	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relation, GetUserId(), ACL_SELECT,
								  ACLMASK_ALL) != ACLCHECK_OK)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("role \"%s\" may not read \"%s\"", GetUserNameFromId(GetUserId(), false),
					   name),
				errdetail("A step reads with the rights of its pipeline's owner."),
				errhint("GRANT SELECT ON %s TO %s;", name,
						quote_identifier(GetUserNameFromId(GetUserId(), false))));
}

List *
delivered_inputs(const char *relation)
{
	Oid			found = RangeVarGetRelid(tree_relation(relation), NoLock, true);
	char	   *query;

	if (!OidIsValid(found))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"%s\" does not exist", relation),
				errhint("Define the model that makes it first, or create the table."));
	check_readable(found, relation);
	query = changed_query(relation, NULL, NULL);
	return query_inputs(tree_analyse((Node *) model_parse(query, NIL)->select, query, NULL),
						query);
}

static Jsonb *
with_derived(Jsonb *spec, List *inputs)
{
	static const char sql[] =
		"SELECT ($1 - 'derived') || jsonb_build_object('derived', "
		" jsonb_build_object('inputs', to_jsonb($2::text[]), 'search_path', $3::text))";
	SqlArgs		args = {0};

	sql_add_jsonb(&args, spec);
	sql_add_texts(&args, inputs);
	sql_add_text(&args, model_search_path());
	return sql_jsonb(sql_run_own(sql, &args), 0, 1);
}

/* Readers tell by a file's name whether it is compressed. */
static void
check_ending(const ExportSpec *export)
{
	size_t		length = strlen(export->path);
	bool		named = length >= 3 && pg_strcasecmp(export->path + length - 3, ".gz") == 0;

	if (named && !export->gzip)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("path \"%s\" ends in \".gz\", and the files are not compressed",
					   export->path),
				errhint("Take .gz off, or say compression => 'gzip'."));
	if (!named && export->gzip)
		ereport(WARNING,
				errmsg("path \"%s\" does not end in \".gz\", and the files are compressed",
					   export->path),
				errdetail("Readers that go by the name take them for plain text."),
				errhint("Put .gz behind it, or say compression => 'none'."));
}

Jsonb *
export_define(Definition *pipeline, const char *name, Jsonb *spec)
{
	ExportSpec *export = export_spec_read(name, spec);
	RangeVar   *relation = tree_relation(export->relation);
	List	   *inputs;
	SqlRole		before;

	spec_check_keys(spec, export_keys, lengthof(export_keys), psprintf("step \"%s\"", name));
	path_check(export->path, relation->schemaname, relation->relname);
	check_ending(export);
	before = sql_become_owner(pipeline->owner, model_search_path(), "UTC");
	inputs = delivered_inputs(export->relation);
	if (export->changed)
		(void) changed_mark(export->relation);
	sql_leave(&before);
	(void) store_open(connection_open(export->server, pipeline->owner), STORE_PRODUCTION,
					  CurrentMemoryContext);
	return with_derived(spec, inputs);
}
