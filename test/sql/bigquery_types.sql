-- The mapping of types to BigQuery: every type at its limits and just beyond.  What passes is read back as the same value;
-- the rest has a reason.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET TimeZone = 'Europe/Berlin';
SET lc_monetary = 'C';
CREATE SCHEMA bqt;
SET search_path = bqt, public;
CREATE FUNCTION encoded(query text) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT coalesce(encoded, 'NO: ' || problem, 'null') FROM dataops._test_bigquery_encode(query) $$;

\echo -- integers: texts beyond 2^53 - 1
SELECT encoded('SELECT v FROM unnest(''{-32768,0,32767}''::int2[]) v');
SELECT encoded('SELECT v FROM unnest(''{-2147483648,2147483647}''::int4[]) v');
SELECT encoded('SELECT v FROM unnest(''{9007199254740991,9007199254740992,-9007199254740991,-9007199254740992,9223372036854775807,-9223372036854775808}''::int8[]) v');
SELECT encoded('SELECT 4294967295::oid');

\echo -- numeric by its declaration
SELECT encoded('SELECT 99999999999999999999999999999.999999999::numeric(38,9), -0.000000001::numeric(38,9), ''NaN''::numeric(38,9)');
SELECT encoded('SELECT 99999999999999999999999999999999999999.99999999999999999999999999999999999999::numeric(76,38)');
SELECT encoded('SELECT 1.5::numeric(50,40), ''NaN''::numeric(50,40)');
\echo -- and without one
SELECT encoded('SELECT v FROM unnest(''{0,-0.10,1e38,
  578960446186580977117854925043439539266.34992332820282019728792003956564819967,
  578960446186580977117854925043439539266.34992332820282019728792003956564819968,
  -578960446186580977117854925043439539266.34992332820282019728792003956564819968,
  -578960446186580977117854925043439539266.34992332820282019728792003956564819969,
  578960446186580977117854925043439539266,578960446186580977117854925043439539267,
  999999999999999999999999999999999999999,1e39,1e-38,1e-39,1.100000000000000000000000000000000000000000,
  NaN,Infinity,-Infinity}''::numeric[]) v');

\echo -- floats keep all their bits
SELECT encoded('SELECT v FROM unnest(''{0.1,-0,1e-45,3.4028235e38,NaN,Infinity,-Infinity}''::float4[]) v');
SELECT encoded('SELECT v FROM unnest(''{0.1,-0,5e-324,1.7976931348623157e308,1e25,NaN,Infinity,-Infinity}''::float8[]) v');

\echo -- texts
CREATE TYPE mood AS ENUM ('so, "so"');
SELECT encoded($$SELECT true, ''::text, E'tab\t quote" back\\ nl\n \u0001 \u007f Zürich \U0001F600'::text, 'ab'::char(4), 'so, "so"'::mood,
  '00000000-0000-0000-0000-0000000000ff'::uuid, '10.0.0.1/8'::inet, B'101', 'a b'::tsvector, 'P1Y2M3DT4H5M6.7S'::interval,
  '12:00:00+02'::timetz, '[1,5)'::int4range, 12.5::money, (-12.5)::money, 'x'::"char", 'pg_class'::regclass$$);
SELECT encoded($$SELECT decode('', 'hex'), decode('00ff10', 'hex')$$);

\echo -- dates and times
SELECT encoded($$SELECT v FROM unnest('{0001-01-01,9999-12-31,2024-02-29,0001-12-31 BC,10000-01-01,infinity,-infinity}'::date[]) v$$);
SELECT encoded($$SELECT v FROM unnest('{0001-01-01 00:00:00,9999-12-31 23:59:59.999999,2024-02-29 12:00:00.5,0001-12-31 23:59:59.999999 BC,10000-01-01 00:00:00,infinity,-infinity}'::timestamp[]) v$$);
SELECT encoded($$SELECT v FROM unnest('{0001-01-01 00:00:00+00,9999-12-31 23:59:59.999999+00,2024-02-29 12:00:00+02,0001-12-31 23:59:59.999999+00 BC,10000-01-01 00:00:00+00,infinity,-infinity}'::timestamptz[]) v$$);
SELECT encoded($$SELECT v FROM unnest('{00:00:00,23:59:59.999999,24:00:00}'::time[]) v$$);

\echo -- JSON: numbers that a double keeps
SELECT encoded($$SELECT v::jsonb FROM unnest(ARRAY['{"a": [1, 2.50, 1e3, -0.1, 9007199254740992, 100000000000000000000, 5e-324, 1.7976931348623157e308]}',
  '9007199254740993', '1152921504606846976', '0.1000000000000000055', '123456789012345678', '1e400', '1e-400', '0.12345678901234567',
  '"a\nb ü"', 'true', 'null', '[null]', '[]', '{}', '{"a": {"b": "x"}}']) v$$);
SELECT encoded($$SELECT v::json FROM unnest(ARRAY[E'{"a" :\n 1,\r\n"b": "\\u00fc\\ud83d\\ude00"}', '{"a":1,"a":2}', '{"a":1,"\u0061":2}', '[{"a":{"b":1,"c":1,"b":1}}]',
  '{"a":{"b":1},"b":{"a":1}}', '"\ud800"', '"\udc00\ud800"', '"\u0000"', '1e999999', '-0', '0.0', '1.10', '10', '1e1', ' null ']) v$$);
SELECT encoded($$SELECT (repeat('[', 500) || repeat(']', 500))::jsonb = '1'$$);
SELECT left(v, 40) FROM encoded($$SELECT (repeat('[', n) || repeat(']', n))::jsonb FROM unnest('{500,501}'::int[]) n$$) v;

\echo -- arrays
SELECT encoded($$SELECT '{1,2}'::int[], '{}'::text[], '{a,NULL}'::text[], '{{1,2},{3,4}}'::int[], '[2:3]={1,2}'::int[],
  ARRAY['0001-01-01 BC'::date], ARRAY['{"a": 1}'::jsonb], ARRAY[12.5::numeric(10,2)], '{t,f}'::bool[], ARRAY['a"b']$$);

\echo -- null is another value than an empty array, until it is said to be none
CREATE TYPE tagged AS (x int, tags text[]);
SELECT encoded($$SELECT NULL::int[], NULL::text, ROW(1, NULL)::tagged, ROW(1, '{}')::tagged, ARRAY[ROW(1, NULL)::tagged], NULL::tagged$$);
SELECT coalesce(encoded, 'NO: ' || problem, 'null') FROM dataops._test_bigquery_encode(
  $$SELECT NULL::int[], ROW(1, NULL)::tagged, ARRAY[ROW(1, NULL)::tagged], '{a,NULL}'::text[]$$, nulls_pass => true);

\echo -- composites and domains
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN prices AS price[];
CREATE TYPE point3 AS (x int8, "Label" text, gone int, at time);
ALTER TYPE point3 DROP ATTRIBUTE gone;
CREATE TYPE path3 AS (name text, points point3[]);
SELECT encoded($$SELECT ROW(1, 'a', '10:00')::point3, ROW(9007199254740992, NULL, NULL)::point3, ROW(NULL, NULL, '24:00')::point3,
  ROW('p', ARRAY[ROW(1, 'a', NULL)::point3, ROW(2, 'b', NULL)::point3])::path3, ROW('p', ARRAY[NULL::point3])::path3,
  ROW('p', ARRAY[ROW(1, 'a', '24:00')::point3])::path3, ROW(NULL, NULL)::path3, 1.5::price, '{1.5,2}'::prices$$);

\echo -- what has no counterpart
SELECT encoded('SELECT ROW(1, 2)');
SELECT encoded('SELECT ''x''::cstring');
CREATE DOMAIN ints AS int[];
SELECT encoded('SELECT ARRAY[''{1}''::ints]');

\echo -- tables
CREATE TABLE candle (symbol text NOT NULL, open_time timestamptz, price price, volume numeric, "at" path3, tags text[], doc jsonb, gone int, ratio numeric(3,5), big numeric(50,40));
ALTER TABLE candle DROP COLUMN gone;
COMMENT ON COLUMN candle.symbol IS 'what is "traded", Zürich';
SELECT jsonb_pretty(dataops._test_bigquery_table('candle', '{"key": ["symbol", "open_time"], "partition_by": "open_time", "cluster_by": ["symbol"]}')::jsonb);
CREATE TYPE weighed AS (name text, weight numeric);
CREATE TABLE undeclared (n numeric, d numeric(38,10), list numeric[], part weighed);
SELECT dataops._test_bigquery_table('undeclared');
SELECT dataops._test_bigquery_table('undeclared', '{"numeric_type": "STRING"}');
CREATE TABLE names_1 ("1a" int);
SELECT dataops._test_bigquery_table('names_1');
CREATE TABLE names_2 ("zürich" int);
SELECT dataops._test_bigquery_table('names_2');
CREATE TABLE names_3 (a int, "A" int);
SELECT dataops._test_bigquery_table('names_3');
CREATE TABLE names_4 (_partitiontime int);
SELECT dataops._test_bigquery_table('names_4');
CREATE TYPE inner_name AS ("a-b" int);
CREATE TABLE names_5 (a inner_name[]);
SELECT dataops._test_bigquery_table('names_5');
SELECT dataops._test_bigquery_table('candle', '{"key": ["nothing"]}');
SELECT dataops._test_bigquery_table('candle', '{"key": ["doc"]}');
SELECT dataops._test_bigquery_table('candle', '{"cluster_by": ["tags"]}');
SELECT dataops._test_bigquery_table('candle', '{"partition_by": "symbol"}');
SELECT dataops._test_bigquery_table('candle', '{"cluster_by": ["symbol", "symbol", "symbol", "symbol", "symbol"]}');
CREATE TABLE nothing ();
SELECT dataops._test_bigquery_table('nothing');

\echo -- growing
CREATE TYPE small AS (a int, b text);
CREATE TABLE grown (id int8, s small, n numeric(12,2), t text[]);
SELECT dataops._test_bigquery_table('grown', '{"existing": [{"name": "ID", "type": "INT64", "mode": "REQUIRED", "policyTags": {"names": ["x"]}}, {"name": "s", "type": "STRUCT", "fields": [{"name": "b", "type": "STRING"}, {"name": "z", "type": "DATE"}]}, {"name": "old", "type": "GEOGRAPHY"}]}');
SELECT dataops._test_bigquery_table('grown', '{"existing": [{"name": "t", "type": "STRING", "mode": "REPEATED"}, {"name": "n", "type": "NUMERIC"}, {"name": "s", "type": "RECORD", "fields": [{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING"}]}, {"name": "id", "type": "INTEGER"}]}')::json ->> 'difference';
CREATE FUNCTION conflict(existing jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT dataops._test_bigquery_table('grown', jsonb_build_object('existing', existing))::json ->> 'problem' $$;
SELECT conflict('[{"name": "id", "type": "STRING"}]');
SELECT conflict('[{"name": "id", "type": "INTEGER", "mode": "REPEATED"}]');
SELECT conflict('[{"name": "t", "type": "STRING"}]');
SELECT conflict('[{"name": "n", "type": "NUMERIC", "precision": "10", "scale": "2"}]');
SELECT conflict('[{"name": "n", "type": "NUMERIC", "precision": "12", "scale": "1"}]');
SELECT conflict('[{"name": "n", "type": "NUMERIC", "precision": "15", "scale": "3"}]');
SELECT conflict('[{"name": "s", "type": "RECORD", "fields": [{"name": "a", "type": "DATE"}]}]');
SELECT conflict('[{"name": "must", "type": "DATE", "mode": "REQUIRED"}]');

\echo -- rows of answers
CREATE FUNCTION row_of(type text, cell jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT dataops._test_bigquery_row(jsonb_build_array(jsonb_build_object('name', 'a', 'type', type)), jsonb_build_object('f', jsonb_build_array(cell))) $$;
SELECT type, text, row_of(type, jsonb_build_object('v', text)) FROM (VALUES ('INTEGER', '-12'), ('FLOAT', '1.5E-7'), ('FLOAT', 'NaN'), ('FLOAT', '-Infinity'), ('NUMERIC', '0.10'), ('BOOLEAN', 'true'),
	('STRING', ''), ('TIMESTAMP', '1709208000000001'), ('JSON', '{"b": [1.50]}'), ('JSON', 'null'), ('BYTES', 'AA=='), (NULL, 'x')) AS cell (type, text);
SELECT dataops._test_bigquery_row('[{"name": "r", "type": "RECORD", "fields": [{"name": "x"}]}, {"name": "l", "mode": "REPEATED"}, {"name": "n"}]',
	'{"f": [{"v": {"f": [{"v": "1"}]}}, {"v": [{"v": "2"}, {"v": null}]}, {"v": null}]}');
\echo -- and of answers that are not as they should be
SELECT type, text, row_of(type, jsonb_build_object('v', text)) FROM (VALUES ('INTEGER', ''), ('INTEGER', '-'), ('INTEGER', '1x'), ('FLOAT', '1e999999'), ('NUMERIC', '01')) AS cell (type, text);
SELECT row_of('TIMESTAMP', '{"v": ""}');
SELECT row_of('TIMESTAMP', '{"v": "1x"}');
SELECT row_of('TIMESTAMP', '{"v": "99999999999999999999"}');
SELECT row_of('JSON', '{"v": "{"}');
SELECT row_of('JSON', '{"v": ""}');
SELECT row_of('STRING', '["v", "w"]');
SELECT row_of('STRING', '[]');
SELECT row_of('STRING', '"v"');
SELECT row_of('STRING', '{"v": 1}');
SELECT row_of('STRING', '{"v": ["w"]}');
SELECT row_of('RECORD', '{"v": {"f": []}}');
SELECT dataops._test_bigquery_row('[{"name": "l", "mode": "REPEATED"}]', '{"f": [{"v": [["v", "w"]]}]}');
SELECT dataops._test_bigquery_row('[{"name": "l", "mode": "REPEATED"}]', '{"f": [{"v": {"v": "w"}}]}');
SELECT dataops._test_bigquery_row('[{"name": "l", "mode": "REPEATED"}]', '{"f": [{"v": "w"}]}');
SELECT dataops._test_bigquery_row('[]', '{"f": [{"v": "w"}]}');
SELECT dataops._test_bigquery_row('{"name": "a"}', '{"f": [{"v": "w"}]}');
SELECT dataops._test_bigquery_row('[["name"]]', '{"f": [{"v": "w"}]}');
SELECT dataops._test_bigquery_row('[{"name": "a"}]', '["f"]');

SET client_min_messages = warning;
DROP SCHEMA bqt CASCADE;
