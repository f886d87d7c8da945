-- Looking into BigQuery.

CREATE OR REPLACE FUNCTION dataops.bigquery(server text, sql text, params jsonb DEFAULT '{}') RETURNS SETOF jsonb
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'dataops_bigquery';
COMMENT ON FUNCTION dataops.bigquery(text, text, jsonb) IS 'Runs a query in BigQuery with the caller''s right on the connection, and gives each row as an object. Parameters are named, as @day for {"day": …}. Numbers keep all digits. BigQuery bills the bytes that the query reads, at most maximum_bytes_billed of the connection. Waits inside the statement, at most 30 seconds.';
REVOKE ALL ON FUNCTION dataops.bigquery(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.bigquery(text, text, jsonb) TO @extowner@ WITH GRANT OPTION;
