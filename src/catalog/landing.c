/*
 * landing.c
 *	  Statements about batches, pages, requests, cursors, quarantine and intents.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/landing.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/sql.h"
#include "core/uuid.h"

void
landing_batch(Run *run, Step *step, const BatchRow *batch)
{
	static const char sql[] =
		"INSERT INTO dataops.batch (id, source, env, run, step_run, created_at, landed_at, "
		"pages, records, quarantined, bytes, archive, object, object_bytes, crc32c) "
		"VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8, $9, $10, $11, $12, $13, $14)";
	SqlArgs		args = {0};

	sql_add_uuid(&args, &batch->id);
	sql_add_text(&args, batch->source->name);
	sql_add_text(&args, batch->source->env);
	sql_add_uuid(&args, &run->id);
	sql_add_uuid(&args, &step->step_run);
	sql_add_timestamptz(&args, batch->created_at);
	sql_add_int(&args, batch->pages);
	sql_add_bigint(&args, batch->records);
	sql_add_bigint(&args, batch->quarantined);
	sql_add_bigint(&args, batch->bytes);
	sql_add_text(&args, batch->object != NULL ? batch->source->archive : NULL);
	sql_add_text(&args, batch->object);
	if (batch->object != NULL)
	{
		sql_add_bigint(&args, batch->object_bytes);
		sql_add_crc32c(&args, batch->object_crc32c);
	}
	else
	{
		sql_add_null(&args, INT8OID);
		sql_add_null(&args, TEXTOID);
	}
	sql_run_own(sql, &args);
}

void
landing_pages(const pg_uuid_t *batch, List *pages)
{
	static const char sql[] =
		"INSERT INTO dataops.page (batch, page, shard, url, status, headers, bytes, records, "
		"crc32c, received_at) "
		"SELECT p.batch, p.page, p.shard, p.url, p.status, coalesce(p.headers, '{}'), p.bytes, "
		"p.records, p.crc32c, p.received_at "
		"FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS p (batch, page, shard, url, "
		"status, headers, bytes, records, crc32c, received_at)";
	SqlArgs    *rows = palloc0(sizeof(SqlArgs) * list_length(pages));
	ListCell   *cell;

	foreach(cell, pages)
	{
		const PageRow *page = lfirst(cell);
		SqlArgs    *args = &rows[foreach_current_index(cell)];

		sql_add_uuid(args, batch);
		sql_add_int(args, page->number);
		sql_add_text(args, page->shard);
		sql_add_text(args, page->url);
		sql_add_int(args, page->status);
		sql_add_jsonb(args, page->headers);
		sql_add_bigint(args, page->bytes);
		sql_add_bigint(args, page->records);
		sql_add_crc32c(args, page->crc32c);
		sql_add_timestamptz(args, page->received_at);
	}
	sql_run_own_for(sql, rows, list_length(pages));
}

void
landing_requests(Run *run, Step *step, List *requests)
{
	static const char sql[] =
		"INSERT INTO dataops.request (id, run, step_run, attempt, method, url, status, problem, "
		"bytes, took_ms, started_at) "
		"SELECT r.id, r.run, r.step_run, r.attempt, r.method, r.url, nullif(r.status, 0), "
		"r.problem, r.bytes, r.took_ms, r.started_at "
		"FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS r (id, run, step_run, "
		"attempt, method, url, status, problem, bytes, took_ms, started_at)";
	SqlArgs    *rows = palloc0(sizeof(SqlArgs) * list_length(requests));
	pg_uuid_t  *ids = palloc(sizeof(pg_uuid_t) * list_length(requests));
	ListCell   *cell;

	foreach(cell, requests)
	{
		const RequestLog *request = lfirst(cell);
		int			i = foreach_current_index(cell);
		SqlArgs    *args = &rows[i];

		ids[i] = uuid_v7();
		sql_add_uuid(args, &ids[i]);
		sql_add_uuid(args, &run->id);
		sql_add_uuid(args, &step->step_run);
		sql_add_int(args, request->attempt);
		sql_add_text(args, request->method);
		sql_add_text(args, request->url);
		sql_add_int(args, request->status);
		sql_add_text(args, request->problem);
		sql_add_bigint(args, request->bytes);
		sql_add_int(args, request->took_ms);
		sql_add_timestamptz(args, request->started_at);
	}
	sql_run_own_for(sql, rows, list_length(requests));
}

void
landing_quarantine(Run *run, Step *step, const BatchRow *batch, const QuarantinedRecord *record)
{
	static const char sql[] =
		"INSERT INTO dataops.quarantine_row (id, pipeline, env, step, run, step_run, source, "
		"reason, sqlstate, raw, batch, page, ordinal, created_at) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
	SqlArgs		args = {0};
	pg_uuid_t	id = uuid_v7();

	sql_add_uuid(&args, &id);
	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_text(&args, step->name);
	sql_add_uuid(&args, &run->id);
	sql_add_uuid(&args, &step->step_run);
	sql_add_text(&args, batch->source->name);
	sql_add_text(&args, record->reason);
	sql_add_text(&args, record->sqlstate);
	sql_add_bytes(&args, record->raw, record->length);
	sql_add_uuid(&args, &batch->id);
	sql_add_int(&args, record->page);
	sql_add_int(&args, record->ordinal);
	sql_add_timestamptz(&args, batch->created_at);
	sql_run_own(sql, &args);
}

List *
landing_cursors(Run *run, Step *step, const BatchSource *source, List *shards)
{
	static const char sql[] =
		"SELECT c.value, CASE WHEN c.valid THEN c.etag END, "
		"CASE WHEN c.valid THEN c.last_modified END, CASE WHEN c.run = $4 AND "
		" EXISTS (SELECT FROM dataops.definition old, dataops.definition now "
		"  WHERE old.id = c.definition AND now.id = $6 "
		"  AND " LANDING_SAME_PAGES("old", "now") ") THEN c.position END, "
		"c.run = $4 AND c.position IS NULL AND NOT EXISTS (SELECT FROM dataops.step_run s "
		" WHERE s.run = $4 AND s.step = $5 AND s.state IN ('succeeded', 'skipped')) "
		"FROM unnest($3::text[]) WITH ORDINALITY AS wanted (shard, number) "
		/* the limit makes it a look-up for each shard, whatever the planner knows of the table */
		"LEFT JOIN LATERAL (SELECT k.*, (k.etag IS NOT NULL OR k.last_modified IS NOT NULL) AND "
		" EXISTS (SELECT FROM dataops.run r, dataops.deployment p "
		"  JOIN dataops.definition d ON d.id = p.definition "
		"  WHERE r.id = k.run AND r.created_at > d.created_at AND p.kind = 'source' "
		"  AND p.pipeline = '' AND p.object = k.source AND p.env = k.env) AS valid "
		" FROM dataops.cursor k WHERE k.source = $1 AND k.env = $2 AND k.shard = wanted.shard "
		" LIMIT 1) c ON true ORDER BY wanted.number";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *cursors = NIL;
	ListCell   *shard;

	sql_add_text(&args, source->name);
	sql_add_text(&args, run->env);
	sql_add_texts(&args, shards);
	sql_add_uuid(&args, &run->id);
	sql_add_text(&args, step->name);
	sql_add_uuid(&args, &source->definition);
	rows = sql_run_own(sql, &args);
	foreach(shard, shards)
	{
		uint64		row = foreach_current_index(shard);
		CursorRow  *cursor = palloc0(sizeof(CursorRow));

		cursor->shard = pstrdup(lfirst(shard));
		cursor->value = sql_text(rows, row, 1);
		cursor->etag = sql_text(rows, row, 2);
		cursor->last_modified = sql_text(rows, row, 3);
		cursor->position = sql_jsonb(rows, row, 4);
		cursor->done = sql_bool(rows, row, 5);
		cursors = lappend(cursors, cursor);
	}
	return cursors;
}

void
landing_forget_cursor(const char *source, const char *env)
{
	static const char sql[] = "DELETE FROM dataops.cursor WHERE source = $1 AND env = $2";
	SqlArgs		args = {0};

	sql_add_text(&args, source);
	sql_add_text(&args, env);
	sql_run_own(sql, &args);
}

LandedTotals
landing_totals(Run *run, const char *source)
{
	static const char sql[] =
		"SELECT coalesce(sum(records), 0)::bigint, coalesce(sum(quarantined), 0)::bigint, "
		"coalesce(sum(bytes), 0)::bigint FROM dataops.batch "
		"WHERE source = $1 AND env = $2 AND run = $3";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, source);
	sql_add_text(&args, run->env);
	sql_add_uuid(&args, &run->id);
	rows = sql_run_own(sql, &args);
	return (LandedTotals) {sql_bigint(rows, 0, 1), sql_bigint(rows, 0, 2), sql_bigint(rows, 0, 3)};
}

void
landing_cursors_put(Run *run, const BatchSource *source, List *cursors,
					const pg_uuid_t *batch)
{
	static const char sql[] =
		"INSERT INTO dataops.cursor AS c (source, env, shard, value, etag, last_modified, run, "
		"position, definition, batch, updated_at) "
		"SELECT n.*, clock_timestamp() FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS n "
		"ON CONFLICT (source, env, shard) DO UPDATE SET value = excluded.value, "
		"etag = excluded.etag, last_modified = excluded.last_modified, run = excluded.run, "
		"position = excluded.position, definition = excluded.definition, "
		"batch = coalesce(excluded.batch, c.batch), "
		"updated_at = excluded.updated_at";
	SqlArgs    *rows = palloc0(sizeof(SqlArgs) * list_length(cursors));
	ListCell   *cell;

	foreach(cell, cursors)
	{
		const CursorState *cursor = lfirst(cell);
		SqlArgs    *args = &rows[foreach_current_index(cell)];

		sql_add_text(args, source->name);
		sql_add_text(args, source->env);
		sql_add_text(args, cursor->shard);
		sql_add_text(args, cursor->value);
		sql_add_text(args, cursor->etag);
		sql_add_text(args, cursor->last_modified);
		sql_add_uuid(args, &run->id);
		sql_add_jsonb(args, cursor->position);
		sql_add_uuid(args, &source->definition);
		sql_add_uuid(args, batch);
	}
	sql_run_own_for(sql, rows, list_length(cursors));
}

void
landing_intent(Run *run, Step *step, const pg_uuid_t *id, const char *server, const char *name)
{
	static const char sql[] =
		"INSERT INTO dataops.intent (id, kind, run, step_run, server, name, state, created_at) "
		"VALUES ($1, 'object', $2, $3, $4, $5, 'open', clock_timestamp())";
	SqlArgs		args = {0};

	sql_add_uuid(&args, id);
	sql_add_uuid(&args, &run->id);
	sql_add_uuid(&args, &step->step_run);
	sql_add_text(&args, server);
	sql_add_text(&args, name);
	sql_run_own(sql, &args);
}

void
landing_intent_done(const pg_uuid_t *id, int64 bytes, uint32 crc32c)
{
	static const char sql[] =
		"UPDATE dataops.intent SET state = 'done', resolved_at = clock_timestamp(), bytes = $2, "
		"crc32c = $3 WHERE id = $1 AND state = 'open'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, id);
	sql_add_bigint(&args, bytes);
	sql_add_crc32c(&args, crc32c);
	if (sql_run_own(sql, &args)->count != 1)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the archive object of batch %s was taken back meanwhile", uuid_text(id)));
}

void
landing_intent_removed(const pg_uuid_t *id)
{
	static const char sql[] =
		"UPDATE dataops.intent SET state = 'removed', resolved_at = clock_timestamp() "
		"WHERE id = $1 AND state = 'open'";
	SqlArgs		args = {0};

	sql_add_uuid(&args, id);
	sql_run_own(sql, &args);
}

List *
landing_left_objects(Run *run, Step *step)
{
	static const char sql[] =
		"SELECT i.id, i.server, i.name FROM dataops.intent i "
		"JOIN dataops.step_run s ON s.id = i.step_run JOIN dataops.run r ON r.id = i.run "
		"WHERE i.state = 'open' AND i.kind = 'object' AND i.step_run <> $1 "
		"AND s.step = $2 AND r.pipeline = $3 AND r.env = $4 "
		"AND (r.id = $5 OR r.state IN ('succeeded', 'failed', 'cancelled')) ORDER BY i.id";
	SqlArgs		args = {0};
	SqlRows    *rows;
	List	   *left = NIL;

	sql_add_uuid(&args, &step->step_run);
	sql_add_text(&args, step->name);
	sql_add_text(&args, run->pipeline);
	sql_add_text(&args, run->env);
	sql_add_uuid(&args, &run->id);
	rows = sql_run_own(sql, &args);
	for (uint64 i = 0; i < rows->count; i++)
	{
		LeftObject *object = palloc(sizeof(LeftObject));

		object->intent = *sql_uuid(rows, i, 1);
		object->server = sql_text(rows, i, 2);
		object->name = sql_text(rows, i, 3);
		left = lappend(left, object);
	}
	return left;
}
