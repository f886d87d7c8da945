-- For the tests of core/template.h.
CREATE FUNCTION dataops._test_template(
	template text, place text DEFAULT 'plain', name text DEFAULT 'a b',
	start timestamptz DEFAULT '2024-02-29 23:59:58.123456+00')
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_template';
CREATE FUNCTION dataops._test_template_check(template text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_template_check';
REVOKE ALL ON FUNCTION dataops._test_template, dataops._test_template_check FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_template, dataops._test_template_check TO @extowner@;
