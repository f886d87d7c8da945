-- Loads into warehouses and their promotion.

CREATE OR REPLACE FUNCTION dataops.add_load(
    pipeline     text,
    relation     text,
    server       text,
    mode         text     DEFAULT NULL,
    key          text[]   DEFAULT NULL,
    stage        text     DEFAULT NULL,
    partition_by text     DEFAULT NULL,
    cluster_by   text[]   DEFAULT NULL,
    publish      boolean  DEFAULT true,
    rows         text     DEFAULT NULL,
    on_bad_value text     DEFAULT 'refuse',
    name         text     DEFAULT NULL,
    after        text[]   DEFAULT NULL,
    checks       text[]   DEFAULT NULL,
    retry        jsonb    DEFAULT NULL,
    timeout      interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
BEGIN ATOMIC
    SELECT pg_catalog.min(step.name)
    FROM dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
             'kind', 'load', 'target', relation OPERATOR(pg_catalog.||) '@' OPERATOR(pg_catalog.||) server,
             'relation', relation, 'server', server, 'mode', mode, 'key', key, 'stage', stage,
             'partition_by', partition_by, 'cluster_by', cluster_by, 'publish', publish, 'rows', rows,
             'on_bad_value', on_bad_value, 'after', after, 'retry', retry, 'timeout', timeout))) AS step (name),
         LATERAL (SELECT pg_catalog.count(dataops._add_check(pipeline, pg_catalog.jsonb_build_object(
                             'target', relation OPERATOR(pg_catalog.||) '@' OPERATOR(pg_catalog.||) server, 'rule', rule)))
                  FROM pg_catalog.unnest(checks) AS rule
                  WHERE step.name IS NOT NULL) AS added;
END;
COMMENT ON FUNCTION dataops.add_load(text, text, text, text, text[], text, text, text[], boolean, text, text, text, text[], text[], jsonb, interval) IS
'Adds a step that brings the rows of a table or view (schema.table) into the table of that name in a warehouse. mode: merge (by key: new rows in, changed rows replaced; the default with a key), append, or truncate (all rows are replaced; the default without a key). merge and append take the rows written since the load before (rows ''changed''), truncate all. The number of rows is compared, checks are judged, and only then is the load published: readers see the table before or after it. publish false leaves it on the staging side for add_promote(). Warehouses outside read files from stage, an object store; on_bad_value says what happens with values they cannot hold: refuse, quarantine (the row) or null. Checks of the load have the target ''schema.table@server'', which is also the step''s name unless it is given.';

CREATE OR REPLACE FUNCTION dataops.add_promote(
    pipeline text,
    relation text,
    server   text,
    name     text     DEFAULT NULL,
    after    text[]   DEFAULT NULL,
    retry    jsonb    DEFAULT NULL,
    timeout  interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
RETURN dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'kind', 'promote', 'target', relation OPERATOR(pg_catalog.||) '@' OPERATOR(pg_catalog.||) server OPERATOR(pg_catalog.||) ':promote',
    'relation', relation, 'server', server, 'after', after, 'retry', retry, 'timeout', timeout)));
COMMENT ON FUNCTION dataops.add_promote(text, text, text, text, text[], jsonb, interval) IS
'Adds a step that publishes what a load of this pipeline with publish => false left on the staging side, after that load and the steps named in after. Its name is ''schema.table@server:promote'' unless given. Exports into object stores publish by themselves.';

REVOKE ALL ON FUNCTION
    dataops.add_load(text, text, text, text, text[], text, text, text[], boolean, text, text, text, text[], text[], jsonb, interval),
    dataops.add_promote(text, text, text, text, text[], jsonb, interval)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops.add_load(text, text, text, text, text[], text, text, text[], boolean, text, text, text, text[], text[], jsonb, interval),
    dataops.add_promote(text, text, text, text, text[], jsonb, interval)
TO @extowner@ WITH GRANT OPTION;
