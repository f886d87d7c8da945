-- Loads in unusual circumstances: odd names, empty relations, tables that do not fit or have gone, numbers that are none.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA lu;
CREATE SERVER lu_wh FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'lu_prod');
CREATE SERVER lu_two FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'lu_prod2', staging_schema 'lu_stage2');
CREATE FUNCTION lu.look() RETURNS TABLE (step text, outcome text, rows_in bigint, rows_out bigint, error text)
LANGUAGE sql AS $$
    SELECT DISTINCT ON (s.step) s.step, s.state, s.rows_in, s.rows_out, coalesce(s.error, CASE s.state WHEN 'skipped' THEN s.hint END)
    FROM dataops.step_runs s WHERE s.run_id = (SELECT run_id FROM dataops.runs ORDER BY run_id DESC LIMIT 1) ORDER BY s.step, s.attempt DESC
$$;

\echo == names with everything in them
CREATE TABLE lu."Odd ""Tab.le" ("Id" int, "sp ace" int, "qu""ote" text, "zürich€" date, "select" int, "dataops target" int, "excluded" int,
    abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk int, PRIMARY KEY ("Id", "sp ace"));
COMMENT ON COLUMN lu."Odd ""Tab.le"."qu""ote" IS 'it''s "quoted"';
INSERT INTO lu."Odd ""Tab.le" VALUES (1, 1, 'a', '2026-01-01', 1, 1, 1, 1), (1, 2, 'b', '2026-01-01', 2, 2, 2, 2);
SELECT dataops.create_pipeline('lu_odd');
SELECT dataops.add_load('lu_odd', 'lu."Odd ""Tab.le"', 'lu_wh', key => '{Id,sp ace}', checks => '{"matches(max(\"qu\"\"ote\"), sum(\"select\"))", "\"sp ace\" > 0"}');
SELECT dataops.add_load('lu_odd', 'lu."Odd ""Tab.le"', 'lu_two', key => '{Id,sp ace}', name => 'odd');
CALL dataops.run('lu_odd');
SELECT * FROM lu.look();
TABLE lu."Odd ""Tab.le" EXCEPT SELECT "Id", "sp ace", "qu""ote", "zürich€", "select", "dataops target", "excluded",
    abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk FROM lu_prod."Odd ""Tab.le";
SELECT col_description('lu_prod."Odd ""Tab.le"'::regclass, 3) AS comment;
UPDATE lu."Odd ""Tab.le" SET "qu""ote" = 'c' WHERE "sp ace" = 2;
CALL dataops.run('lu_odd');
SELECT * FROM lu.look();
SELECT "sp ace", "qu""ote" FROM lu_prod2."Odd ""Tab.le" ORDER BY 1;
SELECT dataops.add_check('lu_odd', 'lu."Odd ""Tab.le"@lu_wh', 'matches(count(*))');
SELECT dataops.add_model('lu_odd', 'lu."Made"', 'SELECT "Id" AS "Id", 1 AS one FROM lu."Odd ""Tab.le"', name => 'made');
SELECT dataops.add_load('lu_odd', 'lu."Made"', 'lu_wh', name => 'made_there');
SELECT step, kind, after FROM dataops.plan('lu_odd') ORDER BY step;
CALL dataops.run('lu_odd');
SELECT * FROM lu.look();
SELECT count(*) FROM lu_prod."Made";

\echo == empty relations, with each mode, before there is anything and after
CREATE TABLE lu.merged (id int PRIMARY KEY, v int);
CREATE TABLE lu.appended (id int, v int);
CREATE TABLE lu.replaced (id int, v int);
SELECT dataops.create_pipeline('lu_empty');
SELECT dataops.add_load('lu_empty', 'lu.merged', 'lu_wh', key => '{id}', checks => '{"matches(count(*), sum(v))"}');
SELECT dataops.add_load('lu_empty', 'lu.appended', 'lu_wh', mode => 'append');
SELECT dataops.add_load('lu_empty', 'lu.replaced', 'lu_wh', checks => '{"matches(count(*), sum(v))"}');
SELECT dataops.add_load('lu_empty', 'lu.merged', 'lu_two', key => '{id}');
SELECT dataops.add_load('lu_empty', 'lu.appended', 'lu_two', mode => 'append');
SELECT dataops.add_load('lu_empty', 'lu.replaced', 'lu_two');
CALL dataops.run('lu_empty');
SELECT * FROM lu.look();
SELECT count(*) FROM pg_class WHERE relnamespace IN ('lu_prod'::regnamespace, 'lu_prod2'::regnamespace, 'lu_stage2'::regnamespace) AND relkind = 'r'
    AND relname IN ('merged', 'appended', 'replaced');
SELECT check_name, state, message FROM dataops.check_results WHERE pipeline = 'lu_empty' ORDER BY step, check_name;
INSERT INTO lu.merged VALUES (1, 1);
INSERT INTO lu.appended VALUES (1, 1);
INSERT INTO lu.replaced VALUES (1, 1);
CALL dataops.run('lu_empty');
SELECT * FROM lu.look();
DELETE FROM lu.merged;
DELETE FROM lu.appended;
DELETE FROM lu.replaced;
CALL dataops.run('lu_empty');
SELECT * FROM lu.look();
SELECT (SELECT count(*) FROM lu_prod.merged) AS merged, (SELECT count(*) FROM lu_prod.appended) AS appended, (SELECT count(*) FROM lu_prod.replaced) AS replaced,
    (SELECT count(*) FROM lu_prod2.merged) AS merged2, (SELECT count(*) FROM lu_prod2.appended) AS appended2, (SELECT count(*) FROM lu_prod2.replaced) AS replaced2;

\echo == a column that was dropped, one that was renamed, a key that was
CREATE TABLE lu.shape (id int PRIMARY KEY, a int, b int);
INSERT INTO lu.shape VALUES (1, 1, 1), (2, 2, 2);
SELECT dataops.create_pipeline('lu_shape');
SELECT dataops.add_load('lu_shape', 'lu.shape', 'lu_wh', key => '{id}');
SELECT dataops.add_load('lu_shape', 'lu.shape', 'lu_two', key => '{id}');
CALL dataops.run('lu_shape');
ALTER TABLE lu.shape DROP COLUMN b;
ALTER TABLE lu.shape RENAME COLUMN a TO c;
UPDATE lu.shape SET c = 20 WHERE id = 2;
INSERT INTO lu.shape VALUES (3, 3);
CALL dataops.run('lu_shape');
SELECT * FROM lu.look();
SELECT id, a, b, c FROM lu_prod.shape ORDER BY id;
SELECT id, a, b, c FROM lu_prod2.shape ORDER BY id;
ALTER TABLE lu.shape RENAME COLUMN id TO ident;
CALL dataops.run('lu_shape');
SELECT step, error FROM lu.look();
SELECT dataops.add_load('lu_shape', 'lu.shape', 'lu_wh', key => '{ident}');
SELECT dataops.add_load('lu_shape', 'lu.shape', 'lu_two', key => '{ident}');
CALL dataops.run('lu_shape');
SELECT step, error FROM lu.look();
SELECT DISTINCT hint FROM dataops.failures WHERE pipeline = 'lu_shape';
ALTER TABLE lu_prod.shape RENAME COLUMN id TO ident;
ALTER TABLE lu_prod2.shape RENAME COLUMN id TO ident;
ALTER TABLE lu_stage2.shape RENAME COLUMN id TO ident;
CALL dataops.run('lu_shape');
SELECT * FROM lu.look();

\echo == tables that do not fit
CREATE TABLE lu.fits (id int PRIMARY KEY, v int, created_at timestamptz DEFAULT '2026-01-01', updated_at timestamptz DEFAULT '2026-01-01');
INSERT INTO lu.fits VALUES (1, 1);
SELECT dataops.create_pipeline('lu_fits');
SELECT dataops.add_load('lu_fits', 'lu.fits', 'lu_wh', key => '{id}');
SELECT dataops.add_load('lu_fits', 'lu.fits', 'lu_two', key => '{id}');
CREATE TABLE lu_prod.fits (id int PRIMARY KEY, v text);
-- a further column of one side alone is its own
CREATE TABLE lu_stage2.fits (id int PRIMARY KEY, v int, note text DEFAULT 'staged');
CREATE TABLE lu_prod2.fits (id int PRIMARY KEY, v int, remark text DEFAULT 'kept', twice int GENERATED ALWAYS AS (v * 2) STORED);
CALL dataops.run('lu_fits');
SELECT step, outcome, error FROM lu.look();
SELECT id, v, remark, twice FROM lu_prod2.fits;
SELECT id, v, note FROM lu_stage2.fits;
SELECT dataops.drop_step('lu_fits', 'lu.fits@lu_two');
DROP TABLE lu_prod.fits;
CREATE TABLE lu_prod.fits (id int PRIMARY KEY, v int, must int NOT NULL);
CALL dataops.run('lu_fits');
SELECT step, outcome, error FROM lu.look();
DROP TABLE lu_prod.fits;
CREATE VIEW lu_prod.fits AS SELECT 1 AS id, 1 AS v;
CALL dataops.run('lu_fits');
SELECT step, outcome, error FROM lu.look();
DROP VIEW lu_prod.fits;
CREATE TABLE lu_prod.fits (id int, v int CHECK (v < 0));
CALL dataops.run('lu_fits');
SELECT step, outcome, error FROM lu.look();
ALTER TABLE lu_prod.fits ADD PRIMARY KEY (id);
CALL dataops.run('lu_fits');
SELECT step, outcome, error FROM lu.look();

\echo == tables that have gone
CREATE TABLE lu.gone (id int PRIMARY KEY, v int);
CREATE TABLE lu.log (id int);
INSERT INTO lu.gone VALUES (1, 1), (2, 2);
INSERT INTO lu.log VALUES (1), (2);
SELECT dataops.create_pipeline('lu_gone');
SELECT dataops.add_load('lu_gone', 'lu.gone', 'lu_two', key => '{id}');
SELECT dataops.add_load('lu_gone', 'lu.log', 'lu_two', mode => 'append');
CALL dataops.run('lu_gone');
UPDATE lu_prod2.gone SET created_at = '2020-01-01', updated_at = '2020-01-01';
ALTER TABLE lu_prod2.gone ADD COLUMN own text DEFAULT 'kept';
DELETE FROM lu.gone WHERE id = 1;
DELETE FROM lu.log WHERE id = 1;
DROP TABLE lu_stage2.gone, lu_stage2.log;
INSERT INTO lu.gone VALUES (3, 3);
INSERT INTO lu.log VALUES (3);
CALL dataops.run('lu_gone');
SELECT * FROM lu.look();
SELECT id, v, created_at = '2020-01-01' AS known FROM lu_prod2.gone ORDER BY id;
SELECT id FROM lu_prod2.log ORDER BY id;
DROP TABLE lu_prod2.gone, lu_prod2.log;
INSERT INTO lu.gone VALUES (4, 4);
INSERT INTO lu.log VALUES (4);
CALL dataops.run('lu_gone');
SELECT * FROM lu.look();
SELECT id, v FROM lu_prod2.gone ORDER BY id;
SELECT id FROM lu_prod2.log ORDER BY id;
DROP TABLE lu_prod2.gone, lu_prod2.log, lu_stage2.gone, lu_stage2.log;
INSERT INTO lu.gone VALUES (5, 5);
INSERT INTO lu.log VALUES (5);
CALL dataops.run('lu_gone');
SELECT * FROM lu.look();
SELECT id, v FROM lu_prod2.gone ORDER BY id;
SELECT id FROM lu_prod2.log ORDER BY id;

-- rows that were not published yet: neither by the promotion, nor lost
CREATE TABLE lu.late (id int);
INSERT INTO lu.late VALUES (1);
SELECT dataops.create_pipeline('lu_late');
SELECT dataops.add_load('lu_late', 'lu.late', 'lu_two', mode => 'append', publish => false);
SELECT dataops.add_promote('lu_late', 'lu.late', 'lu_two');
CALL dataops.run('lu_late');
INSERT INTO lu.late VALUES (2);
CALL dataops.run('lu_late', steps => '{lu.late@lu_two}');
DROP TABLE lu_stage2.late;
CALL dataops.run('lu_late', steps => '{lu.late@lu_two:promote}');
SELECT step, outcome, error FROM lu.look();
SELECT hint FROM dataops.failures WHERE pipeline = 'lu_late';
SELECT id FROM lu_prod2.late ORDER BY id;
INSERT INTO lu.late VALUES (3);
CALL dataops.run('lu_late');
SELECT * FROM lu.look();
SELECT id FROM lu_prod2.late ORDER BY id;
SELECT state, rows FROM dataops.load WHERE pipeline = 'lu_late' ORDER BY id;
-- a column that came between load and promotion waits for the next load, which brings it for all rows
CREATE TABLE lu.wide (id int PRIMARY KEY);
INSERT INTO lu.wide VALUES (1);
SELECT dataops.create_pipeline('lu_wide');
SELECT dataops.add_load('lu_wide', 'lu.wide', 'lu_two', key => '{id}', publish => false);
SELECT dataops.add_promote('lu_wide', 'lu.wide', 'lu_two');
CALL dataops.run('lu_wide', steps => '{lu.wide@lu_two}');
ALTER TABLE lu.wide ADD v int DEFAULT 7;
CALL dataops.run('lu_wide', steps => '{lu.wide@lu_two:promote}');
INSERT INTO lu.wide VALUES (2);
CALL dataops.run('lu_wide');
SELECT id, v FROM lu_prod2.wide ORDER BY id;
-- a table that was there before the first load keeps its rows, but where they are to be replaced
CREATE TABLE lu.before (id int PRIMARY KEY);
INSERT INTO lu.before VALUES (1);
CREATE TABLE lu_prod2.before (id int PRIMARY KEY);
INSERT INTO lu_prod2.before VALUES (100);
SELECT dataops.create_pipeline('lu_before');
SELECT dataops.add_load('lu_before', 'lu.before', 'lu_two', key => '{id}');
CALL dataops.run('lu_before');
SELECT id FROM lu_prod2.before ORDER BY id;
DROP TABLE lu_stage2.before;
SELECT dataops.add_load('lu_before', 'lu.before', 'lu_two');
CALL dataops.run('lu_before');
SELECT id FROM lu_prod2.before ORDER BY id;

\echo == sums that are no numbers
CREATE TABLE lu.sums (id int, n numeric, f float8, i int);
INSERT INTO lu.sums VALUES (1, 'NaN', 'NaN', NULL), (2, 'Infinity', '-Infinity', NULL), (3, 1, 'Infinity', NULL);
SELECT dataops.create_pipeline('lu_sums');
SELECT dataops.add_load('lu_sums', 'lu.sums', 'lu_wh',
    checks => '{"matches(sum(n), max(n), min(n), sum(f), max(f), min(f), sum(i), max(i), bool_or(i > 1), bool_and(id > 0), count(i))"}');
CALL dataops.run('lu_sums');
SELECT step, outcome, error FROM lu.look();
SELECT check_name, state, message FROM dataops.check_results WHERE pipeline = 'lu_sums' ORDER BY check_name;
CREATE FUNCTION lu_prod.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.i := 0; RETURN NEW; END $$;
CREATE TRIGGER other BEFORE INSERT ON lu_prod.sums FOR EACH ROW EXECUTE FUNCTION lu_prod.other();
CALL dataops.run('lu_sums');
SELECT step, outcome, error FROM lu.look();

\echo == a table is not loaded into itself, which would double its rows
CREATE SERVER lu_own FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'lu', staging_schema 'lu_stage2');
CREATE TABLE lu.own (i int);
SELECT dataops.create_pipeline('lu_own');
SELECT dataops.add_load('lu_own', 'lu.own', 'lu_own', mode => 'append');
SELECT dataops.add_load('lu_own', 'lu.own', 'lu_wh', mode => 'append');
ALTER SERVER lu_wh OPTIONS (SET schema 'lu');
INSERT INTO lu.own VALUES (1);
CALL dataops.run('lu_own');
SELECT * FROM lu.own;
