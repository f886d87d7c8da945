/*
 * sql.c
 *	  Runs constant statements as the extension's owner, keeps their plans, and hands out rows
 *	  that outlive the SPI call.  Also the two changes of user that the engine makes, and the
 *	  guard around user SQL.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/sql.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/compat.h"

/* ---- arguments ---- */

static void
add_value(SqlArgs *args, Oid type, Datum value, bool is_null)
{
	if (args->count >= SQL_MAX_ARGS)
		elog(ERROR, "too many arguments of a statement");
	args->types[args->count] = type;
	args->values[args->count] = value;
	args->nulls[args->count] = is_null ? 'n' : ' ';
	args->count++;
}

void
sql_add_null(SqlArgs *args, Oid type)
{
	add_value(args, type, (Datum) 0, true);
}

void
sql_add_text(SqlArgs *args, const char *value)
{
	add_value(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

Datum
sql_texts_datum(List *values)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(values) + 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, values)
		elements[count++] = CStringGetTextDatum((char *) lfirst(cell));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

void
sql_add_texts(SqlArgs *args, List *values)
{
	if (values == NIL)
		sql_add_null(args, TEXTARRAYOID);
	else
		add_value(args, TEXTARRAYOID, sql_texts_datum(values), false);
}

void
sql_add_uuid(SqlArgs *args, const pg_uuid_t *value)
{
	add_value(args, UUIDOID, UUIDPGetDatum(value), value == NULL);
}

void
sql_add_uuids(SqlArgs *args, List *values)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(values) + 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, values)
		elements[count++] = UUIDPGetDatum((pg_uuid_t *) lfirst(cell));
	add_value(args, UUIDARRAYOID,
			  PointerGetDatum(construct_array(elements, count, UUIDOID, UUID_LEN, false,
											  TYPALIGN_CHAR)),
			  false);
}

void
sql_add_oids(SqlArgs *args, List *values)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(values) + 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, values)
		elements[count++] = ObjectIdGetDatum(lfirst_oid(cell));
	add_value(args, OIDARRAYOID,
			  PointerGetDatum(construct_array(elements, count, OIDOID, sizeof(Oid), true,
											  TYPALIGN_INT)),
			  values == NIL);
}

void
sql_add_crc32c(SqlArgs *args, uint32 value)
{
	sql_add_text(args, psprintf("%08x", value));
}

void
sql_add_int(SqlArgs *args, int32 value)
{
	add_value(args, INT4OID, Int32GetDatum(value), false);
}

void
sql_add_bigint(SqlArgs *args, int64 value)
{
	add_value(args, INT8OID, Int64GetDatum(value), false);
}

void
sql_add_bool(SqlArgs *args, bool value)
{
	add_value(args, BOOLOID, BoolGetDatum(value), false);
}

void
sql_add_oid(SqlArgs *args, Oid value)
{
	add_value(args, OIDOID, ObjectIdGetDatum(value), false);
}

void
sql_add_jsonb(SqlArgs *args, Jsonb *value)
{
	add_value(args, JSONBOID, JsonbPGetDatum(value), value == NULL);
}

void
sql_add_bytes(SqlArgs *args, const char *value, size_t length)
{
	add_value(args, BYTEAOID,
			  value ? PointerGetDatum(cstring_to_text_with_len(value, length)) : (Datum) 0,
			  value == NULL);
}

void
sql_add_timestamptz(SqlArgs *args, TimestampTz value)
{
	add_value(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

/* ---- whose rights ---- */

Oid
sql_extension_owner(void)
{
	HeapTuple	tuple;
	Oid			owner;

	/* the schema is the script's own, so it has the owner of everything else in it */
	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("dataops"));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("extension \"dataops\" is not installed in this database"),
				errhint("Run CREATE EXTENSION dataops."));
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
sql_pin_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

SqlRole
sql_become_extension(void)
{
	SqlRole		before;
	Oid			owner = sql_extension_owner();

	GetUserIdAndSecContext(&before.user, &before.security);
	before.guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, before.security | SECURITY_LOCAL_USERID_CHANGE);
	sql_pin_setting("search_path", "pg_catalog, pg_temp");
	return before;
}

bool
sql_owner_exists(Oid owner)
{
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(owner));
}

void
sql_check_owner(Oid owner)
{
	if (!sql_owner_exists(owner))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("the role that owned this, with OID %u, does not exist", owner),
				errhint("Drop the pipeline and define it again as a role that exists."));
}

SqlRole
sql_become_owner(Oid owner, const char *search_path, const char *timezone)
{
	SqlRole		before;

	sql_check_owner(owner);
	GetUserIdAndSecContext(&before.user, &before.security);
	before.guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, before.security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	sql_pin_setting("search_path",
					psprintf("%s%spg_temp", search_path ? search_path : "pg_catalog",
							 search_path && *search_path == '\0' ? "" : ", "));
	sql_pin_setting("TimeZone", timezone ? timezone : "UTC");
	sql_pin_setting("DateStyle", "ISO, YMD");
	sql_pin_setting("IntervalStyle", "postgres");
	sql_pin_setting("row_security", "off");
	return before;
}

void
sql_leave(const SqlRole *before)
{
	AtEOXact_GUC(false, before->guc_level);
	SetUserIdAndSecContext(before->user, before->security);
}

/* ---- running ---- */

static void
keep_rows(SqlRows *rows, MemoryContext caller)
{
	MemoryContext previous = MemoryContextSwitchTo(caller);

	rows->count = SPI_processed;
	if (SPI_tuptable != NULL)
	{
		rows->desc = CreateTupleDescCopy(SPI_tuptable->tupdesc);
		rows->rows = palloc(sizeof(HeapTuple) * (rows->count + 1));
		for (uint64 i = 0; i < rows->count; i++)
			rows->rows[i] = heap_copytuple(SPI_tuptable->vals[i]);
	}
	MemoryContextSwitchTo(previous);
}

typedef struct KeptPlan
{
	const char *sql;			/* hash key: the address of the constant */
	SPIPlanPtr	plan;
} KeptPlan;

/* The plan kept under the text's address; made and kept on first use.  Needs SPI connected. */
static SPIPlanPtr
kept_plan(const char *sql, SqlArgs *args)
{
	static HTAB *plans = NULL;
	KeptPlan   *entry;
	bool		found;

	if (plans == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(char *), .entrysize = sizeof(KeptPlan)};

		plans = hash_create("dataops plans", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(plans, &sql, HASH_FIND, &found);
	if (!found)
	{
		SPIPlanPtr	plan = SPI_prepare(sql, args->count, args->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		entry = hash_search(plans, &sql, HASH_ENTER, &found);
		entry->plan = plan;
	}
	return entry->plan;
}

SqlRows *
sql_run_own(const char *sql, SqlArgs *args)
{
	static SqlArgs none = {0};
	MemoryContext caller = CurrentMemoryContext;
	SqlRows    *rows = palloc0(sizeof(SqlRows));
	SqlRole		before;
	int			code;

	if (args == NULL)
		args = &none;
	before = sql_become_extension();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	code = SPI_execute_plan(kept_plan(sql, args), args->values, args->nulls, false, 0);
	if (code < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
	keep_rows(rows, caller);
	PopActiveSnapshot();
	SPI_finish();
	sql_leave(&before);
	return rows;
}

static Datum
column_array(const SqlArgs *rows, int count, int column)
{
	Oid			type = rows[0].types[column];
	Datum	   *values = palloc(sizeof(Datum) * count);
	bool	   *nulls = palloc(sizeof(bool) * count);
	int			lower_bound = 1;
	int16		length;
	bool		by_value;
	char		alignment;

	for (int i = 0; i < count; i++)
	{
		values[i] = rows[i].values[column];
		nulls[i] = rows[i].nulls[column] == 'n';
	}
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower_bound, type, length,
											  by_value, alignment));
}

void
sql_run_own_for(const char *sql, const SqlArgs *rows, int count)
{
	SqlArgs		arrays = {0};

	if (count == 0)
		return;
	for (int i = 0; i < rows[0].count; i++)
		add_value(&arrays, get_array_type(rows[0].types[i]), column_array(rows, count, i), false);
	(void) sql_run_own(sql, &arrays);
}

ErrorData *
sql_run_guarded(void (*body) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		body(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = resources;
	if (error != NULL && (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
						  error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN))
		ReThrowError(error);
	return error;
}

/* ---- rows ---- */

Datum
sql_datum(const SqlRows *rows, uint64 row, int column)
{
	bool		is_null;
	Datum		value;

	Assert(row < rows->count);
	value = heap_getattr(rows->rows[row], column, rows->desc, &is_null);
	return is_null ? (Datum) 0 : value;
}

bool
sql_is_null(const SqlRows *rows, uint64 row, int column)
{
	return heap_attisnull(rows->rows[row], column, rows->desc);
}

char *
sql_text(const SqlRows *rows, uint64 row, int column)
{
	Oid			output;
	bool		varlena;

	if (sql_is_null(rows, row, column))
		return NULL;
	getTypeOutputInfo(TupleDescAttr(rows->desc, column - 1)->atttypid, &output, &varlena);
	return OidOutputFunctionCall(output, sql_datum(rows, row, column));
}

int64
sql_bigint(const SqlRows *rows, uint64 row, int column)
{
	Datum		value = sql_datum(rows, row, column);

	switch (TupleDescAttr(rows->desc, column - 1)->atttypid)
	{
		case INT4OID:
			return DatumGetInt32(value);
		case OIDOID:
		case REGROLEOID:
			return DatumGetObjectId(value);
		default:
			return value == (Datum) 0 ? 0 : DatumGetInt64(value);
	}
}

bool
sql_bool(const SqlRows *rows, uint64 row, int column)
{
	return DatumGetBool(sql_datum(rows, row, column));
}

pg_uuid_t *
sql_uuid(const SqlRows *rows, uint64 row, int column)
{
	pg_uuid_t  *copy;

	if (sql_is_null(rows, row, column))
		return NULL;
	copy = palloc(sizeof(pg_uuid_t));
	memcpy(copy, DatumGetUUIDP(sql_datum(rows, row, column)), sizeof(pg_uuid_t));
	return copy;
}

Jsonb *
sql_jsonb(const SqlRows *rows, uint64 row, int column)
{
	if (sql_is_null(rows, row, column))
		return NULL;
	return DatumGetJsonbPCopy(sql_datum(rows, row, column));
}

TimestampTz
sql_timestamptz(const SqlRows *rows, uint64 row, int column)
{
	if (sql_is_null(rows, row, column))
		return 0;
	return DatumGetTimestampTz(sql_datum(rows, row, column));
}

List *
sql_texts(const SqlRows *rows, uint64 row, int column)
{
	List	   *list = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (sql_is_null(rows, row, column))
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(sql_datum(rows, row, column)), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			list = lappend(list, TextDatumGetCString(elements[i]));
	return list;
}

List *
sql_oids(const SqlRows *rows, uint64 row, int column)
{
	List	   *list = NIL;
	Datum	   *elements;
	int			count;

	if (sql_is_null(rows, row, column))
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(sql_datum(rows, row, column)), OIDOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
		list = lappend_oid(list, DatumGetObjectId(elements[i]));
	return list;
}

List *
sql_uuids(const SqlRows *rows, uint64 row, int column)
{
	List	   *list = NIL;
	Datum	   *elements;
	int			count;

	if (sql_is_null(rows, row, column))
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(sql_datum(rows, row, column)), UUIDOID, UUID_LEN, false,
					  TYPALIGN_CHAR, &elements, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		pg_uuid_t  *copy = palloc(sizeof(pg_uuid_t));

		memcpy(copy, DatumGetUUIDP(elements[i]), sizeof(pg_uuid_t));
		list = lappend(list, copy);
	}
	return list;
}
