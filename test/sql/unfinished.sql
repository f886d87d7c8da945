-- A run that failed after it landed is gone on with by the next one: no record lands twice, and an append has each once.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER unfinished_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
SELECT dataops.create_http_source('unfinished', 'unfinished_api', '/items/window', params => '{"shape": "array"}',
    paginate => '{"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10}');
SELECT dataops.create_pipeline('unfinished', every => '1 hour', start_at => '2024-01-01 00:00+00');
SELECT dataops.add_fetch('unfinished', 'unfinished');
SELECT dataops.add_model('unfinished', 'staging.unfinished', $$
    SELECT (record->>0)::bigint AS moment FROM dataops.records('unfinished') $$, strategy => 'append');
CREATE TABLE unfinished_gate (open boolean);
INSERT INTO unfinished_gate VALUES (false);
SELECT dataops.add_check('unfinished', 'staging.unfinished', '(SELECT bool_and(open) FROM public.unfinished_gate) AND count(*) > 0',
    on_fail => 'stop', name => 'gate');
CREATE VIEW unfinished_state AS
SELECT (SELECT count(*) FROM raw.unfinished) AS raw, (SELECT count(DISTINCT record) FROM raw.unfinished) AS distinct_raw,
       (SELECT count(*) FROM staging.unfinished) AS staging, (SELECT count(DISTINCT moment) FROM staging.unfinished) AS distinct_staging,
       (SELECT string_agg(state, ',' ORDER BY from_ts) FROM dataops.runs WHERE pipeline = 'unfinished') AS states;

-- two hours land, and the check stops them
CALL dataops.run('unfinished', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 02:00+00');
TABLE unfinished_state;
-- two more hours: the failed run is tried again first, and fails again; the new one as well
CALL dataops.run('unfinished', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 04:00+00');
TABLE unfinished_state;
-- mended: everything goes on where it stopped
UPDATE unfinished_gate SET open = true;
CALL dataops.run('unfinished', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 05:00+00');
TABLE unfinished_state;
-- and nothing is left to do
CALL dataops.run('unfinished', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 05:00+00');
TABLE unfinished_state;

-- with on_failure => 'hold' nothing after a failed run is tried
UPDATE unfinished_gate SET open = false;
SELECT dataops.create_pipeline('unfinished', every => '1 hour', start_at => '2024-01-01 00:00+00', catchup => 'each', on_failure => 'hold');
CALL dataops.run('unfinished', from_ts => '2024-01-01 05:00+00', to_ts => '2024-01-01 07:00+00');
TABLE unfinished_state;
SELECT dataops.drop_pipeline('unfinished');
DROP VIEW unfinished_state;

-- a day that stops at the page cap is not done; the next run goes on where it stopped
SELECT dataops.create_http_source('unfinished_day', 'unfinished_api', '/items/window', params => '{"shape": "array", "total": 96}',
    paginate => '{"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10, "max_pages": 6}');
SELECT dataops.create_pipeline('unfinished_day', every => '1 day', start_at => '2024-01-01 00:00+00');
SELECT dataops.add_fetch('unfinished_day', 'unfinished_day');
CALL dataops.run('unfinished_day', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-02 00:00+00');
SELECT state, sqlstate, attempt, rows_out, note, hint FROM dataops.step_runs WHERE pipeline = 'unfinished_day';
SELECT count(*) FROM dataops.interval WHERE pipeline = 'unfinished_day';
CALL dataops.run('unfinished_day', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-02 00:00+00');
SELECT state FROM dataops.runs WHERE pipeline = 'unfinished_day';
SELECT count(*), count(DISTINCT record) FROM raw.unfinished_day;
SELECT count(*) FROM dataops.interval WHERE pipeline = 'unfinished_day';
SELECT dataops.drop_pipeline('unfinished_day'), dataops.drop_source('unfinished_day');
DROP TABLE raw.unfinished_day;
DROP TABLE unfinished_gate;
