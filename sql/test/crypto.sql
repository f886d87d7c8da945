-- For the tests of core/crypto.h and core/uuid.h.
CREATE FUNCTION dataops._test_sha256(input bytea)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_sha256';
CREATE FUNCTION dataops._test_seal(key bytea, plain bytea, context bytea)
RETURNS bytea LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_seal';
CREATE FUNCTION dataops._test_open(key bytea, sealed bytea, context bytea)
RETURNS bytea LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_open';
CREATE FUNCTION dataops._test_wipe(secret bytea)
RETURNS bytea LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_wipe';
CREATE FUNCTION dataops._test_base64_url(input bytea)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_base64_url';
CREATE FUNCTION dataops._test_base64_open(input text)
RETURNS bytea LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_base64_open';
CREATE FUNCTION dataops._test_uuid()
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_uuid';
CREATE FUNCTION dataops._test_uuid_at(first_ms bigint, then_ms bigint, count int)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_uuid_at';
REVOKE ALL ON FUNCTION dataops._test_sha256, dataops._test_seal, dataops._test_open,
	dataops._test_wipe, dataops._test_base64_url, dataops._test_base64_open, dataops._test_uuid, dataops._test_uuid_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_sha256, dataops._test_seal, dataops._test_open,
	dataops._test_wipe, dataops._test_base64_url, dataops._test_base64_open, dataops._test_uuid, dataops._test_uuid_at TO @extowner@;
