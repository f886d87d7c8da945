-- Exports whose files' names are taken.  Needs a build with TEST=1.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
\connect - postgres
SET client_min_messages = warning;
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_file TO app;
\connect - app
SET client_min_messages = warning;
CREATE SERVER en_plain FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'names/plain');
CREATE SERVER en_lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'names/production', staging_prefix 'names/staging');
CREATE SCHEMA en;
CREATE TABLE en.item AS SELECT g AS id, repeat('x', 1000) AS v FROM generate_series(1, 5000) g;
SELECT dataops.create_pipeline('en');
CREATE FUNCTION en_files(server text) RETURNS TABLE (name text, bytes bigint) LANGUAGE sql AS $$
    SELECT regexp_replace(name, 'year/\d{4}', 'year/YEAR'), bytes FROM dataops.list_objects(server) ORDER BY name $$;
SET dataops.export_part_size = '4MB';
\echo == one folder for all runs would have one manifest
SELECT dataops.add_export('en', 'en.item', 'en_plain', rows => 'all', compression => 'none', path => '{table}/{run}-{part}.ndjson', name => 'out');
\echo == the same names within a year: what the first export has put stays, also where the second one has put the same
SELECT dataops.add_export('en', 'en.item', 'en_plain', rows => 'all', compression => 'none', path => 'year/{created_at:YYYY}-{table}/{part}.ndjson', name => 'out');
CALL dataops.run('en');
INSERT INTO en.item VALUES (5001, 'y');
-- without the name, which has the year in it
\set VERBOSITY sqlstate
CALL dataops.run('en');
\set VERBOSITY default
SELECT * FROM en_files('en_plain') WHERE name ~ '^year';
SELECT state FROM dataops.exports WHERE pipeline = 'en' ORDER BY export_id;
\echo == the same with a staging area, where it shows when they are published; under other names the next run goes on
SELECT dataops.create_pipeline('en_staged');
SELECT dataops.add_export('en_staged', 'en.item', 'en_lake', rows => 'all', compression => 'none', path => 'year/{created_at:YYYY}-{table}/{part}.ndjson', name => 'out');
CALL dataops.run('en_staged');
INSERT INTO en.item VALUES (5002, 'y');
\set VERBOSITY sqlstate
CALL dataops.run('en_staged');
\set VERBOSITY default
SELECT * FROM en_files('en_lake');
SELECT dataops.add_export('en_staged', 'en.item', 'en_lake', rows => 'all', compression => 'none', name => 'out');
CALL dataops.run('en_staged');
SELECT regexp_replace(name, '\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}', 'TIME') AS name, bytes > 0 AS filled FROM en_files('en_lake');
SELECT state FROM dataops.exports WHERE pipeline = 'en_staged' ORDER BY export_id;
