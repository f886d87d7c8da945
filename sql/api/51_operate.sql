-- Asked by an operator or an administrator: what happened, what is missing, where this installation may act.

-- ---- a run in words ----

CREATE OR REPLACE FUNCTION dataops._spoken(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ');
COMMENT ON FUNCTION dataops._spoken(timestamptz) IS 'A time as explain_run() writes it.';

CREATE OR REPLACE FUNCTION dataops._spoken(took interval) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN took OPERATOR(pg_catalog.<) '1 minute' THEN pg_catalog.round(EXTRACT(epoch FROM took), 1)::text OPERATOR(pg_catalog.||) ' s'
    ELSE pg_catalog.date_trunc('second', took)::text
END;
COMMENT ON FUNCTION dataops._spoken(interval) IS 'A duration as explain_run() writes it.';

CREATE OR REPLACE FUNCTION dataops._explain_head(run dataops.runs) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NEXT format('Pipeline %s, environment %s: run %s%s.', run.pipeline, run.env,
        CASE run.state WHEN 'running' THEN 'is running' WHEN 'waiting' THEN 'is waiting' WHEN 'queued' THEN 'is queued'
             WHEN 'cancelled' THEN 'was cancelled' WHEN 'interrupted' THEN 'was interrupted' ELSE run.state END,
        ' in step ' || run.step);
    RETURN NEXT format('%s asked for it at %s%s.', run.requested_by, dataops._spoken(run.created_at),
        ', as the schedule said for ' || dataops._spoken(run.scheduled_for));
    IF run.only_steps IS NOT NULL THEN
        RETURN NEXT format('Only these steps were asked for: %s.', array_to_string(run.only_steps, ', '));
    END IF;
    RETURN NEXT CASE
        WHEN NOT isfinite(run.from_ts) OR NOT isfinite(run.to_ts) THEN 'It is about all times.'
        ELSE format('It is about the times from %s to %s.', dataops._spoken(run.from_ts), dataops._spoken(run.to_ts))
    END;
    IF run.started_at IS NULL THEN
        RETURN NEXT 'It has not started.';
    ELSE
        RETURN NEXT format('It started at %s as role %s%s.', dataops._spoken(run.started_at), run.owner,
            CASE WHEN run.state = 'running' THEN ' and has been running for ' ELSE ' and took ' END || dataops._spoken(run.took));
    END IF;
    IF run.resumes > 0 THEN
        RETURN NEXT format('It was taken up again %s times after its process had ended.', run.resumes);
    END IF;
END
$$;
COMMENT ON FUNCTION dataops._explain_head(dataops.runs) IS 'The first lines of explain_run().';

CREATE OR REPLACE FUNCTION dataops._explain_step(attempt dataops.step_runs) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    verdict record;
    aside record;
BEGIN
    RETURN NEXT concat('Step ', attempt.step, ', attempt ' || nullif(attempt.attempt, 1), ': ', attempt.state,
        ', ' || attempt.rows_in || ' rows in', ', ' || attempt.rows_out || ' rows out',
        ', ' || nullif(attempt.rows_quarantined, 0) || ' set aside', ', ' || dataops._spoken(attempt.took),
        ' – ' || attempt.error, CASE attempt.state WHEN 'skipped' THEN ' – ' || attempt.hint END, '.');
    IF attempt.state = 'waiting' THEN
        RETURN NEXT format('    The next attempt is due at %s.', dataops._spoken(attempt.next_attempt_at));
    END IF;
    IF attempt.note IS NOT NULL THEN
        RETURN NEXT format('    Note: %s.', attempt.note);
    END IF;
    FOR verdict IN SELECT c.* FROM dataops.check_results c
        WHERE c.run_id = attempt.run_id AND c.step_run_id = attempt.step_run_id AND c.state <> 'passed' ORDER BY c.check_result_id
    LOOP
        RETURN NEXT concat('    Check ', verdict.check_name, ' (', verdict.rule, '): ', verdict.state,
            ', ' || verdict.rows_failed || ' of ' || verdict.rows_checked || ' rows', ', on_fail ', verdict.on_fail,
            ' – ' || verdict.message, '.');
        IF verdict.sample IS NOT NULL THEN
            RETURN NEXT concat('        For example ', left((CASE jsonb_typeof(verdict.sample)
                WHEN 'array' THEN verdict.sample -> 0 ELSE verdict.sample END)::text, 300));
        END IF;
        IF verdict.hint IS NOT NULL THEN
            RETURN NEXT format('        To let it pass this once: %s', verdict.hint);
        END IF;
        IF verdict.accepted_at IS NOT NULL THEN
            RETURN NEXT format('        Accepted by %s: %s', verdict.accepted_by, verdict.accept_reason);
        END IF;
    END LOOP;
    FOR aside IN SELECT q.error, count(*) AS entries FROM dataops.quarantine q
        WHERE q.pipeline = attempt.pipeline AND q.env = attempt.env AND q.step = attempt.step AND q.step_run_id = attempt.step_run_id
        AND q.check_name IS NULL GROUP BY q.error ORDER BY count(*) DESC, q.error LIMIT 10
    LOOP
        RETURN NEXT format('    Set aside: %s – %s.', aside.entries, aside.error);
    END LOOP;
END
$$;
COMMENT ON FUNCTION dataops._explain_step(dataops.step_runs) IS 'The lines of explain_run() about one attempt of a step and its checks.';

CREATE OR REPLACE FUNCTION dataops.explain_run(run_id uuid) RETURNS TABLE (line text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    run dataops.runs;
    attempt dataops.step_runs;
BEGIN
    SELECT r.* INTO run FROM dataops.runs r WHERE r.run_id = explain_run.run_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('run %s does not exist', coalesce(explain_run.run_id::text, 'null')),
            HINT = 'SELECT run_id, pipeline, state FROM dataops.runs ORDER BY run_id DESC';
    END IF;
    RETURN QUERY SELECT dataops._explain_head(run);
    FOR attempt IN SELECT s.* FROM dataops.step_runs s WHERE s.run_id = explain_run.run_id ORDER BY s.step_run_id LOOP
        RETURN QUERY SELECT dataops._explain_step(attempt);
    END LOOP;
    IF run.error IS NOT NULL AND NOT EXISTS (SELECT FROM dataops.step_runs s WHERE s.run_id = explain_run.run_id AND s.error IS NOT NULL) THEN
        RETURN QUERY SELECT concat('Why: ', run.error, '.');
    END IF;
    RETURN QUERY SELECT CASE
        WHEN run.state IN ('failed', 'interrupted') THEN concat('Next: ', run.hint)
        WHEN run.state = 'waiting' THEN format('Next: nothing; it goes on at %s.', dataops._spoken(run.next_attempt_at))
        WHEN run.state = 'cancelled' THEN format('Next: SELECT dataops.retry(%L), if it shall be done after all.', run.run_id)
        WHEN EXISTS (SELECT FROM dataops.quarantine q WHERE q.pipeline = run.pipeline AND q.env = run.env AND q.state = 'open'
                     AND q.run_id = run.run_id AND q.check_name IS NOT NULL)
            THEN format('Next: SELECT * FROM dataops.quarantine WHERE run_id = %L AND state = ''open''', run.run_id)
        ELSE 'Next: nothing to do.'
    END;
END
$$;
COMMENT ON FUNCTION dataops.explain_run(uuid) IS 'The story of a run in plain words: who, when, each step, failed checks with a sample, what to do next.';

-- ---- what is missing ----

CREATE OR REPLACE FUNCTION dataops._library_version() RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dataops__library_version';
COMMENT ON FUNCTION dataops._library_version() IS 'The version the library was built as.';

CREATE OR REPLACE FUNCTION dataops._installation_ok() RETURNS boolean
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops__installation_ok';
COMMENT ON FUNCTION dataops._installation_ok() IS 'False in a copy of a database that nobody adopted.';

CREATE OR REPLACE FUNCTION dataops._server_facts(OUT cron_database text, OUT free_slots integer, OUT file_root boolean, OUT network_limit boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('cron.database_name', true),
           current_setting('max_worker_processes')::integer - (SELECT count(*)::integer FROM pg_stat_activity
               WHERE backend_type NOT IN ('client backend', 'walsender', 'walreceiver', 'walwriter', 'walsummarizer', 'checkpointer',
                   'background writer', 'autovacuum launcher', 'autovacuum worker', 'archiver', 'logger', 'startup', 'io worker',
                   'slotsync worker')),
           current_setting('dataops.file_root', true) <> '',
           current_setting('dataops.network_limit', true) <> ''
$$;
COMMENT ON FUNCTION dataops._server_facts() IS 'What an ordinary role cannot see but should know: where pg_cron lives (null: not loaded), free worker slots, whether the guards are set.';

CREATE OR REPLACE FUNCTION dataops._doctor_server() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'library and extension have the same version', dataops._library_version() = e.extversion,
           'ALTER EXTENSION dataops UPDATE; and reconnect', 'owner of the extension'
    FROM pg_extension e WHERE e.extname = 'dataops'
    UNION ALL SELECT 'the database is encoded in UTF8', getdatabaseencoding() = 'UTF8',
           'CREATE DATABASE … ENCODING ''UTF8'' TEMPLATE template0, and install dataops there', 'a role with CREATEDB'
    UNION ALL SELECT 'the server accepts writes', NOT pg_is_in_recovery(), 'connect to the primary server', 'you'
    UNION ALL SELECT 'pipelines may run in this database', dataops._installation_ok(),
           'SELECT * FROM dataops.check_restore(); SELECT dataops.adopt()', 'owner of the database'
    UNION ALL SELECT format('worker slots are free (%s)', f.free_slots), f.free_slots > 0,
           'ALTER SYSTEM SET max_worker_processes = ' || current_setting('max_worker_processes')::integer + 8 || '; and restart; until then runs go one by one',
           'administrator of the server'
    FROM dataops._server_facts() f
    UNION ALL SELECT 'dataops.file_root is set (needed by dataops_file only)', nullif(f.file_root, false),
           'ALTER SYSTEM SET dataops.file_root = ''/folder''; SELECT pg_reload_conf()', 'administrator of the server'
    FROM dataops._server_facts() f
    UNION ALL SELECT 'dataops.network_limit is set (else every host with a public address may be called)', nullif(f.network_limit, false),
           'ALTER SYSTEM SET dataops.network_limit = ''api.example.com''; SELECT pg_reload_conf()', 'administrator of the server'
    FROM dataops._server_facts() f
$$;
COMMENT ON FUNCTION dataops._doctor_server() IS 'doctor() about the server and the installation.';

CREATE OR REPLACE FUNCTION dataops._can_log_in() RETURNS boolean
LANGUAGE sql STABLE
RETURN (SELECT r.rolcanlogin FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
COMMENT ON FUNCTION dataops._can_log_in() IS 'Can a job of pg_cron connect as the current role?';

CREATE OR REPLACE FUNCTION dataops._tick_job() RETURNS text
LANGUAGE sql STABLE
RETURN pg_catalog.format('SELECT cron.schedule_in_database(%L, ''* * * * *'', ''CALL dataops.tick()'', %L, %L)',
    'dataops tick ' OPERATOR(pg_catalog.||) pg_catalog.current_database(), pg_catalog.current_database(), CASE WHEN dataops._can_log_in() THEN CURRENT_USER ELSE SESSION_USER END);
COMMENT ON FUNCTION dataops._tick_job() IS 'The statement that makes pg_cron call tick() here as the current role, or as who has become it if it cannot log in, for an administrator in pg_cron''s database.';

CREATE OR REPLACE FUNCTION dataops._unmet(level text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(NOT pg_has_role(e.extowner, 'USAGE') AND CASE level
        WHEN 'operator' THEN has.viewer AND NOT has.operator AND NOT has.developer
        WHEN 'developer' THEN (has.viewer OR has.operator) AND NOT has.developer END, true)
    FROM pg_extension e,
        (SELECT dataops._may_see(NULL, 'viewer'), dataops._may_see(NULL, 'operator'), dataops._may_see(NULL, 'developer'))
            AS has(viewer, operator, developer)
    WHERE e.extname = 'dataops'
$$;
COMMENT ON FUNCTION dataops._unmet(text) IS 'What doctor() says of something that the current role lacks: false; null if its level is below the one that needs it.';

CREATE OR REPLACE FUNCTION dataops._doctor_clock() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cron_database text := (SELECT f.cron_database FROM dataops._server_facts() f);
    -- somebody calls tick() if what was due has started, and not late
    unmet boolean := (SELECT CASE WHEN count(s.last_at) = 0 OR count(s.overdue_by) > 0 THEN dataops._unmet('operator') END
                      FROM dataops.schedules s WHERE s.schedule_state = 'active');
    jobs integer := 0;
BEGIN
    IF cron_database IS NULL THEN
        RETURN QUERY VALUES ('pg_cron is loaded by the server', unmet,
            'ALTER SYSTEM SET shared_preload_libraries = ''pg_cron''; and restart; or call CALL dataops.tick() each minute from outside',
            'administrator of the server');
        RETURN;
    ELSIF cron_database <> current_database() THEN
        RETURN QUERY VALUES (format('pg_cron lives in database %s, which has a job for dataops.tick() here', cron_database), NULL::boolean,
            dataops._tick_job(), format('administrator of database %s', cron_database));
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RETURN QUERY VALUES ('pg_cron is installed in this database', unmet, 'CREATE EXTENSION pg_cron', 'administrator of the server');
        RETURN;
    ELSIF NOT has_schema_privilege('cron', 'USAGE') THEN
        RETURN QUERY VALUES ('the current role may use pg_cron', unmet, format('GRANT USAGE ON SCHEMA cron TO %I', current_user),
            'administrator of the server');
        RETURN;
    END IF;
    EXECUTE 'SELECT count(*) FROM cron.job WHERE active AND database = current_database() AND command ~ ''dataops\.tick''' INTO jobs;
    -- pg_cron shows each role only its own jobs
    RETURN QUERY VALUES ('a job of pg_cron that the current role may see calls dataops.tick()', CASE WHEN jobs > 0 THEN true
            WHEN pg_has_role(current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('cron.job')), 'USAGE') THEN unmet END,
        CASE WHEN dataops._can_log_in() THEN 'SELECT cron.schedule(''dataops tick'', ''* * * * *'', ''CALL dataops.tick()''); dataops.schedule() does it too'
            ELSE dataops._tick_job() END,
        CASE WHEN dataops._can_log_in() THEN 'you' ELSE format('administrator of database %s', cron_database) END);
END
$$;
COMMENT ON FUNCTION dataops._doctor_clock() IS 'doctor() about who calls tick().';

CREATE OR REPLACE FUNCTION dataops._doctor_rights() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%I may create schemas in database %I', current_user, current_database()),
           has_database_privilege(current_database(), 'CREATE') OR dataops._unmet('developer'),
           format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user), 'owner of the database'
    UNION ALL
    SELECT format('%I may create connections of %I', current_user, w.fdwname),
           has_foreign_data_wrapper_privilege(w.oid, 'USAGE') OR dataops._unmet('developer'),
           format('SELECT dataops.grant_role(%L, ''developer'')', current_user), 'administrator of dataops or owner of the database'
    FROM pg_foreign_data_wrapper w WHERE w.fdwname LIKE 'dataops\_%' AND w.fdwname <> 'dataops_file'
    UNION ALL
    SELECT concat('roles have the rights of their levels', ': ' || string_agg(l.role || ' lacks some', ', ' ORDER BY l.role::text)), count(*) = 0,
           string_agg(format('SELECT dataops.grant_role(%L, %L)', l.role, l.level), '; '), 'administrator of dataops or owner of the database'
    FROM dataops._levels_behind() l
$$;
COMMENT ON FUNCTION dataops._doctor_rights() IS 'doctor() about the rights of the current role and of levels.';

CREATE OR REPLACE FUNCTION dataops._doctor_runs() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat('schedules start in time', ': ' || string_agg(s.pipeline || ' is late', ', ' ORDER BY s.pipeline)), count(*) = 0,
           'CALL dataops.tick()', 'an operator' FROM dataops.schedules s WHERE s.overdue_by IS NOT NULL
    UNION ALL
    SELECT concat('no run died', ': ' || string_agg(DISTINCT r.pipeline, ', ')), count(*) = 0, 'CALL dataops.tick()', 'an operator'
    FROM dataops.runs r WHERE r.state = 'interrupted'
    UNION ALL
    SELECT concat('no pipeline has failed', ': ' || string_agg(DISTINCT f.pipeline, ', ')), count(*) = 0,
           'SELECT pipeline, step, error, next_statement FROM dataops.failures', 'an operator'
    FROM dataops.failures f WHERE f.state = 'failed'
$$;
COMMENT ON FUNCTION dataops._doctor_runs() IS 'doctor() about pipelines that do not go on by themselves.';

CREATE OR REPLACE FUNCTION dataops._servers_of(spec jsonb) RETURNS TABLE (server name)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(spec ->> k.key, '')::name FROM (VALUES ('server'), ('archive'), ('stage')) AS k (key)
    WHERE nullif(spec ->> k.key, '') IS NOT NULL
$$;
COMMENT ON FUNCTION dataops._servers_of(jsonb) IS 'The servers that a definition names.';

CREATE OR REPLACE FUNCTION dataops._doctor_connections() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT concat('connections that definitions name exist', ': ' || string_agg(
               format('%s %s has lost %s', c.kind, concat_ws('/', c.pipeline, c.object), u.server), ', ' ORDER BY c.kind, c.pipeline, c.object)),
           count(*) = 0,
           string_agg(DISTINCT format('CREATE SERVER %I FOREIGN DATA WRAPPER …', u.server), '; ') || '; or name another one there',
           string_agg(DISTINCT c.owner::text, ', ')
    FROM dataops.catalog c CROSS JOIN LATERAL dataops._servers_of(c.spec) u
    WHERE NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = u.server)
$$;
COMMENT ON FUNCTION dataops._doctor_connections() IS 'doctor() about sources and steps whose server is gone.';

CREATE OR REPLACE FUNCTION dataops.doctor() RETURNS TABLE (item text, ok boolean, fix text, who text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.item, d.ok, CASE WHEN d.ok THEN NULL ELSE d.fix END, CASE WHEN d.ok THEN NULL ELSE d.who END
    FROM (SELECT * FROM dataops._doctor_server() UNION ALL SELECT * FROM dataops._doctor_clock()
          UNION ALL SELECT * FROM dataops._doctor_rights() UNION ALL SELECT * FROM dataops._doctor_connections()
          UNION ALL SELECT * FROM dataops._doctor_runs()) d
$$;
COMMENT ON FUNCTION dataops.doctor() IS 'What is in order for the current role and what is not: the statement that mends it and who must run it. ok is null for what is not needed by everybody, or by nobody of the current role''s level, or cannot be seen from here.';

-- ---- copies ----

CREATE OR REPLACE FUNCTION dataops.adopt() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_adopt';
COMMENT ON FUNCTION dataops.adopt() IS 'From now on pipelines run in this database. Needed once after a restore or a copy; make sure first that they no longer run in the original. Only an administrator of dataops or the owner of the database may.';

CREATE OR REPLACE FUNCTION dataops._connections_in_use() RETURNS TABLE (server name, wrapper name, owner regrole, needs_mapping boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH named AS (
        SELECT used.server, d.owner FROM dataops.deployment p
        JOIN dataops.definition d ON d.id = p.definition
        CROSS JOIN LATERAL dataops._servers_of(d.spec) used
    ), holder AS (
        -- who has an auth_server takes the mapping of that one
        SELECT n.server, n.owner, o.option_value::name AS auth_server FROM named n
        JOIN pg_foreign_server s ON s.srvname = n.server
        CROSS JOIN LATERAL pg_options_to_table(s.srvoptions) o WHERE o.option_name = 'auth_server'
    ), used AS (
        SELECT n.server, n.owner FROM named n UNION SELECT h.auth_server, h.owner FROM holder h
    )
    SELECT u.server, w.fdwname, u.owner,
           w.fdwname NOT IN ('dataops_file', 'dataops_postgres')
           AND NOT EXISTS (SELECT FROM holder h WHERE h.server = u.server)
           AND NOT (w.fdwname = 'dataops_http' AND NOT EXISTS (SELECT FROM pg_options_to_table(s.srvoptions) o
                                                               WHERE o.option_name = 'auth' AND o.option_value <> 'none'))
    FROM used u
    LEFT JOIN pg_foreign_server s ON s.srvname = u.server
    LEFT JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
$$;
COMMENT ON FUNCTION dataops._connections_in_use() IS 'The servers that current definitions name; wrapper is null for one that does not exist.';

CREATE OR REPLACE FUNCTION dataops.check_restore() RETURNS TABLE (item text, missing text, fix text, who text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'connection', c.server::text, format('CREATE SERVER %I FOREIGN DATA WRAPPER …', c.server), c.owner::text
    FROM dataops._connections_in_use() c WHERE c.wrapper IS NULL
    UNION ALL
    SELECT 'connection', format('right of %s to use %s', c.owner, c.server), format('GRANT USAGE ON FOREIGN SERVER %I TO %s', c.server, c.owner),
           s.srvowner::regrole::text
    FROM dataops._connections_in_use() c JOIN pg_foreign_server s ON s.srvname = c.server JOIN pg_roles r ON r.oid = c.owner
    WHERE NOT has_server_privilege(r.oid, s.oid, 'USAGE')
    UNION ALL
    SELECT 'user mapping', format('of %s for server %s', c.owner, c.server),
           format('CREATE USER MAPPING FOR %s SERVER %I OPTIONS (…)', c.owner, c.server), c.owner::text
    FROM dataops._connections_in_use() c
    WHERE c.needs_mapping AND NOT EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvname = c.server AND m.umuser IN (0, c.owner))
    UNION ALL
    SELECT DISTINCT 'secret', substr(o.option_value, 8), format('SELECT dataops.set_secret(%L, …)', substr(o.option_value, 8)), m.usename::text
    FROM pg_user_mappings m
    JOIN pg_foreign_server s ON s.oid = m.srvid
    JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname LIKE 'dataops\_%'
    CROSS JOIN LATERAL pg_options_to_table(m.umoptions) o
    WHERE o.option_value LIKE 'secret:%' AND NOT EXISTS (SELECT FROM dataops.secret k WHERE k.name = substr(o.option_value, 8))
    UNION ALL
    SELECT 'role', format('that owned %s %s', d.kind, d.object),
           format('SELECT dataops.drop_%s(%L); then define it again as a role that exists', d.kind, d.object),
           'administrator of dataops or owner of the database'
    FROM dataops.deployment p JOIN dataops.definition d ON d.id = p.definition AND d.kind IN ('pipeline', 'source')
    WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = d.owner)
    UNION ALL
    SELECT 'rights', format('of %s, level %s', l.role, l.level), format('SELECT dataops.grant_role(%L, %L)', l.role, l.level),
           'administrator of dataops or owner of the database'
    FROM dataops._levels_behind() l
    UNION ALL
    SELECT 'clock', d.item, d.fix, d.who FROM dataops._doctor_clock() d
    WHERE d.ok IS NOT TRUE AND EXISTS (SELECT FROM dataops.schedule s WHERE s.state = 'active')
    UNION ALL
    SELECT 'adoption', format('of database %s', current_database()), 'SELECT dataops.adopt()', 'administrator of dataops or owner of the database'
    WHERE NOT dataops._installation_ok()
$$;
COMMENT ON FUNCTION dataops.check_restore() IS 'What a dump could not bring along and somebody must make again before adopt(): mappings, secrets, roles, rights, the job that calls tick().';

-- check_restore() alone calls it.
REVOKE ALL ON FUNCTION dataops._connections_in_use() FROM PUBLIC;

REVOKE ALL ON FUNCTION dataops._spoken(timestamptz), dataops._spoken(interval), dataops._explain_head(dataops.runs),
    dataops._explain_step(dataops.step_runs), dataops.explain_run(uuid), dataops._library_version(), dataops._installation_ok(),
    dataops._server_facts(), dataops._doctor_server(), dataops._can_log_in(), dataops._tick_job(), dataops._unmet(text), dataops._doctor_clock(), dataops._doctor_rights(),
    dataops._servers_of(jsonb), dataops._doctor_connections(), dataops._doctor_runs(), dataops.doctor(), dataops.adopt(), dataops.check_restore() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._spoken(timestamptz), dataops._spoken(interval), dataops._explain_head(dataops.runs),
    dataops._explain_step(dataops.step_runs), dataops.explain_run(uuid), dataops._library_version(), dataops._installation_ok(),
    dataops._server_facts(), dataops._doctor_server(), dataops._can_log_in(), dataops._tick_job(), dataops._unmet(text), dataops._doctor_clock(), dataops._doctor_rights(),
    dataops._servers_of(jsonb), dataops._doctor_connections(), dataops._doctor_runs(), dataops.doctor(), dataops.adopt(), dataops.check_restore() TO @extowner@ WITH GRANT OPTION;
