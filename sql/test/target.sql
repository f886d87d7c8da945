-- Needs a build with TEST=1.  All steps of a pipeline but its fetches, in the caller's transaction.
CREATE FUNCTION dataops._test_targets(pipeline text, from_ts timestamptz, to_ts timestamptz,
    OUT step text, OUT outcome text, OUT rows_in bigint, OUT rows_out bigint, OUT quarantined bigint,
    OUT changed_from timestamptz, OUT changed_to timestamptz, OUT error text, OUT hint text)
RETURNS SETOF record LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops__test_targets';
GRANT EXECUTE ON FUNCTION dataops._test_targets(text, timestamptz, timestamptz) TO @extowner@;

-- A source with a raw table, and a batch of records in it, as landing would leave them.
CREATE FUNCTION dataops._test_source(name text, spec jsonb) RETURNS void
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops__test_source';
GRANT EXECUTE ON FUNCTION dataops._test_source(text, jsonb) TO @extowner@;

CREATE FUNCTION dataops._test_land(source text, batch integer, VARIADIC records jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid := format('00000000-0000-7000-%s-%s', substr(md5(source), 1, 4), lpad(batch::text, 12, '0'));
BEGIN
    EXECUTE format('INSERT INTO raw.%I (batch_id, page, ordinal, created_at, record) '
                   'SELECT $1, 0, o, now(), r FROM unnest($2) WITH ORDINALITY AS x (r, o)', source) USING id, records;
    INSERT INTO dataops.batch (id, source, run, step_run, created_at, landed_at, pages, records, quarantined, bytes)
    VALUES (id, source, id, id, now(), now(), 1, cardinality(records), 0, 0);
END
$$;
GRANT EXECUTE ON FUNCTION dataops._test_land(text, integer, jsonb[]) TO @extowner@;
