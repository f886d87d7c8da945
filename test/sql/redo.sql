-- retry(run_id, from_step => …) of a run that has succeeded: what each strategy does again.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY default
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER redo_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
SELECT dataops.create_http_source('redo', 'redo_api', '/items', params => '{"total": "3", "per_page": "10"}');
SELECT dataops.create_pipeline('redo', every => '1 day', start_at => '2026-01-01 00:00+00');
SELECT dataops.add_fetch('redo', 'redo');
SELECT dataops.add_model('redo', 'redo.appended', $$ SELECT (record->>'id')::int AS id FROM dataops.records('redo') $$, strategy => 'append');
SELECT dataops.add_model('redo', 'redo.merged', $$ SELECT (record->>'id')::int AS id, timestamptz '2026-01-01 00:00+00' AS at
    FROM dataops.records('redo') $$, strategy => 'merge', key => '{id}', time_column => 'at', after => '{redo.appended}');
SELECT dataops.add_model('redo', 'redo.daily', $$ SELECT date_trunc('day', at) AS day, count(*) AS items FROM redo.merged
    WHERE at >= dataops.start_ts() AND at < dataops.end_ts() GROUP BY 1 $$, strategy => 'partition', time_column => 'day', grain => '1 day');
SELECT dataops.add_model('redo', 'redo.total', 'SELECT sum(items) AS items FROM redo.daily');
CREATE VIEW redo_state AS
SELECT (SELECT count(*) FROM redo.appended) AS appended, (SELECT count(*) FROM redo.merged) AS merged,
       (SELECT array_agg(items) FROM redo.daily) AS daily, (SELECT items FROM redo.total) AS total;
CALL dataops.run('redo', from_ts => '2026-01-01 00:00+00', to_ts => '2026-01-02 00:00+00');
TABLE redo_state;
SELECT run_id AS run FROM dataops.runs WHERE pipeline = 'redo' \gset

-- damaged by hand
DELETE FROM redo.daily;
UPDATE redo.total SET items = 0;
-- a retry of what has succeeded does nothing again, and says so
SET client_min_messages = notice;
SELECT dataops.retry(:'run') IS NOT NULL;
CALL dataops.wait(:'run', '30 s');
TABLE redo_state;
SELECT dataops.retry(:'run', from_step => 'redo.appended') IS NOT NULL;
CALL dataops.wait(:'run', '30 s');
TABLE redo_state;
SELECT step, attempt, state, error FROM dataops.step_runs WHERE run_id = :'run' ORDER BY step_run_id;
SET client_min_messages = warning;

SELECT dataops.drop_pipeline('redo'), dataops.drop_source('redo');
DROP VIEW redo_state;
DROP SCHEMA redo CASCADE;
DROP TABLE raw.redo;
DROP SERVER redo_api;
