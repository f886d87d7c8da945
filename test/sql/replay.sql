-- What was set aside, once more: nothing twice, nothing lost, nothing old over something new.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE raw.rp_lines (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('rp_lines', '{}');
CREATE SCHEMA rp;

\echo == append: a record of which some rows are in the target
SELECT dataops.create_pipeline('rp_append');
SELECT dataops.add_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, (l->>'n')::int AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l$$, strategy => 'append');
SELECT dataops.add_check('rp_append', 'rp.line', 'n < 10', name => 'small');
SELECT dataops._test_land('rp_lines', 1, '{"order": 1, "lines": [{"n": 1}, {"n": 20}, {"n": 20}, {"n": 2}]}', '{"order": 2, "lines": [{"n": 30}, {"n": 3}, {"n": 300}]}',
    '{"order": 3, "lines": [{"n": 40}, {"n": 400}]}', '{"order": 4, "lines": [{"n": 4}]}');
SELECT outcome, rows_in, rows_out, quarantined, error FROM dataops._test_targets('rp_append', '-infinity', 'infinity');
SELECT "row", partial, state FROM dataops.quarantine WHERE pipeline = 'rp_append' ORDER BY "row", quarantine_id;
SELECT dataops.add_check('rp_append', 'rp.line', 'n < 100', name => 'small');
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SELECT o, array_agg(n ORDER BY n) FROM rp.line GROUP BY o ORDER BY o;
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SELECT o, array_agg(n ORDER BY n) FROM rp.line GROUP BY o ORDER BY o;
SELECT "row", partial, state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_append' GROUP BY 1, 2, 3 ORDER BY 1, 3;
-- a model that makes other rows now: those of which others are in the target stay
SET client_min_messages = notice;
SELECT dataops.alter_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, least((l->>'n')::int, 99) AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l$$);
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SET client_min_messages = warning;
SELECT o, array_agg(n ORDER BY n) FROM rp.line GROUP BY o ORDER BY o;
SELECT dataops.add_check('rp_append', 'rp.line', 'n < 1000', name => 'small');
SELECT dataops.alter_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, (l->>'n')::int AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l$$);
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SELECT o, array_agg(n ORDER BY n) FROM rp.line GROUP BY o ORDER BY o;
SELECT state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_append' GROUP BY 1 ORDER BY 1;

\echo == append: a record that none of its rows is in the target of is taken whole, as the model makes it now
SELECT dataops.add_check('rp_append', 'rp.line', 'n < 10', name => 'small');
SELECT dataops._test_land('rp_lines', 2, '{"order": 5, "lines": [{"n": 50}, {"n": 51}]}', '{"order": 6, "lines": [{"n": 60}]}', '{"order": 7, "lines": [{"n": 70}]}');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_append', '-infinity', 'infinity');
SELECT dataops.alter_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, (l->>'n')::int / 10 AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l$$);
-- and one whose raw record is gone is kept
DELETE FROM raw.rp_lines WHERE record->>'order' = '7';
SET client_min_messages = notice;
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SET client_min_messages = warning;
SELECT o, array_agg(n ORDER BY n) FROM rp.line WHERE o > 4 GROUP BY o ORDER BY o;
SELECT "row", state FROM dataops.quarantine WHERE pipeline = 'rp_append' AND state = 'open';
-- a model whose rows come from several records cannot take them in
SELECT dataops.alter_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, count(*)::int AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l GROUP BY 1$$);
SELECT dataops.replay_quarantine('rp_append', 'rp.line');

-- a step that begins anew with an empty target takes all records in again: nothing is left to replay
SELECT dataops.drop_step('rp_append', 'rp.line');
DROP TABLE rp.line;
SELECT dataops.add_model('rp_append', 'rp.line', $$SELECT (record->>'order')::int AS o, (l->>'n')::int AS n FROM dataops.records('rp_lines'), jsonb_array_elements(record->'lines') AS l$$, strategy => 'append');
SELECT dataops.replay_quarantine('rp_append', 'rp.line');
SELECT state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_append' GROUP BY 1 ORDER BY 1;

\echo == a row that an outer join makes of no record comes from none
CREATE TABLE rp.wish (o int);
INSERT INTO rp.wish VALUES (1), (99);
SELECT dataops.create_pipeline('rp_outer');
SELECT dataops.add_model('rp_outer', 'rp.outer', $$SELECT w.o, (record->'lines'->0->>'n')::int AS n FROM rp.wish w LEFT JOIN dataops.records('rp_lines') r ON (r.record->>'order')::int = w.o$$, strategy => 'append');
SELECT dataops.add_check('rp_outer', 'rp.outer', 'n > 1', name => 'some');
SELECT dataops.add_check('rp_outer', 'rp.outer', 'o < 99', name => 'known');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_outer', '-infinity', 'infinity');
SELECT dataops.add_check('rp_outer', 'rp.outer', 'n > 0', name => 'some');
SELECT dataops.replay_quarantine('rp_outer', 'rp.outer');
SELECT * FROM rp.outer;
SELECT "row", state, batch IS NOT NULL AS from_record FROM dataops.quarantine WHERE pipeline = 'rp_outer' ORDER BY "row";


\echo == more than memory may hold
SET work_mem = '64kB';
SELECT dataops.create_pipeline('rp_many');
SELECT dataops.add_model('rp_many', 'rp.many', $$SELECT i, (record->>'order')::int AS o, repeat('x', 100) AS x FROM dataops.records('rp_lines'), generate_series(1, 2000) i WHERE record->>'order' IN ('5', '6')$$, strategy => 'append');
SELECT dataops.add_check('rp_many', 'rp.many', 'o = 6 AND i % 2 = 0', name => 'even');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_many', '-infinity', 'infinity');
SELECT partial, count(*), count(DISTINCT "row") FROM dataops.quarantine WHERE pipeline = 'rp_many' GROUP BY 1 ORDER BY 1;
SELECT dataops.add_check('rp_many', 'rp.many', 'i > 10', name => 'even');
SELECT dataops.replay_quarantine('rp_many', 'rp.many');
SELECT o, count(*), count(DISTINCT i) FROM rp.many GROUP BY 1 ORDER BY 1;
SELECT partial, state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_many' GROUP BY 1, 2 ORDER BY 1, 2;
RESET work_mem;
\echo == partition: the window is made again
CREATE TABLE raw.rp_times (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('rp_times', '{}');
SELECT dataops.create_pipeline('rp_part', timezone => 'Europe/Berlin');
SELECT dataops.add_model('rp_part', 'rp.part', $$SELECT (record->>'t')::timestamptz AS t, (record->>'n')::int AS n FROM dataops.records('rp_times') WHERE (record->>'t')::timestamptz >= dataops.start_ts() AND (record->>'t')::timestamptz < dataops.end_ts()$$, strategy => 'partition', time_column => 't', grain => '1 day');
SELECT dataops.add_model('rp_part', 'rp.daily', $$SELECT t::date AS day, sum(n) AS n FROM rp.part WHERE t >= dataops.start_ts() AND t < dataops.end_ts() GROUP BY 1$$, strategy => 'partition', time_column => 'day', grain => '1 day');
SELECT dataops.add_check('rp_part', 'rp.part', 'n < 10', name => 'small');
SELECT dataops._test_land('rp_times', 1, '{"t": "2026-01-01 01:00+00", "n": 1}', '{"t": "2026-01-01 02:00+00", "n": 20}', '{"t": "2026-01-01 22:30+00", "n": 21}',
    '{"t": "2026-01-01 23:30+00", "n": 22}', '{"t": "2026-02-01 12:00+00", "n": 300}');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2026-01-01 01:00+00', '2026-01-01 12:00+00');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2026-01-01 12:00+00', '2026-02-02 00:00+00');
-- made twice, set aside once
SELECT "row"->>'n' AS n, state FROM dataops.quarantine WHERE pipeline = 'rp_part' AND step = 'rp.part' ORDER BY "row"->'n', state;
SELECT dataops.add_check('rp_part', 'rp.part', 'n < 100', name => 'small');
SELECT dataops.replay_quarantine('rp_part', 'rp.part');
SELECT * FROM rp.part ORDER BY 1;
SELECT "row"->>'n' AS n, state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_part' AND step = 'rp.part' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT dataops.replay_quarantine('rp_part', 'rp.part');
-- a window made again under another rule takes its entries along
SELECT dataops.add_check('rp_part', 'rp.part', 'n < 1000', name => 'small');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2026-02-01 00:00+00', '2026-02-02 00:00+00');
SELECT dataops.replay_quarantine('rp_part', 'rp.part');
SELECT * FROM rp.part ORDER BY 1;
SELECT state, count(*) FROM dataops.quarantine WHERE pipeline = 'rp_part' AND step = 'rp.part' GROUP BY 1 ORDER BY 1;
-- a mended model may bring a row to another time
SELECT dataops.add_check('rp_part', 'rp.part', 'n < 1000 AND t < ''2027-01-01''', name => 'small');
SELECT dataops._test_land('rp_times', 2, '{"t": "2036-03-01 12:00+00", "n": 5}');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2036-03-01 00:00+00', '2036-03-02 00:00+00');
SELECT dataops.alter_model('rp_part', 'rp.part', $$SELECT (replace(record->>'t', '2036', '2026'))::timestamptz AS t, (record->>'n')::int AS n FROM dataops.records('rp_times') WHERE (replace(record->>'t', '2036', '2026'))::timestamptz >= dataops.start_ts() AND (replace(record->>'t', '2036', '2026'))::timestamptz < dataops.end_ts()$$);
SELECT dataops.replay_quarantine('rp_part', 'rp.part');
SELECT * FROM rp.part WHERE n = 5;
-- what could not be made again is not: the target would lose what the raw table has lost
SELECT dataops.add_check('rp_part', 'rp.part', 'n <> 299 AND n <> 301', name => 'small');
SELECT dataops._test_land('rp_times', 3, '{"t": "2026-02-01 13:00+00", "n": 299}', '{"t": "2026-03-01 13:00+00", "n": 301}');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2026-02-01 00:00+00', '2026-03-05 00:00+00');
SELECT dataops.add_check('rp_part', 'rp.part', 'n < 1000', name => 'small');
DELETE FROM raw.rp_times WHERE record->>'t' LIKE '2026-02%';
SET client_min_messages = notice;
SELECT dataops.replay_quarantine('rp_part', 'rp.part');
SET client_min_messages = warning;
SELECT * FROM rp.part WHERE t > '2026-01-02' ORDER BY 1;
SELECT "row"->>'n' AS n, state FROM dataops.quarantine WHERE pipeline = 'rp_part' AND step = 'rp.part' AND state = 'open';
-- rows that come from many records can be set aside and made again, too
SELECT dataops.add_check('rp_part', 'rp.daily', 'n < 40', name => 'few');
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_part', '2026-01-01 00:00+00', '2026-01-03 00:00+00');
SELECT * FROM rp.daily ORDER BY 1;
SELECT dataops.add_check('rp_part', 'rp.daily', 'n < 400', name => 'few');
SELECT dataops.replay_quarantine('rp_part', 'rp.daily');
SELECT * FROM rp.daily ORDER BY 1;
SELECT "row", state FROM dataops.quarantine WHERE pipeline = 'rp_part' AND step = 'rp.daily' ORDER BY "row"->>'day';

\echo == table: each time it is made all of its rows are judged anew
SELECT dataops.create_pipeline('rp_table');
SELECT dataops.add_model('rp_table', 'rp.whole', $$SELECT (record->>'n')::int AS n FROM dataops.records('rp_times')$$);
SELECT dataops.add_check('rp_table', 'rp.whole', 'n < 22', name => 'small');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_table', '-infinity', 'infinity');
SELECT dataops.add_check('rp_table', 'rp.whole', 'n < 100', name => 'small');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('rp_table', '-infinity', 'infinity');
SELECT "row", state FROM dataops.quarantine WHERE pipeline = 'rp_table' ORDER BY "row", state;

\echo == merge: what is older stays out, however it is that it is older
CREATE TABLE raw.rp_items (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('rp_items', '{}');
SELECT dataops.create_pipeline('rp_merge');
SELECT dataops.add_model('rp_merge', 'rp.item', $$SELECT (record->>'id')::int AS id, (record->>'n')::int AS n FROM dataops.records('rp_items')$$, strategy => 'merge', key => '{id}');
SELECT dataops.add_check('rp_merge', 'rp.item', 'n < 10', name => 'small');
-- 1: came again as it was; 2: likewise in the same batch; 3: came again and is out again; 4: changed by hand; 5: is new; 6: two of them are out
SELECT dataops._test_land('rp_items', 1, '{"id": 1, "n": 1}', '{"id": 2, "n": 2}', '{"id": 3, "n": 3}', '{"id": 4, "n": 4}', '{"id": 6, "n": 6}', '{"id": 7, "n": 7}');
SELECT outcome, rows_out, quarantined FROM dataops._test_targets('rp_merge', '-infinity', 'infinity');
SELECT dataops._test_land('rp_items', 2, '{"id": 1, "n": 10}', '{"id": 2, "n": 20}', '{"id": 2, "n": 2}', '{"id": 3, "n": 30}', '{"id": 4, "n": 40}', '{"id": 5, "n": 50}', '{"id": 6, "n": 60}', '{"id": 7, "n": 70}');
SELECT outcome, rows_out, quarantined FROM dataops._test_targets('rp_merge', '-infinity', 'infinity');
SELECT dataops._test_land('rp_items', 3, '{"id": 1, "n": 1}', '{"id": 3, "n": 300}', '{"id": 6, "n": 61}');
SELECT outcome, rows_out, quarantined FROM dataops._test_targets('rp_merge', '-infinity', 'infinity');
UPDATE rp.item SET updated_at = now() WHERE id = 4;
-- what has not been taken in yet is newer, but not there
SELECT dataops._test_land('rp_items', 4, '{"id": 7, "n": 71}');
SELECT dataops.add_check('rp_merge', 'rp.item', 'n < 100', name => 'small');
SELECT dataops.replay_quarantine('rp_merge', 'rp.item');
SELECT id, n FROM rp.item ORDER BY id;
SELECT "row"->>'n' AS n, state FROM dataops.quarantine WHERE pipeline = 'rp_merge' ORDER BY "row"->'n', state;
SELECT outcome, rows_out, quarantined FROM dataops._test_targets('rp_merge', '-infinity', 'infinity');
SELECT dataops.add_check('rp_merge', 'rp.item', 'n < 1000', name => 'small');
SELECT dataops.replay_quarantine('rp_merge', 'rp.item');
SELECT id, n FROM rp.item ORDER BY id;

\echo == why rows stay
SELECT dataops._test_land('rp_items', 5, '{"id": 77, "n": 2000}', '{"id": 78, "n": 3000}', '{"id": 79, "n": 4000}');
SELECT outcome, rows_out, quarantined FROM dataops._test_targets('rp_merge', '-infinity', 'infinity');
SELECT dataops.alter_model('rp_merge', 'rp.item', $$SELECT (record->>'id')::int AS id, (record->>'n')::int / 10 AS n FROM dataops.records('rp_items')$$);
SELECT dataops.add_check('rp_merge', 'rp.item', 'n <> 200', name => 'not_200', on_fail => 'stop');
SELECT dataops.add_check('rp_merge', 'rp.item', 'n <> 300', name => 'not_300');
SELECT dataops.replay_quarantine('rp_merge', 'rp.item');
SELECT "row", check_name, rule, error FROM dataops.quarantine WHERE pipeline = 'rp_merge' AND state = 'open' ORDER BY "row"->'n';
SELECT check_name, state, rows_in, error, hint FROM dataops.check_results WHERE run_id = (SELECT max(run_id::text) FROM dataops.runs)::uuid ORDER BY check_name;
SELECT regexp_replace(regexp_replace(line, '[0-9a-f-]{36}', '…'), ', [0-9.]+ s\.$', '.') AS line
FROM dataops.explain_run((SELECT max(run_id::text) FROM dataops.runs)::uuid) WITH ORDINALITY AS l (line, n) WHERE line !~ '(asked for it|started) at ' ORDER BY n;
-- a check about the whole table undoes the replay
SELECT dataops.drop_check('rp_merge', 'not_200');
SELECT dataops.add_check('rp_merge', 'rp.item', 'max(n) < 200', name => 'max', scope => 'all');
SELECT dataops.replay_quarantine('rp_merge', 'rp.item');
SELECT max(n) FROM rp.item;

SET client_min_messages = error;
SELECT count(dataops.drop_pipeline(name)) FROM unnest('{rp_append,rp_outer,rp_many,rp_part,rp_table,rp_merge}'::text[]) AS name;
DROP SCHEMA rp CASCADE;
DROP TABLE raw.rp_lines, raw.rp_times, raw.rp_items;
