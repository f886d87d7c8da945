-- Conditional requests: a page that has not changed since the last run does not come again.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER conditional_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
CREATE FUNCTION conditional_pipeline(name text, more jsonb) RETURNS text LANGUAGE sql
BEGIN ATOMIC
    SELECT dataops.create_pipeline(name);
    SELECT dataops._define_source(name, '{"server": "conditional_api", "path": "/etag"}' || more);
    SELECT dataops.add_fetch(name, name);
END;

\echo == the second run of an ordinary pipeline asks whether anything is new
SELECT conditional_pipeline('conditional_plain', '{"params": {"key": "conditional"}}');
CALL dataops.run('conditional_plain');
CALL dataops.run('conditional_plain');
SELECT s.state, s.error, s.hint FROM dataops.step_runs s WHERE s.pipeline = 'conditional_plain' ORDER BY s.step_run_id;
SELECT count(*), count(DISTINCT batch_id) FROM raw.conditional_plain;
SELECT status FROM dataops.request q JOIN dataops.run r ON r.id = q.run WHERE r.pipeline = 'conditional_plain' ORDER BY q.id;

\echo == likewise with a date alone, and with a cursor that is not sent
SELECT conditional_pipeline('conditional_date', '{"params": {"only": "date"}, "cursor": {"path": "$.id"}}');
CALL dataops.run('conditional_date');
CALL dataops.run('conditional_date');
SELECT count(*) FROM raw.conditional_date;

\echo == another definition asks for the whole page, once
SELECT dataops.alter_source('conditional_plain', '{"headers": {"X-New": "yes"}}');
CALL dataops.run('conditional_plain');
CALL dataops.run('conditional_plain');
SELECT count(*), count(DISTINCT batch_id) FROM raw.conditional_plain;

\echo == a table that is made anew is filled anew, with the same definition and with another
DROP TABLE raw.conditional_plain;
SELECT dataops.alter_source('conditional_plain', '{"headers": {"X-New": "yes"}}');
CALL dataops.run('conditional_plain');
CALL dataops.run('conditional_plain');
SELECT count(*), count(DISTINCT batch_id) FROM raw.conditional_plain;
DROP TABLE raw.conditional_plain;
SELECT dataops.alter_source('conditional_plain', '{"headers": {"X-New": "no"}}');
CALL dataops.run('conditional_plain');
CALL dataops.run('conditional_plain');
SELECT count(*), count(DISTINCT batch_id) FROM raw.conditional_plain;
SELECT conditional_pipeline('conditional_since', '{"path": "/items", "params": {"total": "3", "per_page": "10"}, "cursor": {"path": "$.id", "param": "since_id"}}');
CALL dataops.run('conditional_since');
SELECT value FROM dataops.cursor WHERE source = 'conditional_since';
DROP TABLE raw.conditional_since;
SELECT dataops.alter_source('conditional_since', '{}');
SELECT value FROM dataops.cursor WHERE source = 'conditional_since';
CALL dataops.run('conditional_since');
SELECT count(*) FROM raw.conditional_since;

\echo == what depends on the time of the run or on a cursor is asked for as it is
SELECT conditional_pipeline('conditional_param', '{"params": {"until": "{end:date}"}}');
SELECT conditional_pipeline('conditional_header', '{"headers": {"X-Until": "{end}"}}');
SELECT conditional_pipeline('conditional_body', '{"method": "POST", "body": {"until": ["{end}"]}}');
SELECT conditional_pipeline('conditional_cursor', '{"cursor": {"path": "$.id", "param": "since_id"}}');
SELECT conditional_pipeline('conditional_off', '{"conditional": "off"}');
SELECT format('CALL dataops._test_fetch(%L, from_ts => %L, to_ts => %L)', 'conditional_' || name, '2024-01-01', '2024-01-02')
FROM unnest('{param,header,body,cursor,off}'::text[]) name, generate_series(1, 2) \gexec
SELECT r.pipeline, array_agg(q.status ORDER BY q.id) FROM dataops.request q JOIN dataops.run r ON r.id = q.run
WHERE r.pipeline LIKE 'test\_conditional\_%' GROUP BY r.pipeline ORDER BY r.pipeline;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{plain,date,since,param,header,body,cursor,off}'::text[] LOOP
        PERFORM dataops.drop_pipeline('conditional_' || name), dataops.drop_source('conditional_' || name);
        EXECUTE format('DROP TABLE raw.%I', 'conditional_' || name);
    END LOOP;
END
$$;
DROP FUNCTION conditional_pipeline;
DROP SERVER conditional_api;
