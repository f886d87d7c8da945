-- What doctor() and check_restore() say; what depends on the server is left out.
\set VERBOSITY terse
SELECT item, ok, fix, who FROM dataops.doctor()
WHERE item ~ 'same version|UTF8|accepts writes|may run in this|may create schemas|levels';
SELECT bool_or(item ~ 'worker slots are free \(\d+\)') AS slots, bool_or(item ~ 'pg_cron') AS clock, bool_or(item ~ 'file_root') AS file_root,
       bool_or(item ~ 'network_limit') AS network_limit, bool_and(ok IS TRUE OR fix <> '' AND who <> '') AS each_has_a_remedy
FROM dataops.doctor();

BEGIN;
CREATE ROLE regress_operator ROLE app;
CREATE ROLE regress_viewer ROLE app;
CREATE ROLE regress_gone ROLE app;
SELECT dataops.grant_role('regress_operator', 'operator'), dataops.grant_role('regress_viewer', 'viewer');
-- What a level does not need is not wrong; where it is needed it is.
SET LOCAL ROLE regress_operator;
SELECT item, ok, fix, who FROM dataops.doctor() WHERE item ~ 'create schemas';
SELECT count(*) FILTER (WHERE ok IS NULL AND fix ~ 'grant_role.*developer') = count(*) AS not_needed FROM dataops.doctor() WHERE item ~ 'create connections';
SELECT ok FROM dataops.doctor() WHERE item ~ 'pg_cron';
SET LOCAL ROLE regress_viewer;
SELECT item FROM dataops.doctor() WHERE NOT ok AND item ~ 'schemas|create connections|pg_cron';
SELECT ok FROM dataops.doctor() WHERE item ~ 'pg_cron';
SET LOCAL ROLE app;
SELECT dataops.grant_role('regress_operator', 'developer');
SET LOCAL ROLE regress_operator;
SELECT item, ok FROM dataops.doctor() WHERE item ~ 'connections of dataops_http|create schemas' ORDER BY item;
SET LOCAL ROLE app;
-- Nor is pg_cron missing where something else calls tick().
SAVEPOINT before_schedule;
INSERT INTO dataops.definition VALUES ('00000000-0000-7000-8000-000000000005', 'pipeline', '', 'in_time', 1, '{}', 'x', 'app', now(), 'app');
INSERT INTO dataops.deployment VALUES ('pipeline', '', 'in_time', 'prod', '00000000-0000-7000-8000-000000000005', 1, 1);
INSERT INTO dataops.schedule VALUES ('in_time', 'prod', '* * * * *', 'UTC', 'active', now() + interval '1 minute', NULL, 'app');
SELECT ok FROM dataops.doctor() WHERE item ~ 'pg_cron';
ROLLBACK TO before_schedule;
INSERT INTO dataops.definition VALUES ('00000000-0000-7000-8000-000000000005', 'pipeline', '', 'in_time', 1, '{}', 'x', 'app', now(), 'app');
INSERT INTO dataops.deployment VALUES ('pipeline', '', 'in_time', 'prod', '00000000-0000-7000-8000-000000000005', 1, 1);
INSERT INTO dataops.schedule VALUES ('in_time', 'prod', '* * * * *', 'UTC', 'active', now() + interval '1 minute', now(), 'app');
SELECT ok FROM dataops.doctor() WHERE item ~ 'pg_cron';
ROLLBACK TO before_schedule;

-- A run that died, a schedule that is late, a failure
INSERT INTO dataops.definition VALUES
    ('00000000-0000-7000-8000-000000000001', 'pipeline', '', 'late_one', 1, '{}', 'x', 'app', now(), 'app'),
    ('00000000-0000-7000-8000-000000000002', 'step', 'late_one', 'candles', 1, '{"kind": "fetch", "source": "candles", "archive": "no_such_lake"}', 'x', 'app', now(), 'app');
INSERT INTO dataops.deployment VALUES
    ('pipeline', '', 'late_one', 'prod', '00000000-0000-7000-8000-000000000001', 1, 1),
    ('step', 'late_one', 'candles', 'prod', '00000000-0000-7000-8000-000000000002', 1, 1);
INSERT INTO dataops.schedule VALUES ('late_one', 'prod', '* * * * *', 'UTC', 'active', now() - interval '1 hour', NULL, 'app');
INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, created_at, started_at)
VALUES ('00000000-0000-7000-8000-000000000003', 'late_one', '-infinity', 'infinity', '{}', 'app', 'ana', 'running', now(), now());
SELECT split_part(item, ':', 1) AS item, ok, fix, who FROM dataops.doctor() WHERE item ~ 'late_one' ORDER BY 1;

-- A step that keeps no objects names no connection
INSERT INTO dataops.definition VALUES
    ('00000000-0000-7000-8000-000000000004', 'step', 'late_one', 'trades', 1, '{"kind": "fetch", "source": "trades", "archive": ""}', 'x', 'app', now(), 'app');
INSERT INTO dataops.deployment VALUES ('step', 'late_one', 'trades', 'prod', '00000000-0000-7000-8000-000000000004', 2, 1);
SELECT count(*) AS without_name FROM dataops.check_restore() WHERE item = 'connection' AND missing = '';

-- A connection that is dropped although it is used; not for those who may not see its users
CREATE SERVER doctor_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com');
SELECT dataops.create_http_source('doctor_source', 'doctor_api');
SELECT count(*) AS lost FROM dataops.doctor() WHERE item ~ 'doctor_api';
DROP SERVER doctor_api;
SELECT item, ok, fix, who FROM dataops.doctor() WHERE item ~ 'doctor_api';
SAVEPOINT before;
SELECT dataops.grant_role('regress_gone', 'viewer');
SET LOCAL ROLE regress_gone;
SELECT item, ok FROM dataops.doctor() WHERE item ~ 'definitions name';
ROLLBACK TO before;

-- What did not come along
GRANT USAGE ON SCHEMA dataops TO regress_gone;
INSERT INTO dataops.role_level VALUES ('regress_gone', 'viewer');
SELECT item, missing, fix, who FROM dataops.check_restore() WHERE missing ~ 'no_such_lake|regress_gone' ORDER BY item;
SELECT count(*) > 0 AS says_who_calls_tick FROM dataops.check_restore() WHERE item = 'clock';
SELECT item, ok, fix, who FROM dataops.doctor() WHERE item ~ 'levels';
ROLLBACK;
