CREATE FUNCTION dataops._test_installation_check() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops__test_installation_check';
COMMENT ON FUNCTION dataops._test_installation_check() IS 'Throws where nothing may run.';
REVOKE ALL ON FUNCTION dataops._test_installation_check() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_installation_check() TO @extowner@;
