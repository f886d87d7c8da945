-- Without "every": a run that failed after it had landed a part is gone on with, so that each record lands once.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SERVER part_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
CREATE SCHEMA part;
-- 95 records in pages of 20; "times" requests from the third on are refused.
CREATE FUNCTION part.define(name text, times integer, options jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dataops.create_http_source(name, 'part_api', '/status/500',
        params => jsonb_build_object('from', '3', 'times', times::text, 'then', '/items', 'key', 'part ' || name, 'total', '95'),
        cursor => '{"path": "$.id", "param": "since_id"}', retry => '{"attempts": 2, "first_delay": "1 ms"}',
        paginate => '{"type": "page", "limit": 20, "limit_param": "per_page"}');
    PERFORM dataops.create_pipeline(name, schedule => '* * * * *', on_failure => coalesce(options->>'on_failure', 'continue'));
    PERFORM dataops.add_fetch(name, name);
    PERFORM dataops.add_model(name, 'part.' || name,
        format('SELECT (record->>''id'')::int AS id FROM dataops.records(%L)', name), strategy => 'append');
END
$$;
CREATE FUNCTION part.state(name text, OUT rows integer, OUT ids integer, OUT runs text, OUT attempts text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*), count(DISTINCT id) FROM part.%I', name) INTO rows, ids;
    runs := (SELECT string_agg(r.state, ' ' ORDER BY r.run_id) FROM dataops.runs r WHERE r.pipeline = name);
    attempts := (SELECT string_agg(concat_ws(' ', s.step, s.attempt, s.state, s.rows_in), ', ' ORDER BY s.step_run_id)
                 FROM dataops.step_runs s WHERE s.pipeline = name);
END
$$;
CREATE FUNCTION part.last(pipeline text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT run_id FROM dataops.runs r WHERE r.pipeline = last.pipeline ORDER BY run_id DESC LIMIT 1 $$;
-- Returns when nobody has something to do on the pipeline.
CREATE PROCEDURE part.wait_until_still(name text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM dataops.runs r WHERE r.pipeline = name AND r.state IN ('queued', 'running'));
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;

-- by run(): the failed one, and no other; what it says is what it landed
SELECT part.define('byrun', 2);
CALL dataops.run('byrun');
CALL dataops.run('byrun');
SELECT * FROM part.state('byrun');
SELECT rows_in, rows_out FROM dataops.runs WHERE pipeline = 'byrun';
-- the next one is another one, from the cursor on
CALL dataops.run('byrun');
SELECT * FROM part.state('byrun');

-- by the schedule
SELECT part.define('bytick', 4);
SELECT dataops.schedule('bytick') > now();
CALL dataops.tick('2200-01-01 00:00:30');
CALL part.wait_until_still('bytick');
CALL dataops.tick('2200-01-01 00:01:30');
CALL part.wait_until_still('bytick');
CALL dataops.tick('2200-01-01 00:02:30');
CALL part.wait_until_still('bytick');
SELECT * FROM part.state('bytick');
SELECT dataops.unschedule('bytick');

-- some steps: those that do not fetch do not care, and the fetch comes after the run that goes first
SELECT part.define('somesteps', 2);
CALL dataops.run('somesteps', steps => '{somesteps}');
CALL dataops.run('somesteps', steps => '{part.somesteps}');
SELECT * FROM part.state('somesteps');
CALL dataops.run('somesteps', steps => '{somesteps}');
CALL dataops.run('somesteps');
SELECT * FROM part.state('somesteps');

-- two that were queued at once: the second one waits for nobody, but does not fetch either
SELECT part.define('twice', 2);
BEGIN;
SELECT dataops.start('twice') <> dataops.start('twice');
COMMIT;
CALL part.wait_until_still('twice');
SELECT regexp_replace(error, '[0-9a-f-]{36}', 'ID') AS error, hint ~ 'retry' AS hint FROM dataops.runs WHERE run_id = part.last('twice');
CALL dataops.run('twice');
SELECT * FROM part.state('twice');

-- a hold is as ever
SELECT part.define('held', 2, '{"on_failure": "hold"}');
CALL dataops.run('held');
SELECT dataops.resume('held');
CALL dataops.run('held');
SELECT * FROM part.state('held');

-- definitions that changed: other pages than those that have landed are asked for anew
SELECT part.define('patient', 2);
CALL dataops.run('patient');
SELECT dataops.alter_source('patient', '{"retry": {"attempts": 5}, "rate_limit": {"requests": 1000, "per": "1 second"}}');
CALL dataops.run('patient');
SELECT * FROM part.state('patient');
SELECT part.define('otherwise', 2);
CALL dataops.run('otherwise');
SELECT dataops.alter_source('otherwise', '{"paginate": {"type": "page", "limit": 50, "limit_param": "per_page"}}');
CALL dataops.run('otherwise');
SELECT ids, runs FROM part.state('otherwise');
-- retry() goes on with the same run, and does so, too; not with the definitions as they were
SELECT part.define('retried', 2);
CALL dataops.run('retried');
SELECT dataops.alter_source('retried', '{"paginate": {"type": "page", "limit": 50, "limit_param": "per_page"}}');
SELECT dataops.retry(part.last('retried')) IS NOT NULL AS queued;
CALL part.wait_until_still('retried');
SELECT rows, ids, runs FROM part.state('retried');
SELECT part.define('as_it_was', 2);
CALL dataops.run('as_it_was');
SELECT dataops.alter_source('as_it_was', '{"paginate": {"type": "page", "limit": 50, "limit_param": "per_page"}}');
SELECT dataops.retry(part.last('as_it_was'), version => 'same') IS NOT NULL AS queued;
CALL part.wait_until_still('as_it_was');
SELECT rows, ids, runs FROM part.state('as_it_was');

-- given up by a person, once; and skipped by one
SELECT part.define('given_up', 2);
CALL dataops.run('given_up');
SELECT dataops.cancel(part.last('given_up')), dataops.cancel(part.last('given_up'));
CALL dataops.run('given_up');
SELECT ids, runs FROM part.state('given_up');
SELECT part.define('skipped', 2);
CALL dataops.run('skipped');
SELECT dataops.skip_step(part.last('skipped'), 'skipped', 'enough');
CALL dataops.run('skipped');
SELECT ids, runs FROM part.state('skipped');
SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = 'skipped' ORDER BY run_id;

-- a failure after the fetch, or before anything landed, concerns its run alone
SELECT part.define('later', 0);
SELECT dataops.add_check('later', 'part.later', 'count(*) < 0', on_fail => 'stop', name => 'never');
CALL dataops.run('later');
SELECT dataops.drop_check('later', 'never');
CALL dataops.run('later');
SELECT * FROM part.state('later');

SELECT dataops.drop_pipeline(name), dataops.drop_source(name)
FROM unnest('{byrun,bytick,somesteps,twice,held,patient,otherwise,given_up,skipped,later}'::text[]) name;
DROP SCHEMA part CASCADE;
