-- Recorded answers of real services, where the folder with them is at hand; else empty ones, so that the output is the same.
\getenv data DATAOPS_RECORDED_DATA
\if :{?data}
\else
	\getenv source PG_ABS_SRCDIR
	\set data :source/../../shared/data
\endif
\setenv data :data
\set candles `cat "$data/binance_btcusdt_15m.json" 2>/dev/null || echo '[]'`
\set tweets `cat "$data/tweets_search.json" 2>/dev/null || echo '{"statuses":[],"search_metadata":{"count":0}}'`
CREATE TEMP TABLE body AS SELECT '$' AS path, convert_to(:'candles', 'UTF8') AS body, 5856 AS records
UNION ALL SELECT '$.statuses', convert_to(:'tweets', 'UTF8'), 100;
SELECT path, count(*) FILTER (WHERE event = 'record') IN (records, 0) AS counted,
	count(*) FILTER (WHERE event = 'record' AND NOT dataops._test_jsonb_same(content)) AS differences,
	count(*) FILTER (WHERE event = 'broken') AS broken
FROM body, unnest(ARRAY[0, 1000, 7]) AS chunk, LATERAL (SELECT * FROM dataops._test_cut(body, path, chunk)) AS cut
GROUP BY path, records, chunk ORDER BY path, chunk;
SELECT path, dataops._test_jsonb_same_bytes(body) AS whole_page_same, (
	SELECT coalesce(sum(dataops._test_jsonb_fuzz(content, number, 20)), 0) FROM dataops._test_cut(body, path)
	WHERE event = 'record' AND number <= 100) AS differences_among_mutations
FROM body ORDER BY path;
