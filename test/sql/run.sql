-- What run, start, wait, cancel, retry, skip_step, schedule and tick do, through real runs.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA run;
CREATE TABLE run.log (step text, from_ts timestamptz, to_ts timestamptz);
CREATE TABLE run.switch (broken boolean);
INSERT INTO run.switch VALUES (true);
CREATE FUNCTION run.note(step text) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO run.log SELECT step, dataops.start_ts(), dataops.end_ts() $$;
CREATE VIEW run.states AS
    SELECT r.pipeline, r.state, r.only_steps, r.step, r.error FROM dataops.runs r
    WHERE r.pipeline = 'runs' ORDER BY r.run_id;
CREATE VIEW run.steps AS
    SELECT s.pipeline, s.step, s.attempt, s.state, s.error, s.hint FROM dataops.step_runs s
    WHERE s.pipeline = 'runs' ORDER BY s.step_run_id;
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
SELECT dataops.skip_step(run.last('runs'), 'second', '');
SELECT dataops.skip_step(run.last('runs'), 'second', 'known outage');
SELECT dataops.retry(run.last('runs')) = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
SELECT step, attempt, state, hint FROM dataops.step_runs WHERE run_id = run.last('runs') ORDER BY step_run_id;
\set VERBOSITY sqlstate
SELECT dataops.skip_step(run.last('runs'), 'second', 'too late');
\set VERBOSITY terse

-- SQL that drops the lock of the run fails, and that is all.
SELECT dataops.add_sql('runs', 'second', 'SELECT pg_advisory_unlock_all()', after => '{first}');
CALL dataops.run('runs');
SELECT state, step, error FROM dataops.runs WHERE run_id = run.last('runs');
SELECT dataops.add_sql('runs', 'second', 'SELECT 1', after => '{first}');
SELECT dataops.retry(run.last('runs')) = run.last('runs');
CALL dataops.wait(run.last('runs'), '30 s');
-- The time limit of a step
SELECT dataops.add_sql('runs', 'second', 'SELECT pg_sleep(60)', after => '{first}', timeout => '0.2 s');
CALL dataops.run('runs');
SELECT state, step, error, hint FROM dataops.runs WHERE run_id = run.last('runs');
-- more milliseconds than an integer holds, more microseconds than a long
SELECT dataops.add_sql('runs', 'second', 'SELECT 1', after => '{first}', timeout => '30 days');
CALL dataops.run('runs');
SELECT dataops.add_sql('runs', 'second', 'SELECT 1', after => '{first}', timeout => '100000000 years');
CALL dataops.run('runs');
SELECT state FROM dataops.runs WHERE run_id = run.last('runs');
SELECT dataops.add_sql('runs', 'second', 'SELECT 1', after => '{first}');

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

-- Intervals.  The clock of plans is the server's, so their times are long ago: one range, cut or not.
CREATE FUNCTION run.ranges(pipeline text) RETURNS TABLE (state text, from_ts timestamptz, to_ts timestamptz) LANGUAGE sql AS
    $$ SELECT r.state, r.from_ts, r.to_ts FROM dataops.runs r WHERE r.pipeline = ranges.pipeline ORDER BY r.run_id $$;
SELECT dataops.create_pipeline('merged', every => '1 day', start_at => '2024-01-01', delay => '2 hours');
SELECT dataops.add_sql('merged', 'only', 'SELECT run.note(''merged'')');
CALL dataops.run('merged', from_ts => '2024-01-01', to_ts => '2024-01-03');
CALL dataops.run('merged', from_ts => '2024-01-05', to_ts => '2024-01-06');
CALL dataops.run('merged', from_ts => '2023-12-01', to_ts => '2024-01-08');
SELECT * FROM run.ranges('merged');
SELECT from_ts, to_ts FROM run.log WHERE step = 'merged';
-- Everything up to now, without the interval that is open: neither asked for by name nor by itself.
CALL dataops.run('merged', from_ts => '2024-01-01', to_ts => '2200-01-01');
SELECT state, to_ts <= now() - interval '2 hours' AS closed, to_ts > now() - interval '27 hours' AS latest FROM run.ranges('merged') OFFSET 4;
CALL dataops.run('merged');
SELECT count(*) FROM run.ranges('merged');
SELECT state, count(*) FROM dataops.intervals WHERE pipeline = 'merged' GROUP BY state;

-- each: cut where days begin, also after a part of a day that was done by hand
SELECT dataops.create_pipeline('each', every => '1 day', start_at => '2024-01-01', catchup => 'each');
SELECT dataops.add_sql('each', 'only', 'SELECT run.note(''each'')');
CALL dataops.run('each', from_ts => '2024-01-01', to_ts => '2024-01-01 12:00');
CALL dataops.run('each', from_ts => '2024-01-01', to_ts => '2024-01-04');
SELECT * FROM run.ranges('each');
-- months from the last day of one
SELECT dataops.create_pipeline('month', every => '1 month', start_at => '2024-01-31', catchup => 'each');
SELECT dataops.add_sql('month', 'only', 'SELECT run.note(''month'')');
CALL dataops.run('month', from_ts => '2024-01-31', to_ts => '2024-05-31');
SELECT * FROM run.ranges('month');
-- none: the last one alone
SELECT dataops.create_pipeline('none', every => '1 day', start_at => '2024-01-01', catchup => 'none');
SELECT dataops.add_sql('none', 'only', 'SELECT run.note(''none'')');
CALL dataops.run('none');
SELECT to_ts - from_ts AS length, to_ts > now() - interval '1 day' AS latest FROM run.ranges('none');
SELECT dataops.create_pipeline('bad', every => '-1 day');
SELECT dataops.create_pipeline('bad', every => '1 month 1 day');
SELECT dataops.create_pipeline('bad', delay => '-1 day');
SELECT dataops.create_pipeline('bad', catchup => 'sometimes');
SELECT dataops.create_pipeline('bad', catchup => 'each');
SELECT dataops.create_pipeline('bad', every => '0');
SELECT dataops.create_pipeline('bad', due_within => '-1 day');
SELECT dataops.create_pipeline('bad', if_running => 'crash');
SELECT dataops.create_pipeline('bad', on_failure => 'shrug');
-- without "every": from the end of the last one, whatever was done in the future
SELECT dataops.create_pipeline('plain');
SELECT dataops.add_sql('plain', 'only', 'SELECT 1');
CALL dataops.run('plain', from_ts => '2024-01-01', to_ts => '2200-01-01');
CALL dataops.run('plain');
CALL dataops.run('plain');
SELECT isfinite(from_ts) AS begins, lag(to_ts) OVER () = from_ts AS follows, to_ts > from_ts AS holds_time FROM run.ranges('plain');
-- start_at and delay bound that, too
SELECT dataops.create_pipeline('bounded', start_at => '2024-01-01', delay => '1 day');
SELECT dataops.add_sql('bounded', 'only', 'SELECT 1');
CALL dataops.run('bounded');
SELECT from_ts, to_ts < now() - interval '23 hours' AS delayed FROM run.ranges('bounded');

-- A dropped pipeline's intervals are forgotten with it.
SELECT dataops.drop_pipeline('none');
SELECT dataops.create_pipeline('none', every => '1 day', start_at => '2024-01-01', catchup => 'none');
SELECT dataops.add_sql('none', 'only', 'SELECT run.note(''none'')');
CALL dataops.run('none');
SELECT state, count(*) FROM run.ranges('none') GROUP BY state;

-- The clock.  Only what schedule() was called for starts, and not while it is paused.
CREATE FUNCTION run.ended(pipeline text, runs integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        IF (SELECT count(*) FILTER (WHERE r.state IN ('succeeded', 'failed', 'cancelled')) >= runs
            FROM dataops.runs r WHERE r.pipeline = ended.pipeline) THEN
            EXIT;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN (SELECT string_agg(r.state, ', ' ORDER BY r.run_id) FROM dataops.runs r WHERE r.pipeline = ended.pipeline);
END
$$;
SELECT dataops.create_pipeline('clock', schedule => '0 * * * *', every => '1 hour');
SELECT dataops.add_sql('clock', 'only', 'SELECT 1 / (NOT broken)::int FROM run.switch');
SELECT dataops.pause('clock'), dataops.resume('clock'), dataops.unschedule('clock');
CALL dataops.tick('2200-01-01 00:30');
SELECT count(*) FROM run.ranges('clock');
SELECT dataops.schedule('clock') > now(), dataops.pause('clock');
CALL dataops.tick('2200-01-01 00:30');
SELECT count(*) FROM run.ranges('clock');
SELECT dataops.resume('clock');
-- One that cannot be planned does not keep the others from starting.
SELECT dataops.create_pipeline('at_first', schedule => '0 * * * *', every => '1 hour', delay => '250000 years');
SELECT dataops.schedule('at_first') > now();
CALL dataops.tick('2200-01-01 00:30');
SELECT run.ended('clock', 1);
SELECT from_ts, to_ts FROM run.ranges('clock');
SELECT schedule_state, next_at FROM dataops.schedules WHERE pipeline = 'clock';
-- The same tick again starts nothing.
CALL dataops.tick('2200-01-01 00:30');
SELECT run.ended('clock', 1);
-- on_failure
UPDATE run.switch SET broken = true;
SELECT dataops.create_pipeline('clock', schedule => '0 * * * *', every => '1 hour', on_failure => 'hold');
CALL dataops.tick('2200-01-01 01:30');
SELECT run.ended('clock', 2);
CALL dataops.tick('2200-01-01 02:30');
SELECT schedule_state FROM dataops.schedules WHERE pipeline = 'clock';
SELECT run.ended('clock', 2);
SELECT dataops.create_pipeline('clock', schedule => '0 * * * *', every => '1 hour', on_failure => 'continue');
UPDATE run.switch SET broken = false;
CALL dataops.tick('2200-01-01 03:30');
SELECT run.ended('clock', 3);
SELECT state, from_ts, to_ts FROM run.ranges('clock');
SELECT dataops.unschedule('clock'), dataops.unschedule('at_first'), dataops.unschedule('clock');

-- Where nothing can be written nothing is defined and nothing runs.
SET default_transaction_read_only = on;
SELECT dataops.create_pipeline('plain');
CALL dataops.run('plain');
RESET default_transaction_read_only;

SELECT dataops.drop_pipeline(p) FROM unnest('{merged,each,month,none,plain,clock,at_first}'::text[]) p;
DROP SCHEMA run CASCADE;
