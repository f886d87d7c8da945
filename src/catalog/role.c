/*
 * role.c
 *	  The levels of grant_role(), and the filter of the views.  The rights are given by a function
 *	  in SQL that nobody may call; the checks are here, because here the current user is still the
 *	  caller: in a SECURITY DEFINER function it would be the extension's owner, and the role of the
 *	  session may be an administrator who runs somebody else's pipeline.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/role.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"

#include "catalog/definition.h"
#include "catalog/sql.h"
#include "core/error.h"

static const char *const levels[] = {"viewer", "operator", "developer", "admin"};

static bool
owns_database(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
	ReleaseSysCache(tuple);
	return has_privs_of_role(role, owner);
}

bool
role_can_log_in(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return can;
}

Oid
role_to_connect_as(void)
{
	return role_can_log_in(GetUserId()) ? GetUserId() : GetSessionUserId();
}

bool
role_is_admin(Oid role)
{
	return role_has_level(role, "admin") || owns_database(role);
}

void
role_check_admin(const char *action)
{
	if (role_is_admin(GetUserId()))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied to %s", action),
			errhint("An administrator of dataops or the owner of the database must do this."));
}

static void
check_level(const char *level)
{
	for (int i = 0; i < lengthof(levels); i++)
		if (strcmp(level, levels[i]) == 0)
			return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("level \"%s\" does not exist", error_clean(level, strlen(level), 100)),
			errhint("Levels are %s.", values_list(levels, lengthof(levels))));
}

/* Makes "level" (NULL: none) the level of "role". */
static void
set_level(Oid role, const char *level)
{
	static const char sql[] = "SELECT dataops._set_level($1::regrole, $2)";
	SqlArgs		args = {0};
	char	   *name = GetUserNameFromId(role, false);
	Datum		detail;

	sql_add_oid(&args, role);
	sql_add_text(&args, level);
	sql_run_own(sql, &args);
	if (level == NULL)
	{
		audit_record("revoke role", name, NULL);
		return;
	}
	detail = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"level\": \"%s\"}", level)));
	audit_record("grant role", name, DatumGetJsonbP(detail));
}

PG_FUNCTION_INFO_V1(dataops_grant_role);

/* grant_role(role, level) */
Datum
dataops_grant_role(PG_FUNCTION_ARGS)
{
	char	   *level = text_to_cstring(PG_GETARG_TEXT_PP(1));

	role_check_admin("grant levels of dataops");
	check_level(level);
	set_level(PG_GETARG_OID(0), level);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(dataops_revoke_role);

/* revoke_role(role) */
Datum
dataops_revoke_role(PG_FUNCTION_ARGS)
{
	role_check_admin("revoke levels of dataops");
	set_level(PG_GETARG_OID(0), NULL);
	PG_RETURN_VOID();
}

/* What _may_see() remembers while a query runs: its level is the same in every row. */
typedef struct Viewer
{
	Oid			user;
	bool		has_level;
} Viewer;

PG_FUNCTION_INFO_V1(dataops__may_see);

/* _may_see(owner, level) → does the current user have the rights of the owner, or that level? */
Datum
dataops__may_see(PG_FUNCTION_ARGS)
{
	Viewer	   *viewer = fcinfo->flinfo->fn_extra;

	if (!PG_ARGISNULL(0) && has_privs_of_role(GetUserId(), PG_GETARG_OID(0)))
		PG_RETURN_BOOL(true);
	if (PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	if (viewer == NULL || viewer->user != GetUserId())
	{
		viewer = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Viewer));
		viewer->user = GetUserId();
		viewer->has_level = role_has_level(viewer->user,
										   text_to_cstring(PG_GETARG_TEXT_PP(1)));
		fcinfo->flinfo->fn_extra = viewer;
	}
	PG_RETURN_BOOL(viewer->has_level);
}
