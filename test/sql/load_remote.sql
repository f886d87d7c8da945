-- Loads into a warehouse outside, which answers, loses requests and answers, or refuses.  Needs a build with TEST=1.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET client_min_messages = warning;
\c - postgres
SELECT dataops._test_remote_setup();
CREATE SERVER lr_lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'load_remote');
GRANT USAGE ON FOREIGN SERVER lr_lake TO app;
\c - app
SET client_min_messages = warning;
CREATE SCHEMA lr;
CREATE SERVER lr_wh FOREIGN DATA WRAPPER dataops_remote_test OPTIONS (stage 'lr_lake', fault_load '', fault_publish '');
CREATE TABLE lr.item (id int PRIMARY KEY, v numeric, note text);
INSERT INTO lr.item VALUES (1, 1.50, 'a'), (2, 2, NULL), (3, 3, 'ü"');
CREATE FUNCTION lr.look(OUT outcome text, OUT rows_in bigint, OUT rows_out bigint, OUT aside bigint, OUT error text, OUT loads text,
    OUT exports text, OUT files bigint) RETURNS SETOF record
LANGUAGE sql AS $$
    SELECT s.state, s.rows_in, s.rows_out, s.rows_quarantined, coalesce(s.error, CASE s.state WHEN 'skipped' THEN s.hint END),
        (SELECT string_agg(l.state, ' ' ORDER BY l.load_id) FROM dataops.loads l WHERE l.pipeline = s.pipeline),
        (SELECT string_agg(e.state, ' ' ORDER BY e.export_id) FROM dataops.exports e WHERE e.pipeline = s.pipeline),
        (SELECT count(*) FROM dataops.list_objects('lr_lake'))
    FROM dataops.step_runs s WHERE s.run_id = (SELECT run_id FROM dataops.runs ORDER BY run_id DESC LIMIT 1)
    ORDER BY s.step_run_id DESC LIMIT 1
$$;
CREATE VIEW lr.there AS
    SELECT "table", side, string_agg(line::text, ' ' ORDER BY line) AS lines FROM remote_test.line GROUP BY 1, 2;

SELECT dataops.create_pipeline('lr_merge');
SELECT dataops.add_load('lr_merge', 'lr.item', 'lr_wh', key => '{id}');
SELECT dataops.add_load('lr_merge', 'lr.item', 'lr_wh', key => '{id}', stage => 'lr_wh');
SELECT dataops.add_load('lr_merge', 'lr.item', 'lr_wh', key => '{id}', stage => 'lr_lake', checks => '{"matches(sum(v), count(note))", "v > 0"}');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT * FROM lr.there ORDER BY 1, 2;
SELECT check_name, state, value, message FROM dataops.check_results WHERE pipeline = 'lr_merge' ORDER BY check_name;
SELECT rows_in, rows_out, expected, job = name AS job, publish_job = name AS published_as, bytes > 0 AS bytes, bytes_billed, loaded_at <= finished_at AS loaded
FROM dataops.loads WHERE pipeline = 'lr_merge';
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();

-- a request that is lost is sent again, an answer that is lost does no harm
ALTER SERVER lr_wh OPTIONS (SET fault_load 'before');
UPDATE lr.item SET v = 10 WHERE id = 1;
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT * FROM lr.there ORDER BY 1, 2;
SELECT error, hint FROM dataops.failures WHERE pipeline = 'lr_merge';
SELECT error, hint FROM dataops.loads WHERE pipeline = 'lr_merge' ORDER BY load_id DESC LIMIT 1;
ALTER SERVER lr_wh OPTIONS (SET fault_load 'after');
INSERT INTO lr.item VALUES (4, 4, 'd');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT * FROM lr.there ORDER BY 1, 2;
ALTER SERVER lr_wh OPTIONS (SET fault_load '', SET fault_publish 'before');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
ALTER SERVER lr_wh OPTIONS (SET fault_publish 'after');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
-- the load of the run before is finished, then this run's rows follow
ALTER SERVER lr_wh OPTIONS (SET fault_publish '');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT * FROM lr.there ORDER BY 1, 2;

-- a check that came after a load was begun: what it compares was not computed, so the load is made anew
ALTER SERVER lr_wh OPTIONS (SET fault_publish 'before');
INSERT INTO lr.item VALUES (5, 5, 'e');
CALL dataops.run('lr_merge');
SELECT dataops.add_check('lr_merge', 'lr.item@lr_wh', 'matches(max(id))', name => 'late');
ALTER SERVER lr_wh OPTIONS (SET fault_publish '');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT error FROM dataops.loads WHERE pipeline = 'lr_merge' ORDER BY load_id DESC OFFSET 1 LIMIT 1;
SELECT * FROM lr.there ORDER BY 1, 2;
SELECT dataops.drop_check('lr_merge', 'late');

-- refused: the next load begins from what production has
ALTER SERVER lr_wh OPTIONS (SET fault_load 'refuse');
UPDATE lr.item SET v = 20 WHERE id = 2;
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT state, error, hint FROM dataops.loads WHERE pipeline = 'lr_merge' ORDER BY load_id DESC LIMIT 1;
SELECT error, hint FROM dataops.failures WHERE pipeline = 'lr_merge';
SELECT regexp_replace(line, '[0-9a-f]{8}-[-0-9a-f]+|[0-9.]+ s\M', '…', 'g') AS line
FROM dataops.runs r, dataops.explain_run(r.run_id) line WHERE r.pipeline = 'lr_merge' AND line ~ '^(Step|Next)' AND r.state = 'failed'
ORDER BY r.run_id DESC LIMIT 2;
ALTER SERVER lr_wh OPTIONS (SET fault_load '');
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
-- what arrived is not what left
\c - postgres
UPDATE remote_test.line SET line = jsonb_set(line, '{v}', '99') WHERE line->>'id' = '3' AND side = 'staging';
\c - app
SET client_min_messages = warning;
UPDATE lr.item SET v = 5 WHERE id = 4;
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT error, hint LIKE 'Mend the data%' AS hint FROM dataops.failures WHERE pipeline = 'lr_merge';
SELECT check_name, state, rows_failed, message FROM dataops.check_results ORDER BY check_result_id DESC LIMIT 2;
SELECT line FROM remote_test.line WHERE side = 'production' ORDER BY line->>'id';
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT * FROM lr.there ORDER BY 1, 2;
-- a rule about rows stops before anything leaves
UPDATE lr.item SET v = -1 WHERE id = 4;
CALL dataops.run('lr_merge');
SELECT * FROM lr.look();
SELECT run_id AS run FROM dataops.runs ORDER BY run_id DESC LIMIT 1 \gset
SELECT dataops.accept_check(:'run', 'v_gt_0', 'a debt');
SELECT dataops.retry(:'run') = :'run' AS again;
CALL dataops.wait(:'run', '30 s');
SELECT * FROM lr.look();

-- values that the warehouse cannot hold: here the integer 13
SELECT dataops.create_pipeline('lr_bad');
CREATE TABLE lr.bad (id int, n int);
INSERT INTO lr.bad VALUES (1, 1), (2, 13);
SELECT dataops.add_load('lr_bad', 'lr.bad', 'lr_wh', mode => 'append', stage => 'lr_lake');
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
SELECT dataops.add_load('lr_bad', 'lr.bad', 'lr_wh', mode => 'append', stage => 'lr_lake', on_bad_value => 'quarantine');
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
SELECT step, target, error, "row" FROM dataops.quarantine WHERE pipeline = 'lr_bad';
INSERT INTO lr.bad VALUES (3, 13);
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
-- also where the query alone would be a parallel one
INSERT INTO lr.bad VALUES (4, 13), (5, 5);
BEGIN; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; ANALYZE lr.bad;
EXPLAIN (COSTS OFF) SELECT * FROM lr.bad; COMMIT;
SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
CALL dataops.run('lr_bad');
RESET min_parallel_table_scan_size; RESET parallel_setup_cost; RESET parallel_tuple_cost;
SELECT * FROM lr.look();
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
SELECT dataops.add_load('lr_bad', 'lr.bad', 'lr_wh', mode => 'truncate', stage => 'lr_lake', on_bad_value => 'null');
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
SELECT * FROM lr.there WHERE "table" = 'bad' ORDER BY 1, 2;
TRUNCATE lr.bad;
CALL dataops.run('lr_bad');
SELECT * FROM lr.look();
SELECT * FROM lr.there WHERE "table" = 'bad';

-- published later
SELECT dataops.create_pipeline('lr_later');
CREATE TABLE lr.late (id int);
INSERT INTO lr.late VALUES (1);
SELECT dataops.add_load('lr_later', 'lr.late', 'lr_wh', mode => 'append', stage => 'lr_lake', publish => false);
CALL dataops.run('lr_later');
SELECT * FROM lr.look();
INSERT INTO lr.late VALUES (2);
CALL dataops.run('lr_later');
SELECT * FROM lr.there WHERE "table" = 'late';
-- what waits is taken in again when a failure resets the staging side
ALTER SERVER lr_wh OPTIONS (SET fault_load 'refuse');
INSERT INTO lr.late VALUES (3);
CALL dataops.run('lr_later');
ALTER SERVER lr_wh OPTIONS (SET fault_load '');
CALL dataops.run('lr_later');
SELECT * FROM lr.look();
SELECT * FROM lr.there WHERE "table" = 'late';
SELECT dataops.add_promote('lr_later', 'lr.late', 'lr_wh');
ALTER SERVER lr_wh OPTIONS (SET fault_publish 'after');
CALL dataops.run('lr_later');
SELECT * FROM lr.look();
ALTER SERVER lr_wh OPTIONS (SET fault_publish '');
CALL dataops.run('lr_later');
SELECT * FROM lr.look();
SELECT * FROM lr.there WHERE "table" = 'late' ORDER BY side;
CALL dataops.run('lr_later');
SELECT * FROM lr.look();
