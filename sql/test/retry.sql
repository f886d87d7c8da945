-- For the tests of net/retry.h and net/rate.h.
CREATE FUNCTION dataops._test_retry(
	number int, outcome text, status int DEFAULT 0, retry_after text DEFAULT NULL,
	idempotent bool DEFAULT true, can_refresh bool DEFAULT false, elapsed_ms bigint DEFAULT 0,
	now timestamptz DEFAULT '2024-03-01 00:00:00+00', random bigint DEFAULT 0,
	jitter bool DEFAULT false, max_total_ms bigint DEFAULT 0)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_test_retry';
CREATE FUNCTION dataops._test_retry_after(
	value text, now timestamptz DEFAULT '2024-03-01 00:00:00+00')
RETURNS bigint LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_retry_after';
CREATE FUNCTION dataops._test_status(codes text[], actions text[], status int)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_status';
CREATE FUNCTION dataops._test_rate(
	per_second float8, burst float8, times_ms float8[], costs float8[], used float8[])
RETURNS bigint[] LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_test_rate';
REVOKE ALL ON FUNCTION dataops._test_retry, dataops._test_retry_after, dataops._test_status,
	dataops._test_rate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_retry, dataops._test_retry_after, dataops._test_status,
	dataops._test_rate TO @extowner@;
