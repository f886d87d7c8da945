-- For the tests of core/json.h.
CREATE FUNCTION dataops._test_json_error(body bytea)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_json_error';
CREATE FUNCTION dataops._test_json_reply(body bytea, path text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_json_reply';
CREATE FUNCTION dataops._test_json_members(body bytea, path text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_json_members';
REVOKE ALL ON FUNCTION dataops._test_json_error, dataops._test_json_reply, dataops._test_json_members FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_json_error, dataops._test_json_reply, dataops._test_json_members TO @extowner@;
