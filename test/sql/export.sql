-- Exports to files: what add_export() refuses, what the files hold, changed rows only, all formats.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\connect - postgres
SET client_min_messages = warning;
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_file TO app;
\connect - app
SET client_min_messages = warning;
CREATE ROLE ex_other;
GRANT ex_other TO app;
CREATE SERVER ex_lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'export/production', staging_prefix 'export/staging');
CREATE SERVER ex_plain FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'export/plain');
CREATE SERVER ex_api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:1');
CREATE SCHEMA ex;
CREATE TABLE ex.orders (id int PRIMARY KEY, note text, at timestamptz);
CREATE VIEW ex.big AS SELECT * FROM ex.orders WHERE id > 2;
CREATE MATERIALIZED VIEW ex.kept AS SELECT count(*) AS n FROM ex.orders;
CREATE TABLE ex.parted (k int, v text) PARTITION BY LIST (k);
CREATE TABLE ex.parted_1 PARTITION OF ex.parted FOR VALUES IN (1);
CREATE TABLE ex.empty (a int);
CREATE INDEX ex_index ON ex.orders (at);
SELECT dataops.create_pipeline('ex');

\echo == refused
SELECT dataops.add_export('ex', 'ex.order', 'ex_lake');
SELECT dataops.add_export('ex', 'orders', 'ex_lake');
SELECT dataops.add_export('ex', 'ex.ex_index', 'ex_lake');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_like');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_api');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', format => 'ndjsn');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', rows => 'change');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', compression => 'zip');
SELECT dataops.add_export('ex', 'ex.big', 'ex_lake');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{schema}/{tabel}/{run}/{part}.gz');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{schema}/{table}/{part}.gz');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{schema}/{table}/{run}/orders.gz');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{run}/{part}/orders.gz');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '../{run}/{part}');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{run}/{part}.ndjson.gz', compression => 'none');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', after => '{nothing}');
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', name => 'Upper');
SELECT dataops._add_step('ex', 'x', '{"kind": "export", "relation": "ex.orders", "server": "ex_lake", "row": "all"}');
-- the owner of the pipeline must be able to read it
\connect - postgres
CREATE TABLE ex.closed (a int);
ALTER TABLE ex.closed OWNER TO postgres;
\connect - app
SET client_min_messages = warning;
SELECT dataops.add_export('ex', 'ex.closed', 'ex_lake');

\echo == an export comes after the model that makes its table, and after what is said
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', after => NULL);
SELECT dataops.add_sql('ex', 'fill', 'SELECT 1');
SELECT dataops.add_export('ex', 'ex.kept', 'ex_lake', rows => 'changed', format => 'csv', name => 'kept', after => '{fill}');
SELECT dataops.add_export('ex', 'ex.out', 'ex_lake');
SELECT dataops.add_model('ex', 'ex.out', 'SELECT 1 AS a', strategy => 'table');
SELECT dataops.add_export('ex', 'ex.out', 'ex_lake');
SELECT dataops.add_model('ex', 'ex.out_view', 'SELECT a FROM ex.out', strategy => 'view');
SELECT dataops.add_export('ex', 'ex.out_view', 'ex_lake', rows => 'all');
SELECT "position", step, kind, target, after FROM dataops.plan('ex');
-- a name that does not tell what the file is
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake', path => '{run}/{part}.ndjson', name => 'plain_name');
SELECT dataops.drop_step('ex', 'plain_name');
SELECT dataops.drop_step('ex', 'fill');
SELECT dataops.drop_step('ex', 'ex.out_view@ex_lake'), dataops.drop_step('ex', 'ex.out@ex_lake'), dataops.drop_step('ex', 'kept'), dataops.drop_step('ex', 'ex.out_view'), dataops.drop_step('ex', 'ex.out'), dataops.drop_step('ex', 'fill');

-- what an export made: names without times and ids, contents, and what manifest and ledger say
CREATE FUNCTION ex_folders() RETURNS TABLE (name text, rows bigint, same bool) LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(o.name, '\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}', 'TIME'), '[0-9a-f-]{36}', 'RUN'), p.rows, p.bytes = o.bytes AND p.crc32c = o.crc32c
    FROM dataops.list_objects('ex_lake') o LEFT JOIN dataops.export_part p ON p.name = o.name ORDER BY o.name $$;
\echo == all rows first, then only what changed: new rows, changed rows; nothing when there is nothing
INSERT INTO ex.orders VALUES (1, 'first', '2024-01-01 00:00+00'), (2, E'"two"\nlines', NULL);
SELECT dataops.add_export('ex', 'ex.orders', 'ex_plain', compression => 'none', name => 'out');
SELECT dataops.drop_step('ex', 'ex.orders@ex_lake');
CALL dataops.run('ex');
SELECT dataops._test_object('ex_plain', name) FROM dataops.list_objects('ex_plain') WHERE name ~ 'part-00000.ndjson$';
\pset format unaligned
SELECT regexp_replace(m, '"(created_at|run)" : "[^"]*"', '"\1" : "…"', 'g') FROM (SELECT dataops._test_object('ex_plain', name) FROM dataops.list_objects('ex_plain') WHERE name ~ 'manifest.json$') x (m);
\pset format aligned
CALL dataops.run('ex');
SELECT step, state, rows_in, rows_out, bytes > 0 AS bytes, hint FROM dataops.step_runs WHERE pipeline = 'ex' ORDER BY step_run_id;
INSERT INTO ex.orders VALUES (3, 'three', NULL), (4, 'four', NULL);
UPDATE ex.orders SET note = 'first again' WHERE id = 1;
DELETE FROM ex.orders WHERE id = 4;
BEGIN; SAVEPOINT a; INSERT INTO ex.orders VALUES (5, 'in a subtransaction', NULL); RELEASE a; SAVEPOINT b; INSERT INTO ex.orders VALUES (6, 'rolled back', NULL); ROLLBACK TO b; COMMIT;
VACUUM (FREEZE) ex.orders;
CALL dataops.run('ex');
VACUUM (FULL, FREEZE) ex.orders;
CALL dataops.run('ex');
SELECT state, rows_out, parts, format, compression, relation, server, folder ~ '^ex/orders/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}$' AS folder FROM dataops.exports WHERE pipeline = 'ex' ORDER BY export_id;
SELECT dataops._test_object('ex_plain', files -> 0 ->> 'name') FROM dataops.exports WHERE pipeline = 'ex' ORDER BY export_id DESC LIMIT 1;
SELECT count(*) FROM dataops.list_objects('ex_plain');

\echo == a table under the same name is new, rows that come with it too; so is an attached partition
CREATE TABLE ex.other (LIKE ex.orders);
INSERT INTO ex.other VALUES (1, 'of the other table', NULL);
CALL dataops.run('ex');
BEGIN; ALTER TABLE ex.orders RENAME TO former; ALTER TABLE ex.other RENAME TO orders; COMMIT;
CALL dataops.run('ex');
SELECT dataops.add_export('ex', 'ex.parted', 'ex_plain', format => 'csv', compression => 'none', name => 'out');
INSERT INTO ex.parted VALUES (1, 'a');
CREATE TABLE ex.parted_2 (v text, k int);
INSERT INTO ex.parted_2 VALUES ('comma, "quote"', 2);
CALL dataops.run('ex');
ALTER TABLE ex.parted ATTACH PARTITION ex.parted_2 FOR VALUES IN (2);
CALL dataops.run('ex');
INSERT INTO ex.parted VALUES (2, 'later');
CALL dataops.run('ex');
CALL dataops.run('ex');
SELECT e.relation, dataops._test_object('ex_plain', files -> 0 ->> 'name') FROM dataops.exports e WHERE pipeline = 'ex' ORDER BY export_id OFFSET 2;

\echo == another store of the same table gets all of it; so does rows => all, each time
SELECT dataops.add_export('ex', 'ex.parted', 'ex_lake', format => 'csv', name => 'out');
CALL dataops.run('ex');
CALL dataops.run('ex');
SELECT * FROM ex_folders();
SELECT dataops._test_object('ex_lake', name) FROM dataops.list_objects('ex_lake') WHERE name ~ 'gz$';
SELECT dataops.add_export('ex', 'ex.big', 'ex_lake', rows => 'all', path => 'big/{run}/{end:YYYY}/{table}-{part}.ndjson', compression => 'none', name => 'out');
INSERT INTO ex.former VALUES (7, 'seven', NULL);
CALL dataops.run('ex', from_ts => '2024-01-01', to_ts => '2025-01-01');
CALL dataops.run('ex', from_ts => '2024-01-01', to_ts => '2025-01-01');
SELECT name, rows, same FROM ex_folders() WHERE name ~ '^big';
\echo == what an export of all rows had does not come again when only changes are wanted afterwards
CREATE TABLE ex.turns (i int);
INSERT INTO ex.turns VALUES (1);
SELECT dataops.add_export('ex', 'ex.turns', 'ex_plain', compression => 'none', name => 'out');
CALL dataops.run('ex');
INSERT INTO ex.turns VALUES (2);
SELECT dataops.add_export('ex', 'ex.turns', 'ex_plain', compression => 'none', rows => 'all', name => 'out');
CALL dataops.run('ex');
INSERT INTO ex.turns VALUES (3);
SELECT dataops.add_export('ex', 'ex.turns', 'ex_plain', compression => 'none', name => 'out');
CALL dataops.run('ex');
SELECT rows_out, dataops._test_object('ex_plain', files -> 0 ->> 'name') FROM dataops.exports WHERE relation = 'ex.turns' ORDER BY export_id;
\echo == nothing to export
SELECT dataops.add_export('ex', 'ex.empty', 'ex_lake', rows => 'all', name => 'out');
CALL dataops.run('ex');
SELECT state, hint FROM dataops.step_runs WHERE pipeline = 'ex' ORDER BY step_run_id DESC LIMIT 1;

\echo == a materialized view is compared like a table
SELECT dataops.add_export('ex', 'ex.kept', 'ex_plain', format => 'csv', compression => 'none', name => 'out');
CALL dataops.run('ex');
CALL dataops.run('ex');
REFRESH MATERIALIZED VIEW ex.kept;
CALL dataops.run('ex');
SELECT rows_out, dataops._test_object('ex_plain', files -> 0 ->> 'name') FROM dataops.exports WHERE pipeline = 'ex' AND relation = 'ex.kept' ORDER BY export_id;

\echo == what others may see, and call
SET ROLE ex_other;
SELECT count(*) FROM dataops.exports;
SELECT dataops.add_export('ex', 'ex.orders', 'ex_lake');
RESET ROLE;
DROP ROLE ex_other;
SELECT dataops.drop_pipeline('ex');
SELECT count(*) > 0 AS kept FROM dataops.exports WHERE pipeline = 'ex';
DROP SCHEMA ex CASCADE;
DROP FUNCTION ex_folders;
DROP SERVER ex_lake, ex_plain, ex_api;
\connect - postgres
REVOKE USAGE ON FOREIGN DATA WRAPPER dataops_file FROM app;
