-- The tests' own functions for core and net (make TEST=1): src/net/net_test.c.
-- Options of the http functions: hosts, ranges, limit_hosts, limit_ranges, allow_http (the gate's policy); method, headers,
-- secret_headers, body, once; the limits of net/http.h by name; connections, ca, resolve; repeat, abandon, interactive_ms, sleep_ms.
CREATE FUNCTION dataops._test_http(url text, options jsonb) RETURNS jsonb LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'dataops_test_http';
CREATE FUNCTION dataops._test_http_many(url text, count integer, options jsonb) RETURNS jsonb LANGUAGE c STRICT VOLATILE
AS 'MODULE_PATHNAME', 'dataops_test_http_many';
CREATE PROCEDURE dataops._test_http_call(url text, options jsonb) LANGUAGE c
AS 'MODULE_PATHNAME', 'dataops_test_http_call';
CREATE FUNCTION dataops._test_gate(url text, policy jsonb) RETURNS text LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_gate';
CREATE FUNCTION dataops._test_gate_address(address text, policy jsonb) RETURNS text LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_gate_address';
CREATE FUNCTION dataops._test_inflate(input bytea, options jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_inflate';
CREATE FUNCTION dataops._test_gzip(input bytea, level integer DEFAULT 6) RETURNS bytea LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'dataops_test_gzip';
CREATE FUNCTION dataops._test_spool(size bigint, piece integer, reads integer, limit_mb integer DEFAULT NULL) RETURNS bigint LANGUAGE c
AS 'MODULE_PATHNAME', 'dataops_test_spool';
