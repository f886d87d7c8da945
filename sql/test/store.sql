-- For the tests of store/store.h: one operation of a driver (put, get, stat, copy, remove), as a step would call it. put makes
-- "size" bytes from the seed; copy goes from the staging area to production; crc32c is that of what get received. pump is a put that
-- nobody waits for until it has ended by itself, "pump some" one that is waited for after a second.
CREATE FUNCTION dataops._test_store(server text, operation text, name text, size bigint DEFAULT 0, seed integer DEFAULT 1,
	area text DEFAULT 'production', OUT outcome text, OUT bytes bigint, OUT crc32c text, OUT generation bigint, OUT reason text,
	OUT retry boolean)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_store';
REVOKE ALL ON FUNCTION dataops._test_store FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_store TO @extowner@;

-- What remove_marked() did.
CREATE FUNCTION dataops._test_remove_marked(server text, prefix text, mark text) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_remove_marked';
REVOKE ALL ON FUNCTION dataops._test_remove_marked FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_remove_marked TO @extowner@;
