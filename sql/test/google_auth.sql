-- For the tests of net/google_auth.h.
CREATE FUNCTION dataops._test_google_tokens(credentials_file text, origin text, scopes text, steps text[],
	files boolean DEFAULT true)
RETURNS text[] LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_test_google_tokens';
CREATE FUNCTION dataops._test_google_project(credentials_file text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_google_project';
CREATE FUNCTION dataops._test_google_addresses(credentials_file text, origin text)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_test_google_addresses';
CREATE FUNCTION dataops._test_google_assertion(credentials_file text, scopes text, now bigint)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_google_assertion';
REVOKE ALL ON FUNCTION dataops._test_google_tokens, dataops._test_google_project,
	dataops._test_google_addresses, dataops._test_google_assertion FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_google_tokens, dataops._test_google_project,
	dataops._test_google_addresses, dataops._test_google_assertion TO @extowner@;
