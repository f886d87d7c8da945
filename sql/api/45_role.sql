-- Who may do what, and what people set because a managed role cannot set it for its database.

-- ---- who may do what ----

-- The one list of levels.  Each level may also do what those below it may.  A function that is not listed is for nobody but the installing role.
CREATE OR REPLACE FUNCTION dataops._level_of(routine name) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN routine IN ('explain_run', 'doctor', 'plan', 'wait', 'definition', 'export_spec', 'records', 'metrics', 'report',
            'start_ts', 'end_ts', 'var', 'var_json', 'yaml', 'schedule_command') THEN 'viewer'
        WHEN routine IN ('run', 'start', 'cancel', 'retry', 'backfill', 'tick', 'schedule', 'unschedule', 'pause', 'resume',
            'accept_check', 'skip_step', 'replay_quarantine', 'preview', 'test_connection', 'list_objects', 'bigquery') THEN 'operator'
        WHEN routine ~ '^(create|add|alter|drop)_' OR routine IN ('apply', 'set_var', 'set_secret', 'bigquery', 'test', 'infer',
            'deploy', 'rollback', 'diff', 'unset_var', 'drop_secret') THEN 'developer'
        WHEN routine IN ('grant_role', 'revoke_role', 'grant_reference', 'revoke_reference', 'set_setting', 'adopt', 'check_restore') THEN 'admin'
    END
$$;
COMMENT ON FUNCTION dataops._level_of(name) IS 'The lowest level that may call a public function of dataops.';

CREATE OR REPLACE FUNCTION dataops._may_call(level text, routine pg_proc) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    -- What views and public functions call on behalf of their caller is marked by the installing role's grant option.
    SELECT CASE WHEN routine.proname LIKE '\_%' THEN EXISTS (
            SELECT FROM aclexplode(routine.proacl) a JOIN pg_extension e ON e.extname = 'dataops' AND e.extowner = a.grantee
            WHERE a.privilege_type = 'EXECUTE' AND a.is_grantable)
        ELSE coalesce(array_position(levels, dataops._level_of(routine.proname)) <= array_position(levels, level), false)
    END
    FROM (VALUES ('{viewer,operator,developer,admin}'::text[])) AS l(levels)
$$;
COMMENT ON FUNCTION dataops._may_call(text, pg_proc) IS 'Does a level include calling this function?';

CREATE OR REPLACE FUNCTION dataops._levels_behind() RETURNS TABLE (role regrole, level text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.role, l.level FROM dataops.role_level l JOIN pg_roles r ON r.oid = l.role
    WHERE NOT has_schema_privilege(l.role, 'dataops', 'USAGE') OR EXISTS (
        SELECT FROM pg_proc p WHERE p.pronamespace = 'dataops'::regnamespace AND dataops._may_call(l.level, p)
            AND NOT has_function_privilege(l.role, p.oid, 'EXECUTE'))
$$;
COMMENT ON FUNCTION dataops._levels_behind() IS 'Roles that lack rights of their level: after an update that brought new functions, or after a restore.';

CREATE OR REPLACE FUNCTION dataops._take_rights(role regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrapper name;
BEGIN
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA dataops FROM %s', role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA dataops FROM %s', role);
    EXECUTE format('REVOKE ALL ON SCHEMA dataops FROM %s', role);
    FOR wrapper IN SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.fdwname LIKE 'dataops\_%' LOOP
        EXECUTE format('REVOKE ALL ON FOREIGN DATA WRAPPER %I FROM %s', wrapper, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dataops._take_rights(regrole) IS 'Takes all rights on dataops from a role.';

CREATE OR REPLACE FUNCTION dataops._give_rights(role regrole, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA dataops TO %s', role);
    FOR member IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'v' LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s', member, role);
    END LOOP;
    FOR member IN SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = 'dataops'::regnamespace AND dataops._may_call(level, p)
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', member, role);
    END LOOP;
    IF level NOT IN ('developer', 'admin') THEN
        RETURN;
    END IF;
    -- who may make file stores on the server's disk, its administrator says
    FOR member IN SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.fdwname LIKE 'dataops\_%' AND w.fdwname <> 'dataops_file' LOOP
        EXECUTE format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %s', member, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dataops._give_rights(regrole, text) IS 'Gives a role the rights of a level.';

CREATE OR REPLACE FUNCTION dataops._set_level(role regrole, level text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    DELETE FROM dataops.role_level r WHERE r.role = role;
    -- the installing role and the owner of the objects have all rights already and must keep them
    IF role NOT IN (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'dataops'
                    UNION ALL SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'dataops') THEN
        PERFORM dataops._take_rights(role);
        IF level IS NOT NULL THEN
            PERFORM dataops._give_rights(role, level);
        END IF;
    END IF;
    IF level IS NOT NULL THEN
        INSERT INTO dataops.role_level VALUES (role, level);
    END IF;
END
$$;
COMMENT ON FUNCTION dataops._set_level(regrole, text) IS 'What grant_role() and revoke_role() do once the caller''s right is checked; called by the library, as the owner of the objects.';

CREATE OR REPLACE FUNCTION dataops.grant_role(role regrole, level text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_grant_role';
COMMENT ON FUNCTION dataops.grant_role(regrole, text) IS 'Gives a role a level, instead of the one it has: viewer reads, operator also sees, runs and repairs the pipelines of all, developer also defines, admin also grants and sees what everybody did. Only an administrator of dataops or the owner of the database may.';

CREATE OR REPLACE FUNCTION dataops.revoke_role(role regrole) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_revoke_role';
COMMENT ON FUNCTION dataops.revoke_role(regrole) IS 'Takes all rights on dataops from a role; what it owns stays.';

-- ---- what people set ----

CREATE OR REPLACE FUNCTION dataops.set_setting(name text, value text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_set_setting';
COMMENT ON FUNCTION dataops.set_setting(text, text) IS 'Changes a setting of this database: allowed_hosts (comma-separated, narrows dataops.network_limit), archive (the store that new fetch steps keep raw objects in). Null takes it away. For administrators.';

CREATE OR REPLACE FUNCTION dataops._set_var(name text, value jsonb, env text) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops__set_var';
COMMENT ON FUNCTION dataops._set_var(text, jsonb, text) IS 'What the forms of set_var() do.';

CREATE OR REPLACE FUNCTION dataops.set_var(name text, value text, env text DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS 'SELECT dataops._set_var(name, to_jsonb(value), env)';
COMMENT ON FUNCTION dataops.set_var(text, text, text) IS 'Sets what var(name) gives in an environment, the current one by default. It belongs to who sets it first.';

CREATE OR REPLACE FUNCTION dataops.set_var(name text, value anyelement, env text DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS 'SELECT dataops._set_var(name, to_jsonb(value), env)';
COMMENT ON FUNCTION dataops.set_var(text, anyelement, text) IS 'As with a text, for numbers, jsonb and all other types; var_json(name) gives it back as jsonb.';

-- For nobody: the library calls _set_level() as the owner of the objects, and it calls the others.
REVOKE ALL ON FUNCTION dataops._may_call(text, pg_proc), dataops._take_rights(regrole), dataops._give_rights(regrole, text),
    dataops._set_level(regrole, text) FROM PUBLIC;

REVOKE ALL ON FUNCTION dataops._level_of(name), dataops._levels_behind(), dataops.grant_role(regrole, text), dataops.revoke_role(regrole),
    dataops.set_setting(text, text), dataops._set_var(text, jsonb, text), dataops.set_var(text, text, text),
    dataops.set_var(text, anyelement, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._level_of(name), dataops._levels_behind(), dataops.grant_role(regrole, text), dataops.revoke_role(regrole),
    dataops.set_setting(text, text), dataops._set_var(text, jsonb, text), dataops.set_var(text, text, text),
    dataops.set_var(text, anyelement, text) TO @extowner@ WITH GRANT OPTION;
