-- What a server can do wrong: each is a clear error or a quarantined record, nothing lands by half, the backend lives.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
CREATE SERVER bad_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
CREATE PROCEDURE bad(name text, path text, more jsonb DEFAULT '{}') LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM dataops._define_source(name, '{"server": "bad_api", "retry": {"attempts": 2, "first_delay": "1 ms"}}'
        || jsonb_build_object('path', path) || more);
    COMMIT;
    CALL dataops._test_fetch(name);
END
$$;
CREATE PROCEDURE bad_path(name text, records text, body text) LANGUAGE plpgsql
AS $$
BEGIN
    CALL bad(name, '/body', jsonb_build_object('records', records,
        'params', jsonb_build_object('text', replace(replace(body, '{', '{{'), '}', '}}'))));
END
$$;
CREATE VIEW quarantined AS SELECT source, page, ordinal, sqlstate, reason, length(raw) FROM dataops.quarantine_row WHERE source LIKE 'bad\_%';

CALL bad('bad_html', '/html');
CALL bad('bad_404', '/status/404');
CALL bad('bad_500', '/status/500');
CALL bad('bad_429_long', '/status/429', '{"params": {"retry_after": "120"}}');
CALL bad('bad_429_short', '/status/429', '{"params": {"retry_after": "0", "times": 1}}');
CALL bad('bad_401', '/auth/bearer', '{"params": {"echo": 1}}');
CALL bad('bad_loop', '/items/loop', '{"records": "$.data", "paginate": {"type": "cursor", "param": "cursor", "path": "$.next"}}');
CALL bad('bad_evil', '/items/evil', '{"records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_next_bytes', '/items/unreadable', '{"params": {"how": "bytes"}, "records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_next_nul', '/items/unreadable', '{"params": {"how": "nul"}, "records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_next_surrogate', '/items/unreadable', '{"params": {"how": "surrogate"}, "records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_next_long', '/items/unreadable', '{"params": {"how": "long"}, "records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_next_lines', '/items/unreadable', '{"params": {"how": "lines"}, "records": "$.data", "paginate": {"type": "next_link", "path": "$.next"}}');
CALL bad('bad_redirect', '/redirect', '{"params": {"to": "http://127.0.0.1:1/"}}');
CALL bad('bad_object', '/object', '{"records": "$[*]"}');
CALL bad('bad_object_page', '/object', '{"paginate": {"type": "page"}}');
CALL bad('bad_nothing_there', '/object', '{"records": "$.data"}');
CALL bad_path('bad_nothing_deep', '$.data.items.list', '{"x": {"data": 1}, "data": {"é": [{"in": 1}], "p\u0061ge": {}}, "y": {"z": 1}}');
CALL bad_path('bad_nothing_scalar', '$."a b".items', '{"a b": 5, "data": 1}');
CALL bad_path('bad_nothing_empty', '$.data.items', '{"data": {}}');
CALL bad_path('bad_nothing_list', '$.data', '[{"data": []}]');
CALL bad('bad_nothing_many', '/body', '{"params": {"many": 15}, "records": "$.data"}');
CALL bad('bad_big', '/big', '{"params": {"mb": 70}}');
CALL bad('bad_bomb', '/gzip/bomb', '{"params": {"mb": 1000}}');
CALL bad('bad_truncated', '/gzip/truncated');
CALL bad('bad_corrupt', '/gzip/corrupt');
CALL bad('bad_cut', '/cut');
CALL bad('bad_cut_chunk', '/cut/chunked');
CALL bad('bad_nolen', '/close/nolen');
CALL bad('bad_reset', '/abort');
CALL bad('bad_charset', '/charset/latin1');
CALL bad('bad_text', '/text');
CALL bad('bad_empty', '/nothing');
CALL bad('bad_quote', '/invalid/quote');
CALL bad('bad_skip', '/status/404', '{"status": {"404": "skip"}}');
CREATE FUNCTION landed(name text) RETURNS bigint LANGUAGE plpgsql
AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM raw.%I', name) INTO n;
    RETURN n;
END
$$;
-- only what came before the failure has landed: the first page of the circle
SELECT relname, landed(relname) FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'p' AND relname LIKE 'bad\_%' AND landed(relname) > 0 ORDER BY relname;

\echo == the record is quarantined, the others land
CALL bad('bad_nul', '/invalid/nul');
CALL bad('bad_surrogate', '/invalid/surrogate');
CALL bad('bad_utf8', '/invalid/utf8');
CALL bad('bad_comma', '/invalid/comma');
CALL bad('bad_nan', '/invalid/nan');
CALL bad('bad_digits', '/number/140000');
CALL bad('bad_deep', '/deep');
SELECT * FROM quarantined ORDER BY source COLLATE "C";
SELECT convert_from(raw, 'UTF8') FROM dataops.quarantine_row WHERE source = 'bad_nul';
SELECT ordinal, record->'id' AS id FROM raw.bad_nul ORDER BY ordinal;

\echo == drift of keys and types is for models: records land as they are
CALL bad('bad_drift', '/drift');
SELECT ordinal, record FROM raw.bad_drift ORDER BY ordinal;

\echo == and what only looks bad is good
CALL bad('bad_bom', '/charset/bom');
CALL bad('bad_multi', '/gzip/multi');
CALL bad('bad_deflate', '/gzip/deflate');
CALL bad('bad_whole', '/close/whole');
CALL bad('bad_sequence', '/sequence');
SELECT ordinal, record FROM raw.bad_sequence ORDER BY ordinal;

SELECT count(*) FROM dataops.request WHERE problem LIKE '%canary%' OR url LIKE '%canary%';
SET client_min_messages = warning;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'raw'::regnamespace AND relkind = 'p' AND relname LIKE 'bad\_%' LOOP
        PERFORM dataops.drop_source(name);
        EXECUTE format('DROP TABLE raw.%I', name);
    END LOOP;
END
$$;
DROP SERVER bad_api;
DROP VIEW quarantined;
DROP FUNCTION landed;
DROP PROCEDURE bad, bad_path;
