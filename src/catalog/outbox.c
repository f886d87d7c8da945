/*
 * outbox.c
 *	  Statements about deliveries and their parts.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/outbox.h"

#include "catalog/sql.h"
#include "core/compat.h"
#include "core/uuid.h"

static void
record_part(const pg_uuid_t *export, int number, const OutboxPart *part)
{
	static const char sql[] =
		"INSERT INTO dataops.export_part (export, part, name, rows, bytes, crc32c) "
		"VALUES ($1, $2, $3, $4, $5, $6)";
	SqlArgs		args = {0};

	sql_add_uuid(&args, export);
	sql_add_int(&args, number);
	sql_add_text(&args, part->name);
	sql_add_bigint(&args, part->rows);
	sql_add_bigint(&args, part->bytes);
	sql_add_crc32c(&args, part->crc32c);
	sql_run_own(sql, &args);
}

void
outbox_begin(Run *run, Step *step, const OutboxExport *export)
{
	static const char sql[] =
		"INSERT INTO dataops.export (id, pipeline, env, step, run, step_run, load, relation, "
		"server, folder, name_prefix, format, compression, created_at, state, installation) "
		"SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'encoding', i.id "
		"FROM dataops.installation i";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &export->id);
	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_text(&args, step->name);
	sql_add_uuid(&args, &run->id);
	sql_add_uuid(&args, &step->step_run);
	sql_add_uuid(&args, export->for_load ? &export->load : NULL);
	sql_add_text(&args, export->relation);
	sql_add_text(&args, export->server);
	sql_add_text(&args, export->folder);
	sql_add_text(&args, export->name_prefix);
	sql_add_text(&args, export->format);
	sql_add_text(&args, export->compression);
	sql_add_timestamptz(&args, export->created_at);
	sql_run_own(sql, &args);
}

/* ---- states ---- */

pg_noreturn static void
refuse_ended(const OutboxExport *export)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the files of export %s were dealt with by another process",
				   uuid_text(&export->id)));
}

void
outbox_encoded(const OutboxExport *export)
{
	static const char sql[] =
		"UPDATE dataops.export SET state = 'open', columns = $2, snapshot = $3::pg_snapshot, "
		" tables = $4::oid[], rows = $5, bytes = $6 WHERE id = $1 AND state = 'encoding'";
	SqlArgs		args = {0};
	ListCell   *cell;

	sql_add_uuid(&args, &export->id);
	sql_add_jsonb(&args, export->columns);
	sql_add_text(&args, export->snapshot);
	sql_add_oids(&args, export->tables);
	sql_add_bigint(&args, export->rows);
	sql_add_bigint(&args, export->bytes);
	if (sql_run_own(sql, &args)->count != 1)
		refuse_ended(export);
	foreach(cell, export->parts)
		record_part(&export->id, foreach_current_index(cell), lfirst(cell));
}

void
outbox_forget(const OutboxExport *export)
{
	static const char sql[] = "DELETE FROM dataops.export WHERE id = $1 AND state = 'encoding'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &export->id);
	sql_run_own(sql, &args);
}

void
outbox_uploaded(const OutboxExport *export)
{
	static const char parts[] =
		"UPDATE dataops.export_part SET generation = nullif($3, 0) WHERE export = $1 AND part = $2";
	static const char state[] =
		"UPDATE dataops.export SET state = 'uploaded' WHERE id = $1 AND state = 'open'";
	ListCell   *cell;
	SqlArgs		args = {0};

	foreach(cell, export->parts)
	{
		SqlArgs		part = {0};

		sql_add_uuid(&part, &export->id);
		sql_add_int(&part, foreach_current_index(cell));
		sql_add_bigint(&part, ((OutboxPart *) lfirst(cell))->generation);
		sql_run_own(parts, &part);
	}
	sql_add_uuid(&args, &export->id);
	sql_run_own(state, &args);
}

static void
end(const OutboxExport *export, const char *state)
{
	static const char sql[] =
		"UPDATE dataops.export SET state = $2, finished_at = clock_timestamp() "
		"WHERE id = $1 AND state IN ('encoding', 'open', 'uploaded')";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &export->id);
	sql_add_text(&args, state);
	if (sql_run_own(sql, &args)->count != 1)
		refuse_ended(export);
}

void
outbox_done(const OutboxExport *export)
{
	end(export, "done");
}

void
outbox_removed(const OutboxExport *export)
{
	end(export, "removed");
}

/* ---- reading ---- */

static List *
read_parts(const pg_uuid_t *export)
{
	static const char sql[] =
		"SELECT name, rows, bytes, crc32c, generation FROM dataops.export_part "
		"WHERE export = $1 ORDER BY part";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *parts = NIL;

	sql_add_uuid(&args, export);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		OutboxPart *part = palloc(sizeof(OutboxPart));

		part->name = sql_text(rows, i, 1);
		part->rows = sql_bigint(rows, i, 2);
		part->bytes = sql_bigint(rows, i, 3);
		part->crc32c = strtoul(sql_text(rows, i, 4), NULL, 16);
		part->generation = sql_bigint(rows, i, 5);
		parts = lappend(parts, part);
	}
	return parts;
}

/* What read_exports() reads, of this step but not of this attempt. */
#define UNFINISHED \
	"SELECT id, run, relation, server, folder, format, compression, columns, rows, bytes, " \
	" created_at, state <> 'encoding', state = 'uploaded', name_prefix, load " \
	"FROM dataops.export WHERE pipeline = $1 AND env = $2 AND step = $3 AND step_run <> $4 " \
	"AND installation = (SELECT id FROM dataops.installation) "

static void
add_attempt(SqlArgs *args, Run *run, Step *step)
{
	sql_add_text(args, run->pipeline);
	sql_add_text(args, run->env);
	sql_add_text(args, step->name);
	sql_add_uuid(args, &step->step_run);
}

static OutboxExport *
read_export(const SqlRows *rows, uint64 row)
{
	OutboxExport *export = palloc0(sizeof(OutboxExport));

	export->id = *sql_uuid(rows, row, 1);
	export->run = *sql_uuid(rows, row, 2);
	export->relation = sql_text(rows, row, 3);
	export->server = sql_text(rows, row, 4);
	export->folder = sql_text(rows, row, 5);
	export->format = sql_text(rows, row, 6);
	export->compression = sql_text(rows, row, 7);
	export->columns = sql_jsonb(rows, row, 8);
	export->rows = sql_bigint(rows, row, 9);
	export->bytes = sql_bigint(rows, row, 10);
	export->created_at = sql_timestamptz(rows, row, 11);
	export->encoded = sql_bool(rows, row, 12);
	export->uploaded = sql_bool(rows, row, 13);
	export->name_prefix = sql_text(rows, row, 14);
	export->for_load = !sql_is_null(rows, row, 15);
	if (export->for_load)
		export->load = *sql_uuid(rows, row, 15);
	export->parts = read_parts(&export->id);
	return export;
}

static List *
read_exports(const SqlRows *rows)
{
	List	   *exports = NIL;

	for (uint64 i = 0; i < rows->count; i++)
		exports = lappend(exports, read_export(rows, i));
	return exports;
}

List *
outbox_unfinished(Run *run, Step *step, const char *server, const pg_uuid_t *load)
{
	static const char sql[] =
		UNFINISHED "AND state IN ('encoding', 'open', 'uploaded') AND server = $5 "
		"AND load IS NOT DISTINCT FROM $6 ORDER BY id";
	SqlArgs		args = {0};

	add_attempt(&args, run, step);
	sql_add_text(&args, server);
	sql_add_uuid(&args, load);
	return read_exports(sql_run_own(sql, &args));
}

List *
outbox_unborn(Run *run, Step *step, const char *server)
{
	static const char sql[] =
		UNFINISHED "AND state = 'encoding' AND server = $5 AND load IS NOT NULL ORDER BY id";
	SqlArgs		args = {0};

	add_attempt(&args, run, step);
	sql_add_text(&args, server);
	return read_exports(sql_run_own(sql, &args));
}

bool
outbox_last(Run *run, Step *step, const char *relation, const char *server, char **snapshot,
			List **tables)
{
	static const char sql[] =
		"SELECT snapshot, tables FROM dataops.export "
		"WHERE pipeline = $1 AND env = $2 AND step = $3 AND relation = $4 AND server = $5 "
		"AND load IS NULL AND state = 'done' AND snapshot IS NOT NULL "
		"AND installation = (SELECT id FROM dataops.installation) ORDER BY id DESC LIMIT 1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_text(&args, step->name);
	sql_add_text(&args, relation);
	sql_add_text(&args, server);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return false;
	*snapshot = sql_text(rows, 0, 1);
	*tables = sql_oids(rows, 0, 2);
	return true;
}

List *
outbox_names_of_others(const OutboxExport *export)
{
	static const char sql[] =
		"SELECT array_agg(p.name) FROM dataops.export e JOIN dataops.export_part p "
		"ON p.export = e.id WHERE e.server = $2 AND e.folder = $3 AND e.id <> $1 "
		"AND e.state IN ('open', 'uploaded', 'done')";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &export->id);
	sql_add_text(&args, export->server);
	sql_add_text(&args, export->folder);
	return sql_texts(sql_run_own(sql, &args), 0, 1);
}

char *
outbox_manifest(const OutboxExport *export)
{
	/* jsonb would put the members in an order of its own */
	static const char sql[] =
		"SELECT json_build_object('relation', e.relation, 'columns', c.columns, "
		" 'format', e.format, 'compression', e.compression, 'created_at', "
		" to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
		" 'run', e.run, 'rows', e.rows, 'bytes', e.bytes, 'parts', p.parts)::text || E'\\n' "
		"FROM dataops.export e, LATERAL (SELECT json_agg(json_build_object("
		"  'name', regexp_replace(name, '^.*/', ''), 'rows', rows, 'bytes', bytes, "
		"  'crc32c', crc32c) ORDER BY part) FROM dataops.export_part WHERE export = e.id) "
		"  AS p (parts), "
		" LATERAL (SELECT json_agg(json_build_object('name', c ->> 'name', 'type', c ->> 'type') "
		"  ORDER BY n) FROM jsonb_array_elements(e.columns) WITH ORDINALITY AS x (c, n)) "
		"  AS c (columns) "
		"WHERE e.id = $1";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &export->id);
	return sql_text(sql_run_own(sql, &args), 0, 1);
}
