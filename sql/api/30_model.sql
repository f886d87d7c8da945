-- Models and commands: define them; and what their SQL may ask about the run it is part of.

CREATE OR REPLACE FUNCTION dataops.start_ts() RETURNS timestamptz
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops_start_ts';
COMMENT ON FUNCTION dataops.start_ts() IS
'Start of the time range that this step works on, inclusive; -infinity outside of a run. In a partition model it is aligned to the grain.';

CREATE OR REPLACE FUNCTION dataops.end_ts() RETURNS timestamptz
LANGUAGE C STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops_end_ts';
COMMENT ON FUNCTION dataops.end_ts() IS
'End of the time range that this step works on, exclusive; infinity outside of a run. In a partition model it is aligned to the grain.';

CREATE OR REPLACE FUNCTION dataops.var(name text) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops_var';
COMMENT ON FUNCTION dataops.var(text) IS
'Value of a variable set by set_var(), as text. Only variables of roles whose rights the caller has are seen.';

CREATE OR REPLACE FUNCTION dataops.var_json(name text) RETURNS jsonb
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops_var_json';
COMMENT ON FUNCTION dataops.var_json(text) IS 'Value of a variable set by set_var(), as jsonb.';

CREATE OR REPLACE FUNCTION dataops.records(source text)
RETURNS TABLE (record jsonb, landed_at timestamptz, batch_id uuid, page integer, ordinal integer)
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE pg_catalog.format(
        'SELECT r.record, r.created_at, r.batch_id, r.page, r.ordinal FROM raw.%I r', source);
END
$$;
COMMENT ON FUNCTION dataops.records(text) IS
'The raw records of a source. In a model: those of the batches that the step has not taken in yet (append, merge), else all. Outside of a run: all.';

CREATE OR REPLACE FUNCTION dataops._step_spec(pipeline text, name text) RETURNS jsonb
LANGUAGE C STABLE STRICT AS 'MODULE_PATHNAME', 'dataops__step_spec';
COMMENT ON FUNCTION dataops._step_spec(text, text) IS 'The document of a step as it stands.';

CREATE OR REPLACE FUNCTION dataops.add_model(
    pipeline    text,
    target      text,
    query       text,
    strategy    text     DEFAULT 'table',
    key         text[]   DEFAULT NULL,
    time_column text     DEFAULT NULL,
    grain       interval DEFAULT NULL,
    lookback    interval DEFAULT NULL,
    checks      text[]   DEFAULT NULL,
    name        text     DEFAULT NULL,
    after       text[]   DEFAULT NULL,
    retry       jsonb    DEFAULT NULL,
    timeout     interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
BEGIN ATOMIC
    SELECT pg_catalog.min(step.name)
    FROM dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
             'kind', 'model', 'target', target, 'query', query, 'strategy', strategy, 'key', key,
             'time_column', time_column, 'grain', grain, 'lookback', lookback, 'after', after,
             'retry', retry, 'timeout', timeout))) AS step (name),
         LATERAL (SELECT pg_catalog.count(dataops._add_check(pipeline, pg_catalog.jsonb_build_object(
                             'target', target, 'rule', rule)))
                  FROM pg_catalog.unnest(checks) AS rule
                  WHERE step.name IS NOT NULL) AS added;
END;
COMMENT ON FUNCTION dataops.add_model(text, text, text, text, text[], text, interval, interval, text[], text, text[], jsonb, interval) IS
'Defines a model: a SELECT whose rows go into target (schema.table), which exists from now on. strategy: table (rebuilt aside and swapped), view, append, merge (by key: new rows in, changed rows replaced), partition (the window of the run made again, by time_column, aligned to grain, reaching back lookback). checks are rules as add_check() takes them. The same name again replaces the model.';

CREATE OR REPLACE FUNCTION dataops.alter_model(pipeline text, name text, query text) RETURNS text
LANGUAGE sql
RETURN dataops._add_step(pipeline, CASE WHEN dataops._step_spec(pipeline, name) OPERATOR(pg_catalog.->>) 'target' OPERATOR(pg_catalog.=) name THEN NULL ELSE name END,
    dataops._step_spec(pipeline, name) OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('query', query));
COMMENT ON FUNCTION dataops.alter_model(text, text, text) IS 'Gives a model another query; all else stays.';

CREATE OR REPLACE FUNCTION dataops.add_sql(
    pipeline text,
    name     text,
    command  text,
    after    text[]   DEFAULT NULL,
    retry    jsonb    DEFAULT NULL,
    timeout  interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
RETURN dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'kind', 'sql', 'command', command, 'after', after, 'retry', retry, 'timeout', timeout)));
COMMENT ON FUNCTION dataops.add_sql(text, text, text, text[], jsonb, interval) IS
'Defines a step that runs SQL commands as the pipeline''s owner, all of them or none. What it reads and writes is not seen: say after which steps it comes.';

REVOKE ALL ON FUNCTION
    dataops.start_ts(), dataops.end_ts(), dataops.var(text), dataops.var_json(text), dataops.records(text),
    dataops._step_spec(text, text),
    dataops.add_model(text, text, text, text, text[], text, interval, interval, text[], text, text[], jsonb, interval),
    dataops.alter_model(text, text, text),
    dataops.add_sql(text, text, text, text[], jsonb, interval)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops.start_ts(), dataops.end_ts(), dataops.var(text), dataops.var_json(text), dataops.records(text),
    dataops._step_spec(text, text),
    dataops.add_model(text, text, text, text, text[], text, interval, interval, text[], text, text[], jsonb, interval),
    dataops.alter_model(text, text, text),
    dataops.add_sql(text, text, text, text[], jsonb, interval)
TO @extowner@ WITH GRANT OPTION;
