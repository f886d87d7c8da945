/*
 * raw_table.c
 *	  DDL of raw tables.
 *
 * A partition is made as a table of its own and then attached: that does not wait for readers of
 * the others.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/raw_table.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "catalog/landing.h"
#include "catalog/sql.h"
#include "core/compat.h"

char *
raw_table_schema(const char *env)
{
	return strcmp(env, "prod") == 0 ? pstrdup("raw") : psprintf("raw_%s", env);
}

Oid
raw_table_find(const char *source, const char *env)
{
	Oid			schema = get_namespace_oid(raw_table_schema(env), true);

	return OidIsValid(schema) ? get_relname_relid(source, schema) : InvalidOid;
}

static void
run_ddl(const char *sql)
{
	int			code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
}

/* The statement trigger is not inherited: each partition gets its own. */
static void
guard_truncate(const char *relation)
{
	run_ddl(psprintf("CREATE TRIGGER dataops_guard_truncate BEFORE TRUNCATE ON %s "
					 "FOR EACH STATEMENT EXECUTE FUNCTION dataops._guard_raw()", relation));
}

static void
guard_rows(const char *relation)
{
	run_ddl(psprintf("CREATE TRIGGER dataops_guard_row BEFORE UPDATE OR DELETE ON %s "
					 "FOR EACH ROW EXECUTE FUNCTION dataops._guard_raw()", relation));
}

/* The relations of a raw table's tree that lack a trigger, by their quoted names. */
static List *
unguarded(Oid table, const char *trigger)
{
	List	   *names = NIL;
	char	   *sql = psprintf("SELECT t.relid::regclass::text FROM pg_partition_tree(%u) t "
							   "WHERE NOT EXISTS (SELECT FROM pg_trigger g "
							   " WHERE g.tgrelid = t.relid AND g.tgname = '%s') ORDER BY t.level",
							   table, trigger);

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a query of pg_trigger");
	for (uint64 i = 0; i < SPI_processed; i++)
		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	return names;
}

/* DROP EXTENSION takes the guard of tables that stay. */
static void
guard_again(Oid table)
{
	List	   *names = unguarded(table, "dataops_guard_row");
	ListCell   *cell;

	/* that of the table is inherited */
	if (names != NIL)
		guard_rows(linitial(names));
	foreach(cell, unguarded(table, "dataops_guard_truncate"))
		guard_truncate(lfirst(cell));
}

static void
create_table(const char *relation)
{
	run_ddl(psprintf("CREATE TABLE %s (batch_id uuid NOT NULL, page integer NOT NULL, "
					 "ordinal integer NOT NULL, created_at timestamptz NOT NULL, "
					 "record jsonb NOT NULL) PARTITION BY RANGE (created_at)",
					 relation));
	run_ddl(psprintf("CREATE INDEX ON %s USING brin (batch_id)", relation));
	guard_rows(relation);
	guard_truncate(relation);
}

/* The first moments (UTC) of the month of "at" and of the next one, and the month's name. */
static void
month_of(TimestampTz at, TimestampTz *start, TimestampTz *end, char **name)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	*name = psprintf("%04d_%02d", tm.tm_year, tm.tm_mon);
	tm.tm_mday = 1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm2timestamp(&tm, 0, NULL, start);
	if (++tm.tm_mon > 12)
	{
		tm.tm_mon = 1;
		tm.tm_year++;
	}
	tm2timestamp(&tm, 0, NULL, end);
}

static bool
is_partition_of(Oid partition, Oid table)
{
	return get_rel_relispartition(partition) && get_partition_parent(partition, false) == table;
}

static void
create_partition(Oid table, const char *partition, TimestampTz start, TimestampTz end)
{
	char	   *schema = get_namespace_name(get_rel_namespace(table));
	char	   *relation = quote_qualified_identifier(schema, get_rel_name(table));
	char	   *leaf = quote_qualified_identifier(schema, partition);

	run_ddl(psprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS "
					 "INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)",
					 leaf, relation));
	guard_truncate(leaf);
	run_ddl(psprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
					 relation, leaf,
					 pstrdup(timestamptz_to_str(start)),
					 pstrdup(timestamptz_to_str(end))));
}

static Oid
ensure_partition(Oid table, TimestampTz at)
{
	TimestampTz start;
	TimestampTz end;
	char	   *month;
	char	   *partition;
	Oid			found;

	month_of(at, &start, &end, &month);
	partition = psprintf("%s_%s", get_rel_name(table), month);
	found = get_relname_relid(partition, get_rel_namespace(table));
	if (!OidIsValid(found))
	{
		create_partition(table, partition, start, end);
		CommandCounterIncrement();
		found = get_relname_relid(partition, get_rel_namespace(table));
	}
	return is_partition_of(found, table) ? found : InvalidOid;
}

Oid
raw_table_partition(Oid table, Oid owner, TimestampTz at)
{
	SqlRole		before = sql_become_owner(owner, "pg_catalog", "UTC");
	Oid			partition;

	SPI_connect();
	partition = ensure_partition(table, at);
	SPI_finish();
	sql_leave(&before);
	return partition;
}

static void
check_is_raw(Oid table, const char *source, Oid owner)
{
	if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE ||
		get_attnum(table, "batch_id") != RAW_BATCH_ID || get_attnum(table, "page") != RAW_PAGE ||
		get_attnum(table, "ordinal") != RAW_ORDINAL ||
		get_attnum(table, "created_at") != RAW_CREATED_AT ||
		get_attnum(table, "record") != RAW_RECORD)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_TABLE),
				errmsg("relation \"%s\" is there already and is not a raw table",
					   get_rel_name(table)),
				errhint("Name the source \"%s\" differently, or rename the relation.", source));
}

/* Whoever made the schema owns it. */
static void
check_schema(const char *schema, const char *source, Oid owner)
{
	Oid			id = get_namespace_oid(schema, false);

	if (compat_schema_aclcheck(id, owner, ACL_USAGE) == ACLCHECK_OK &&
		compat_schema_aclcheck(id, owner, ACL_CREATE) == ACLCHECK_OK)
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("permission denied for schema %s", schema),
			errdetail("The records of source \"%s\" need a table there.", source),
			errhint("Its owner can run: GRANT USAGE, CREATE ON SCHEMA %s TO %s",
					quote_identifier(schema),
					quote_identifier(GetUserNameFromId(owner, false))));
}

Oid
raw_table_ensure(const char *source, const char *env, Oid owner)
{
	char	   *schema = raw_table_schema(env);
	char	   *relation = quote_qualified_identifier(schema, source);
	SqlRole		before = sql_become_owner(owner, "pg_catalog", "UTC");
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz start;
	TimestampTz end;
	char	   *month;
	Oid			table;
	bool		anew;

	SPI_connect();
	if (!OidIsValid(get_namespace_oid(schema, true)))
		run_ddl(psprintf("CREATE SCHEMA %s", quote_identifier(schema)));
	table = raw_table_find(source, env);
	anew = !OidIsValid(table);
	if (!anew)
	{
		check_is_raw(table, source, owner);
		guard_again(table);
	}
	else
	{
		check_schema(schema, source, owner);
		create_table(relation);
		CommandCounterIncrement();
		table = raw_table_find(source, env);
	}
	month_of(now, &start, &end, &month);
	(void) ensure_partition(table, now);
	(void) ensure_partition(table, end);
	SPI_finish();
	sql_leave(&before);
	/* what an earlier table of that name had taken in is not in this one */
	if (anew)
		landing_forget_cursor(source, env);
	return table;
}
