/*
 * sql.h
 *	  Statements over our own tables: constant texts with $n parameters, run as the owner of
 *	  the extension under a pinned search_path, plans kept for the life of the process.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_SQL_H
#define DATAOPS_SQL_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define SQL_MAX_ARGS 32

typedef struct SqlArgs
{
	int			count;
	Oid			types[SQL_MAX_ARGS];
	Datum		values[SQL_MAX_ARGS];
	char		nulls[SQL_MAX_ARGS + 1];
} SqlArgs;

/*
 * Each appends the next $n; a NULL pointer is SQL NULL. What they point at must live until the run.
 */
extern void sql_add_text(SqlArgs *args, const char *value);
extern void sql_add_texts(SqlArgs *args, List *values);		/* of char *; NIL is NULL */
extern void sql_add_uuid(SqlArgs *args, const pg_uuid_t *value);
extern void sql_add_uuids(SqlArgs *args, List *values);		/* of pg_uuid_t *; NIL is '{}' */
extern void sql_add_oids(SqlArgs *args, List *values);		/* of Oid; NIL is NULL */
extern void sql_add_crc32c(SqlArgs *args, uint32 value);	/* as text of eight hex digits */
extern void sql_add_int(SqlArgs *args, int32 value);
extern void sql_add_bigint(SqlArgs *args, int64 value);
extern void sql_add_bool(SqlArgs *args, bool value);
extern void sql_add_oid(SqlArgs *args, Oid value);
extern void sql_add_jsonb(SqlArgs *args, Jsonb *value);
extern void sql_add_bytes(SqlArgs *args, const char *value, size_t length);
extern void sql_add_timestamptz(SqlArgs *args, TimestampTz value);
extern void sql_add_null(SqlArgs *args, Oid type);

/* A text[] of the values (char *); empty for NIL. */
extern Datum sql_texts_datum(List *values);

/* Rows of a finished statement, in the caller's memory context. */
typedef struct SqlRows
{
	uint64		count;			/* rows returned, or changed when none are returned */
	TupleDesc	desc;			/* NULL when the statement returns nothing */
	HeapTuple  *rows;
} SqlRows;

/*
 * Runs "sql" (a static constant: its address names the kept plan) as the extension's owner and
 * returns its rows in CurrentMemoryContext.  Needs a transaction; pushes a snapshot of its own.
 * Errors are thrown.  "args" may be NULL.
 */
extern SqlRows *sql_run_own(const char *sql, SqlArgs *args);

/*
 * Changes many rows at once: $n is the array of the nth arguments of "rows", which have the same
 * types.  Nothing is done when there are none.
 */
extern void sql_run_own_for(const char *sql, const SqlArgs *rows, int count);

/* Values of row "row" (from 0), column "column" (from 1); palloc'ed where by reference. */
extern bool sql_is_null(const SqlRows *rows, uint64 row, int column);
extern char *sql_text(const SqlRows *rows, uint64 row, int column);	/* any type, NULL when null */
extern Datum sql_datum(const SqlRows *rows, uint64 row, int column);
extern int64 sql_bigint(const SqlRows *rows, uint64 row, int column);	/* 0 when null */
extern bool sql_bool(const SqlRows *rows, uint64 row, int column);		/* false when null */
extern pg_uuid_t *sql_uuid(const SqlRows *rows, uint64 row, int column);
extern Jsonb *sql_jsonb(const SqlRows *rows, uint64 row, int column);
/* 0 when null */
extern TimestampTz sql_timestamptz(const SqlRows *rows, uint64 row, int column);
/* An array, as List of char *, of Oid or of pg_uuid_t *. */
extern List *sql_texts(const SqlRows *rows, uint64 row, int column);
extern List *sql_oids(const SqlRows *rows, uint64 row, int column);
extern List *sql_uuids(const SqlRows *rows, uint64 row, int column);

/* The role that owns the extension's objects. */
extern Oid	sql_extension_owner(void);

/*
 * Whose rights count now.  become_*() returns what leave() needs; an abort restores the user by
 * itself.  SqlRole also pins search_path ("pg_catalog, pg_temp" for the extension; "path" for an
 * owner, pg_temp put last), TimeZone, DateStyle and IntervalStyle, undone by leave().
 */
typedef struct SqlRole
{
	Oid			user;
	int			security;
	int			guc_level;
} SqlRole;

extern SqlRole sql_become_extension(void);
extern SqlRole sql_become_owner(Oid owner, const char *search_path, const char *timezone);
extern void sql_leave(const SqlRole *before);

/* Is the role that owns something still there? */
extern bool sql_owner_exists(Oid owner);

/* Throws 42704 when the role that owned something was dropped since: nothing is done for it. */
extern void sql_check_owner(Oid owner);

/* Sets a setting until the innermost NewGUCNestLevel() is undone. */
extern void sql_pin_setting(const char *name, const char *value);

/*
 * The guard around user SQL: runs body(arg) in an internal subtransaction.  On success the
 * subtransaction is released and NULL returned; on an error it is rolled back and the error
 * returned, copied into the caller's memory context.  A cancel or a termination is thrown on.
 */
extern ErrorData *sql_run_guarded(void (*body) (void *arg), void *arg);

#endif
