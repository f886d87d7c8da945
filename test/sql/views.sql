-- What the views say of a ledger written by hand; all of it is rolled back.  Needs a build with TEST=1.
\set VERBOSITY terse
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';

-- Views about runs begin with the same columns.
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) =
    '{run_id,pipeline,env,step,state,started_at,took,rows_in,rows_out,rows_quarantined,error,hint}' AS leads_alike
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum BETWEEN 1 AND 12
WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'v' GROUP BY c.relname ORDER BY c.relname;
-- All are security barriers and say what they are.
SELECT count(*) FILTER (WHERE NOT coalesce('security_barrier=true' = ANY (reloptions), false)) AS open,
       count(*) FILTER (WHERE obj_description(oid, 'pg_class') IS NULL) AS without_comment
FROM pg_class WHERE relnamespace = 'dataops'::regnamespace AND relkind = 'v';

BEGIN;
CREATE ROLE regress_other ROLE app;
CREATE ROLE regress_viewer ROLE app;
CREATE ROLE regress_admin ROLE app;
SELECT dataops.grant_role('regress_viewer', 'viewer'), dataops.grant_role('regress_admin', 'admin'), dataops.grant_role('regress_other', 'viewer');

CREATE FUNCTION pg_temp.id(n integer) RETURNS uuid LANGUAGE sql RETURN ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid;
INSERT INTO dataops.definition
SELECT pg_temp.id(n), kind, pipeline, object, 1, spec::jsonb, 'h' || n, owner::regrole, '2024-01-01', 'app' FROM (VALUES
    (1, 'source', '', 'seen_source', '{"server": "exchange"}', 'app'),
    (2, 'pipeline', '', 'seen', '{"every": "15 minutes", "start_at": "2024-01-01T00:00:00+00:00"}', 'app'),
    (3, 'step', 'seen', 'candles', '{"kind": "fetch", "source": "seen_source"}', 'app'),
    (4, 'step', 'seen', 'staging.candles', '{"kind": "model", "target": "staging.candles"}', 'app'),
    (5, 'check', 'seen', 'staging.candles/high_is_highest', '{"target": "staging.candles", "rule": "high >= low"}', 'app'),
    (6, 'pipeline', '', 'dead', '{}', 'app'),
    (7, 'step', 'dead', 'load', '{"kind": "fetch", "source": "seen_source"}', 'app'),
    (8, 'pipeline', '', 'others', '{}', 'regress_other')
) AS d(n, kind, pipeline, object, spec, owner);
INSERT INTO dataops.deployment
SELECT kind, pipeline, object, 'prod', id, row_number() OVER (ORDER BY id), 1 FROM dataops.definition WHERE hash ~ '^h\d$';

INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, claim, created_at, started_at, finished_at,
    next_attempt_at, failed_step, error, hint, sqlstate, steps, resumes, scheduled_for)
SELECT pg_temp.id(n), pipeline, from_ts, to_ts, '{}', owner::regrole, 'ana', state, 1, '2024-01-02 00:00', started, started + took,
    next_at, failed, error, hint, code, steps, resumes, due FROM (VALUES
    (11, 'seen', '2024-01-01 00:00'::timestamptz, '2024-01-01 12:00'::timestamptz, 'app', 'succeeded', '2024-01-02 00:00:01'::timestamptz, '3.25 s'::interval,
        NULL::timestamptz, NULL, NULL, NULL, NULL, NULL::text[], 0, '2024-01-02 00:00'::timestamptz),
    (12, 'seen', '2024-01-01 12:00', '2024-01-01 18:00', 'app', 'failed', '2024-01-02 06:00:01', '2 min 1 s',
        NULL, 'staging.candles', 'check high_is_highest failed', NULL, '23514', NULL, 0, '2024-01-02 06:00'),
    (13, 'dead', '-infinity', 'infinity', 'app', 'running', '2024-01-02 00:00', NULL, NULL, NULL, NULL, NULL, NULL, '{load}', 2, NULL),
    (14, 'others', '-infinity', 'infinity', 'regress_other', 'failed', '2024-01-02 00:00', '1 s', NULL, NULL, 'their secret', NULL, NULL, NULL, 0, NULL)
) AS r(n, pipeline, from_ts, to_ts, owner, state, started, took, next_at, failed, error, hint, code, steps, resumes, due);

INSERT INTO dataops.step_run (id, run, step, attempt, kind, target, state, claim, started_at, finished_at, rows_in, rows_out, rows_quarantined,
    changed_to, error, hint)
SELECT pg_temp.id(n), pg_temp.id(run), step, attempt, kind, target, state, 1, started, started + took, rows_in, rows_out, aside, until, error, hint
FROM (VALUES
    (21, 11, 'candles', 1, 'fetch', 'candles', 'succeeded', '2024-01-02 00:00:01'::timestamptz, '1 s'::interval, 48, 48, 0, NULL::timestamptz, NULL, NULL),
    (22, 11, 'staging.candles', 1, 'model', 'staging.candles', 'succeeded', '2024-01-02 00:00:02', '2.25 s', 48, 47, 1, '2024-01-01 12:00', NULL, NULL),
    (23, 12, 'candles', 1, 'fetch', 'candles', 'failed', '2024-01-02 06:00:01', '1 s', 10, 10, 0, NULL, 'status 503', NULL),
    (24, 12, 'candles', 2, 'fetch', 'candles', 'skipped', '2024-01-02 06:01:00', '1 s', 0, 0, 0, NULL, 'no new records', NULL),
    (25, 12, 'staging.candles', 1, 'model', 'staging.candles', 'failed', '2024-01-02 06:02:00', '2 s', 24, 24, 0, NULL, 'check "high_is_highest" failed: 1 of 24 rows', NULL),
    (26, 13, 'load', 1, 'fetch', 'candles', 'interrupted', '2024-01-02 00:00', '5 s', NULL, NULL, NULL, NULL, NULL, NULL),
    (27, 13, 'load', 2, 'fetch', 'candles', 'running', '2024-01-02 00:01', NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS s(n, run, step, attempt, kind, target, state, started, took, rows_in, rows_out, aside, until, error, hint);

INSERT INTO dataops.check_result (id, run, step_run, pipeline, step, target, check_name, rule, on_fail, severity, verdict, rows_checked, rows_failed,
    message, sample, created_at) VALUES
    (pg_temp.id(31), pg_temp.id(12), pg_temp.id(25), 'seen', 'staging.candles', 'staging.candles', 'high_is_highest', 'high >= low', 'stop', 'error',
     'failed', 24, 1, '1 of 24 rows', '[{"high": 1, "low": 2}]', '2024-01-02 06:02:01'),
    (pg_temp.id(32), pg_temp.id(12), pg_temp.id(25), 'seen', 'staging.candles', 'staging.candles', 'not_null', 'not_null(high)', 'warn', 'warn',
     'passed', 24, 0, NULL, NULL, '2024-01-02 06:02:01');
INSERT INTO dataops.quarantine_row (id, pipeline, step, run, step_run, target, check_name, rule, reason, "row", record, created_at)
VALUES (pg_temp.id(41), 'seen', 'staging.candles', pg_temp.id(11), pg_temp.id(22), 'staging.candles', 'low', 'low > 0', 'low > 0 is false',
    '{"low": 0}', '[1, 2]', '2024-01-02 00:00:03');
INSERT INTO dataops.batch (id, source, run, step_run, created_at, landed_at, pages, records, quarantined, bytes) VALUES
    (pg_temp.id(51), 'candles', pg_temp.id(11), pg_temp.id(21), '2024-01-02 00:00:01', '2024-01-02 00:00:02', 1, 48, 0, 4000),
    (pg_temp.id(52), 'candles', pg_temp.id(13), pg_temp.id(27), '2024-01-02 00:01:05', '2024-01-02 00:01:10', 3, 3000, 2, 90000),
    (pg_temp.id(53), 'candles', pg_temp.id(13), pg_temp.id(27), '2024-01-02 00:01:15', '2024-01-02 00:01:20', 2, 2000, 0, 60000);
INSERT INTO dataops.page VALUES (pg_temp.id(51), 0, '', 'https://api.example.com/klines?limit=', 200, '{}', 4000, 48, 'abcd', '2024-01-02 00:00:01');
INSERT INTO dataops.request VALUES
    (pg_temp.id(61), pg_temp.id(11), pg_temp.id(21), 1, 'GET', 'https://api.example.com/klines?limit=', 200, NULL, 4000, 250, '2024-01-02 00:00:01'),
    (pg_temp.id(62), pg_temp.id(12), pg_temp.id(23), 1, 'GET', 'https://api.example.com/klines?limit=', 503, 'status 503', 0, 1250, '2024-01-02 06:00:01');
INSERT INTO dataops.interval VALUES
    ('seen', 'prod', '2024-01-01 00:00', '2024-01-01 06:00', pg_temp.id(10), '2024-01-02'),
    ('seen', 'prod', '2024-01-01 06:00', '2024-01-01 12:00', pg_temp.id(11), '2024-01-02'),
    ('seen', 'prod', '2024-01-01 18:00', '2024-01-02 00:00', pg_temp.id(11), '2024-01-02');
INSERT INTO dataops.schedule VALUES
    ('seen', 'prod', '*/15 * * * *', 'UTC', 'active', '2024-01-02 06:15', '2024-01-02 06:00', 'app'),
    ('dead', 'prod', '0 0 1 1 *', 'Europe/Paris', 'paused', NULL, NULL, 'app');

SELECT right(run_id::text, 2) AS run, pipeline, step, state, took, rows_in, rows_out, rows_quarantined, error, hint
FROM dataops.runs WHERE pipeline IN ('seen', 'dead', 'others') ORDER BY run_id;
SELECT right(run_id::text, 2) AS run, step, attempt, state, took, rows_in, rows_out, rows_quarantined, error, hint
FROM dataops.step_runs WHERE pipeline IN ('seen', 'dead') ORDER BY step_run_id;
SELECT pipeline, step, state, took, error, status, bytes FROM dataops.requests WHERE pipeline = 'seen' ORDER BY request_id;
SELECT pipeline, step, rows_in, source, page, url, status, bytes FROM dataops.pages WHERE pipeline = 'seen' ORDER BY batch, page;
SELECT pipeline, step, state, error, hint, check_name, on_fail, rows_failed, sample FROM dataops.check_results WHERE pipeline = 'seen' ORDER BY check_result_id;
SELECT pipeline, step, state, error, hint, check_name, "row", record FROM dataops.quarantine WHERE pipeline = 'seen' ORDER BY quarantine_id;
\x on
SELECT right(run_id::text, 2) AS run, pipeline, step, state, took, rows_in, error, hint, check_name, rule, sample, next_statement
FROM dataops.failures WHERE pipeline IN ('seen', 'dead', 'others') ORDER BY run_id;
\x off
SELECT step, state, rows_in, rows_quarantined, attempt, batches, pages, bytes, rows_per_second, took > '1 day' AS long FROM dataops.progress WHERE pipeline = 'dead';
SELECT pipeline, state, schedule_state, next_at, cardinality(next_times) AS next_times, next_times[1] > now() AS ahead, overdue_by > '1 day' AS late
FROM dataops.schedules WHERE pipeline IN ('seen', 'dead') ORDER BY pipeline;
SELECT pipeline, step, state, kind, target, checked_at, last_success_at, age > '1 day' AS old, data_until, rows_out
FROM dataops.freshness WHERE pipeline IN ('seen', 'dead') ORDER BY pipeline, step;
SELECT pipeline, state, from_ts, CASE WHEN to_ts < '2025-01-01' THEN to_ts END AS to_ts, to_ts BETWEEN now() - interval '15 minutes' AND now() AS until_now
FROM dataops.intervals WHERE pipeline IN ('seen', 'dead') ORDER BY from_ts;
SELECT kind, pipeline, object, version, current_in, owner FROM dataops.versions WHERE hash ~ '^h\d$' ORDER BY hash;
SELECT kind, pipeline, env, object, target FROM dataops.catalog WHERE changed_by = 'app' AND changed_at = '2024-01-01' ORDER BY position;

-- Who holds the pipeline's lock is working; nobody else's state changes.
SELECT dataops._test_lock_hold('dead', 'prod');
SELECT pipeline, state, step, error, hint, took > '1 day' AS goes_on FROM dataops.runs WHERE pipeline IN ('seen', 'dead') ORDER BY run_id;
SELECT pipeline, state FROM dataops.failures WHERE pipeline IN ('seen', 'dead') ORDER BY pipeline;
SELECT dataops._test_lock_release();
SELECT pipeline, state FROM dataops.failures WHERE pipeline IN ('seen', 'dead') ORDER BY pipeline;

-- A later success of all steps closes a failure, one of some steps does not, and a cancelled run does not either.
INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, created_at, steps) VALUES
    (pg_temp.id(15), 'seen', '2024-01-01', '2024-01-02', '{}', 'app', 'ana', 'succeeded', '2024-01-03', '{candles}'),
    (pg_temp.id(16), 'seen', '2024-01-01', '2024-01-02', '{}', 'app', 'ana', 'cancelled', '2024-01-03', NULL);
SELECT right(run_id::text, 2) AS run FROM dataops.failures WHERE pipeline = 'seen';
INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, created_at) VALUES
    (pg_temp.id(17), 'seen', '2024-01-01', '2024-01-02', '{}', 'app', 'ana', 'succeeded', '2024-01-03');
SELECT right(run_id::text, 2) AS run FROM dataops.failures WHERE pipeline = 'seen';

-- The story of a run
SELECT line FROM dataops.explain_run(pg_temp.id(11));
SELECT line FROM dataops.explain_run(pg_temp.id(12));
SELECT regexp_replace(line, 'took .*', 'took …') AS line FROM dataops.explain_run(pg_temp.id(13));
SAVEPOINT before;
SELECT line FROM dataops.explain_run(pg_temp.id(99));
ROLLBACK TO before;
SELECT line FROM dataops.explain_run(NULL);
ROLLBACK TO before;

-- Each sees his own; an administrator sees all; a condition that tells what it is given is told of visible rows only.
SET LOCAL ROLE regress_viewer;
SELECT count(*) FROM dataops.runs;
SELECT count(*) FROM dataops.versions WHERE hash ~ '^h\d$';
SELECT (SELECT count(*) FROM dataops.requests) + (SELECT count(*) FROM dataops.pages) + (SELECT count(*) FROM dataops.failures)
     + (SELECT count(*) FROM dataops.step_runs) + (SELECT count(*) FROM dataops.check_results) + (SELECT count(*) FROM dataops.quarantine)
     + (SELECT count(*) FROM dataops.progress) + (SELECT count(*) FROM dataops.schedules) + (SELECT count(*) FROM dataops.freshness)
     + (SELECT count(*) FROM dataops.intervals) + (SELECT count(*) FROM dataops.catalog) + (SELECT count(*) FROM dataops.audit) AS nothing;
CREATE FUNCTION pg_temp.tell(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'told %', value; RETURN true; END $$;
SELECT pipeline FROM dataops.runs WHERE pg_temp.tell(error);
SELECT line FROM dataops.explain_run(pg_temp.id(12));
ROLLBACK TO before;
SET LOCAL ROLE regress_other;
SELECT pipeline, error FROM dataops.runs;
SELECT pipeline, error FROM dataops.failures;
SET LOCAL ROLE regress_admin;
SELECT DISTINCT pipeline FROM dataops.runs WHERE pipeline IN ('seen', 'dead', 'others') ORDER BY pipeline;
SELECT session_role, role, action, object, detail FROM dataops.audit WHERE object LIKE 'regress%' ORDER BY audit_id;
ROLLBACK;
