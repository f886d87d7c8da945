-- Whose rights count: levels never lend those of another role, and nothing that users can plant is run with ours.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE rights_owner ROLE app;
CREATE ROLE rights_other ROLE app;
SELECT dataops.grant_role('rights_owner', 'developer');
GRANT CREATE ON DATABASE contrib_regression TO rights_owner, rights_other;

SET ROLE rights_owner;
SELECT dataops.create_pipeline('rights', schedule => '* * * * *');
SELECT dataops.add_model('rights', 'rights.who', 'SELECT 1 AS id, current_user::text AS role', 'append');

-- An administrator of dataops runs it, with the rights of its owner, and cannot change what it does.
RESET ROLE;
SELECT dataops.grant_role('rights_other', 'admin');
SET ROLE rights_other;
SELECT dataops.create_pipeline('rights');
SELECT dataops.add_sql('rights', 'planted', 'SELECT 1');
SELECT dataops.add_check('rights', 'rights.who', 'id > 0');
SELECT dataops.alter_model('rights', 'rights.who', 'SELECT 2 AS id, ''planted''::text AS role');
SELECT dataops.drop_step('rights', 'rights.who');
SELECT dataops.drop_pipeline('rights');
CALL dataops.run('rights');
SET ROLE rights_owner;
SELECT * FROM rights.who;

-- An operator runs and repairs everybody's pipelines, so it sees them; a viewer sees what belongs to roles it is a member of.
RESET ROLE;
SELECT dataops.grant_role('rights_other', 'viewer');
SET ROLE rights_other;
SELECT count(*) FROM dataops.runs WHERE pipeline = 'rights';
CALL dataops.run('rights');
RESET ROLE;
SELECT dataops.grant_role('rights_other', 'operator');
SET ROLE rights_other;
SELECT state FROM dataops.runs WHERE pipeline = 'rights';
SELECT count(*) FROM dataops.audit WHERE role = 'rights_owner';
SELECT count(*) FROM rights.who;
SELECT dataops.start('rights') IS NOT NULL;
SELECT run_id AS run FROM dataops.runs WHERE pipeline = 'rights' ORDER BY run_id DESC LIMIT 1 \gset
CALL dataops.wait(:'run', '30 s');
-- the check of an owner, accepted by an operator
SET ROLE rights_owner;
SELECT dataops.add_check('rights', 'rights.who', 'id > 1', on_fail => 'stop', name => 'big');
SET ROLE rights_other;
CALL dataops.run('rights');
SELECT dataops.accept_check(run_id, 'big', 'known') FROM dataops.runs WHERE pipeline = 'rights' ORDER BY run_id DESC LIMIT 1;
SELECT dataops.retry(run_id) IS NOT NULL FROM dataops.failures WHERE pipeline = 'rights';
SELECT run_id AS run FROM dataops.runs WHERE pipeline = 'rights' ORDER BY run_id DESC LIMIT 1 \gset
CALL dataops.wait(:'run', '30 s');
SELECT dataops.replay_quarantine('rights', 'rights.who');
-- its tick() takes up what others have queued
SET ROLE rights_owner;
SELECT dataops.drop_check('rights', 'big');
SELECT dataops.schedule('rights') > now();
SET ROLE rights_other;
CALL dataops.tick('2200-01-01');
SELECT run_id AS run FROM dataops.runs WHERE pipeline = 'rights' ORDER BY run_id DESC LIMIT 1 \gset
CALL dataops.wait(:'run', '30 s');
SET ROLE rights_owner;
SELECT DISTINCT role FROM rights.who;

-- A schema "cron" that is not pg_cron's: nothing in it is called.
CREATE SCHEMA cron;
CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called'; RETURN 1; END $$;
CREATE FUNCTION cron.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 'x'; END $$;
CREATE VIEW cron.job AS
    SELECT 'CALL dataops.tick()'::text AS command, true AS active, cron.trap() AS username, current_database()::text AS database;
SELECT dataops.schedule('rights') > now();
DROP SCHEMA cron CASCADE;

SELECT dataops.drop_pipeline('rights');
DROP SCHEMA rights CASCADE;
RESET ROLE;
SELECT dataops.revoke_role('rights_owner');
SELECT dataops.revoke_role('rights_other');
REVOKE CREATE ON DATABASE contrib_regression FROM rights_owner, rights_other;
