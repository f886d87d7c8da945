/*
 * definition.c
 *	  Every SQL text about definitions, their current versions and the audit trail.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/definition.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "catalog/role.h"
#include "catalog/sql.h"
#include "core/compat.h"
#include "core/error.h"
#include "core/uuid.h"

#define CURRENT_COLUMNS \
	"SELECT d.id, d.kind, d.pipeline, d.object, d.version, p.position, d.spec, d.hash, d.owner " \
	"FROM dataops.deployment p JOIN dataops.definition d ON d.id = p.definition "

static const char *const kind_names[] = {"source", "pipeline", "step", "check"};

static Definition *
definition_from_row(const SqlRows *rows, uint64 row)
{
	Definition *definition = palloc0(sizeof(Definition));
	char	   *kind = sql_text(rows, row, 2);

	definition->id = *sql_uuid(rows, row, 1);
	for (int i = 0; i < lengthof(kind_names); i++)
		if (strcmp(kind, kind_names[i]) == 0)
			definition->kind = i;
	definition->pipeline = sql_text(rows, row, 3);
	definition->object = sql_text(rows, row, 4);
	definition->version = sql_bigint(rows, row, 5);
	definition->position = sql_bigint(rows, row, 6);
	definition->spec = sql_jsonb(rows, row, 7);
	definition->hash = sql_text(rows, row, 8);
	definition->owner = DatumGetObjectId(sql_datum(rows, row, 9));
	return definition;
}

Definition *
definition_find(DefinitionKind kind, const char *pipeline, const char *object, const char *env)
{
	static const char sql[] = CURRENT_COLUMNS
		"WHERE p.kind = $1 AND p.pipeline = $2 AND p.object = $3 AND p.env = $4";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, object);
	sql_add_text(&args, env);
	rows = sql_run_own(sql, &args);
	return rows->count == 0 ? NULL : definition_from_row(rows, 0);
}

static List *
definitions_from_rows(const SqlRows *rows)
{
	List	   *list = NIL;

	for (uint64 i = 0; i < rows->count; i++)
		list = lappend(list, definition_from_row(rows, i));
	return list;
}

List *
definition_by_ids(List *ids)
{
	static const char sql[] =
		"SELECT d.id, d.kind, d.pipeline, d.object, d.version, n::int, d.spec, d.hash, d.owner "
		"FROM unnest($1) WITH ORDINALITY AS wanted (id, n) "
		"JOIN dataops.definition d ON d.id = wanted.id "
		"ORDER BY n";
	SqlArgs		args = {0};

	sql_add_uuids(&args, ids);
	return definitions_from_rows(sql_run_own(sql, &args));
}

List *
definition_list(DefinitionKind kind, const char *pipeline, const char *env)
{
	static const char sql[] = CURRENT_COLUMNS
		"WHERE p.kind = $1 AND p.pipeline = $2 AND p.env = $3 ORDER BY p.position, p.object";
	SqlArgs		args = {0};

	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	return definitions_from_rows(sql_run_own(sql, &args));
}

#define MODELS_WHERE CURRENT_COLUMNS \
	"WHERE p.kind = 'step' AND p.env = $2 AND d.spec->>'kind' = 'model' AND "

static List *
models_of(const char *sql, const char *table, const char *env)
{
	SqlArgs		args = {0};

	sql_add_text(&args, table);
	sql_add_text(&args, env);
	return definitions_from_rows(sql_run_own(sql, &args));
}

List *
definition_writers(const char *table, const char *env)
{
	return models_of(MODELS_WHERE "d.spec->>'target' = $1 ORDER BY p.pipeline, p.object",
					 table, env);
}

List *
definition_readers(const char *input, const char *env)
{
	return models_of(MODELS_WHERE "d.spec->'derived'->'inputs' ? $1 ORDER BY p.pipeline, p.object",
					 input, env);
}

bool
definition_made(const char *table, const char *pipeline)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM dataops.definition WHERE kind = 'step' "
		" AND pipeline = coalesce($2, pipeline) AND spec->>'target' = $1 "
		" AND spec->'derived' @> '{\"made\": true}')";
	SqlArgs		args = {0};

	sql_add_text(&args, table);
	sql_add_text(&args, pipeline);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

/* The object of that kind whose name is nearest, among those whose owner's rights the user has. */
static const char *
nearest_object(DefinitionKind kind, const char *pipeline, const char *object, const char *env)
{
	static const char sql[] = CURRENT_COLUMNS
		"WHERE p.kind = $1 AND (p.pipeline = $2 OR $1 = 'pipeline') AND p.env = $3 "
		"AND pg_has_role($4::oid, d.owner::oid, 'USAGE')";
	SqlArgs		args = {0};
	SqlRows    *rows;
	const char **names;

	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, env);
	sql_add_oid(&args, GetUserId());
	rows = sql_run_own(sql, &args);
	names = palloc(sizeof(char *) * (rows->count + 1));
	for (uint64 i = 0; i < rows->count; i++)
		names[i] = sql_text(rows, i, 4);
	return nearest_name(object, names, rows->count);
}

Definition *
definition_get(DefinitionKind kind, const char *pipeline, const char *object, const char *env)
{
	Definition *definition = definition_find(kind, pipeline, object, env);
	const char *nearest;

	if (definition != NULL)
		return definition;
	nearest = nearest_object(kind, pipeline, object, env);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			kind == DEFINITION_STEP || kind == DEFINITION_CHECK ?
			errmsg("%s \"%s\" of pipeline \"%s\" does not exist", kind_names[kind],
				   error_clean(object, strlen(object), 100), pipeline) :
			errmsg("%s \"%s\" does not exist", kind_names[kind],
				   error_clean(object, strlen(object), 100)),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0);
}

/* A new version, unless "spec" is what is current already: then that one's id. */
static pg_uuid_t
store_version(DefinitionKind kind, const char *pipeline, const char *object, Jsonb *spec, Oid owner)
{
	static const char sql[] =
		"WITH latest AS (SELECT id, version, hash, owner FROM dataops.definition "
		" WHERE kind = $2 AND pipeline = $3 AND object = $4 ORDER BY version DESC LIMIT 1), "
		"same AS (SELECT id FROM latest "
		"WHERE hash = encode(sha256(convert_to($5::text, 'UTF8')), 'hex')"
		" AND owner = $6::regrole), "
		"made AS (INSERT INTO dataops.definition (id, kind, pipeline, object, version, spec, hash, "
		"owner, "
		" created_at, created_by) SELECT $1, $2, $3, $4, coalesce((SELECT version "
		"FROM latest), 0) + 1, $5, "
		" encode(sha256(convert_to($5::text, 'UTF8')), 'hex'), $6::regrole, now(), session_user "
		" WHERE NOT EXISTS (SELECT FROM same) RETURNING id) "
		"SELECT id FROM same UNION ALL SELECT id FROM made";
	SqlArgs		args = {0};
	pg_uuid_t	id = uuid_v7();

	sql_add_uuid(&args, &id);
	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, object);
	sql_add_jsonb(&args, spec);
	sql_add_oid(&args, owner);
	return *sql_uuid(sql_run_own(sql, &args), 0, 1);
}

Definition *
definition_put(DefinitionKind kind, const char *pipeline, const char *object, const char *env,
			   Jsonb *spec, Oid owner)
{
	static const char sql[] =
		"INSERT INTO dataops.deployment "
		"AS p (kind, pipeline, object, env, definition, position, changed_by) "
		"VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(position), 0) + 1 "
		"FROM dataops.deployment "
		" WHERE kind = $1 AND pipeline = $2 AND env = $4), $6) "
		"ON CONFLICT (kind, pipeline, object, env) DO UPDATE SET definition = $5, changed_by = $6";
	SqlArgs		args = {0};
	pg_uuid_t	id = store_version(kind, pipeline, object, spec, owner);

	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, object);
	sql_add_text(&args, env);
	sql_add_uuid(&args, &id);
	sql_add_bigint(&args, (int64) U64FromFullTransactionId(GetTopFullTransactionId()));
	sql_run_own(sql, &args);
	audit_record(psprintf("define %s", kind_names[kind]),
				 *pipeline ? psprintf("%s/%s", pipeline, object) : object, spec);
	return definition_find(kind, pipeline, object, env);
}

bool
definition_drop(DefinitionKind kind, const char *pipeline, const char *object, const char *env)
{
	static const char sql[] =
		"DELETE FROM dataops.deployment "
		"WHERE kind = $1 AND pipeline = $2 AND object = $3 AND env = $4";
	SqlArgs		args = {0};

	sql_add_text(&args, kind_names[kind]);
	sql_add_text(&args, pipeline);
	sql_add_text(&args, object);
	sql_add_text(&args, env);
	if (sql_run_own(sql, &args)->count == 0)
		return false;
	audit_record(psprintf("drop %s", kind_names[kind]),
				 *pipeline ? psprintf("%s/%s", pipeline, object) : object, NULL);
	return true;
}

bool
role_has_level(Oid role, const char *level)
{
	static const char sql[] =
		"SELECT EXISTS (SELECT FROM dataops.role_level WHERE level IN ($2, 'admin') "
		" AND pg_has_role($1::oid, role::oid, 'USAGE'))";
	SqlArgs		args = {0};

	if (superuser_arg(role))
		return true;
	sql_add_oid(&args, role);
	sql_add_text(&args, level);
	return sql_bool(sql_run_own(sql, &args), 0, 1);
}

pg_noreturn static void
refuse_access(Oid owner, const char *kind, const char *name)
{
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied for %s \"%s\"", kind, name),
			sql_owner_exists(owner) ?
			errdetail("It belongs to role \"%s\".", GetUserNameFromId(owner, false)) :
			errdetail("It belongs to a role that was dropped."),
			sql_owner_exists(owner) ? 0 :
			errhint("An administrator of dataops or the owner of the database can drop it."));
}

void
definition_check_right(Oid owner, const char *kind, const char *name)
{
	if (!has_privs_of_role(GetUserId(), owner))
		refuse_access(owner, kind, name);
}

void
definition_check_drop(Oid owner, const char *kind, const char *name)
{
	if (sql_owner_exists(owner) || !role_is_admin(GetUserId()))
		definition_check_right(owner, kind, name);
}

void
definition_check_level(Oid owner, const char *level, const char *kind, const char *name)
{
	if (!has_privs_of_role(GetUserId(), owner) && !role_has_level(GetUserId(), level))
		refuse_access(owner, kind, name);
}

bool
definition_in_sight(Oid owner)
{
	return has_privs_of_role(GetUserId(), owner) || role_has_level(GetUserId(), "operator");
}

void
audit_record(const char *action, const char *object, Jsonb *detail)
{
	static const char sql[] =
		"INSERT INTO dataops.audit_entry (id, at, session_role, role, action, object, detail) "
		"VALUES ($1, clock_timestamp(), session_user, $2, $3, $4, $5)";
	SqlArgs		args = {0};
	pg_uuid_t	id = uuid_v7();

	sql_add_uuid(&args, &id);
	sql_add_text(&args, GetUserNameFromId(GetUserId(), true));
	sql_add_text(&args, action);
	sql_add_text(&args, object);
	sql_add_jsonb(&args, detail);
	sql_run_own(sql, &args);
}
