-- What run, start, wait, cancel, retry, skip_step, schedule and tick do, through real runs.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA run;
CREATE TABLE run.log (step text, from_ts timestamptz, to_ts timestamptz);
CREATE TABLE run.switch (broken boolean);
INSERT INTO run.switch VALUES (true);
CREATE FUNCTION run.note(step text) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO run.log SELECT step, dataops.start_ts(), dataops.end_ts() $$;
CREATE VIEW run.states AS
    SELECT r.pipeline, r.state, r.only_steps, r.step, r.error FROM dataops.runs r ORDER BY r.run_id;
CREATE VIEW run.steps AS
    SELECT s.pipeline, s.step, s.attempt, s.state, s.error, s.hint FROM dataops.step_runs s ORDER BY s.step_run_id;
-- The last run of a pipeline
CREATE FUNCTION run.last(pipeline text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT run_id FROM dataops.runs r WHERE r.pipeline = last.pipeline ORDER BY run_id DESC LIMIT 1 $$;
CREATE FUNCTION run.until_running(step text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        IF EXISTS (SELECT FROM dataops.progress p WHERE p.step = until_running.step AND p.state = 'running') THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN false;
END
$$;

-- It commits: only as a statement of its own.
SELECT dataops.create_pipeline('runs');
SELECT dataops.add_sql('runs', 'first', 'SELECT run.note(''first'')');
SELECT dataops.add_sql('runs', 'second', 'SELECT 1 / (NOT broken)::int FROM run.switch', after => '{first}');
SELECT dataops.add_sql('runs', 'third', 'SELECT run.note(''third'')', after => '{second}');
BEGIN;
CALL dataops.run('runs');
ROLLBACK;
CALL dataops.run('no_such');
CALL dataops.run(NULL);
CALL dataops.run('runs', steps => '{frist}');
CALL dataops.run('runs', from_ts => '2024-01-02', to_ts => '2024-01-01');
CALL dataops.run('runs', env => 'nowhere');

-- A failure says where and why; what came before stays done when it is retried.
\set VERBOSITY default
\set SHOW_CONTEXT never
DO $$ BEGIN CALL dataops.run('runs'); EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'unseen'; END $$;
\set VERBOSITY terse
CALL dataops.run('runs');
SELECT * FROM run.states;
UPDATE run.switch SET broken = false;
SELECT dataops.retry(run.last('runs'), 'newest');
SELECT dataops.retry(run.last('runs'), from_step => 'frist');
SELECT dataops.retry(run.last('runs')) = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
SELECT * FROM run.steps;
SELECT step FROM run.log;
-- from a step on
SELECT dataops.retry(run.last('runs'), from_step => 'second') = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
SELECT step, count(*), max(attempt) FROM run.steps GROUP BY step ORDER BY step;
-- one step alone
CALL dataops.run('runs', steps => '{third}');
SELECT only_steps, state FROM run.states;

-- skip_step
UPDATE run.switch SET broken = true;
CALL dataops.run('runs');
\set VERBOSITY sqlstate
SELECT dataops.skip_step(run.last('runs'), 'frist', 'none');
\set VERBOSITY terse
SELECT dataops.skip_step(run.last('runs'), 'second', 'known outage');
SELECT dataops.retry(run.last('runs')) = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
SELECT step, attempt, state, hint FROM dataops.step_runs WHERE run_id = run.last('runs') ORDER BY step_run_id;
\set VERBOSITY sqlstate
SELECT dataops.skip_step(run.last('runs'), 'second', 'too late');
\set VERBOSITY terse

-- start, wait and cancel
UPDATE run.switch SET broken = false;
SELECT dataops.start('runs') IS NOT NULL;
CALL dataops.wait(run.last('runs'), '30 s');
SELECT dataops.cancel(run.last('runs'));
BEGIN;
SELECT dataops.start('runs') IS NOT NULL;
SELECT dataops.cancel(run.last('runs'));
COMMIT;
SELECT state FROM dataops.runs WHERE run_id = run.last('runs');
\set VERBOSITY sqlstate
CALL dataops.wait(run.last('runs'), '30 s');
\set VERBOSITY terse
CALL dataops.wait('00000000-0000-7000-8000-000000000000');
SELECT dataops.add_sql('runs', 'third', 'SELECT pg_sleep(60)', after => '{second}');
SELECT dataops.start('runs') IS NOT NULL;
\set VERBOSITY sqlstate
SELECT run.until_running('third');
CALL dataops.wait(run.last('runs'), '0.5 s');
SELECT dataops.drop_pipeline('runs');
\set VERBOSITY terse
SELECT dataops.cancel(run.last('runs'));
\set VERBOSITY sqlstate
CALL dataops.wait(run.last('runs'), '30 s');
\set VERBOSITY terse
SELECT step, state FROM dataops.step_runs WHERE run_id = run.last('runs') ORDER BY step_run_id;

-- A cancelled run can be retried, until its pipeline is dropped.
SELECT dataops.add_sql('runs', 'third', 'SELECT 1', after => '{second}');
SELECT dataops.retry(run.last('runs')) = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
BEGIN;
SELECT dataops.start('runs') IS NOT NULL;
SELECT dataops.drop_pipeline('runs');
COMMIT;
SELECT state, error FROM dataops.runs WHERE run_id = run.last('runs');
SELECT dataops.retry(run.last('runs'));
SELECT dataops.retry(run.last('runs'), 'same');
DROP SCHEMA run CASCADE;
