-- All steps of a pipeline but its fetches, in the caller's transaction.
CREATE FUNCTION dataops._test_targets(pipeline text, from_ts timestamptz, to_ts timestamptz,
    OUT step text, OUT outcome text, OUT rows_in bigint, OUT rows_out bigint, OUT quarantined bigint,
    OUT changed_from timestamptz, OUT changed_to timestamptz, OUT error text, OUT hint text)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops__test_targets';
GRANT EXECUTE ON FUNCTION dataops._test_targets(text, timestamptz, timestamptz) TO @extowner@;
