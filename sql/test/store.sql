-- For the tests of store/store.h: one operation of a driver (put, get, stat, copy, remove), as a step would call it. put makes
-- "size" bytes from the seed; copy goes from the staging area to production; crc32c is that of what get received.
CREATE FUNCTION dataops._test_store(server text, operation text, name text, size bigint DEFAULT 0, seed integer DEFAULT 1,
	area text DEFAULT 'production', OUT outcome text, OUT bytes bigint, OUT crc32c text, OUT generation bigint, OUT reason text,
	OUT retry boolean)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_store';
REVOKE ALL ON FUNCTION dataops._test_store FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_store TO @extowner@;
