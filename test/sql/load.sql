-- Loads into a warehouse in schemas of this database: modes, changed rows, checks, columns, rights.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA ld;
CREATE SERVER ld_wh FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'ld_prod');
CREATE SERVER ld_two FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'ld_prod2', staging_schema 'ld_stage2');
CREATE TABLE ld.item (id int PRIMARY KEY, v numeric(10,2), note text COLLATE "C", big text GENERATED ALWAYS AS (upper(note)) STORED);
COMMENT ON TABLE ld.item IS 'Things';
COMMENT ON COLUMN ld.item.v IS 'What they cost';
INSERT INTO ld.item (id, v, note) VALUES (1, 1.5, 'a'), (2, 2.25, NULL), (3, NULL, 'c');
CREATE FUNCTION ld.look() RETURNS TABLE (step text, outcome text, rows_in bigint, rows_out bigint, error text)
LANGUAGE sql AS $$
    SELECT DISTINCT ON (s.step) s.step, s.state, s.rows_in, s.rows_out, coalesce(s.error, CASE s.state WHEN 'skipped' THEN s.hint END)
    FROM dataops.step_runs s WHERE s.run_id = (SELECT run_id FROM dataops.runs ORDER BY run_id DESC LIMIT 1) ORDER BY s.step, s.attempt DESC
$$;

-- merge: all rows first, then only what changed
SELECT dataops.create_pipeline('ld_merge');
SELECT dataops.add_load('ld_merge', 'ld.item', 'ld_wh', key => '{id}');
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
SELECT id, v, note, big, created_at = updated_at AS once FROM ld_prod.item ORDER BY id;

SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, col_description(attrelid, attnum) AS comment
FROM pg_attribute WHERE attrelid = 'ld_prod.item'::regclass AND attnum > 0 ORDER BY attnum;
SELECT obj_description('ld_prod.item'::regclass, 'pg_class') AS comment, pg_get_indexdef(indexrelid) AS index
FROM pg_index WHERE indrelid = 'ld_prod.item'::regclass;
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
UPDATE ld_prod.item SET created_at = '2020-01-01', updated_at = '2020-01-01';
UPDATE ld.item SET v = 7 WHERE id = 2;
UPDATE ld.item SET v = v WHERE id = 3;
INSERT INTO ld.item (id, v, note) VALUES (4, 4, 'd');
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
SELECT id, v, note, created_at > '2020-01-01' AS new, updated_at > '2020-01-01' AS touched FROM ld_prod.item ORDER BY id;
SELECT state, mode, target, rows, expected, error, snapshot IS NOT NULL AS tracked FROM dataops.load WHERE pipeline = 'ld_merge' ORDER BY id;
-- a row that a rolled back transaction wrote does not come; one that is gone stays there, as matches() would tell
BEGIN;
UPDATE ld.item SET v = 100;
ROLLBACK;
DELETE FROM ld.item WHERE id = 4;
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();

-- a new column is filled for all rows of a merge, as old ones have it too
ALTER TABLE ld.item ADD COLUMN grade int DEFAULT 5;
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
SELECT id, v, grade FROM ld_prod.item ORDER BY id;
-- another type is refused
ALTER TABLE ld.item ALTER COLUMN grade TYPE bigint;
\set ON_ERROR_STOP 0
\set VERBOSITY terse
CALL dataops.run('ld_merge');
\set VERBOSITY default
SELECT * FROM ld.look();
SELECT hint FROM dataops.failures WHERE pipeline = 'ld_merge';
ALTER TABLE ld_prod.item ALTER COLUMN grade TYPE bigint;
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
-- so is a column that must have a value and has none
ALTER TABLE ld_prod.item ADD COLUMN owed int NOT NULL DEFAULT 1;
ALTER TABLE ld_prod.item ALTER COLUMN owed DROP DEFAULT;
UPDATE ld.item SET v = 8 WHERE id = 2;
\set VERBOSITY terse
CALL dataops.run('ld_merge');
\set VERBOSITY default
SELECT error FROM ld.look();
ALTER TABLE ld_prod.item DROP COLUMN owed;
-- a table that somebody dropped is made and filled anew
DROP TABLE ld_prod.item;
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
SELECT id, v, grade FROM ld_prod.item ORDER BY id;

-- append: what changed comes again as a new row
SELECT dataops.create_pipeline('ld_append');
CREATE TABLE ld.log (id int, at timestamptz DEFAULT '2026-01-01');
INSERT INTO ld.log VALUES (1), (2);
SELECT dataops.add_load('ld_append', 'ld.log', 'ld_wh', mode => 'append');
CALL dataops.run('ld_append');
CALL dataops.run('ld_append');
SELECT * FROM ld.look();
INSERT INTO ld.log VALUES (3);
UPDATE ld.log SET id = 20 WHERE id = 2;
CALL dataops.run('ld_append');
SELECT * FROM ld.look();
SELECT id FROM ld_prod.log ORDER BY id;
-- rows that came into the relation by a load before the definition changed are known
SELECT dataops.add_load('ld_append', 'ld.log', 'ld_wh', mode => 'truncate');
CALL dataops.run('ld_append');
SELECT id FROM ld_prod.log ORDER BY id;
SELECT dataops.add_load('ld_append', 'ld.log', 'ld_wh', mode => 'append');
INSERT INTO ld.log VALUES (4);
CALL dataops.run('ld_append');
SELECT id FROM ld_prod.log ORDER BY id;
-- in a copy of the database nobody knows which rows were appended
\c - postgres
UPDATE dataops.load SET installation = '00000000-0000-7000-8000-000000000000' WHERE pipeline IN ('ld_append', 'ld_merge');
\c - app
SET TimeZone = 'UTC';
SET client_min_messages = warning;
INSERT INTO ld.log VALUES (5);
\set VERBOSITY terse
CALL dataops.run('ld_append');
\set VERBOSITY default
SELECT error FROM ld.look();
CALL dataops.run('ld_merge');
SELECT * FROM ld.look();
SELECT dataops.add_load('ld_append', 'ld.log', 'ld_wh', mode => 'truncate');
CALL dataops.run('ld_append');
SELECT dataops.add_load('ld_append', 'ld.log', 'ld_wh', mode => 'append');
INSERT INTO ld.log VALUES (6);
CALL dataops.run('ld_append');
SELECT id FROM ld_prod.log ORDER BY id;

-- truncate: from a view, all rows each time, none if there are none
CREATE VIEW ld.dear AS SELECT id, v FROM ld.item WHERE v > 2;
SELECT dataops.create_pipeline('ld_truncate');
SELECT dataops.add_load('ld_truncate', 'ld.dear', 'ld_wh', checks => '{"matches(sum(v), max(id))", "v > 0", "count(*) < 4"}');
CALL dataops.run('ld_truncate');
SELECT * FROM ld.look();
SELECT check_name, rule, on_fail, state, rows_in, rows_failed, value, message FROM dataops.check_results WHERE pipeline = 'ld_truncate' ORDER BY check_name;
SELECT expected FROM dataops.load WHERE pipeline = 'ld_truncate';
UPDATE ld.item SET v = 0;
CALL dataops.run('ld_truncate');
SELECT * FROM ld.look();
SELECT * FROM ld_prod.dear;
UPDATE ld.item SET v = id * 10;
CALL dataops.run('ld_truncate');
SELECT * FROM ld.look();

-- a check that stops leaves production as it was
INSERT INTO ld.item (id, v) VALUES (5, 50), (6, -1);
\set VERBOSITY terse
CALL dataops.run('ld_truncate');
\set VERBOSITY default
SELECT * FROM ld.look();
SELECT check_name, state, message FROM dataops.check_results WHERE run_id = (SELECT max(run_id::text)::uuid FROM dataops.runs) ORDER BY check_name;
SELECT * FROM ld_prod.dear ORDER BY id;
SELECT dataops.accept_check(run_id, 'count_lt_4', 'as an exception') FROM dataops.runs ORDER BY run_id DESC LIMIT 1;
SELECT run_id AS run FROM dataops.runs ORDER BY run_id DESC LIMIT 1 \gset
SELECT dataops.retry(:'run') = :'run' AS again;
CALL dataops.wait(:'run', '30 s');
SELECT * FROM ld.look();
SELECT count(*) FROM ld_prod.dear;

-- rows that a trigger of the warehouse swallows, and values that it changes
CREATE FUNCTION ld_prod.swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = 2 THEN RETURN NULL; END IF;
    IF NEW.id = 3 THEN NEW.v := NEW.v + 1; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER swallow BEFORE INSERT ON ld_prod.dear FOR EACH ROW EXECUTE FUNCTION ld_prod.swallow();
SELECT dataops.drop_check('ld_truncate', 'count_lt_4');
\set VERBOSITY terse
CALL dataops.run('ld_truncate');
\set VERBOSITY default
SELECT error FROM ld.look();
DELETE FROM ld.item WHERE id = 2;
\set VERBOSITY terse
CALL dataops.run('ld_truncate');
\set VERBOSITY default
SELECT error FROM ld.look();
DROP TRIGGER swallow ON ld_prod.dear;
-- the same for a merge
CREATE TRIGGER swallow BEFORE INSERT ON ld_prod.item FOR EACH ROW EXECUTE FUNCTION ld_prod.swallow();
INSERT INTO ld.item (id, v) VALUES (2, 20);
DELETE FROM ld_prod.item WHERE id = 2;
\set VERBOSITY terse
CALL dataops.run('ld_merge');
\set VERBOSITY default
SELECT error FROM ld.look();
DROP TRIGGER swallow ON ld_prod.item;

-- two sides: published later, by a promotion
SELECT dataops.create_pipeline('ld_later');
SELECT dataops.add_load('ld_later', 'ld.item', 'ld_two', key => '{id}', publish => false, checks => '{"matches(sum(v))"}');
SELECT dataops.add_promote('ld_later', 'ld.item', 'ld_two');
SELECT step, kind, after FROM dataops.plan('ld_later') ORDER BY step;
CALL dataops.run('ld_later', steps => '{ld.item@ld_two}');
SELECT (SELECT count(*) FROM ld_stage2.item) AS staged, (SELECT count(*) FROM ld_prod2.item) AS published, state FROM dataops.load WHERE pipeline = 'ld_later';
CALL dataops.run('ld_later');
SELECT * FROM ld.look();
SELECT (SELECT count(*) FROM ld_stage2.item) AS staged, (SELECT count(*) FROM ld_prod2.item) AS published, state FROM dataops.load WHERE pipeline = 'ld_later';
CALL dataops.run('ld_later');
SELECT * FROM ld.look();
UPDATE ld.item SET v = 1 WHERE id = 5;
DELETE FROM ld_stage2.item WHERE id = 6;
DELETE FROM ld.item WHERE id = 6;
CALL dataops.run('ld_later');
SELECT * FROM ld.look();
SELECT id, v FROM ld_prod2.item ORDER BY id;
-- and at once, of a table without a key
SELECT dataops.add_load('ld_later', 'ld.log', 'ld_two', mode => 'append', name => 'log');
CALL dataops.run('ld_later');
INSERT INTO ld.log VALUES (7);
CALL dataops.run('ld_later');
SELECT * FROM ld.look();
SELECT string_agg(id::text, ' ' ORDER BY id) FROM ld_prod2.log;

-- definitions that cannot be
SELECT dataops.create_pipeline('ld_bad');
CREATE SERVER ld_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_api');
CREATE SERVER ld_files FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_files');
SELECT dataops.add_promote('ld_bad', 'ld.item', 'ld_files');
SELECT dataops.add_promote('ld_bad', 'ld.item', 'ld_nothing');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wj');
SELECT dataops.add_load('ld_bad', 'ld.none', 'ld_wh');
SELECT dataops.add_load('ld_bad', 'item', 'ld_wh');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', key => '{ident}');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', mode => 'merge');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', mode => 'upsert');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', mode => 'append', key => '{id}');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', rows => 'changed');
SELECT dataops.add_load('ld_bad', 'ld.dear', 'ld_wh', key => '{id}');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', publish => false);
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', stage => 'somewhere_unheard_of');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', partition_by => 'v');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', checks => '{matches(v)}');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', checks => '{"matches()"}');
SELECT dataops.add_check('ld_bad', 'ld.item@ld_wh', 'count(*) > 0');
SELECT dataops.add_check('ld_bad', 'ld.item', 'matches(sum(v))');
SELECT dataops.add_promote('ld_bad', 'ld.item', 'ld_wh');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh', name => 'again');
SELECT dataops.add_promote('ld_bad', 'ld.item', 'ld_wh');
SELECT dataops.add_check('ld_bad', 'ld.item@ld_wh', 'matches(summ(v))');
SELECT dataops.add_check('ld_bad', 'ld.item@ld_wh', 'matches(count(*), sum(CASE WHEN note = '',)'' THEN v END), string_agg(note, '','' ORDER BY id))', name => 'all');
CALL dataops.run('ld_bad');
SELECT message FROM dataops.check_results WHERE pipeline = 'ld_bad' AND check_name = 'all';
-- the checks of a load go with it
SELECT dataops.drop_step('ld_bad', 'ld.item@ld_wh');
SELECT dataops.add_load('ld_bad', 'ld.item', 'ld_wh');
SELECT count(*) FROM dataops.deployment WHERE kind = 'check' AND pipeline = 'ld_bad';
CREATE SERVER ld_same FOREIGN DATA WRAPPER dataops_postgres OPTIONS (staging_schema 's');

-- the owner's rights count, of the server, of the relation and of the schema
CREATE ROLE ld_other LOGIN;
GRANT ld_other TO app;
GRANT USAGE ON SCHEMA ld TO ld_other;
SET ROLE ld_other;
SELECT dataops.create_pipeline('ld_mine');
RESET ROLE;
SELECT dataops.grant_role('ld_other', 'developer') IS NOT NULL AS granted;
SET ROLE ld_other;
SELECT dataops.create_pipeline('ld_mine');
SELECT dataops.add_load('ld_mine', 'ld.log', 'ld_wh', mode => 'append');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER ld_wh TO ld_other;
SET ROLE ld_other;
SELECT dataops.add_load('ld_mine', 'ld.log', 'ld_wh', mode => 'append');
RESET ROLE;
GRANT SELECT ON ld.log TO ld_other;
SET ROLE ld_other;
SELECT dataops.add_load('ld_mine', 'ld.log', 'ld_wh', mode => 'append');
\set VERBOSITY terse
CALL dataops.run('ld_mine');
RESET ROLE;
GRANT USAGE ON SCHEMA ld_prod TO ld_other;
SET ROLE ld_other;
CALL dataops.run('ld_mine');
RESET ROLE;
GRANT SELECT, INSERT ON ld_prod.log TO ld_other;
SET ROLE ld_other;
CALL dataops.run('ld_mine');
RESET ROLE;
SELECT count(*) > 7 AS more FROM ld_prod.log;
INSERT INTO ld.log VALUES (8);
SET ROLE ld_other;
CALL dataops.run('ld_mine');
RESET ROLE;
-- loads are seen by those who see the pipeline
SELECT pipeline, step, state, rows_in, rows_out, mode, error FROM dataops.loads WHERE pipeline = 'ld_mine';
SET ROLE ld_other;
SELECT DISTINCT pipeline FROM dataops.loads;
RESET ROLE;
