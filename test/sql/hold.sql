-- on_failure => 'hold': after a failure nothing of the pipeline starts by itself, until a person acts.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
CREATE SCHEMA hold;
CREATE TABLE hold.switch (broken boolean);
INSERT INTO hold.switch VALUES (true);
SELECT dataops.create_pipeline('hold', on_failure => 'hold');
SELECT dataops.add_sql('hold', 'only', 'SELECT 1 / (NOT broken)::int FROM hold.switch');
-- Runs by number, in the order they were queued in, since the last forget().
CREATE TABLE hold.forgotten (run_id uuid);
CREATE VIEW hold.runs AS
    SELECT row_number() OVER (ORDER BY run_id) AS n, run_id, state FROM dataops.runs
    WHERE pipeline = 'hold' AND run_id NOT IN (TABLE hold.forgotten);
CREATE FUNCTION hold.run(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT run_id FROM hold.runs r WHERE r.n = run.n $$;
CREATE FUNCTION hold.forget() RETURNS void LANGUAGE sql AS $$ INSERT INTO hold.forgotten SELECT run_id FROM hold.runs $$;
CREATE VIEW hold.states AS
    SELECT (SELECT string_agg(state, ' ' ORDER BY n) FROM hold.runs) AS states,
           (SELECT string_agg(n::text || ' ' || s.state, ', ' ORDER BY step_run_id)
            FROM dataops.step_runs s JOIN hold.runs USING (run_id)) AS attempts;
-- Returns when no process works on a pipeline of this test.
CREATE PROCEDURE hold.wait_until_free() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM unnest('{hold,hold_every}'::text[]) p, dataops._lock_key(p, 'prod') key, pg_locks
            WHERE locktype = 'advisory' AND objsubid = 3 AND classid = ((key >> 32) & 4294967295)::oid AND objid = (key & 4294967295)::oid);
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;
-- Two runs that a person queued; the first fails.
CREATE PROCEDURE hold.two_of_which_one_fails() LANGUAGE plpgsql AS $$
BEGIN
    CALL hold.wait_until_free();
    UPDATE hold.switch SET broken = true;
    PERFORM hold.forget(), dataops.start('hold'), dataops.start('hold');
    COMMIT;
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN (SELECT state = 'failed' FROM hold.runs WHERE n = 1);
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
    CALL hold.wait_until_free();
END
$$;

-- retry: that run, then those behind it
CALL hold.two_of_which_one_fails();
TABLE hold.states;
CALL dataops.tick();
CALL dataops.tick();
TABLE hold.states;
UPDATE hold.switch SET broken = false;
SELECT dataops.retry(hold.run(1)) = hold.run(1);
CALL dataops.wait(hold.run(2), '30 s');
TABLE hold.states;

-- cancel of the failed run gives it up; that of another one does not end the hold
CALL hold.two_of_which_one_fails();
SELECT dataops.cancel(hold.run(1)), dataops.cancel(hold.run(1));
UPDATE hold.switch SET broken = false;
CALL dataops.tick();
CALL dataops.wait(hold.run(2), '30 s');
TABLE hold.states;
SELECT dataops.cancel(hold.run(2));
CALL hold.two_of_which_one_fails();
SELECT dataops.cancel(hold.run(2));
CALL dataops.tick();
TABLE hold.states;
SELECT dataops.resume('hold'), dataops.resume('hold');

-- resume leaves it failed
CALL hold.two_of_which_one_fails();
SELECT dataops.resume('hold');
UPDATE hold.switch SET broken = false;
CALL dataops.tick();
CALL dataops.wait(hold.run(2), '30 s');
TABLE hold.states;

-- run: that run first, then those behind it, then its own; a failure holds again
CALL hold.two_of_which_one_fails();
CALL dataops.run('hold');
TABLE hold.states;
UPDATE hold.switch SET broken = false;
CALL dataops.run('hold');
TABLE hold.states;

-- start: that run, and no other over the same time
CALL hold.two_of_which_one_fails();
UPDATE hold.switch SET broken = false;
SELECT dataops.start('hold') = hold.run(1);
CALL dataops.wait(hold.run(2), '30 s');
TABLE hold.states;

-- start with intervals: that run, then what else is due
SELECT dataops.create_pipeline('hold_every', every => '1 day', start_at => '2024-01-01 00:00+00', catchup => 'each', on_failure => 'hold');
SELECT dataops.add_sql('hold_every', 'only', 'SELECT 1 / (NOT broken)::int FROM hold.switch');
UPDATE hold.switch SET broken = true;
CALL dataops.run('hold_every', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-03 00:00+00');
UPDATE hold.switch SET broken = false;
SELECT dataops.start('hold_every', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-04 00:00+00') IS NOT NULL;
SELECT run_id AS last FROM dataops.runs WHERE pipeline = 'hold_every' ORDER BY run_id DESC LIMIT 1 \gset
CALL dataops.wait(:'last', '30 s');
SELECT state, from_ts AT TIME ZONE 'UTC' AS from_ts FROM dataops.runs WHERE pipeline = 'hold_every' ORDER BY run_id;

-- a pipeline that no longer holds is not held
CALL hold.two_of_which_one_fails();
SELECT dataops.create_pipeline('hold');
UPDATE hold.switch SET broken = false;
CALL dataops.tick();
CALL dataops.wait(hold.run(2), '30 s');
TABLE hold.states;

SELECT dataops.drop_pipeline(p) FROM unnest('{hold,hold_every}'::text[]) p;
DROP SCHEMA hold CASCADE;
