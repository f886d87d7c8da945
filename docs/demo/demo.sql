-- From an exchange's API to published candles, in one page of SQL.
--
-- "make demo" runs this file as an ordinary role that owns the database.  :api is the address of the exchange
-- (a local one with the manners of Binance's, a recording, or the real one).  With :bucket and :project the data
-- ends in Google Cloud.  Without them it ends in this server: the store "lake" was then made by its administrator,
-- because it is a folder of the machine (see docs/connections.md).
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset null '-'
\o /dev/null

BEGIN;

-- 1. Where the data comes from: a connection is a foreign server, a source says what to ask it.
SELECT NOT EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'binance') AS first_time \gset
\if :first_time
CREATE SERVER binance FOREIGN DATA WRAPPER dataops_http OPTIONS (url :'api');
--    And where it ends: objects in a lake, tables in a warehouse.  Both have a staging side, which readers do not see.
\if :{?bucket}
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs
    OPTIONS (bucket :'bucket', prefix 'production', staging_prefix 'staging');
CREATE SERVER warehouse FOREIGN DATA WRAPPER dataops_bigquery
    OPTIONS (project :'project', dataset 'market', staging_dataset 'market_staging', location 'EU');
\else
CREATE SERVER warehouse FOREIGN DATA WRAPPER dataops_postgres
    OPTIONS (schema 'market', staging_schema 'market_staging');
\endif
\else
ALTER SERVER binance OPTIONS (SET url :'api');
\endif

SELECT dataops.create_http_source('candles', 'binance', '/api/v3/klines',
    params     => '{"symbol": "BTCUSDT", "interval": "15m", "limit": "1000"}',
    -- one request spans 1000 candles of 15 minutes; the exchange includes the end of a window
    paginate   => '{"type": "window", "start": "startTime", "end": "endTime", "format": "ms",
                    "bounds": "[]", "step": "15 minutes", "limit": 1000}',
    rate_limit => '{"quota_header": "x-mbx-used-weight-1m", "quota": 6000, "quota_window": "1 minute"}');

-- 2. The pipeline: every 15 minutes, one minute after a candle has closed.
SELECT dataops.create_pipeline('btc',
    every    => '15 minutes', delay => '1 minute', start_at => '2025-09-28 05:45+00',
    schedule => '*/15 * * * *', replace_steps => true);

-- 3. Raw records land unchanged in raw.candles, and as they came in the lake.
SELECT dataops.add_fetch('btc', 'candles', archive => 'lake');

-- 4. Typed rows: a record is a JSON array; one row per open time, the last one that came wins.
SELECT dataops.add_model('btc', 'staging.candles', $$
    SELECT to_timestamp((record->>0)::bigint / 1000.0) AS open_time,
           (record->>1)::numeric AS open,
           (record->>2)::numeric AS high,
           (record->>3)::numeric AS low,
           (record->>4)::numeric AS close,
           (record->>5)::numeric AS volume,
           (record->>8)::integer AS trades
    FROM dataops.records('candles')
    $$, strategy => 'merge', key => '{open_time}', time_column => 'open_time');

-- 5. What must be true before anybody sees them.  A row that breaks a rule goes to quarantine, the others go on.
SELECT dataops.add_checks('btc', 'staging.candles', 'quarantine',
    'not_null(open_time, open, high, low, close, volume)',
    'high >= low',
    'volume >= 0 AND trades >= 0');
SELECT dataops.add_check('btc', 'staging.candles', 'count(*) > 0', on_fail => 'warn');

-- 6. Published candles: hours from quarters, days from hours, each interval replaced as a whole.
SELECT dataops.add_model('btc', 'production.candles_hourly', $$
    SELECT date_trunc('hour', open_time) AS open_time,
           (array_agg(open ORDER BY open_time))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY open_time DESC))[1] AS close, sum(volume) AS volume, sum(trades) AS trades
    FROM staging.candles
    WHERE open_time >= dataops.start_ts() AND open_time < dataops.end_ts()
    GROUP BY 1
    $$, strategy => 'partition', time_column => 'open_time', grain => '1 hour',
    checks => '{"is_unique(open_time)", "high >= low"}');

SELECT dataops.add_model('btc', 'production.candles_daily', $$
    SELECT date_trunc('day', open_time) AS open_time,
           (array_agg(open ORDER BY open_time))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY open_time DESC))[1] AS close, sum(volume) AS volume, sum(trades)::bigint AS trades
    FROM production.candles_hourly
    WHERE open_time >= dataops.start_ts() AND open_time < dataops.end_ts()
    GROUP BY 1
    $$, strategy => 'partition', time_column => 'open_time', grain => '1 day',
    checks => '{"is_unique(open_time)", "high >= low"}');

-- 7. Out of the database: files of the hours that are new, and the days in the warehouse, where readers see them
--    after both sides were found equal.
SELECT dataops.add_export('btc', 'production.candles_hourly', 'lake');
--    A warehouse outside reads files, which wait for it in the lake.
SELECT CASE WHEN :{?bucket} THEN 'lake' ELSE '' END AS stage \gset
SELECT dataops.add_load('btc', 'production.candles_daily', 'warehouse', key => '{open_time}', stage => nullif(:'stage', ''),
    checks => '{"matches(count(*), sum(volume), sum(trades))"}');

COMMIT;
\o

-- 8. Run it: two months of candles, 5,856 records in six requests.  Asking again does nothing twice.
\echo 'Running pipeline btc from 2025-09-28 05:45 to 2025-11-28 05:45 UTC ...'
CALL dataops.run('btc', from_ts => '2025-09-28 05:45+00', to_ts => '2025-11-28 05:45+00');

SELECT run_id FROM dataops.runs WHERE pipeline = 'btc' ORDER BY created_at LIMIT 1 \gset

\echo
\echo 'Steps'
SELECT step, state, rows_in, rows_out, rows_quarantined AS aside, round(extract(epoch FROM took), 2) AS seconds
FROM dataops.step_runs WHERE run_id = :'run_id' ORDER BY started_at;

\echo 'Checks'
SELECT target, rule, on_fail, state, rows_failed AS "rows"
FROM dataops.check_results WHERE run_id = :'run_id' ORDER BY target, rule;

\echo 'In quarantine, with the record as it came'
SELECT rule, "row"->>'open_time' AS open_time, "row"->>'high' AS high, "row"->>'low' AS low, left(record::text, 40) || ' …' AS record
FROM dataops.quarantine ORDER BY started_at DESC LIMIT 3;

\echo 'The last five days in production.candles_daily'
SELECT open_time::date AS day, round(open, 2) AS open, round(high, 2) AS high, round(low, 2) AS low,
       round(close, 2) AS close, round(volume, 1) AS volume, trades
FROM production.candles_daily ORDER BY open_time DESC LIMIT 5;

\echo 'Objects in the lake: as they came, and as exported'
SELECT name, bytes, crc32c FROM dataops.list_objects('lake', '') ORDER BY name DESC LIMIT 6;

\echo 'The days here and in the warehouse'
SELECT 'here' AS side, count(*) AS days, sum(volume) AS volume, sum(trades) AS trades FROM production.candles_daily
UNION ALL
\if :{?bucket}
SELECT 'BigQuery', (r->>'days')::bigint, (r->>'volume')::numeric, (r->>'trades')::bigint
FROM dataops.bigquery('warehouse', 'SELECT COUNT(*) AS days, SUM(volume) AS volume, SUM(trades) AS trades FROM `market.candles_daily`') r;
\else
SELECT 'warehouse', count(*), sum(volume), sum(trades) FROM market.candles_daily;
\endif

-- 9. From here on by itself: pg_cron calls tick() each minute, and tick() starts what is due.
\echo 'Scheduled'
SELECT dataops.schedule('btc') AS next_run;

\echo 'Try next:'
\echo '  SELECT * FROM dataops.runs;                       what ran'
\echo '  SELECT * FROM dataops.failures;                   what needs you, and the statement that mends it'
\echo '  SELECT * FROM dataops.preview(''candles'', 3, now() - interval ''2 hours'', now());'
\echo '  SELECT dataops.replay_quarantine(''btc'', ''staging.candles'');'
