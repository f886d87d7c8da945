-- What a reference means in a document at a URL.
CREATE FUNCTION dataops._test_url_resolve(base text, reference text) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_url_resolve';
