-- Merges into a warehouse in schemas of this database: created_at and updated_at, keys that come twice, nothing but keys.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA lm;
CREATE SERVER lm_wh FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'lm_prod');
CREATE SERVER lm_two FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'lm_prod2', staging_schema 'lm_stage2');
CREATE FUNCTION lm.look() RETURNS TABLE (step text, outcome text, rows_in bigint, rows_out bigint, error text)
LANGUAGE sql AS $$
    SELECT DISTINCT ON (s.step) s.step, s.state, s.rows_in, s.rows_out, coalesce(s.error, CASE s.state WHEN 'skipped' THEN s.hint END)
    FROM dataops.step_runs s WHERE s.run_id = (SELECT run_id FROM dataops.runs ORDER BY run_id DESC LIMIT 1) ORDER BY s.step, s.attempt DESC
$$;

-- a relation that has both times: they are columns as any other, and a row that is replaced takes them over
CREATE TABLE lm.both (id int PRIMARY KEY, v int, created_at timestamptz, updated_at timestamptz);
INSERT INTO lm.both VALUES (1, 1, '2026-01-01', '2026-01-01'), (2, 2, '2026-01-02', '2026-01-02'), (3, 3, NULL, NULL);
SELECT dataops.create_pipeline('lm_both');
SELECT dataops.add_load('lm_both', 'lm.both', 'lm_wh', key => '{id}', checks => '{"matches(count(created_at), min(created_at), max(updated_at))"}');
SELECT dataops.add_load('lm_both', 'lm.both', 'lm_two', key => '{id}', checks => '{"matches(min(created_at), max(updated_at))"}');
CALL dataops.run('lm_both');
SELECT * FROM lm.look();
UPDATE lm.both SET v = 20, created_at = '2026-02-02', updated_at = '2026-02-03' WHERE id = 2;
UPDATE lm.both SET created_at = '2026-01-03' WHERE id = 3;
CALL dataops.run('lm_both');
SELECT * FROM lm.look();
TABLE lm.both EXCEPT ALL TABLE lm_prod.both;
TABLE lm_prod.both EXCEPT ALL TABLE lm.both;
TABLE lm_prod2.both EXCEPT ALL TABLE lm.both;
-- all rows once more: nothing changes, and nothing is written
SELECT sum(xmin::text::bigint) AS before FROM lm_prod.both \gset
SELECT dataops.add_load('lm_both', 'lm.both', 'lm_wh', key => '{id}', rows => 'all');
CALL dataops.run('lm_both');
SELECT * FROM lm.look();
SELECT sum(xmin::text::bigint) = :before AS untouched FROM lm_prod.both;

-- one of them: it is the relation's, the other one is kept by the merge
CREATE TABLE lm.one (id int PRIMARY KEY, v int, updated_at timestamptz);
INSERT INTO lm.one VALUES (1, 1, '2026-01-01'), (2, 2, '2026-01-01');
SELECT dataops.create_pipeline('lm_one');
SELECT dataops.add_load('lm_one', 'lm.one', 'lm_wh', key => '{id}');
CALL dataops.run('lm_one');
UPDATE lm_prod.one SET created_at = '2020-01-01';
UPDATE lm.one SET v = 20, updated_at = '2026-01-02' WHERE id = 2;
CALL dataops.run('lm_one');
SELECT id, v, created_at, updated_at FROM lm_prod.one ORDER BY id;

-- none: the merge keeps both on the staging side, production gets them from there
CREATE TABLE lm.none (id int PRIMARY KEY, v int);
INSERT INTO lm.none VALUES (1, 1), (2, 2);
SELECT dataops.create_pipeline('lm_none');
SELECT dataops.add_load('lm_none', 'lm.none', 'lm_two', key => '{id}');
CALL dataops.run('lm_none');
UPDATE lm_stage2.none SET created_at = '2020-01-01', updated_at = '2020-01-01';
UPDATE lm_prod2.none SET created_at = '2020-01-01', updated_at = '2020-01-01';
UPDATE lm.none SET v = 20 WHERE id = 2;
INSERT INTO lm.none VALUES (3, 3);
CALL dataops.run('lm_none');
SELECT id, v, created_at = '2020-01-01' AS known, updated_at = '2020-01-01' AS unchanged FROM lm_prod2.none ORDER BY id;
TABLE lm_stage2.none EXCEPT ALL TABLE lm_prod2.none;
-- a table of somebody else's, whose updated_at is not for times
CREATE TABLE lm.count (id int PRIMARY KEY);
CREATE TABLE lm_prod.count (id int PRIMARY KEY, updated_at int);
SELECT dataops.create_pipeline('lm_count');
SELECT dataops.add_load('lm_count', 'lm.count', 'lm_wh', key => '{id}');
CALL dataops.run('lm_count');
ALTER TABLE lm_prod.count DROP updated_at, ADD updated_at timestamptz GENERATED ALWAYS AS ('2020-01-01'::timestamptz) STORED;
CALL dataops.run('lm_count');

-- nothing but a key
CREATE TABLE lm.pair (a int, b text, PRIMARY KEY (a, b));
INSERT INTO lm.pair VALUES (1, 'x'), (2, 'y');
SELECT dataops.create_pipeline('lm_pair');
SELECT dataops.add_load('lm_pair', 'lm.pair', 'lm_wh', key => '{a,b}', rows => 'all', checks => '{"matches(count(*), max(b))"}');
SELECT dataops.add_load('lm_pair', 'lm.pair', 'lm_two', key => '{a,b}', rows => 'all', checks => '{"matches(count(*), max(b))"}');
CALL dataops.run('lm_pair');
SELECT * FROM lm.look();
INSERT INTO lm.pair VALUES (3, 'z');
UPDATE lm_prod.pair SET created_at = '2020-01-01', updated_at = '2020-01-01';
CALL dataops.run('lm_pair');
SELECT * FROM lm.look();
SELECT a, b, created_at = '2020-01-01' AS known, updated_at = '2020-01-01' AS unchanged FROM lm_prod.pair ORDER BY a;
SELECT a, b FROM lm_prod2.pair ORDER BY a;
SELECT step, check_name, state, message FROM dataops.check_results WHERE pipeline = 'lm_pair' ORDER BY check_result_id DESC LIMIT 4;

-- keys that come twice, also where nothing would be replaced, and keys that are null
CREATE TABLE lm.twice (a int, b text);
INSERT INTO lm.twice VALUES (1, 'x'), (1, 'x');
SELECT dataops.create_pipeline('lm_twice');
SELECT dataops.add_load('lm_twice', 'lm.twice', 'lm_wh', key => '{a,b}');
CALL dataops.run('lm_twice');
SELECT hint FROM dataops.failures WHERE pipeline = 'lm_twice';
SELECT dataops.add_load('lm_twice', 'lm.twice', 'lm_wh', key => '{a}');
DROP TABLE IF EXISTS lm_prod.twice;
CALL dataops.run('lm_twice');
DELETE FROM lm.twice WHERE ctid = '(0,1)';
CALL dataops.run('lm_twice');
SELECT * FROM lm.look();
CREATE TABLE lm.unkeyed (a int, created_at timestamptz DEFAULT '2026-01-01', updated_at timestamptz DEFAULT '2026-01-01');
INSERT INTO lm.unkeyed VALUES (NULL);
SELECT dataops.add_load('lm_twice', 'lm.unkeyed', 'lm_wh', key => '{a}');
CALL dataops.run('lm_twice');
-- rows of a table that inherits are in no index of the other one
CREATE TABLE lm.parent (id int PRIMARY KEY, v int);
CREATE TABLE lm.child () INHERITS (lm.parent);
INSERT INTO lm.parent VALUES (1, 1);
INSERT INTO lm.child VALUES (1, 2);
SELECT dataops.create_pipeline('lm_parent');
SELECT dataops.add_load('lm_parent', 'lm.parent', 'lm_wh', key => '{id}', rows => 'all');
CALL dataops.run('lm_parent');
