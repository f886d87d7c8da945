-- Levels, what they may call, and that PUBLIC may do nothing.
\set VERBOSITY terse

-- Nothing of the schema is for PUBLIC, and no function has the default rights.
SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname NOT LIKE '\_test\_%' AND p.proacl IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname NOT LIKE '\_test\_%' AND a.grantee = 0;
SELECT c.oid::regclass FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'dataops'::regnamespace AND a.grantee = 0;
SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'dataops' AND a.grantee = 0;
SELECT w.fdwname FROM pg_foreign_data_wrapper w, aclexplode(w.fdwacl) a WHERE w.fdwname LIKE 'dataops%' AND a.grantee = 0;
SELECT t.typname FROM pg_type t, aclexplode(t.typacl) a WHERE t.typnamespace = 'dataops'::regnamespace AND a.grantee = 0;

-- Every function that people call has a level, a comment, and is the installing role's to pass on; so are the views.
SELECT p.oid::regprocedure AS without_level FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname NOT LIKE '\_%' AND dataops._level_of(p.proname) IS NULL
  AND p.prorettype <> ALL ('{trigger,fdw_handler}'::regtype[]) AND p.proname NOT LIKE '%\_validator' ORDER BY 1;
SELECT p.oid::regprocedure AS without_comment FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname NOT LIKE '\_test\_%' AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1;
SELECT p.oid::regprocedure AS not_to_pass_on FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname NOT LIKE '\_%' AND NOT has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')
  AND p.prorettype <> ALL ('{trigger,fdw_handler}'::regtype[]) AND p.proname NOT LIKE '%\_validator' ORDER BY 1;
SELECT c.oid::regclass AS not_to_pass_on FROM pg_class c
WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'v' AND NOT has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION') ORDER BY 1;
-- SECURITY DEFINER and pinned paths
SELECT p.oid::regprocedure AS definer FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.prosecdef AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'));

BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE ROLE "Regress Viewer" ROLE app;
CREATE ROLE regress_operator ROLE app;
CREATE ROLE regress_developer ROLE app;
CREATE ROLE regress_admin ROLE app;
CREATE ROLE regress_nobody ROLE app;

SELECT dataops.grant_role('"Regress Viewer"', 'viewer');
SELECT dataops.grant_role('regress_operator', 'operator');
SELECT dataops.grant_role('regress_developer', 'developer');
SELECT dataops.grant_role('regress_admin', 'admin');
SELECT dataops.grant_role('regress_nobody', 'opperator');
SELECT dataops.grant_role('regress_nobody', 'everything');
SELECT dataops.grant_role('public', 'viewer');
SELECT dataops.grant_role('-', 'viewer');
SELECT dataops.grant_role('no_such_role', 'viewer');
SELECT role, level FROM dataops.role_level WHERE role::text ~* 'regress' ORDER BY role::text;

-- What each level may call, of what there is here
CREATE FUNCTION pg_temp.may(role text) RETURNS TABLE (explain boolean, read boolean, vars boolean, adopt boolean, tables boolean, private boolean)
LANGUAGE sql AS $$
    SELECT has_function_privilege(role, 'dataops.explain_run(uuid)', 'EXECUTE'), has_table_privilege(role, 'dataops.runs', 'SELECT'),
           has_function_privilege(role, 'dataops.set_var(text,text,text)', 'EXECUTE'), has_function_privilege(role, 'dataops.adopt()', 'EXECUTE'),
           has_table_privilege(role, 'dataops.run', 'SELECT,INSERT,UPDATE,DELETE'),
           has_function_privilege(role, 'dataops._set_level(regrole,text)', 'EXECUTE')
$$;
SELECT role, m.* FROM unnest('{Regress Viewer,regress_operator,regress_developer,regress_admin,regress_nobody}'::text[]) role, pg_temp.may(role) m;
SELECT count(*) AS without_rights_of_level FROM dataops._levels_behind();

-- Another level replaces the first, downwards too.
SELECT dataops.grant_role('regress_developer', 'viewer');
SELECT m.* FROM pg_temp.may('regress_developer') m;
SELECT dataops.revoke_role('regress_operator');
SELECT m.* FROM pg_temp.may('regress_operator') m;
SELECT has_schema_privilege('regress_operator', 'dataops', 'USAGE');
SELECT count(*) FROM dataops.role_level WHERE role = 'regress_operator'::regrole;
-- The installing role keeps what it needs to dump and restore.
SELECT dataops.grant_role('app', 'viewer');
SELECT dataops.revoke_role('app');
SELECT has_table_privilege('dataops.run', 'INSERT'), has_function_privilege('dataops.adopt()', 'EXECUTE');

-- Nobody raises himself.
SELECT dataops.grant_role('regress_developer', 'developer');
SET LOCAL ROLE regress_developer;
SELECT dataops.grant_role('regress_developer', 'admin');
SELECT dataops._set_level('regress_developer', 'admin');
SELECT dataops.revoke_role('regress_admin');
SELECT dataops.set_setting('allowed_hosts', '*');
SELECT dataops.adopt();
INSERT INTO dataops.role_level VALUES ('regress_developer', 'admin');
-- Who was lent the function, but is no administrator, is refused all the same.
SET LOCAL ROLE app;
GRANT EXECUTE ON FUNCTION dataops.grant_role(regrole, text), dataops.adopt(), dataops.set_setting(text, text) TO regress_developer;
SET LOCAL ROLE regress_developer;
SELECT dataops.grant_role('regress_developer', 'admin');
SELECT dataops.adopt();
SELECT dataops.set_setting('allowed_hosts', '*');
-- An administrator runs a function of somebody else, which runs with that one's rights.
CREATE FUNCTION pg_temp.trap() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT dataops.grant_role('regress_developer', 'admin') $$;
GRANT EXECUTE ON FUNCTION pg_temp.trap() TO regress_admin;
SET LOCAL ROLE regress_admin;
SELECT pg_temp.trap();
SELECT dataops.grant_role('regress_nobody', 'viewer');
SET LOCAL ROLE app;
SELECT level FROM dataops.role_level WHERE role = 'regress_developer'::regrole;

-- Settings and variables
SELECT dataops.set_setting('allowed_hosts', 'api.example.com');
SELECT dataops.set_setting('alowed_hosts', '*');
SELECT dataops.set_setting(NULL, '*');
SELECT value FROM dataops.setting WHERE name = 'allowed_hosts';
SELECT dataops.set_setting('allowed_hosts', NULL);
SELECT count(*) FROM dataops.setting WHERE name = 'allowed_hosts';
SET LOCAL ROLE regress_developer;
SELECT dataops.set_var('symbol', 'BTCUSDT');
SELECT dataops.set_var('symbol', 'ETHUSDT', env => 'dev');
SELECT dataops.set_var('days', 5);
SELECT dataops.set_var('fees', '{"maker": 0.1}'::jsonb);
SELECT dataops.set_var('since', date '2024-01-01');
SELECT dataops.set_var('Bad Name', 'x');
SELECT dataops.set_var('symbol', NULL::text);
SELECT dataops.set_var('symbol', 'SOLUSDT');
SET LOCAL ROLE regress_admin;
SELECT dataops.set_var('days', 6);
SELECT dataops.grant_role('regress_operator', 'developer');
SET LOCAL ROLE regress_operator;
SELECT dataops.set_var('days', 7);
SET LOCAL ROLE app;
SELECT env, name, value, owner FROM dataops.variable WHERE owner = 'regress_developer'::regrole ORDER BY env, name;
SELECT role, action, object, detail FROM dataops.audit_entry WHERE action IN ('set variable', 'set setting') AND at >= now() ORDER BY id;
ROLLBACK;
