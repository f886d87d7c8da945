-- The tests' own functions for what BigQuery is told (make TEST=1): src/test/bigquery_test.c.

-- Every value of a query as a load job reads it, or the problem it has.
CREATE FUNCTION dataops._test_bigquery_encode(query text, nulls_pass boolean DEFAULT false, OUT line bigint, OUT name text, OUT encoded text, OUT problem text)
RETURNS SETOF record LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_bigquery_encode';
-- The rows of a query as a file.
CREATE FUNCTION dataops._test_bigquery_lines(query text) RETURNS text LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_bigquery_lines';
-- The schema for a relation; options: key, cluster_by, partition_by, numeric_type, existing (fields that are there).
CREATE FUNCTION dataops._test_bigquery_table(relation regclass, options jsonb DEFAULT '{}') RETURNS text LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_bigquery_table';
-- A row of an answer, by the fields of its schema.
CREATE FUNCTION dataops._test_bigquery_row(fields jsonb, "row" jsonb) RETURNS jsonb LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_bigquery_row';

-- For the tests of warehouse/warehouse.h: one operation of the BigQuery driver (load, publish, evaluate) as a step would call it.
-- Options: those of _test_bigquery_table; id, mode, files, whole (true unless given), reset; side, expressions.
CREATE FUNCTION dataops._test_bigquery_driver(server text, operation text, relation regclass, options jsonb) RETURNS jsonb
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'dataops_test_bigquery_driver';
