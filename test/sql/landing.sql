-- Fetching and landing: every way of paging, cursors, shards, the archive, and that nothing comes twice.
\getenv url DATAOPS_TEST_URL
\set VERBOSITY terse
\connect - postgres
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_file TO app;
\connect - app
CREATE SERVER landing_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'url');
CREATE SERVER landing_lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'landing/test');
CREATE FUNCTION landing_source(name text, path text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
RETURN dataops._define_source(name, jsonb_build_object('server', 'landing_api', 'path', path) || more);
CREATE FUNCTION landed(name text, OUT records bigint, OUT ids bigint, OUT pages bigint, OUT batches bigint) LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('SELECT count(*), count(DISTINCT coalesce(record->>''id'', record->>0)), count(DISTINCT (batch_id, page)), '
                   'count(DISTINCT batch_id) FROM raw.%I', name) INTO records, ids, pages, batches;
END
$$;
SET client_min_messages = warning;
SELECT landing_source('landing_page', '/items', '{"paginate": {"type": "page", "limit": 10, "limit_param": "per_page"}}'),
       landing_source('landing_offset', '/items/offset', '{"paginate": {"type": "offset", "limit": 10}}'),
       landing_source('landing_cursor', '/items/cursor', '{"records": "$.data", "paginate": {"type": "cursor", "param": "cursor", "path": "$.next"}}'),
       landing_source('landing_next', '/items/next', '{"records": "$.data", "params": {"relative": 1}, "paginate": {"type": "next_link", "path": "$.next"}}'),
       landing_source('landing_link', '/items/link', '{"paginate": {"type": "link_header"}}'),
       landing_source('landing_found', '/items/link'),
       landing_source('landing_links', '/items/link', '{"params": {"lines": 1}, "paginate": {"type": "link_header"}}'),
       landing_source('landing_found_links', '/items/link', '{"params": {"lines": 1}}'),
       landing_source('landing_window', '/items/window', '{"params": {"shape": "array"}, "paginate": {"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10}}');
RESET client_min_messages;

\echo == paging
CALL dataops._test_fetch('landing_page', 'landing_lake');
CALL dataops._test_fetch('landing_offset');
CALL dataops._test_fetch('landing_cursor');
CALL dataops._test_fetch('landing_next');
CALL dataops._test_fetch('landing_link');
CALL dataops._test_fetch('landing_found');
CALL dataops._test_fetch('landing_links');
CALL dataops._test_fetch('landing_found_links');
CALL dataops._test_fetch('landing_window', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 05:00+00');
SELECT name, l.* FROM unnest('{page,offset,cursor,next,link,found,links,found_links,window}'::text[]) name, landed('landing_' || name) l;

\echo == a window goes on from where the last one ended; the end is not asked for twice
CALL dataops._test_fetch('landing_window', to_ts => '2024-01-01 06:00+00');
SELECT * FROM landed('landing_window');
SELECT value, position FROM dataops.cursor WHERE source = 'landing_window';

\echo == rows are in order, of one moment, in the batch of the ledger, and the archive holds them
SELECT page, ordinal, record FROM raw.landing_page WHERE page = 3 ORDER BY ordinal LIMIT 2;
SELECT count(DISTINCT r.created_at), bool_and(r.created_at = b.created_at) FROM raw.landing_page r JOIN dataops.batch b ON b.id = r.batch_id;
SELECT pages, records, quarantined, archive, b.object_bytes = o.bytes AND b.crc32c = o.crc32c AS object_is_whole,
       b.object ~ '^raw/landing_page/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}/[0-9a-f-]{36}-00000\.ndjson\.gz$' AS object_is_named
FROM dataops.batch b JOIN dataops.list_objects('landing_lake') o ON o.name = b.object WHERE source = 'landing_page';
SELECT p.page, p.status, p.records, p.bytes > 0, p.url ~ '\?page=…&per_page=…$' FROM dataops.page p JOIN dataops.batch b ON b.id = p.batch WHERE b.source = 'landing_page' ORDER BY page;
SELECT state, count(*) FROM dataops.intent WHERE name LIKE 'raw/landing_page/%' GROUP BY state;

\echo == a cursor narrows the next run, with its overlap
SET client_min_messages = warning;
SELECT landing_source('landing_since', '/items', '{"params": {"per_page": 100}, "cursor": {"path": "$.updated_at", "param": "since", "lookback": "30 minutes"}}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_since');
CALL dataops._test_fetch('landing_since');
SELECT * FROM landed('landing_since');
SELECT value FROM dataops.cursor WHERE source = 'landing_since';
-- a server may write any character of key and value as an escape
SET client_min_messages = warning;
SELECT landing_source('landing_escaped', '/items', '{"params": {"per_page": 100, "escaped": 1}, "cursor": {"path": "$.updated_at", "param": "since", "lookback": "30 minutes"}}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_escaped');
SELECT value FROM dataops.cursor WHERE source = 'landing_escaped';
CALL dataops._test_fetch('landing_escaped');
-- numbers beyond all times have no overlap
SET client_min_messages = warning;
SELECT landing_source('landing_far', '/echo', '{"params": {"n": "92233720368547758"}, "records": "$", "cursor": {"path": "$.query[0][1]", "param": "since", "lookback": "1 day"}}');
SELECT landing_source('landing_farther', '/echo', '{"params": {"n": "99999999999999999999"}, "records": "$", "cursor": {"path": "$.query[0][1]", "param": "since", "lookback": "1 day"}}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_far');
CALL dataops._test_fetch('landing_far');
CALL dataops._test_fetch('landing_farther');
CALL dataops._test_fetch('landing_farther');
SELECT source, value FROM dataops.cursor WHERE source LIKE 'landing\_far%' ORDER BY source;

\echo == nothing new
SET client_min_messages = warning;
SELECT landing_source('landing_etag', '/etag'), landing_source('landing_empty', '/empty');
RESET client_min_messages;
CALL dataops._test_fetch('landing_etag', 'landing_lake');
CALL dataops._test_fetch('landing_etag', 'landing_lake');
CALL dataops._test_fetch('landing_empty', 'landing_lake');
SELECT * FROM landed('landing_etag');
SELECT count(*) FROM dataops.list_objects('landing_lake', 'raw/landing_empty');

\echo == one traversal and cursor a shard, batches of several
SET client_min_messages = warning;
SELECT landing_source('landing_each', '/items', '{"params": {"total": "{item}"}, "for_each": "SELECT unnest(ARRAY[1, 2, NULL, 1, 3])"}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_each', 'landing_lake');
SELECT shard, count(*) AS pages, sum(rows_in) AS records FROM dataops.pages WHERE source = 'landing_each' GROUP BY shard ORDER BY shard;
SELECT count(*) AS batches FROM dataops.batch WHERE source = 'landing_each';

\echo == as many requests as the connection allows are on their way at the same time: each of six waits for the five others
SET client_min_messages = warning;
ALTER SERVER landing_api OPTIONS (ADD concurrency '6');
SELECT landing_source('landing_meet', '/meet', '{"params": {"count": 6, "item": "{item}"}, "for_each": "SELECT generate_series(1, 18)"}'),
       landing_source('landing_windows', '/meet', '{"params": {"count": 6}, "paginate": {"type": "window", "start": "from", "end": "to", "step": "1 hour", "limit": 1}}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_meet');
SELECT count(DISTINCT shard) AS items, count(*) AS pages FROM dataops.pages WHERE source = 'landing_meet';
CALL dataops._test_fetch('landing_windows', '', '2026-01-01 00:00+00', '2026-01-01 12:00+00');
SELECT count(*) AS pages, min(page) AS first, max(page) AS last FROM dataops.pages WHERE source = 'landing_windows';

\echo == each shard keeps its own cursor, also one that a status stops
SET client_min_messages = warning;
SELECT landing_source('landing_stop', '/status/404', '{"params": {"from": 3, "key": "landing_stop {item}", "then": "/items", "total": 100},
    "status": {"404": "stop"}, "cursor": {"path": "$.id", "param": "since_id"}, "paginate": {"type": "page", "limit": 10, "limit_param": "per_page"},
    "for_each": "SELECT * FROM unnest(ARRAY[''a'', ''b'', ''c''])"}');
RESET client_min_messages;
CALL dataops._test_fetch('landing_stop');
SELECT shard, value, position FROM dataops.cursor WHERE source = 'landing_stop' ORDER BY shard;

\echo == one request of many fails: the run goes on where each shard stood
SET client_min_messages = error;
SELECT landing_source('landing_part', '/status/500', '{"params": {"from": 8, "times": 1, "key": "landing_part", "then": "/items", "total": "{item}"},
    "retry": {"attempts": 1}, "paginate": {"type": "page", "limit": 10, "limit_param": "per_page"}, "for_each": "SELECT unnest(ARRAY[25, 50, 75, 100])"}');
CALL dataops._test_fetch('landing_part', run => '018f0000-0000-7000-8000-000000000002');
SELECT count(*) BETWEEN 1 AND 249 AS some FROM raw.landing_part;
RESET client_min_messages;
CALL dataops._test_fetch('landing_part', run => '018f0000-0000-7000-8000-000000000002');
SELECT record->>'id' AS id, count(*) FROM raw.landing_part GROUP BY 1
HAVING count(*) <> 4 - ((record->>'id')::int - 1) / 25;
ALTER SERVER landing_api OPTIONS (DROP concurrency);

\echo == batches of 100 pages; a run that failed on the way goes on, nothing comes twice
SET client_min_messages = warning;
SELECT landing_source('landing_long', '/items', '{"params": {"total": 250}, "paginate": {"type": "page", "limit": 1, "limit_param": "per_page"}}');
RESET client_min_messages;
SET dataops.fault = 'land_before_commit:error:3';
CALL dataops._test_fetch('landing_long', 'landing_lake', run => '018f0000-0000-7000-8000-000000000001');
RESET dataops.fault;
SELECT * FROM landed('landing_long');
CALL dataops._test_fetch('landing_long', 'landing_lake', run => '018f0000-0000-7000-8000-000000000001');
SELECT * FROM landed('landing_long');
SELECT count(*) FROM dataops.list_objects('landing_lake', 'raw/landing_long');
SELECT state, count(*) FROM dataops.intent WHERE name LIKE 'raw/landing_long/%' GROUP BY state ORDER BY state;
-- the run came to its end: asked once more, it lands nothing
CALL dataops._test_fetch('landing_long', 'landing_lake', run => '018f0000-0000-7000-8000-000000000001');
SELECT * FROM landed('landing_long');

\echo == a table with a trigger is filled by ordinary inserts
CREATE FUNCTION landing_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.record := NEW.record || '{"seen": true}'; RETURN NEW; END $$;
CREATE TRIGGER seen BEFORE INSERT ON raw.landing_found FOR EACH ROW EXECUTE FUNCTION landing_count();
CALL dataops._test_fetch('landing_found');
SELECT record ? 'seen', count(*) FROM raw.landing_found GROUP BY 1 ORDER BY 1;

\echo == an index that the owner made is kept
CREATE INDEX landing_by_id ON raw.landing_page ((record->>'id'));
CALL dataops._test_fetch('landing_page');
SET enable_seqscan = off;
SELECT count(*) FROM raw.landing_page WHERE record->>'id' = '7';
RESET enable_seqscan;

\echo == the BRIN of batches finds every row
CALL dataops._test_fetch('landing_offset');
SET enable_seqscan = off;
SELECT count(*), bool_and(b.records = (SELECT count(*) FROM raw.landing_offset r WHERE r.batch_id = b.id))
FROM dataops.batch b WHERE source = 'landing_offset';
RESET enable_seqscan;

\echo == stopping at the page cap says so
SET client_min_messages = warning;
SELECT dataops.alter_source('landing_found', '{"paginate": {"type": "link_header", "max_pages": 2}}');
CALL dataops._test_fetch('landing_found');

\echo == what an index of the raw table evaluates runs with the rights of its owner
CREATE TABLE landing_ran (who name);
CREATE FUNCTION landing_loud() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.landing_ran VALUES (current_user); RETURN 1; END$$;
CREATE FUNCTION landing_quiet() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN 1; END$$;
SELECT dataops.create_pipeline('landing_planted');
SELECT dataops.add_fetch('landing_planted', 'landing_page', archive => '');
DO $$ BEGIN EXECUTE format('CREATE INDEX ON raw.%I ((ordinal + public.landing_quiet()))', 'landing_page_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')); END $$;
CREATE OR REPLACE FUNCTION landing_quiet() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN public.landing_loud(); END$$;
SELECT dataops.alter_source('landing_page', '{"paginate": {"type": "page", "limit": 10, "limit_param": "per_page", "max_pages": 1}}');
\connect - postgres
SET client_min_messages = error;
CALL dataops.run('landing_planted');
\connect - app
SELECT who, count(*) > 0 AS ran FROM landing_ran GROUP BY 1;
SELECT dataops.drop_pipeline('landing_planted');
SET client_min_messages = warning;

\echo == a window that stops at its page cap is not done: the cursor says how far it came, and nothing is left out, nor lands twice
SELECT landing_source('landing_cap', '/items/window', '{"params": {"shape": "array", "total": 40}, "paginate": {"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10, "max_pages": 1}}');
CALL dataops._test_fetch('landing_cap', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 05:00+00', run => '018f0000-0000-7000-8000-000000000003');
SELECT value, position FROM dataops.cursor WHERE source = 'landing_cap';
-- the same run goes on, as many pages again, and comes to its end
CALL dataops._test_fetch('landing_cap', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 05:00+00', run => '018f0000-0000-7000-8000-000000000003');
SELECT * FROM landed('landing_cap');
-- another run begins at the cursor
CALL dataops._test_fetch('landing_cap', to_ts => '2024-01-01 08:00+00');
SELECT value FROM dataops.cursor WHERE source = 'landing_cap';
SELECT dataops.alter_source('landing_cap', '{"params": {"shape": "array", "total": 40}, "paginate": {"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10, "max_pages": 4}}');
CALL dataops._test_fetch('landing_cap', to_ts => '2024-01-01 10:00+00');
SELECT * FROM landed('landing_cap');
SELECT value, position FROM dataops.cursor WHERE source = 'landing_cap';
-- of several items, whatever their order, all come as far as they may
SELECT landing_source('landing_caps', '/items/window', '{"params": {"shape": "array", "total": "{item}"}, "for_each": "SELECT unnest(ARRAY[15, 25])", "paginate": {"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10, "max_pages": 2}}');
SET client_min_messages = error;
CALL dataops._test_fetch('landing_caps', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 10:00+00', run => '018f0000-0000-7000-8000-000000000004');
SET client_min_messages = warning;
SELECT shard, value, position FROM dataops.cursor WHERE source = 'landing_caps' ORDER BY shard;
CALL dataops._test_fetch('landing_caps', from_ts => '2024-01-01 00:00+00', to_ts => '2024-01-01 10:00+00', run => '018f0000-0000-7000-8000-000000000004');
SELECT shard, value, position FROM dataops.cursor WHERE source = 'landing_caps' ORDER BY shard;
SELECT records, ids FROM landed('landing_caps');
-- with a cursor of its own it is the highest value of what came
SELECT landing_source('landing_cap_since', '/items/window', '{"cursor": {"path": "$.updated_at", "initial": "2024-01-01T00:00:00Z"}, "paginate": {"type": "window", "start": "start", "end": "end", "format": "ms", "bounds": "[]", "step": "15 minutes", "limit": 10, "max_pages": 1}}');
CALL dataops._test_fetch('landing_cap_since', to_ts => '2024-01-01 05:00+00');
SELECT value, position->'next_start' IS NOT NULL AS goes_on FROM dataops.cursor WHERE source = 'landing_cap_since';

SELECT count(dataops.drop_source('landing_' || name)) FROM unnest('{page,offset,cursor,next,link,found,links,found_links,window,since,escaped,etag,empty,each,long,cap,caps,cap_since}'::text[]) name;
DROP TABLE raw.landing_page, raw.landing_offset, raw.landing_cursor, raw.landing_next, raw.landing_link, raw.landing_found, raw.landing_links, raw.landing_found_links,
    raw.landing_window, raw.landing_cap, raw.landing_caps, raw.landing_cap_since,
    raw.landing_since, raw.landing_escaped, raw.landing_etag, raw.landing_empty, raw.landing_each, raw.landing_long;
DROP SERVER landing_api, landing_lake;
DROP TABLE landing_ran;
DROP FUNCTION landing_source, landed, landing_count, landing_loud, landing_quiet;
\connect - postgres
REVOKE USAGE ON FOREIGN DATA WRAPPER dataops_file FROM app;
