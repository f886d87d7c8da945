-- Partition models: windows, grains, zones; many small runs and one big run give the same tables.  Needs a build with TEST=1.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE raw.sp_feed (batch_id uuid, page int, ordinal int, created_at timestamptz, record jsonb);
SELECT dataops._test_source('sp_feed', '{}');
CREATE SCHEMA sp;

-- the same pipeline twice: "small" runs every 15 minutes as records land, "big" once at the end
CREATE FUNCTION sp.define(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dataops.create_pipeline(name, every => '15 minutes');
    PERFORM dataops.add_model(name, name || '.candles', $m$
        SELECT (record->>'t')::timestamptz AS open_time, (record->>'v')::numeric AS v FROM dataops.records('sp_feed')$m$,
        strategy => 'merge', key => '{open_time}', name => 'candles');
    PERFORM dataops.add_model(name, name || '.hourly', format($m$
        SELECT date_trunc('hour', open_time) AS hour, max(v) AS high, count(*) AS n FROM %I.candles
        WHERE open_time >= dataops.start_ts() AND open_time < dataops.end_ts() GROUP BY 1$m$, name),
        strategy => 'partition', time_column => 'hour', grain => '1 hour', name => 'hourly');
    PERFORM dataops.add_model(name, name || '.daily', format($m$
        SELECT hour::date AS day, max(high) AS high, sum(n)::int AS n FROM %I.hourly
        WHERE hour >= dataops.start_ts() AND hour < dataops.end_ts() GROUP BY 1$m$, name),
        strategy => 'partition', time_column => 'day', grain => '1 day', name => 'daily');
END $$;
SELECT sp.define('small'), sp.define('big');

-- three days of candles in order; each eighth lands ten runs late, each hundredth comes twice with another value
CREATE FUNCTION sp.go() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz := '2025-03-01 00:00+00';
    at timestamptz;
    late jsonb[];
    bad int := 0;
BEGIN
    FOR i IN 0 .. 287 LOOP
        at := start + i * interval '15 minutes';
        late := '{}';
        IF i % 8 <> 3 THEN
            late := late || jsonb_build_object('t', at, 'v', (i * 7919) % 1000);
        END IF;
        IF i >= 10 AND (i - 10) % 8 = 3 THEN
            late := late || jsonb_build_object('t', at - interval '150 minutes', 'v', ((i - 10) * 7919) % 1000);
        END IF;
        IF i % 100 = 99 THEN
            late := late || jsonb_build_object('t', at - interval '1 day', 'v', 5000 + i);
        END IF;
        PERFORM dataops._test_land('sp_feed', i, VARIADIC late);
        SELECT bad + count(*) INTO bad FROM dataops._test_targets('small', at, at + interval '15 minutes') WHERE outcome = 'failed';
    END LOOP;
    RETURN bad || ' failed';
END $$;
SELECT sp.go();
SELECT step, outcome, rows_out, error FROM dataops._test_targets('big', '2025-03-01', '2025-03-04');
SELECT (SELECT count(*) FROM small.candles) AS candles, (SELECT count(*) FROM small.hourly) AS hours, (SELECT count(*) FROM small.daily) AS days;
(SELECT open_time, v FROM small.candles EXCEPT ALL SELECT open_time, v FROM big.candles) UNION ALL (SELECT open_time, v FROM big.candles EXCEPT ALL SELECT open_time, v FROM small.candles);
(TABLE small.hourly EXCEPT ALL TABLE big.hourly) UNION ALL (TABLE big.hourly EXCEPT ALL TABLE small.hourly);
(TABLE small.daily EXCEPT ALL TABLE big.daily) UNION ALL (TABLE big.daily EXCEPT ALL TABLE small.daily);
SELECT day, high, n FROM small.daily ORDER BY day;
-- nothing new: nothing done; a changed model is run again
SELECT step, outcome, error FROM dataops._test_targets('small', '2025-03-04', '2025-03-04 00:15');
SELECT dataops.alter_model('small', 'daily', 'SELECT hour::date AS day, min(high) AS high, sum(n)::int AS n FROM small.hourly WHERE hour >= dataops.start_ts() AND hour < dataops.end_ts() GROUP BY 1');
SELECT step, outcome, rows_out, changed_from, changed_to FROM dataops._test_targets('small', '2025-03-03', '2025-03-03 00:15');

-- a new model is made for all that is there
SELECT dataops.add_model('small', 'small.monthly', 'SELECT date_trunc(''month'', open_time) AS month, count(*)::int AS n FROM small.candles WHERE open_time >= dataops.start_ts() AND open_time < dataops.end_ts() GROUP BY 1',
    strategy => 'partition', time_column => 'month', grain => '1 month', name => 'monthly');
SELECT step, outcome, rows_out, changed_from, changed_to FROM dataops._test_targets('small', '2025-03-05', '2025-03-05 00:15') WHERE step = 'monthly';
SELECT * FROM small.monthly;

-- rows outside of the window, and rows without a time
SELECT dataops.create_pipeline('sp_out');
SELECT dataops.add_model('sp_out', 'sp.out', 'SELECT * FROM (VALUES (timestamptz ''2025-03-01 10:20+00''), (''2025-03-01 11:20+00'')) v (at)', strategy => 'partition', time_column => 'at', grain => '1 hour');
SELECT outcome, error, hint FROM dataops._test_targets('sp_out', '2025-03-01 10:15', '2025-03-01 10:30');
SELECT dataops.alter_model('sp_out', 'sp.out', 'SELECT NULL::timestamptz AS at');
SELECT outcome, error FROM dataops._test_targets('sp_out', '2025-03-01 10:15', '2025-03-01 10:30');

-- only the window is replaced; lookback widens it; days and hours are those of the pipeline's zone, also when clocks change
CREATE TABLE sp.win (at timestamptz, s timestamptz, e timestamptz);
CREATE FUNCTION sp.window(zone text, grain interval, lookback interval, s timestamptz, e timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dataops.create_pipeline('sp_win', timezone => zone);
    PERFORM dataops.add_model('sp_win', 'sp.win', 'SELECT dataops.start_ts() AS at, dataops.start_ts() AS s, dataops.end_ts() AS e', strategy => 'partition', time_column => 'at', grain => grain, lookback => lookback);
    PERFORM * FROM dataops._test_targets('sp_win', s, e);
    RETURN QUERY SELECT format('%s .. %s', w.s, w.e) FROM sp.win w;
    DELETE FROM sp.win;
END $$;
SELECT * FROM sp.window('UTC', '1 hour', NULL, '2025-03-01 10:15', '2025-03-01 10:30');
SELECT * FROM sp.window('UTC', '1 hour', NULL, '2025-03-01 10:00', '2025-03-01 11:00');
SELECT * FROM sp.window('UTC', '1 day', '2 days', '2025-03-01 10:00', '2025-03-01 11:00');
SELECT * FROM sp.window('UTC', '7 days', NULL, '2025-03-01 10:00', '2025-03-01 11:00');
SELECT * FROM sp.window('UTC', '1 month', NULL, '1999-12-31 10:00', '2000-01-01 00:00');
SELECT * FROM sp.window('UTC', '3 months', NULL, '2025-05-01 10:00', '2025-07-01 00:00:01');
SELECT * FROM sp.window('Asia/Kolkata', '1 hour', NULL, '2025-03-01 10:15', '2025-03-01 10:31');
SELECT * FROM sp.window('Europe/Paris', '1 day', NULL, '2025-03-30 10:15', '2025-03-30 10:30');
SELECT * FROM sp.window('Europe/Paris', '1 day', NULL, '2025-10-26 10:15', '2025-10-26 10:30');
SELECT * FROM sp.window('Europe/Paris', '1 hour', NULL, '2025-10-26 00:15', '2025-10-26 00:30');
SELECT * FROM sp.window('Europe/Paris', '1 hour', NULL, '2025-10-26 01:15', '2025-10-26 01:30');
SELECT * FROM sp.window('Europe/Paris', '6 hours', NULL, '2025-03-30 02:30', '2025-03-30 02:45');
SELECT * FROM sp.window('Europe/Paris', '6 hours', NULL, '2025-10-26 03:30', '2025-10-26 03:45');
SELECT * FROM sp.window('Europe/Paris', '6 hours', NULL, '2025-10-25 22:30', '2025-10-25 22:45');
SELECT * FROM sp.window('UTC', '1 hour', NULL, '-infinity', 'infinity');
