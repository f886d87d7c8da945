-- What becomes of steps, checks and consumption when definitions are taken away or made again.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA redefine;
CREATE TABLE redefine.src AS SELECT n AS id, 'v' AS value FROM generate_series(1, 3) n;
-- A function that only the search_path of who defines it finds
CREATE FUNCTION redefine.is_small(n integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n < 3';
SET search_path = redefine, public;
SELECT dataops.create_pipeline('redefine');
SELECT dataops.add_model('redefine', 'redefine.out', 'SELECT id, value FROM src', 'merge', key => '{id}');
SELECT dataops.add_check('redefine', 'redefine.out', 'is_small(id)', on_fail => 'warn', name => 'small');
CREATE VIEW redefine.now_defined AS
    SELECT c.kind, c.object FROM dataops.catalog c WHERE c.pipeline = 'redefine' ORDER BY c.kind, c.object;
CREATE VIEW redefine.verdicts AS
    SELECT c.check_name, c.state FROM dataops.check_results c WHERE c.pipeline = 'redefine' ORDER BY c.check_result_id;
CALL dataops.run('redefine');
TABLE redefine.verdicts;

-- The checks of a model that goes are not forgotten: they become a gate, and go with that.
SELECT dataops.drop_step('redefine', 'redefine.out');
TABLE redefine.now_defined;
SET search_path = public;
CALL dataops.run('redefine');
TABLE redefine.verdicts;
SELECT dataops.drop_step('redefine', 'redefine.out');
TABLE redefine.now_defined;
SET search_path = redefine, public;

-- replace_steps: what is not added again goes; a check added again stays, as a gate
SELECT dataops.add_model('redefine', 'redefine.out', 'SELECT id, value FROM src', 'merge', key => '{id}');
SELECT dataops.add_check('redefine', 'redefine.out', 'is_small(id)', on_fail => 'warn', name => 'small');
SELECT dataops.add_check('redefine', 'redefine.out', 'id > 0', on_fail => 'warn', name => 'positive');
SELECT dataops.create_pipeline('redefine', replace_steps => true);
BEGIN;
SELECT dataops.create_pipeline('redefine', replace_steps => true);
SELECT dataops.add_check('redefine', 'redefine.out', 'is_small(id)', on_fail => 'warn', name => 'small');
COMMIT;
SELECT kind, object FROM dataops.catalog WHERE pipeline = 'redefine' ORDER BY kind, object;
SELECT spec ->> 'kind' FROM dataops.catalog WHERE pipeline = 'redefine' AND kind = 'step';
-- nothing goes when the call was undone
BEGIN;
SAVEPOINT before;
SELECT dataops.create_pipeline('redefine', replace_steps => true);
ROLLBACK TO before;
COMMIT;
TABLE redefine.now_defined;
BEGIN;
SELECT dataops.create_pipeline('redefine', replace_steps => true);
ROLLBACK;
TABLE redefine.now_defined;
BEGIN;
SELECT dataops.create_pipeline('redefine', replace_steps => true);
COMMIT;
TABLE redefine.now_defined;
SELECT dataops.drop_pipeline('redefine');
RESET search_path;

-- A target that is made anew takes in all batches again; one that stayed does not.
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE raw.redefine_feed (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('redefine_feed', '{}');
SELECT dataops._test_land('redefine_feed', 1, '{"id": 1}', '{"id": 2}');
CREATE FUNCTION redefine.define() RETURNS text LANGUAGE sql AS $$
    SELECT dataops.create_pipeline('again');
    SELECT dataops.add_model('again', 'redefine.log',
        'SELECT record->>''id'' AS id FROM dataops.records(''redefine_feed'')', 'append');
$$;
SELECT redefine.define();
CALL dataops.run('again');
SELECT dataops.drop_pipeline('again');
SELECT redefine.define();
CALL dataops.run('again');
SELECT count(*) FROM redefine.log;
SELECT dataops.drop_step('again', 'redefine.log');
DROP TABLE redefine.log;
SELECT redefine.define();
CALL dataops.run('again');
SELECT count(*) FROM redefine.log;
SELECT dataops.drop_pipeline('again');

-- A unique index that lets NULLs repeat is no key: each run would insert them again.
SELECT dataops.create_pipeline('keys');
CREATE TABLE redefine.keyed (id integer UNIQUE, value text);
SELECT dataops.add_model('keys', 'redefine.keyed', 'SELECT NULL::integer AS id, ''a'' AS value', 'merge', key => '{id}');
ALTER TABLE redefine.keyed DROP CONSTRAINT keyed_id_key, ADD UNIQUE NULLS NOT DISTINCT (id);
SELECT dataops.add_model('keys', 'redefine.keyed', 'SELECT NULL::integer AS id, ''a'' AS value', 'merge', key => '{id}');
CALL dataops.run('keys');
CALL dataops.run('keys');
SELECT count(*) FROM redefine.keyed;
SELECT dataops.drop_pipeline('keys');

DROP TABLE raw.redefine_feed;
DROP SCHEMA redefine CASCADE;
