-- HTTP sources: everything is checked when they are defined; the raw table is there from then on, and guarded.
\getenv url DATAOPS_TEST_URL
CREATE SERVER source_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');

SELECT dataops.create_http_source('source_items', 'source_api', '/items', params => '{"total": 25}',
    paginate => '{"type": "page", "limit": 10, "limit_param": "per_page"}', key => '{id}');
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a
WHERE a.attrelid = 'raw.source_items'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT relowner::regrole, pg_get_partkeydef(oid) FROM pg_class WHERE oid = 'raw.source_items'::regclass;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'raw.source_items'::regclass;

\echo == what is wrong is named
SELECT dataops.create_http_source('Bad Name', 'source_api');
SELECT dataops.create_http_source('bad', 'source_apy');
SELECT dataops.create_http_source('bad', 'source_api', 'items');
SELECT dataops.create_http_source('bad', 'source_api', '/items?x=1');
SELECT dataops.create_http_source('bad', 'source_api', '/items/{strat}');
SELECT dataops.create_http_source('bad', 'source_api', '/items/{start:YYYY-MM-QQ}');
SELECT dataops.create_http_source('bad', 'source_api', params => '{"a": {"b": 1}}');
SELECT dataops.create_http_source('bad', 'source_api', records => '$.data[0]');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "pages"}');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "page", "paramm": "p"}');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "page", "limit": 0}');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "cursor", "param": "c", "path": "$.next", "limit": -1}');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "window", "start": "s", "end": "e", "limit": 10}');
SELECT dataops.create_http_source('bad', 'source_api', paginate => '{"type": "cursor", "param": "c", "path": "next"}');
SELECT dataops.create_http_source('bad', 'source_api', cursor => '{"path": "$.a[b]"}');
SELECT dataops.create_http_source('bad', 'source_api', cursor => '{"path": "$.a", "lookback": "-1 hour"}');
SELECT dataops.create_http_source('bad', 'source_api', headers => '{"Authorization": "Bearer x"}');
SELECT dataops.create_http_source('bad', 'source_api', headers => '{"X Y": "z"}');
SELECT dataops.create_http_source('bad', 'source_api', status => '{"404": "skipp"}');
SELECT dataops.create_http_source('bad', 'source_api', status => '{"40x": "skip"}');
SELECT dataops.create_http_source('bad', 'source_api', retry => '{"attempts": 0}');
SELECT dataops.create_http_source('bad', 'source_api', rate_limit => '{"per": "1 minute"}');
SELECT dataops.create_http_source('bad', 'source_api', body => '{"a": 1}');
SELECT dataops.create_http_source('bad', 'source_api', method => 'PUT');
SELECT dataops.create_http_source('bad', 'source_api', for_each => 'SELECT 1, 2');
SELECT dataops.create_http_source('bad', 'source_api', for_each => 'DELETE FROM x');
SELECT dataops._define_source('bad', '{"server": "source_api", "pagination": {}}');
SELECT count(*) FROM pg_class WHERE relname = 'bad' AND relnamespace = to_regnamespace('raw');

\echo == replacing, altering
SELECT dataops.create_http_source('source_items', 'source_api', '/items');
SELECT dataops.alter_source('source_items', '{"params": {"total": 5}, "key": null}');
SELECT dataops.alter_source('source_items', '{"parms": {}}');
SELECT dataops.alter_source('source_itms', '{}');

\echo == a table that is in the way
CREATE TABLE raw.source_taken (x integer);
SELECT dataops.create_http_source('source_taken', 'source_api');
DROP TABLE raw.source_taken;

\echo == raw records stay as they came in
INSERT INTO raw.source_items VALUES (gen_random_uuid(), 1, 1, now(), '{"id": 1}');
\set VERBOSITY sqlstate
UPDATE raw.source_items SET page = 2;
DELETE FROM raw.source_items;
\set VERBOSITY terse
TRUNCATE raw.source_items;
DO $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'raw.source_items'::regclass LOOP
        BEGIN
            EXECUTE format('TRUNCATE %s', leaf);
            RAISE WARNING 'TRUNCATE of a partition was not refused';
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            NULL;
        END;
    END LOOP;
END
$$;
SELECT count(*) FROM raw.source_items;
-- a guard that is gone, as after DROP EXTENSION, comes back with the definition
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN SELECT tgname, tgrelid::regclass FROM pg_trigger
        WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('raw.source_items')) AND tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', guard.tgname, guard.tgrelid);
    END LOOP;
END
$$;
SELECT count(*) FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('raw.source_items'));
SELECT dataops.alter_source('source_items', '{"params": {"total": 5}}');
SELECT tgname, count(*) FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('raw.source_items')) GROUP BY 1 ORDER BY 1;
\set VERBOSITY sqlstate
UPDATE raw.source_items SET page = 2;
\set VERBOSITY terse
TRUNCATE raw.source_items;

\echo == preview
SELECT ordinal, record FROM dataops.preview('source_items', 2) WHERE record IS NOT NULL;
SELECT regexp_replace(note, 'http://[^ ]*', 'URL') FROM dataops.preview('source_items', 2) WHERE note IS NOT NULL;
SELECT dataops.create_http_source('source_link', 'source_api', '/items/link');
SELECT regexp_replace(note, 'http://[^ ]*', 'URL') FROM dataops.preview('source_link', 0) WHERE note IS NOT NULL;
SELECT dataops.alter_source('source_link', '{"params": {"lines": 1}}');
SELECT regexp_replace(note, 'http://[^ ]*', 'URL') FROM dataops.preview('source_link', 0) WHERE note IS NOT NULL;
SELECT dataops.create_http_source('source_wrapped', 'source_api', '/items/cursor', params => '{"wrap": "items"}', records => '$.itemz');
\set VERBOSITY default
SELECT * FROM dataops.preview('source_wrapped');
\set VERBOSITY terse
SELECT dataops.alter_source('source_wrapped', '{"records": "$.items"}');
SELECT count(*) FROM dataops.preview('source_wrapped') WHERE record IS NOT NULL;
SELECT dataops.alter_source('source_wrapped', '{"paginate": {"type": "cursor", "param": "cursor", "path": "$.next"}}');
SELECT split_part(note, '; ', 2) FROM dataops.preview('source_wrapped', 0) WHERE note IS NOT NULL;
SELECT dataops.alter_source('source_wrapped', '{"params": {"wrap": "items", "total": 3}}');
SELECT split_part(note, '; ', 2) FROM dataops.preview('source_wrapped', 0) WHERE note IS NOT NULL;
SELECT dataops.alter_source('source_wrapped', '{"paginate": {"type": "cursor", "param": "cursor", "path": "$.page.nxt"}}');
SELECT split_part(note, '; ', 2) FROM dataops.preview('source_wrapped', 0) WHERE note IS NOT NULL;
SELECT dataops.create_http_source('source_html', 'source_api', '/html');
SELECT * FROM dataops.preview('source_html');

\echo == a fetch step: one for a source, of the same owner, with an archive that can be used
SELECT dataops.create_pipeline('source_pipeline'), dataops.create_pipeline('source_second');
SELECT dataops.add_fetch('source_pipeline', 'source_link', archive => 'source_api');
SELECT dataops.add_fetch('source_pipeline', 'source_lnk');
SELECT dataops.add_fetch('source_pipeline', 'source_link');
SELECT dataops.add_fetch('source_second', 'source_link');
SELECT dataops.add_fetch('source_second', 'source_html', timeout => '-2 seconds');
SELECT dataops.add_fetch('source_second', 'source_html', timeout => '0');
SELECT dataops.drop_source('source_link');
\echo == a source that is read stays
SELECT dataops.add_model('source_second', 'source_out.html', $$SELECT record FROM dataops.records('source_html')$$, name => 'reader');
\set VERBOSITY default
SELECT dataops.drop_source('source_html');
\set VERBOSITY terse
SELECT dataops.drop_step('source_second', 'reader');
-- who may not see the reader cannot settle it
CREATE ROLE source_other;
GRANT source_other TO CURRENT_USER;
SELECT dataops.grant_role('source_other', 'developer');
GRANT USAGE ON FOREIGN SERVER source_api TO source_other;
SET ROLE source_other;
\set VERBOSITY default
SELECT dataops.create_http_source('source_theirs', 'source_api', '/items');
\set VERBOSITY terse
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA raw TO source_other;
SET ROLE source_other;
SELECT dataops.create_http_source('source_theirs', 'source_api');
RESET ROLE;
SELECT dataops.add_model('source_second', 'source_out.theirs', $$SELECT record FROM dataops.records('source_theirs')$$);
SET ROLE source_other;
SELECT dataops.drop_source('source_theirs');
RESET ROLE;
SELECT dataops.drop_pipeline('source_pipeline'), dataops.drop_pipeline('source_second');
SELECT dataops.drop_source('source_link'), dataops.drop_source('source_html'), dataops.drop_source('source_wrapped'), dataops.drop_source('source_items');
SET client_min_messages = warning;
\echo == a raw table that is gone
SELECT dataops.create_http_source('source_gone', 'source_api', '/items');
SELECT dataops.create_pipeline('source_gone');
SELECT dataops.add_model('source_gone', 'source_out.gone', 'SELECT record->>''id'' AS id FROM dataops.records(''source_gone'')');
DROP TABLE raw.source_gone;
CALL dataops.run('source_gone');
SELECT error, hint FROM dataops.step_runs WHERE pipeline = 'source_gone';
SELECT dataops.create_http_source('source_gone', 'source_api', '/items');
CALL dataops.run('source_gone');
SELECT state FROM dataops.runs WHERE pipeline = 'source_gone' ORDER BY run_id;
SELECT dataops.drop_pipeline('source_gone');
SELECT dataops.drop_source('source_gone');
DROP TABLE raw.source_gone;
DROP TABLE raw.source_theirs;
DROP SCHEMA source_out CASCADE;
SELECT dataops.revoke_role('source_other');
REVOKE ALL ON SCHEMA raw FROM source_other;
REVOKE ALL ON FOREIGN SERVER source_api FROM source_other;
DROP ROLE source_other;
DROP TABLE raw.source_link, raw.source_wrapped, raw.source_html, raw.source_items;
DROP SERVER source_api;
