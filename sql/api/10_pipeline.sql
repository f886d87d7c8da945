-- Pipelines: define and drop.

CREATE OR REPLACE FUNCTION dataops._create_pipeline(name text, spec jsonb, replace_steps boolean) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops__create_pipeline';
COMMENT ON FUNCTION dataops._create_pipeline(text, jsonb, boolean) IS 'Stores a pipeline from its document.';

CREATE OR REPLACE FUNCTION dataops._add_step(pipeline text, name text, spec jsonb) RETURNS text
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops__add_step';
COMMENT ON FUNCTION dataops._add_step(text, text, jsonb) IS 'Stores a step from its document.';

CREATE OR REPLACE FUNCTION dataops.create_pipeline(
    name          text,
    schedule      text        DEFAULT NULL,
    every         interval    DEFAULT NULL,
    start_at      timestamptz DEFAULT NULL,
    delay         interval    DEFAULT NULL,
    catchup       text        DEFAULT 'merged',
    due_within    interval    DEFAULT NULL,
    if_running    text        DEFAULT 'skip',
    on_failure    text        DEFAULT 'continue',
    timezone      text        DEFAULT 'UTC',
    replace_steps boolean     DEFAULT false
) RETURNS text
LANGUAGE sql
RETURN dataops._create_pipeline(name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'schedule', schedule, 'every', every, 'start_at', start_at, 'delay', delay, 'catchup', catchup,
    'due_within', due_within, 'if_running', if_running, 'on_failure', on_failure, 'timezone', timezone)), replace_steps);
COMMENT ON FUNCTION dataops.create_pipeline(text, text, interval, timestamptz, interval, text, interval, text, text, text, boolean) IS
'Defines a pipeline, or a new version of it. every makes it run over intervals [start, end) that a ledger keeps track of; delay keeps the still open interval out; catchup says how missing ones are run: merged (contiguous ones as one run), each, or none (the last one only). schedule is a five-field cron text read in timezone; nothing starts before schedule() is called. if_running: skip or queue; on_failure: continue or hold (nothing of the pipeline starts by itself until a person acts). replace_steps: steps not added again in this transaction go.';

CREATE OR REPLACE FUNCTION dataops.add_fetch(
    pipeline text,
    source   text,
    archive  text     DEFAULT NULL,
    name     text     DEFAULT NULL,
    after    text[]   DEFAULT NULL,
    retry    jsonb    DEFAULT NULL,
    timeout  interval DEFAULT NULL
) RETURNS text
LANGUAGE sql
RETURN dataops._add_step(pipeline, name, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'kind', 'fetch', 'source', source, 'archive', archive, 'after', after, 'retry', retry, 'timeout', timeout)));
COMMENT ON FUNCTION dataops.add_fetch(text, text, text, text, text[], jsonb, interval) IS
'Adds the step that reads a source and lands its records in raw.SOURCE. archive names the store that keeps them as they came; the setting "archive" when left out, none when empty. A source is fetched by one step.';

CREATE OR REPLACE FUNCTION dataops.drop_step(pipeline text, name text) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_drop_step';
COMMENT ON FUNCTION dataops.drop_step(text, text) IS 'Takes a step out of its pipeline. Its target and its data stay; the checks of a model go on as a gate of the table, those of a gate go with it.';

CREATE OR REPLACE FUNCTION dataops.drop_pipeline(name text) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_drop_pipeline';
COMMENT ON FUNCTION dataops.drop_pipeline(text) IS 'Drops a pipeline with its steps, checks and schedule, cancels what had still to run and forgets which intervals are done. Targets, raw tables and the record of its runs stay.';

REVOKE ALL ON FUNCTION
    dataops._create_pipeline(text, jsonb, boolean),
    dataops._add_step(text, text, jsonb),
    dataops.create_pipeline(text, text, interval, timestamptz, interval, text, interval, text, text, text, boolean),
    dataops.add_fetch(text, text, text, text, text[], jsonb, interval),
    dataops.drop_step(text, text),
    dataops.drop_pipeline(text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops._create_pipeline(text, jsonb, boolean),
    dataops._add_step(text, text, jsonb),
    dataops.create_pipeline(text, text, interval, timestamptz, interval, text, interval, text, text, text, boolean),
    dataops.add_fetch(text, text, text, text, text[], jsonb, interval),
    dataops.drop_step(text, text),
    dataops.drop_pipeline(text)
TO @extowner@ WITH GRANT OPTION;
