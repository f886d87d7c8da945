-- The parts that a query's rows become; bad_value (refuse, quarantine, null) has the integer 13 count as one that cannot be written.
CREATE OR REPLACE FUNCTION dataops._test_parts(query text, format text, gzip boolean DEFAULT false, part_bytes bigint DEFAULT 1000000000,
    bad_value text DEFAULT '', OUT part integer, OUT rows bigint, OUT bytes bigint, OUT crc32c text, OUT content bytea) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_parts';
GRANT EXECUTE ON FUNCTION dataops._test_parts(text, text, boolean, bigint, text) TO @extowner@;

CREATE OR REPLACE FUNCTION dataops._test_object(server text, name text) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_object';
GRANT EXECUTE ON FUNCTION dataops._test_object(text, text) TO @extowner@;
