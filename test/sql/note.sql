-- A source that stopped at its page cap: the run succeeds, and the ledger says that records may be missing.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SERVER note_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url', concurrency '1');
CREATE FUNCTION note_pipeline(name text, max_pages integer, more jsonb) RETURNS text LANGUAGE sql
BEGIN ATOMIC
    SELECT dataops.create_pipeline(name);
    SELECT dataops._define_source(name, jsonb_build_object('server', 'note_api', 'path', '/items',
        'paginate', jsonb_build_object('type', 'page', 'limit', 10, 'limit_param', 'per_page', 'max_pages', max_pages)) || more);
    SELECT dataops.add_fetch(name, name);
END;
CREATE FUNCTION note_last(name text) RETURNS uuid LANGUAGE sql
RETURN (SELECT run_id FROM dataops.runs WHERE pipeline = name ORDER BY run_id DESC LIMIT 1);

\echo == in a background worker, whose warnings nobody sees
SELECT note_pipeline('note_capped', 2, '{}');
SELECT dataops.start('note_capped') IS NOT NULL;
CALL dataops.wait(note_last('note_capped'), '30 s');
SELECT state, error, rows_out, note FROM dataops.runs WHERE pipeline = 'note_capped';
SELECT step, state, error, hint, note FROM dataops.step_runs WHERE pipeline = 'note_capped';
SELECT regexp_replace(line, 'rows out, .*\.$', 'rows out, ….') AS line FROM dataops.explain_run(note_last('note_capped')) line WHERE line ~ '^Step|^ ';

\echo == with room for all pages there is nothing to note
SELECT dataops.alter_source('note_capped', '{"paginate": {"type": "page", "limit": 10, "limit_param": "per_page"}}');
CALL dataops.run('note_capped');
SELECT state, rows_out > 20 AS more, note FROM dataops.runs WHERE run_id = note_last('note_capped');
SELECT count(*) FROM dataops.explain_run(note_last('note_capped')) line WHERE line ~ 'Note';

\echo == the note of one item stays when the next one fails
SELECT note_pipeline('note_failed', 1, '{"path": "/{item}", "for_each": "SELECT unnest(''{items,html}''::text[])"}');
\set VERBOSITY sqlstate
CALL dataops.run('note_failed');
\set VERBOSITY terse
SELECT state, note FROM dataops.step_runs WHERE pipeline = 'note_failed' ORDER BY step_run_id;
SELECT state, note FROM dataops.runs WHERE pipeline = 'note_failed';

\echo == many items do not make an endless note
SELECT note_pipeline('note_many', 1, '{"params": {"item": "{item}"}, "for_each": "SELECT generate_series(1, 40)"}');
SET client_min_messages = error;
CALL dataops.run('note_many');
SET client_min_messages = warning;
SELECT state, left(note, 140) AS begins, right(note, 20) AS ends, length(note) BETWEEN 1000 AND 1200 AS bounded
FROM dataops.step_runs WHERE pipeline = 'note_many';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{capped,failed,many}'::text[] LOOP
        PERFORM dataops.drop_pipeline('note_' || name), dataops.drop_source('note_' || name);
        EXECUTE format('DROP TABLE raw.%I', 'note_' || name);
    END LOOP;
END
$$;
DROP FUNCTION note_pipeline, note_last;
DROP SERVER note_api;
