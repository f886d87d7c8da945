-- A merge has two ways, MERGE and INSERT … ON CONFLICT: both leave the same rows.  Which of them was taken is seen by
-- xmax: ON CONFLICT locks each row that is there, MERGE leaves alone what stays the same.  A target with a trigger is
-- always written by ON CONFLICT.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA mg;
CREATE TABLE raw.mg_feed (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('mg_feed', '{}');
CREATE FUNCTION mg.ignore() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
-- records first to last: keys of two columns, values that are null, equal numbers of other scales, a type without equality
CREATE FUNCTION mg.land(batch int, first int, last int, version int) RETURNS void LANGUAGE sql AS $$
    SELECT dataops._test_land('mg_feed', batch, VARIADIC array_agg(
        jsonb_build_object('id', n, 'part', 'p' || n % 3, 'v', CASE WHEN n % 7 > 0 THEN version * (n % 5) END,
                           'amount', CASE version WHEN 1 THEN '1.5' ELSE '1.50' END, 'tags', jsonb_build_array(n % 2, version))
        ORDER BY n))
    FROM generate_series(first, last) AS n
$$;
\set model 'SELECT (record->>''id'')::int AS id, record->>''part'' AS part, (record->>''v'')::int AS v, (record->>''amount'')::numeric AS amount, (record->''tags'')::json AS tags FROM dataops.records(''mg_feed'')'
SELECT dataops.create_pipeline('mg');
SELECT dataops.add_model('mg', 'mg.fast', :'model', strategy => 'merge', key => '{id,part}');
SELECT dataops.add_model('mg', 'mg.slow', :'model', strategy => 'merge', key => '{id,part}');
CREATE TRIGGER ignore AFTER INSERT ON mg.slow EXECUTE FUNCTION mg.ignore();
CREATE FUNCTION mg.look() RETURNS TABLE (relation text, "rows" bigint, locked bigint, differ bigint) LANGUAGE sql AS $$
    SELECT 'fast', count(*), count(*) FILTER (WHERE xmax <> 0),
           (SELECT count(*) FROM (SELECT id, part, v, amount::text, tags::text FROM mg.fast EXCEPT ALL SELECT id, part, v, amount::text, tags::text FROM mg.slow) d) FROM mg.fast
    UNION ALL SELECT 'slow', count(*), count(*) FILTER (WHERE xmax <> 0),
           (SELECT count(*) FROM (SELECT id, part, v, amount::text, tags::text FROM mg.slow EXCEPT ALL SELECT id, part, v, amount::text, tags::text FROM mg.fast) d) FROM mg.slow
$$;

-- into an empty table; keys that come twice within what comes
SELECT mg.land(1, 1, 11000, 1), mg.land(2, 10001, 12000, 1);
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('mg', '-infinity', 'infinity');
SELECT * FROM mg.look();
-- the same once more: nothing is written, and by MERGE not even locked
UPDATE mg.fast SET created_at = '2020-01-01', updated_at = '2020-01-01';
UPDATE mg.slow SET created_at = '2020-01-01', updated_at = '2020-01-01';
SELECT mg.land(3, 1, 12000, 1);
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('mg', '-infinity', 'infinity');
SELECT * FROM mg.look();
-- some as they were, some changed, some new
SELECT mg.land(4, 3001, 9000, 1), mg.land(5, 9001, 15000, 2);
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('mg', '-infinity', 'infinity');
SELECT relation, rows, differ FROM mg.look();
SELECT count(*), count(*) FILTER (WHERE created_at > '2020-01-01') AS created, count(*) FILTER (WHERE updated_at > '2020-01-01') AS updated FROM mg.fast;
SELECT count(*), count(*) FILTER (WHERE created_at > '2020-01-01') AS created, count(*) FILTER (WHERE updated_at > '2020-01-01') AS updated FROM mg.slow;
-- few rows, and not so few beside a table that is much larger: by ON CONFLICT
VACUUM FULL mg.fast, mg.slow;
SELECT mg.land(6, 1, 100, 1);
SELECT step, outcome, rows_in, rows_out FROM dataops._test_targets('mg', '-infinity', 'infinity');
SELECT * FROM mg.look() WHERE relation = 'fast';
INSERT INTO mg.fast (id, part) SELECT -n, '' FROM generate_series(1, 120000) AS n;
VACUUM (FULL, ANALYZE) mg.fast;
SELECT mg.land(7, 1, 11000, 1);
SELECT outcome, rows_in, rows_out FROM dataops._test_targets('mg', '-infinity', 'infinity') WHERE step = 'mg.fast';
SELECT count(*) FILTER (WHERE xmax <> 0) AS locked FROM mg.fast;

-- rows that are not from records; the table's types are not the query's: what is stored is compared, by ON CONFLICT
CREATE TABLE mg.input (id int, code text, price numeric);
INSERT INTO mg.input SELECT n, 'c' || n, n + 0.125 FROM generate_series(1, 12000) AS n;
CREATE TABLE mg.typed (id bigint PRIMARY KEY, code varchar(10), price numeric(10,2), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
SELECT dataops.create_pipeline('mg_typed');
SELECT dataops.add_model('mg_typed', 'mg.typed', 'SELECT * FROM mg.input', strategy => 'merge', key => '{id}');
SELECT dataops.add_model('mg_typed', 'mg.untyped', 'SELECT * FROM mg.input', strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_typed', '-infinity', 'infinity');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_typed', '-infinity', 'infinity');
SELECT 'typed', count(*), count(*) FILTER (WHERE xmax <> 0) AS locked, min(price) FROM mg.typed
UNION ALL SELECT 'untyped', count(*), count(*) FILTER (WHERE xmax <> 0), min(price) FROM mg.untyped;
-- a second unique index is broken either way, and nothing is written
CREATE UNIQUE INDEX ON mg.untyped (code);
INSERT INTO mg.input VALUES (20000, 'c1', 0);
SELECT step, outcome, regexp_replace(error, ' \(.*', '') AS error FROM dataops._test_targets('mg_typed', '-infinity', 'infinity') WHERE step = 'mg.untyped';
SELECT count(*) FROM mg.untyped;
DELETE FROM mg.input WHERE id = 20000;
-- a key that comes twice after it was stored: 1.001 and 1.002 are both 1.00
SELECT dataops.create_pipeline('mg_rounded');
CREATE TABLE mg.rounded (price numeric(10,2) PRIMARY KEY, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
SELECT dataops.add_model('mg_rounded', 'mg.rounded', 'SELECT id / 1000.0 AS price FROM mg.input', strategy => 'merge', key => '{price}');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_rounded', '-infinity', 'infinity');
-- a constraint that an inserted row does not meet is broken either way, also by a row that updates one
SELECT dataops.create_pipeline('mg_made');
SELECT dataops.add_model('mg_made', 'mg.made', 'SELECT id, code, timestamptz ''2026-01-01'' AS created_at FROM mg.input', strategy => 'merge', key => '{id}');
ALTER TABLE mg.made ALTER created_at SET NOT NULL;
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_made', '-infinity', 'infinity');
SELECT dataops.alter_model('mg_made', 'mg.made', 'SELECT id, upper(code) AS code, NULL::timestamptz AS created_at FROM mg.input');
SELECT step, outcome, rows_out, regexp_replace(error, ' \(.*', '') AS error FROM dataops._test_targets('mg_made', '-infinity', 'infinity');
-- nothing but the key
SELECT dataops.create_pipeline('mg_key');
SELECT dataops.add_model('mg_key', 'mg.key', 'SELECT id FROM mg.input', strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_key', '-infinity', 'infinity');
UPDATE mg.key SET updated_at = '2020-01-01';
INSERT INTO mg.input VALUES (20000, 'new', 0);
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_key', '-infinity', 'infinity');
SELECT count(*), count(*) FILTER (WHERE xmax <> 0) AS locked, count(*) FILTER (WHERE updated_at > '2020-01-01') AS updated FROM mg.key;

-- the range of the rows that were written is noted for those who read them, whatever way they went
SELECT dataops.create_pipeline('mg_time');
SELECT dataops.add_model('mg_time', 'mg.timed', $$SELECT id, timestamptz '2026-01-01' + id * interval '1 minute' AS at, code FROM mg.input WHERE id <= 12000$$, strategy => 'merge', key => '{id}', time_column => 'at');
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_time', '-infinity', 'infinity');
UPDATE mg.input SET code = 'changed' WHERE id = 30;
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_time', '-infinity', 'infinity');
-- and of where rows were, when their time changes
SELECT dataops.alter_model('mg_time', 'mg.timed', $$SELECT id, timestamptz '2026-01-01' + CASE id WHEN 40 THEN 50 ELSE id END * interval '1 minute' AS at, code FROM mg.input WHERE id <= 12000$$);
SELECT step, outcome, rows_out, error FROM dataops._test_targets('mg_time', '-infinity', 'infinity');
SELECT rows_out, changed_from, changed_to FROM dataops.step_run WHERE step = 'mg.timed' ORDER BY id;

-- a query that joins by hashes keeps its joins: by ON CONFLICT
CREATE TABLE mg.part (part text, name text);
INSERT INTO mg.part SELECT 'p' || n, 'part ' || n FROM generate_series(0, 2) AS n;
ANALYZE mg.part;
SELECT dataops.create_pipeline('mg_joined');
SELECT dataops.add_model('mg_joined', 'mg.joined', $$SELECT (record->>'id')::int AS id, name FROM dataops.records('mg_feed') JOIN mg.part ON part = record->>'part'$$, strategy => 'merge', key => '{id}');
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('mg_joined', '-infinity', 'infinity');
SELECT mg.land(8, 1, 12000, 1);
SELECT step, outcome, rows_in, rows_out, error FROM dataops._test_targets('mg_joined', '-infinity', 'infinity');
SELECT count(*), count(*) FILTER (WHERE xmax <> 0) AS locked FROM mg.joined;

-- what comes late from the quarantine does not replace what changed since
SELECT dataops.create_pipeline('mg_replay');
SELECT dataops.add_model('mg_replay', 'mg.replay', $$SELECT (record->>'id')::int AS id, (record->>'v')::int AS v FROM dataops.records('mg_feed')$$, strategy => 'merge', key => '{id}');
SELECT dataops.add_check('mg_replay', 'mg.replay', 'id < 0', name => 'none');
DELETE FROM raw.mg_feed;
SELECT mg.land(9, 1, 12000, 2);
SELECT step, outcome, rows_out, quarantined, error FROM dataops._test_targets('mg_replay', '-infinity', 'infinity');
INSERT INTO mg.replay (id, v) VALUES (1, 100), (2, 100), (3, 100);
UPDATE mg.replay SET updated_at = '2020-01-01' WHERE id = 3;
SELECT dataops.add_check('mg_replay', 'mg.replay', 'id > 0', name => 'none');
SELECT dataops.replay_quarantine('mg_replay', 'mg.replay');
SELECT count(*), count(*) FILTER (WHERE v = 100) AS kept FROM mg.replay;

SET client_min_messages = error;
SELECT count(dataops.drop_pipeline(name)) FROM unnest('{mg,mg_typed,mg_rounded,mg_made,mg_key,mg_time,mg_joined,mg_replay}'::text[]) AS name;
DROP SCHEMA mg CASCADE;
DROP TABLE raw.mg_feed;
