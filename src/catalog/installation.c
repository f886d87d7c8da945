/*
 * installation.c
 *	  Which database this installation may act in: one row of system identifier and database, which
 *	  a dump carries along and which then no longer fits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/installation.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog/definition.h"
#include "catalog/role.h"
#include "catalog/sql.h"
#include "core/uuid.h"

typedef enum InstallationState
{
	INSTALLATION_HERE,
	INSTALLATION_NEW,			/* nothing is recorded */
	INSTALLATION_COPY
} InstallationState;

static char *
system_identifier(void)
{
	return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

static InstallationState
installation_state(void)
{
	static const char sql[] =
		"SELECT system_identifier = $1 AND database = $2 FROM dataops.installation";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, system_identifier());
	sql_add_oid(&args, MyDatabaseId);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return INSTALLATION_NEW;
	return sql_bool(rows, 0, 1) ? INSTALLATION_HERE : INSTALLATION_COPY;
}

/* Records this database under a new id: names of effects never meet those of the original. */
static void
installation_record(void)
{
	static const char sql[] =
		"INSERT INTO dataops.installation (id, system_identifier, database, adopted_at) "
		"VALUES ($1, $2, $3, clock_timestamp()) "
		"ON CONFLICT ((true)) DO UPDATE SET id = excluded.id, database = excluded.database, "
		" system_identifier = excluded.system_identifier, adopted_at = excluded.adopted_at "
		"WHERE (installation.system_identifier, installation.database) "
		" IS DISTINCT FROM (excluded.system_identifier, excluded.database)";
	SqlArgs		args = {0};
	pg_uuid_t	id = uuid_v7();

	sql_add_uuid(&args, &id);
	sql_add_text(&args, system_identifier());
	sql_add_oid(&args, MyDatabaseId);
	sql_run_own(sql, &args);
}

void
installation_check(void)
{
	InstallationState state;

	if (RecoveryInProgress())
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("pipelines cannot run on a standby server"),
				errhint("Connect to the primary server."));
	if (XactReadOnly)
		ereport(ERROR,
				errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("pipelines cannot be defined or run in a read-only transaction"),
				errhint("Set default_transaction_read_only to off for this role or session."));
	state = installation_state();
	if (state == INSTALLATION_COPY)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("database \"%s\" is a copy in which pipelines were not adopted",
					   get_database_name(MyDatabaseId)),
				errdetail("Its pipelines may still be running in the database it was copied from."),
				errhint("See dataops.check_restore(), then run SELECT dataops.adopt()."));
	if (state == INSTALLATION_NEW)
		installation_record();
}

PG_FUNCTION_INFO_V1(dataops__installation_ok);

/* _installation_ok() → false in a copy that nobody adopted */
Datum
dataops__installation_ok(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(installation_state() != INSTALLATION_COPY);
}

PG_FUNCTION_INFO_V1(dataops_adopt);

/* adopt(): from now on pipelines run in this database */
Datum
dataops_adopt(PG_FUNCTION_ARGS)
{
	role_check_admin("adopt the pipelines of this database");
	installation_record();
	audit_record("adopt", get_database_name(MyDatabaseId), NULL);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(dataops__library_version);

/* _library_version() → the version the library was built as; the script's is in pg_extension */
Datum
dataops__library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(DATAOPS_VERSION));
}
