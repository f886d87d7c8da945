-- Every strategy against rows that come, come again, and come wrong.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE raw.st_feed (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('st_feed', '{}');
CREATE SCHEMA st;

-- append: each batch once
SELECT dataops.create_pipeline('st_append');
SELECT dataops.add_model('st_append', 'st.log', $$SELECT record->>'a' AS a, landed_at IS NOT NULL AS landed FROM dataops.records('st_feed')$$, strategy => 'append');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_append', '-infinity', 'infinity');
SELECT dataops._test_land('st_feed', 1, '{"id": 1, "a": "x"}', '{"id": 2, "a": "y"}');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_append', '-infinity', 'infinity');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_append', '-infinity', 'infinity');
SELECT dataops._test_land('st_feed', 2, '{"id": 1, "a": "z"}');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_append', '-infinity', 'infinity');
SELECT * FROM st.log ORDER BY a;

-- merge: the last of a key wins, what is the same stays untouched, columns in another order, types without equality
SELECT dataops.create_pipeline('st_merge');
SELECT dataops.add_model('st_merge', 'st.item', $$SELECT record->>'a' AS a, (record->>'id')::int AS id, (record->'j')::json AS j FROM dataops.records('st_feed')$$, strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_merge', '-infinity', 'infinity');
UPDATE st.item SET created_at = '2020-01-01', updated_at = '2020-01-01';
SELECT dataops._test_land('st_feed', 3, '{"id": 1, "a": "z"}', '{"id": 2, "a": "changed", "j": [1]}', '{"id": 3, "a": "first"}', '{"id": 3, "a": "last"}');
SELECT dataops.alter_model('st_merge', 'st.item', $$SELECT (record->'j')::json AS j, (record->>'id')::int AS id, record->>'a' AS a FROM dataops.records('st_feed')$$);
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_merge', '-infinity', 'infinity');
SELECT id, a, j, created_at > '2020-01-01' AS new, updated_at > '2020-01-01' AS touched FROM st.item ORDER BY id;
-- a key without a value fails the step, nothing is consumed; with not_null(id) such rows go to quarantine
SELECT dataops._test_land('st_feed', 4, '{"id": null, "a": "no id"}', '{"id": 4, "a": "four"}');
SELECT step, outcome, rows_out, regexp_replace(error, ' \(Failing.*', '') AS error, hint FROM dataops._test_targets('st_merge', '-infinity', 'infinity');
SELECT dataops.add_check('st_merge', 'st.item', 'not_null(id)');
SELECT step, outcome, rows_in, rows_out, quarantined, error FROM dataops._test_targets('st_merge', '-infinity', 'infinity');
SELECT check_name, rule, "row", record, page, ordinal FROM dataops.quarantine WHERE pipeline = 'st_merge';
-- one key twice where no row is the last
SELECT dataops.create_pipeline('st_twice');
SELECT dataops.add_model('st_twice', 'st.twice', $$SELECT record->>'a' AS a, (record->>'id')::int AS id FROM dataops.records('st_feed') WHERE (record->>'id')::int < 3 GROUP BY 1, 2$$, strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_out, error, hint FROM dataops._test_targets('st_twice', '-infinity', 'infinity');
-- only key columns
SELECT dataops.create_pipeline('st_keys');
SELECT dataops.add_model('st_keys', 'st.keys', $$SELECT DISTINCT (record->>'id')::int AS id FROM dataops.records('st_feed') WHERE record->>'id' IS NOT NULL$$, strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_keys', '-infinity', 'infinity');
SELECT array_agg(id ORDER BY id) FROM st.keys;

-- table: identity, grants, views, indexes, defaults and generated columns stay; the storage is new
CREATE TABLE st.src (id int, v numeric);
INSERT INTO st.src VALUES (1, 10), (2, 20);
CREATE TABLE st.full (v numeric, id int PRIMARY KEY, double numeric GENERATED ALWAYS AS (v * 2) STORED, note text DEFAULT 'none', CHECK (v < 1000));
CREATE INDEX ON st.full (v);
CREATE VIEW st.full_view AS SELECT id, double FROM st.full;
CREATE ROLE st_reader;
GRANT SELECT ON st.full TO st_reader;
SELECT dataops.create_pipeline('st_table');
SELECT dataops.add_model('st_table', 'st.full', 'SELECT id, v FROM st.src', checks => '{"count(*) > 0", "v >= 0"}');
SELECT 'st.full'::regclass::oid AS oid, pg_relation_filenode('st.full') AS node \gset
SELECT step, outcome, rows_in, rows_out, quarantined, error FROM dataops._test_targets('st_table', '-infinity', 'infinity');
SELECT * FROM st.full ORDER BY id;
SELECT 'st.full'::regclass::oid = :oid AS same_oid, pg_relation_filenode('st.full') <> :node AS new_storage, has_table_privilege('st_reader', 'st.full', 'SELECT') AS granted,
       (SELECT count(*) FROM st.full_view) AS view_rows, (SELECT count(*) FROM pg_index WHERE indrelid = 'st.full'::regclass AND indisvalid) AS indexes,
       (SELECT count(*) FROM pg_class WHERE relname ~ '^dataops_[0-9a-f]{12}') AS left_over;
-- the query of a table that is built anew may run in parallel: with a function that tells the process, and says that it may
CREATE FUNCTION st.process() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$BEGIN RETURN pg_backend_pid(); END$$;
SELECT dataops.create_pipeline('st_parallel');
SELECT dataops.add_model('st_parallel', 'st.parallel', $$SELECT id, v, CASE WHEN id = 1 THEN repeat('long ', 100000) END AS text, timestamptz '2026-01-01' + id * interval '1 day' AS at, st.process() AS process FROM st.src$$, time_column => 'at');
CREATE INDEX ON st.parallel (id);
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('st_parallel', '-infinity', 'infinity');
SELECT count(set_config(name, 'off', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT id, v, length(text), at, process <> pg_backend_pid() AS elsewhere FROM st.parallel ORDER BY id;
SELECT changed_from, changed_to FROM dataops.step_run WHERE step = 'st.parallel';
-- a bad row is set aside, a broken constraint leaves all as it was
INSERT INTO st.src VALUES (3, -1);
SELECT step, outcome, rows_in, rows_out, quarantined, error FROM dataops._test_targets('st_table', '-infinity', 'infinity');
SELECT array_agg(id ORDER BY id) FROM st.full;
INSERT INTO st.src VALUES (2, 5);
SELECT step, outcome, error, hint FROM dataops._test_targets('st_table', '-infinity', 'infinity');
UPDATE st.src SET v = 5000 WHERE v = 5;
SELECT step, outcome, error LIKE '%full_v_check%' AS named FROM dataops._test_targets('st_table', '-infinity', 'infinity');
DELETE FROM st.src WHERE id = 2;
SELECT array_agg(id ORDER BY id) FROM st.full;
-- empty input: the table rule stops it, the old rows stay
TRUNCATE st.src;
SELECT step, outcome, error FROM dataops._test_targets('st_table', '-infinity', 'infinity');
SELECT array_agg(id ORDER BY id) FROM st.full;
-- what cannot be swapped is replaced row by row: triggers fire, foreign keys hold
INSERT INTO st.src VALUES (7, 70);
CREATE FUNCTION st.stamp() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := 'by trigger'; RETURN NEW; END$$;
CREATE TRIGGER stamp BEFORE INSERT ON st.full FOR EACH ROW EXECUTE FUNCTION st.stamp();
SELECT pg_relation_filenode('st.full') AS node \gset
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_table', '-infinity', 'infinity');
SELECT *, pg_relation_filenode('st.full') = :node AS same_storage FROM st.full;
DROP TRIGGER stamp ON st.full;
ALTER TABLE st.full ADD COLUMN gone int;
ALTER TABLE st.full DROP COLUMN gone;
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_table', '-infinity', 'infinity');
SELECT *, pg_relation_filenode('st.full') = :node AS same_storage FROM st.full;
-- a model that reads its own target
SELECT dataops.create_pipeline('st_self');
SELECT dataops.add_model('st_self', 'st.counted', 'SELECT 1 AS n');
SELECT dataops.alter_model('st_self', 'st.counted', 'SELECT (coalesce(max(n), 0) + 1)::int AS n FROM st.counted');
SELECT outcome, rows_out, error FROM dataops._test_targets('st_self', '-infinity', 'infinity');
SELECT outcome, rows_out, error FROM dataops._test_targets('st_self', '-infinity', 'infinity');
SELECT * FROM st.counted;

-- a model that fails says where, and writes nothing
SELECT dataops.create_pipeline('st_fail');
SELECT dataops.add_model('st_fail', 'st.fails', 'SELECT id, 1 / (id - 7) AS x FROM st.src');
SELECT outcome, rows_out, error FROM dataops._test_targets('st_fail', '-infinity', 'infinity');
-- and on which record, if it is one: in what an incremental model takes in, or in all that landed
SELECT dataops.create_pipeline('st_culprit');
SELECT dataops.add_model('st_culprit', 'st.culprit', $$SELECT (record->>'id')::int AS id FROM dataops.records('st_feed')$$, strategy => 'append');
SELECT dataops.add_model('st_culprit', 'st.culprit_all', $$SELECT sum((record->>'id')::int) AS ids FROM dataops.records('st_feed')$$);
SELECT dataops.add_check('st_culprit', 'st.culprit_all', '10 / (ids - ids) > 0', name => 'divides', on_fail => 'quarantine');
SELECT dataops._test_land('st_feed', 20, '{"id": 100}', '{"id": 101}', '{"id": 102}'), dataops._test_land('st_feed', 21, '{"id": 103}', '{"id": "oops", "text": "a\tb"}', '{"id": 104}'), dataops._test_land('st_feed', 22, '{"id": 105}');
SELECT step, outcome, rows_out, regexp_replace(error, '[0-9a-f-]{36}', 'BATCH') AS error, hint FROM dataops._test_targets('st_culprit', '-infinity', 'infinity');
DELETE FROM raw.st_feed WHERE record->>'id' = 'oops';
SELECT step, outcome, rows_out, regexp_replace(error, '[0-9a-f-]{36}', 'BATCH') AS error FROM dataops._test_targets('st_culprit', '-infinity', 'infinity');
-- rights are the owner's, temporary tables are out of reach
CREATE FUNCTION st.temper() RETURNS int LANGUAGE plpgsql AS $$BEGIN CREATE TEMP TABLE zz (i int); RETURN 1; END$$;
SELECT dataops.alter_model('st_fail', 'st.fails', 'SELECT 1 AS id, st.temper() AS x');
SELECT outcome, error FROM dataops._test_targets('st_fail', '-infinity', 'infinity');

-- view
SELECT dataops.create_pipeline('st_view');
SELECT dataops.add_model('st_view', 'st.seen', 'SELECT id, v FROM st.src', strategy => 'view', checks => '{"v > 100"}');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_view', '-infinity', 'infinity');

-- commands
SELECT dataops.create_pipeline('st_sql');
SELECT dataops.add_sql('st_sql', 'fill', 'INSERT INTO st.src VALUES (8, 80); UPDATE st.src SET v = v + 1');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_sql', '-infinity', 'infinity');
SELECT dataops.add_sql('st_sql', 'fill', 'INSERT INTO st.src VALUES (9, 90); SELECT 1/0');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_sql', '-infinity', 'infinity');
SELECT dataops.add_sql('st_sql', 'fill', 'DO $do$ BEGIN COMMIT; END $do$');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('st_sql', '-infinity', 'infinity');
SELECT * FROM st.src ORDER BY id;

-- replay: what was set aside, through the rules and the model as they are now, behind what came since
SELECT dataops.create_pipeline('st_replay');
SELECT dataops.add_model('st_replay', 'st.replay', $$SELECT (record->>'id')::int AS id, (record->>'n')::int AS n, (record->>'t')::timestamptz AS t FROM dataops.records('st_feed')$$,
    strategy => 'merge', key => '{id}', checks => '{"not_null(id)"}');
SELECT dataops.add_check('st_replay', 'st.replay', 'n < 10', name => 'small');
DELETE FROM raw.st_feed;
SELECT dataops._test_land('st_feed', 11, '{"id": 1, "n": 1}', '{"id": 2, "n": 20, "t": "2025-01-02 00:00+00"}', '{"id": 3, "n": 30, "t": "2025-01-03 00:00+00"}', '{"id": 4, "n": 400}');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('st_replay', '-infinity', 'infinity');
SELECT dataops._test_land('st_feed', 12, '{"id": 3, "n": 3}');
SELECT outcome, rows_out, quarantined, error FROM dataops._test_targets('st_replay', '-infinity', 'infinity');
SELECT dataops.replay_quarantine('st_replay', 'st.replay');
SELECT dataops.add_check('st_replay', 'st.replay', 'n < 100', name => 'small');
SELECT dataops.replay_quarantine('st_replay', 'st.replay', to_ts => '2025-01-01');
SELECT dataops.replay_quarantine('st_replay', 'st.replay');
SELECT id, n FROM st.replay ORDER BY id;
SELECT "row"->>'id' AS id, state, replayed_by IS NOT NULL AS by_run FROM dataops.quarantine WHERE pipeline = 'st_replay' ORDER BY 1, 2;
SELECT state, rows_in, rows_out, rows_quarantined, changed_from, changed_to FROM dataops.step_run WHERE step = 'st.replay' ORDER BY id DESC LIMIT 1;
SELECT dataops.replay_quarantine('st_table', 'st.full');
SELECT dataops.replay_quarantine('st_replay', 'st.repla');
