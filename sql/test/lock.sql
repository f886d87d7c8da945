CREATE FUNCTION dataops._test_lock_hold(pipeline text, env text) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops__test_lock_hold';
COMMENT ON FUNCTION dataops._test_lock_hold(text, text) IS 'Takes the lock that who works on a pipeline holds.';
CREATE FUNCTION dataops._test_lock_release() RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops__test_lock_release';
COMMENT ON FUNCTION dataops._test_lock_release() IS 'Releases what _test_lock_hold() took.';
REVOKE ALL ON FUNCTION dataops._test_lock_hold(text, text), dataops._test_lock_release() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_lock_hold(text, text), dataops._test_lock_release() TO @extowner@;
