-- A role that owned pipelines was dropped: nothing runs for it, the rest goes on, and an administrator takes them away.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE gone_leaver ROLE app;
CREATE ROLE gone_operator;
CREATE ROLE gone_developer;
GRANT gone_operator, gone_developer TO app;
SELECT dataops.grant_role('gone_leaver', 'developer'), dataops.grant_role('gone_operator', 'operator'),
    dataops.grant_role('gone_developer', 'developer');
CREATE SCHEMA gone AUTHORIZATION gone_leaver;
CREATE SCHEMA IF NOT EXISTS raw;
GRANT CREATE, USAGE ON SCHEMA raw TO gone_leaver;
CREATE SERVER gone_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
GRANT USAGE ON FOREIGN SERVER gone_api TO gone_leaver, gone_developer;
SET ROLE gone_leaver;
SELECT dataops.create_http_source('gone_items', 'gone_api', '/items');
SELECT dataops.create_pipeline('gone', schedule => '* * * * *');
SELECT dataops.add_fetch('gone', 'gone_items');
SELECT dataops.add_sql('gone', 'command', 'SELECT 1');
SELECT dataops.set_var('gone_var', 1);
RESET ROLE;
REASSIGN OWNED BY gone_leaver TO app;
SET client_min_messages = error;    -- it warns of what others have given
DROP OWNED BY gone_leaver;
SET client_min_messages = warning;
-- what a level gave is taken by who gave it
SELECT dataops.revoke_role('gone_leaver');
DROP ROLE gone_leaver;

-- an operator may run it: each step fails and says why (the message has the number of the role)
SET ROLE gone_operator;
\set VERBOSITY sqlstate
CALL dataops.run('gone');
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT step, state, regexp_replace(error, '\d+', 'n') AS error, hint FROM dataops.step_runs WHERE pipeline = 'gone' ORDER BY step_run_id;
SELECT dataops.drop_pipeline('gone');
SET ROLE gone_developer;
SELECT dataops.create_pipeline('gone');
SELECT dataops.create_http_source('gone_items', 'gone_api', '/items');
SELECT dataops.drop_source('gone_items');
RESET ROLE;
SELECT dataops.create_pipeline('gone');

-- who owns the database, and who administers dataops, may drop; then anybody may define it
SELECT missing, fix, who FROM dataops.check_restore() WHERE item = 'role' ORDER BY missing;
SELECT dataops.drop_pipeline('gone');
CREATE ROLE gone_admin;
GRANT gone_admin TO app;
SELECT dataops.grant_role('gone_admin', 'admin');
SET ROLE gone_admin;
SELECT dataops.drop_source('gone_items');
SELECT dataops.set_var('gone_var', 2);
RESET ROLE;
SELECT count(*) FROM dataops.check_restore() WHERE item = 'role';
DROP TABLE raw.gone_items;
GRANT CREATE, USAGE ON SCHEMA raw TO gone_developer;
SET ROLE gone_developer;
SELECT dataops.create_http_source('gone_items', 'gone_api', '/items');
SELECT dataops.create_pipeline('gone');
SELECT dataops.add_fetch('gone', 'gone_items');
CALL dataops.run('gone');

-- a connection that the owner may use no longer
RESET ROLE;
REVOKE USAGE ON FOREIGN SERVER gone_api FROM gone_developer;
SELECT item, missing, fix, who FROM dataops.check_restore() WHERE item = 'connection' AND missing ~ 'gone_api';
SET ROLE gone_developer;
SELECT dataops.drop_pipeline('gone');
SELECT dataops.drop_source('gone_items');
DROP TABLE raw.gone_items;
RESET ROLE;
SELECT dataops.revoke_role('gone_developer'), dataops.revoke_role('gone_operator'), dataops.revoke_role('gone_admin');
REVOKE ALL ON SCHEMA raw FROM gone_developer;
DROP SCHEMA gone;
DROP SERVER gone_api;
DROP ROLE gone_developer, gone_operator, gone_admin;
