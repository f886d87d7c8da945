/*
 * scope.c
 *	  start_ts(), end_ts(), var() and var_json(): how the run in hand reaches user SQL without
 *	  being pasted into its text.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "catalog/definition.h"
#include "catalog/run.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "catalog/sql.h"

#define ENV_SIZE 64

static const RunScope outside = {.env = DEFAULT_ENV, .start_ts = DT_NOBEGIN, .end_ts = DT_NOEND};
static RunScope current;
static char current_env[ENV_SIZE];
static bool inside = false;

void
run_scope_set(const RunScope *scope)
{
	inside = scope != NULL;
	if (!inside)
		return;
	current = *scope;
	if (scope->env != current_env)
		strlcpy(current_env, scope->env, ENV_SIZE);
	current.env = current_env;
}

const RunScope *
run_scope(void)
{
	return inside ? &current : &outside;
}

PG_FUNCTION_INFO_V1(dataops_start_ts);
Datum
dataops_start_ts(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(run_scope()->start_ts);
}

PG_FUNCTION_INFO_V1(dataops_end_ts);
Datum
dataops_end_ts(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(run_scope()->end_ts);
}

/* The variable in the scope's environment, else in prod; NULL when there is none. */
static Jsonb *
variable_value(const char *name)
{
	static const char sql[] =
		"SELECT value FROM dataops.variable WHERE name = $1 AND env IN ($2, 'prod') "
		"AND pg_has_role($3::oid, owner::oid, 'USAGE') ORDER BY env <> $2 LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, name);
	sql_add_text(&args, run_scope()->env);
	sql_add_oid(&args, GetUserId());
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("variable \"%s\" does not exist", name),
				errhint("SELECT dataops.set_var(%s, …) makes it.", quote_literal_cstr(name)));
	return sql_jsonb(rows, 0, 1);
}

PG_FUNCTION_INFO_V1(dataops_var);
Datum
dataops_var(PG_FUNCTION_ARGS)
{
	Jsonb	   *value = variable_value(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	JsonbValue	scalar;

	if (!JsonbExtractScalar(&value->root, &scalar))
		PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &value->root, VARSIZE(value))));
	if (scalar.type == jbvNull)
		PG_RETURN_NULL();
	if (scalar.type == jbvString)
		PG_RETURN_TEXT_P(cstring_to_text_with_len(scalar.val.string.val, scalar.val.string.len));
	PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &value->root, VARSIZE(value))));
}

PG_FUNCTION_INFO_V1(dataops_var_json);
Datum
dataops_var_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(variable_value(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
