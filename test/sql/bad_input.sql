-- What a server or a definition can do wrong, through whole runs: the error of CALL run() names pipeline, step, page and
-- reason, or a record is set aside; nothing lands by half, the backend lives.  The stage alone: landing_bad_input.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER badrun_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
CREATE TABLE badrun_backend AS SELECT pg_backend_pid() AS pid;
CREATE FUNCTION bad(name text, path text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
BEGIN ATOMIC
    SELECT dataops.create_pipeline('badrun_' || name);
    SELECT dataops._define_source('badrun_' || name, '{"server": "badrun_api", "retry": {"attempts": 2, "first_delay": "1 ms"}}'
        || jsonb_build_object('path', path) || more);
    SELECT dataops.add_fetch('badrun_' || name, 'badrun_' || name, name => 'fetch_' || name);
    SELECT format('CALL dataops.run(%L)', 'badrun_' || name);
END;

\echo == an unknown option, a path that is none
SELECT bad('option', '/three', '{"record": "$.data"}');
SELECT bad('records', '/three', '{"records": "$.data[?(@.x)]"}');
SELECT bad('url', 'three');
SELECT bad('paginate', '/three', '{"paginate": {"type": "pages"}}');

\echo == not what was asked for
SELECT bad('html', '/html') \gexec
SELECT bad('404', '/status/404') \gexec
SELECT bad('500', '/status/500') \gexec
SELECT bad('storm', '/storm', '{"params": {"p": "1"}, "retry": {"attempts": 5, "first_delay": "1 ms"}}') \gexec
SELECT bad('object', '/object', '{"records": "$[*]"}') \gexec
SELECT bad('nothing', '/object', '{"records": "$.data"}') \gexec
SELECT bad('text', '/text') \gexec

\echo == told to come later: the run waits, the session does not
SELECT bad('429', '/status/429', '{"params": {"key": "badrun_input_429", "retry_after": "120"}}') \gexec
SELECT state, next_attempt_at > now() + interval '100 s' AS later, error IS NULL AS no_error FROM dataops.runs WHERE pipeline = 'badrun_429';
SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = 'badrun_429';

\echo == pages without an end
SELECT bad('loop', '/items/loop', '{"records": "$.data", "paginate": {"type": "cursor", "param": "cursor", "path": "$.next"}}') \gexec
SELECT bad('endless', '/items/loop', '{"records": "$.data", "params": {"period": "1000000"}, "paginate": {"type": "cursor", "param": "cursor", "path": "$.next", "max_pages": 5}}') \gexec

\echo == too much, and too little
SELECT bad('big', '/big', '{"params": {"mb": 70}}') \gexec
SELECT bad('bomb', '/gzip/bomb', '{"params": {"mb": 1000}}') \gexec
SELECT bad('truncated', '/gzip/truncated') \gexec
SELECT bad('cut', '/cut') \gexec
SELECT bad('chunk', '/cut/chunked') \gexec
SELECT bad('nolen', '/close/nolen') \gexec

\echo == in the middle: what came before has landed, whole pages of it
SELECT bad('second', '/status/500', '{"params": {"key": "badrun_input", "from": "2", "times": "100", "then": "/items"}, "paginate": {"type": "page", "limit": 10}}') \gexec

\echo == a record that jsonb cannot hold is set aside, the others land
SELECT bad('nul', '/invalid/nul') \gexec
SELECT bad('digits', '/number/140000') \gexec
SELECT bad('utf8', '/invalid/utf8') \gexec
SELECT bad('drift', '/drift') \gexec
SELECT pipeline, step, source, page, ordinal, sqlstate, reason FROM dataops.quarantine_row WHERE pipeline LIKE 'badrun\_%' ORDER BY pipeline COLLATE "C";
SELECT regexp_replace(line, 'rows out, 1 set aside, .*', 'rows out, 1 set aside, …') AS line FROM dataops.runs r, dataops.explain_run(r.run_id) line
WHERE r.pipeline = 'badrun_nul' AND line ~ '^Step|^ |^Next';

\echo == the ledger: every run has ended, and says where and why
SELECT r.pipeline, r.state, r.step, s.step, s.state, s.rows_out, s.rows_quarantined, r.error IS NOT DISTINCT FROM s.error AS same_error,
       s.error ~ format('page \d+ of source "%s" \(step "%s" of pipeline "%s"\)', s.source, s.step, r.pipeline) AS names_all
FROM dataops.runs r JOIN LATERAL (SELECT s.*, coalesce(s.target, '') AS source FROM dataops.step_runs s WHERE s.run_id = r.run_id ORDER BY s.step_run_id DESC LIMIT 1) s ON true
WHERE r.pipeline LIKE 'badrun\_%' ORDER BY r.pipeline COLLATE "C";
CREATE FUNCTION badrun_landed(name text, OUT landed bigint, OUT ledger bigint) LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM raw.%I', name) INTO landed;
    SELECT coalesce(sum(b.records), 0) INTO ledger FROM dataops.batch b WHERE b.source = name;
END
$$;
SELECT c.relname, l.landed, l.landed = l.ledger AS as_the_ledger_says FROM pg_class c, badrun_landed(c.relname) l
WHERE c.relnamespace = 'raw'::regnamespace AND c.relkind = 'p' AND c.relname LIKE 'badrun\_%' AND (l.landed > 0 OR l.ledger > 0) ORDER BY c.relname COLLATE "C";
SELECT pid = pg_backend_pid() AS same_backend FROM badrun_backend;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'p' AND relname LIKE 'badrun\_%' LOOP
        PERFORM dataops.drop_pipeline(name), dataops.drop_source(name);
        EXECUTE format('DROP TABLE raw.%I', name);
    END LOOP;
END
$$;
DROP SERVER badrun_api;
DROP FUNCTION bad, badrun_landed;
DROP TABLE badrun_backend;
-- other tests look at all failures there are
\connect - postgres
SET client_min_messages = warning;
DELETE FROM dataops.step_run s USING dataops.run r WHERE r.id = s.run AND r.pipeline LIKE 'badrun\_%';
DELETE FROM dataops.run WHERE pipeline LIKE 'badrun\_%';
