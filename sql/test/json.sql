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
CREATE FUNCTION dataops._test_corpus(seed bigint, documents integer, OUT kind text, OUT body bytea) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_corpus';
-- Rows: event "record" with its ordinal and text; then "end" with what stood at the path, followed by
-- the wanted values, or "broken" with the offset and the reason. Path null: one record a line.
CREATE FUNCTION dataops._test_cut(body bytea, path text, chunk integer DEFAULT 0,
	wanted text[] DEFAULT '{}', record_limit integer DEFAULT 1000000,
	OUT event text, OUT number bigint, OUT content text) RETURNS SETOF record
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_test_cut';
CREATE FUNCTION dataops._test_cut_count(body bytea, path text, rounds integer) RETURNS bigint
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_cut_count';
CREATE FUNCTION dataops._test_member_path(text) RETURNS text[]
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_member_path';
