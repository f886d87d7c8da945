-- Sources: what is read from an HTTP API, and how.

CREATE OR REPLACE FUNCTION dataops._define_source(name text, spec jsonb) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_define_source';
COMMENT ON FUNCTION dataops._define_source(text, jsonb) IS 'What create_http_source() and apply() end in: checks the spec, makes the raw table, moves the pointer.';
REVOKE ALL ON FUNCTION dataops._define_source(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._define_source(text, jsonb) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.create_http_source(
    name text, server text, path text DEFAULT '', params jsonb DEFAULT NULL, paginate jsonb DEFAULT NULL,
    records text DEFAULT '$', key text[] DEFAULT NULL, cursor jsonb DEFAULT NULL, method text DEFAULT 'GET',
    headers jsonb DEFAULT NULL, body jsonb DEFAULT NULL, for_each text DEFAULT NULL, rate_limit jsonb DEFAULT NULL,
    retry jsonb DEFAULT NULL, status jsonb DEFAULT NULL, conditional text DEFAULT 'auto') RETURNS text
LANGUAGE sql
RETURN dataops._define_source(name, pg_catalog.jsonb_build_object(
    'server', server, 'path', path, 'params', params, 'paginate', paginate, 'records', records, 'key', key,
    'cursor', cursor, 'method', method, 'headers', headers, 'body', body, 'for_each', for_each,
    'rate_limit', rate_limit, 'retry', retry, 'status', status, 'conditional', conditional));
COMMENT ON FUNCTION dataops.create_http_source IS 'Makes or replaces a source: path and params of a connection, how its pages follow each other, where the records stand in a page. Records land in raw.<name>.';
REVOKE ALL ON FUNCTION dataops.create_http_source FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.create_http_source TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.alter_source(name text, set jsonb) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_alter_source';
COMMENT ON FUNCTION dataops.alter_source(text, jsonb) IS 'Changes the given members of a source''s definition; null takes one away.';
REVOKE ALL ON FUNCTION dataops.alter_source(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.alter_source(text, jsonb) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.drop_source(name text) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_drop_source';
COMMENT ON FUNCTION dataops.drop_source(text) IS 'Takes a source away that no step fetches and no model reads any more. Its raw table stays.';
REVOKE ALL ON FUNCTION dataops.drop_source(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.drop_source(text) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.preview(source text, max_records integer DEFAULT 10, from_ts timestamptz DEFAULT '-infinity', to_ts timestamptz DEFAULT 'infinity', OUT ordinal integer, OUT record jsonb, OUT note text) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_preview';
COMMENT ON FUNCTION dataops.preview(text, integer, timestamptz, timestamptz) IS 'The first records of a source and what its first page says about the next one; nothing lands. Waits inside the statement, at most 30 seconds.';
REVOKE ALL ON FUNCTION dataops.preview(text, integer, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.preview(text, integer, timestamptz, timestamptz) TO @extowner@ WITH GRANT OPTION;
