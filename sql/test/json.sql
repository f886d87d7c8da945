-- The jsonb writer and the record cutter, for tests alone.
CREATE FUNCTION dataops._test_jsonb(text) RETURNS jsonb
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb';
CREATE FUNCTION dataops._test_jsonb_bytes(bytea) RETURNS jsonb
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb';
CREATE FUNCTION dataops._test_jsonb_same(text) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb_same';
CREATE FUNCTION dataops._test_jsonb_same_bytes(bytea) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb_same';
CREATE FUNCTION dataops._test_jsonb_corpus(seed bigint, documents integer,
	OUT kind text, OUT documents_made bigint, OUT accepted bigint, OUT refused bigint,
	OUT differences bigint) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb_corpus';
CREATE FUNCTION dataops._test_jsonb_fuzz(original text, seed bigint, rounds integer) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_jsonb_fuzz';
