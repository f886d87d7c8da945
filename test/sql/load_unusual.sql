-- Loads in unusual circumstances: odd names.
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
