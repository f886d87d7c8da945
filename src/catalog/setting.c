/*
 * setting.c
 *	  What people set by function because a managed role cannot set it for a database: settings of
 *	  an administrator, which only narrow those of the server's configuration, and variables.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "catalog/definition.h"
#include "catalog/role.h"
#include "catalog/spec.h"
#include "catalog/sql.h"
#include "core/error.h"

static const char *const setting_names[] = {"allowed_hosts", "archive"};

static void
check_setting(const char *name)
{
	const char *nearest;

	for (int i = 0; i < lengthof(setting_names); i++)
		if (strcmp(name, setting_names[i]) == 0)
			return;
	nearest = nearest_name(name, setting_names, lengthof(setting_names));
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("setting \"%s\" does not exist", error_clean(name, strlen(name), 100)),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0);
}

static Jsonb *
string_jsonb(char *text)
{
	JsonbValue	string = {.type = jbvString};

	string.val.string.val = text;
	string.val.string.len = strlen(text);
	return JsonbValueToJsonb(&string);
}

PG_FUNCTION_INFO_V1(dataops_set_setting);

/* set_setting(name, value); NULL takes the setting away */
Datum
dataops_set_setting(PG_FUNCTION_ARGS)
{
	static const char put[] =
		"INSERT INTO dataops.setting (name, value) VALUES ($1, $2) "
		"ON CONFLICT (name) DO UPDATE SET value = $2";
	static const char drop[] = "DELETE FROM dataops.setting WHERE name = $1";
	char	   *value = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *name;
	SqlArgs		args = {0};

	role_check_admin("change settings of dataops");
	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a setting needs a name"));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_setting(name);
	sql_add_text(&args, name);
	if (value != NULL)
		sql_add_text(&args, value);
	sql_run_own(value ? put : drop, &args);
	audit_record("set setting", name, value ? string_jsonb(value) : NULL);
	PG_RETURN_VOID();
}

/* Variables belong to who set them first; only he or an administrator changes them. */
static void
check_variable(const char *env, const char *name)
{
	static const char sql[] =
		"SELECT owner::oid FROM dataops.variable WHERE env = $1 AND name = $2";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, env);
	sql_add_text(&args, name);
	rows = sql_run_own(sql, &args);
	if (rows->count > 0)
		definition_check_level(DatumGetObjectId(sql_datum(rows, 0, 1)), "admin", "variable", name);
}

PG_FUNCTION_INFO_V1(dataops__set_var);

/* _set_var(name, value, env); the environment of the session when env is null */
Datum
dataops__set_var(PG_FUNCTION_ARGS)
{
	static const char sql[] =
		"INSERT INTO dataops.variable (env, name, value, owner) VALUES ($1, $2, $3, $4::regrole) "
		"ON CONFLICT (env, name) DO UPDATE SET value = $3";
	const char *session_env = GetConfigOption("dataops.env", true, false);
	const char *env;
	char	   *name;
	SqlArgs		args = {0};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("a variable needs a name and a value"));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	spec_check_name(name, "variable");
	if (!PG_ARGISNULL(2))
		env = text_to_cstring(PG_GETARG_TEXT_PP(2));
	else
		env = session_env && *session_env ? session_env : "prod";
	spec_check_name(env, "environment");
	check_variable(env, name);
	sql_add_text(&args, env);
	sql_add_text(&args, name);
	sql_add_jsonb(&args, PG_GETARG_JSONB_P(1));
	sql_add_oid(&args, GetUserId());
	sql_run_own(sql, &args);
	audit_record("set variable", psprintf("%s/%s", env, name), PG_GETARG_JSONB_P(1));
	PG_RETURN_VOID();
}
