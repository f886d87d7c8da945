-- NDJSON is row_to_json(), CSV is COPY: byte for byte, for every type at its limits.  Needs a build with TEST=1.
\connect - postgres
SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
CREATE SCHEMA enc;
CREATE TYPE enc.mood AS ENUM ('so so', 'say "hi"');
CREATE TYPE enc.pair AS (a int, b text);
CREATE DOMAIN enc.cents AS numeric(20,2);
CREATE DOMAIN enc.pairs AS enc.pair[];
SET client_min_messages = warning;
CREATE TYPE enc.celsius;
CREATE FUNCTION enc.celsius_in(cstring) RETURNS enc.celsius LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
CREATE FUNCTION enc.celsius_out(enc.celsius) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
CREATE TYPE enc.celsius (INPUT = enc.celsius_in, OUTPUT = enc.celsius_out, LIKE = int4);
RESET client_min_messages;
CREATE FUNCTION enc.celsius_json(enc.celsius) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT json_build_object('celsius', enc.celsius_out($1)::text)$$;
CREATE CAST (enc.celsius AS json) WITH FUNCTION enc.celsius_json(enc.celsius);

-- one row of nulls, then the values of each type, each in a row of its own
CREATE TABLE enc.value (n serial, i2 int2, i4 int4, i8 int8, num numeric, cents enc.cents, f4 float4, f8 float8, yes bool, t text, vc varchar(9), ch char(5),
    d date, ts timestamp, tz timestamptz, tm time, tmz timetz, iv interval, u uuid, j json, jb jsonb, by bytea, o oid, nm name, one "char", bits bit(3), vb varbit,
    ip inet, cd cidr, mac macaddr, pt point, rng int4range, trng tstzrange, mr int4multirange, tsv tsvector, m money, ta text[], ia int[], na numeric[],
    pa enc.pair[], pr enc.pair, ps enc.pairs, mood enc.mood, cel enc.celsius, da date[], ja json[], iv2 int2vector, lsn pg_lsn, rc regclass,
    "odd ""name"", with comma" text, "größe" int);
INSERT INTO enc.value (n) VALUES (DEFAULT);
INSERT INTO enc.value (i2) VALUES (-32768), (32767), (0);
INSERT INTO enc.value (i4) VALUES (-2147483648), (2147483647), (-1);
INSERT INTO enc.value (i8) VALUES (-9223372036854775808), (9223372036854775807), (0);
INSERT INTO enc.value (num) VALUES (0), ('-0.0'), ('NaN'), ('Infinity'), ('-Infinity'), (1e-30), (123456789012345678901234567890.123456789), (-1e40), ('1.100'), (10::numeric ^ 131071);
INSERT INTO enc.value (cents) VALUES (123456789012345678.90), ('NaN');
INSERT INTO enc.value (f4) VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (1e-45), (3.4028235e38), (0.1), (16777216), (1e6), (1e7);
INSERT INTO enc.value (f8) VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (5e-324), (1.7976931348623157e308), (0.1), (1e15), (1e16), (123456789.125), (-2.5e-7);
INSERT INTO enc.value (yes) VALUES (true), (false);
INSERT INTO enc.value (t) VALUES (''), ('plain'), ('comma, quote " and ''single'''), (E'two\nlines'), (E'carriage\rreturn'), (E'tab\t back\b feed\f escape\x1b del\x7f'),
    (E'\\.'), ('\N'), ('null'), ('NULL'), (' leading and trailing '), ('größe 漢字 😀 ' || U&'\2028\00e9'), ('back\slash / slash'), (repeat('long "text" ', 10000));
INSERT INTO enc.value (vc) VALUES ('a"b'), ('');
INSERT INTO enc.value (ch) VALUES ('ab'), ('');
INSERT INTO enc.value (d) VALUES ('4713-01-01 BC'), ('5874897-12-31'), ('infinity'), ('-infinity'), ('2024-02-29'), ('0044-03-15 BC');
INSERT INTO enc.value (ts) VALUES ('4713-01-01 BC'), ('294276-12-31 23:59:59.999999'), ('infinity'), ('-infinity'), ('2024-02-29 12:00:00.1'), ('1999-12-31 23:59:59');
INSERT INTO enc.value (tz) VALUES ('4713-01-01 BC +00'), ('294276-12-31 23:59:59.999999+00'), ('infinity'), ('-infinity'), ('2024-02-29 12:00:00.000001+05:45'), ('1999-12-31 23:59:59+00');
INSERT INTO enc.value (tm, tmz, iv) VALUES ('24:00', '23:59:60+15:59', '-1 year 3 mons -4 days 05:06:07.000008'), ('00:00:00.000001', '00:00-15:59', '178000000 years'), ('1:2', '1:2Z', '0');
INSERT INTO enc.value (u) VALUES ('00000000-0000-0000-0000-000000000000'), ('FFFFFFFF-ffff-4123-89ab-CDEFcdef0123');
INSERT INTO enc.value (j) VALUES ('{"a": 1, "a":  [1,2 ,null], "q": "\"\u00e9\u0000\ud83d\ude00"}'), ('  1.10 '), ('"x"'), ('null');
INSERT INTO enc.value (jb) VALUES ('{"a": 1.10, "b": [1, {"c": null}], "q": "\"é\n"}'), ('null'), ('[]'), ('"x,y"');
INSERT INTO enc.value (by, o, nm, one, bits, vb) VALUES ('\x00ff5c22', 4294967295, 'Some "name"', 'x', '101', '1'), ('', 0, '', '', '000', '');
INSERT INTO enc.value (ip, cd, mac, pt, rng, trng, mr, tsv) VALUES ('10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '(1.5,-2e30)', '[1,5)', '["2024-01-01 00:00+00",)', '{[1,2),[5,9)}', 'a:1A "b c":2'),
    ('::1', '::/0', NULL, NULL, 'empty', '(,)', '{}', '');
INSERT INTO enc.value (m) VALUES ('-12345.67');
INSERT INTO enc.value (ta, ia, na) VALUES ('{}', '{}', '{}'), ('{a,"b c","",NULL,"NULL","quote \" and \\\\ back"}', '{{1,2},{3,NULL}}', '{NaN,1.10,Infinity}'), (NULL, '[2:3]={1,2}', NULL);
INSERT INTO enc.value (pr) VALUES ((NULL, NULL)), ((1, 'a, "b"')), (NULL), ((2, ''));
INSERT INTO enc.value (pa, ps) VALUES (ARRAY[(1, 'x'), NULL, (NULL, 'y "z"')]::enc.pair[], ARRAY[(1, 'x')]::enc.pair[]);
INSERT INTO enc.value (mood, cel, da, ja, iv2, lsn, rc) VALUES ('so so', '37', '{2024-02-29,infinity}', ARRAY['{"a" : 1}', NULL]::json[], '1 2', 'FF/1', 'enc.value'), ('say "hi"', '-1', NULL, NULL, NULL, NULL, NULL);
INSERT INTO enc.value ("odd ""name"", with comma", "größe") VALUES ('odd', 1);

-- what the parts hold, as text
CREATE FUNCTION enc.file(query text, format text) RETURNS text LANGUAGE sql
RETURN (SELECT string_agg(convert_from(content, 'UTF8'), '' ORDER BY part) FROM dataops._test_parts(query, format));
-- what the server makes of the same
CREATE FUNCTION enc.server_file(query text, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('dataops.file_root') || '/encoders.csv';
    made text;
BEGIN
    IF format = 'csv' THEN
        EXECUTE format('COPY (%s) TO %L (FORMAT csv, HEADER)', query, file);
        RETURN pg_read_file(file);
    END IF;
    EXECUTE format('SELECT string_agg(row_to_json(q)::text || E''\n'', '''') FROM (%s) q', query) INTO made;
    RETURN made;
END
$$;
\set ON_ERROR_STOP on
\echo == the whole table, and each column by itself, as the server writes it
SELECT format, enc.file(q, format) = enc.server_file(q, format) AS whole
FROM unnest('{ndjson,csv}'::text[]) format, (VALUES ('SELECT * FROM enc.value ORDER BY n')) v(q);
SELECT format, count(*), count(*) FILTER (WHERE enc.file(q, format) = enc.server_file(q, format)) AS same,
       string_agg(attname, ', ' ORDER BY attnum) FILTER (WHERE enc.file(q, format) <> enc.server_file(q, format)) AS different
FROM unnest('{ndjson,csv}'::text[]) format, pg_attribute, LATERAL (SELECT format('SELECT %I FROM enc.value ORDER BY n', attname)) v(q)
WHERE attrelid = 'enc.value'::regclass AND attnum > 0 GROUP BY format ORDER BY format;

\echo == records without a table, json with line breaks stays one line
SELECT convert_from(content, 'UTF8') FROM dataops._test_parts(E'SELECT 1 AS a, ROW(1, ''x'') AS r, ''{"a":\n1,\r\n "b": [\n]}''::json AS j, ARRAY[E''[\n]''::json] AS ja', 'ndjson');
SELECT convert_from(content, 'UTF8') FROM dataops._test_parts('SELECT 1 AS a', 'csv');
SELECT count(*) FROM dataops._test_parts('SELECT 1 AS a WHERE false', 'csv');

\echo == the same bytes whatever the session has set
SELECT md5(enc.file('SELECT * FROM enc.value ORDER BY n', 'ndjson')) AS ndjson, md5(enc.file('SELECT * FROM enc.value ORDER BY n', 'csv')) AS csv \gset
SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -3; SET bytea_output = 'escape';
SELECT md5(enc.file('SELECT * FROM enc.value ORDER BY n', 'ndjson')) = :'ndjson' AS ndjson, md5(enc.file('SELECT * FROM enc.value ORDER BY n', 'csv')) = :'csv' AS csv;
SHOW TimeZone;
SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; RESET extra_float_digits; RESET bytea_output;

\echo == parts are cut at whole rows, each with its header, and their checksums are right
SELECT part, rows, bytes, bytes = octet_length(content) AS size FROM dataops._test_parts('SELECT g AS a FROM generate_series(10, 19) g', 'csv', part_bytes => 10);
SELECT count(*) > 5 AS several, sum(rows), bool_and(bytes >= 200000 OR part = 5) AS full, bool_and(bytes < 1300000) AS bounded,
       bool_and(substr(content, 1, 3) = '\x1f8b08') AS gzip
FROM dataops._test_parts('SELECT g, md5(g::text) AS t FROM generate_series(1, 200000) g', 'ndjson', true, 200000);
SELECT count(*), string_agg(convert_from(content, 'UTF8'), '' ORDER BY part) = enc.server_file('SELECT g, md5(g::text) AS t FROM generate_series(1, 2000) g', 'ndjson') AS same
FROM dataops._test_parts('SELECT g, md5(g::text) AS t FROM generate_series(1, 2000) g', 'ndjson', false, 10000);
SELECT crc32c FROM dataops._test_parts('SELECT ''123456789'' AS a', 'csv');

\echo == values that cannot be written
\set ON_ERROR_STOP off
\set VERBOSITY terse
SELECT * FROM dataops._test_parts('SELECT g AS n, ''x'' AS t FROM generate_series(11, 15) g', 'ndjson', bad_value => 'refuse');
SELECT rows, convert_from(content, 'UTF8') FROM dataops._test_parts('SELECT g AS n, ''{"a": "\ud800"}''::json AS t FROM generate_series(11, 15) g', 'ndjson', bad_value => 'quarantine');
SELECT rows, convert_from(content, 'UTF8') FROM dataops._test_parts('SELECT g AS n FROM generate_series(12, 14) g', 'ndjson', bad_value => 'null');
SELECT * FROM dataops._test_parts('SELECT 13 AS n', 'ndjson', bad_value => 'quarantine');
SELECT * FROM dataops._test_parts('SELECT 1/0 AS n', 'ndjson');
SELECT * FROM dataops._test_parts('DELETE FROM enc.value', 'ndjson');
SET client_min_messages = warning;
DROP SCHEMA enc CASCADE;
