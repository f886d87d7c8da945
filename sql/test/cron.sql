CREATE FUNCTION dataops._test_cron(cron text, timezone text, after timestamptz, n integer) RETURNS SETOF timestamptz
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
RETURN unnest(dataops._cron_next(cron, timezone, after, n));
COMMENT ON FUNCTION dataops._test_cron(text, text, timestamptz, integer) IS 'The next n due times, one a row.';
REVOKE ALL ON FUNCTION dataops._test_cron(text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._test_cron(text, text, timestamptz, integer) TO @extowner@;
