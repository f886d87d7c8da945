-- What leaves: files in object stores.

CREATE OR REPLACE FUNCTION dataops._changed(writer xid, since pg_snapshot) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dataops__changed';
COMMENT ON FUNCTION dataops._changed(xid, pg_snapshot) IS 'Was a row whose xmin this is written after the snapshot, or by a transaction that it saw in progress?';

CREATE OR REPLACE FUNCTION dataops.add_export(
    pipeline    text,
    relation    text,
    server      text,
    rows        text     DEFAULT 'changed',
    format      text     DEFAULT 'ndjson',
    compression text     DEFAULT 'gzip',
    path        text     DEFAULT NULL,
    name        text     DEFAULT NULL,
    after       text[]   DEFAULT NULL,
    retry       jsonb    DEFAULT NULL,
    timeout     interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
RETURN dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'kind', 'export', 'target', relation OPERATOR(pg_catalog.||) '@' OPERATOR(pg_catalog.||) server, 'relation', relation, 'server', server,
    'rows', rows, 'format', format, 'compression', compression, 'path', path, 'after', after, 'retry', retry, 'timeout', timeout)));
COMMENT ON FUNCTION dataops.add_export(text, text, text, text, text, text, text, text, text[], jsonb, interval) IS
'Adds the step that writes the rows of a table or view (schema.table) as files into an object store, after the step that makes it. rows: changed (those written since the last export; tables and materialized views) or all. format: ndjson or csv; compression: gzip or none. path is the template of the files'' names, {schema}/{table}/created_at=…/part-{part}.… unless given. The name is relation@server unless given.';

REVOKE ALL ON FUNCTION
    dataops._changed(xid, pg_snapshot),
    dataops.add_export(text, text, text, text, text, text, text, text, text[], jsonb, interval)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops._changed(xid, pg_snapshot),
    dataops.add_export(text, text, text, text, text, text, text, text, text[], jsonb, interval)
TO @extowner@ WITH GRANT OPTION;
