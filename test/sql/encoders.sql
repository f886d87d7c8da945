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

\echo == thousands of values of each type, from hashes: of every length and size, and stored in every way
CREATE FUNCTION enc.h(n int, seed int) RETURNS int8 LANGUAGE sql IMMUTABLE RETURN hashint8extended(n, seed);
CREATE FUNCTION enc.fraction(n int, seed int) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN (enc.h(n, seed) >> 12) / 4503599627370496.0::float8;
CREATE TABLE enc.many AS SELECT n, (enc.h(n, 1) >> (48 + n % 16))::int2 AS i2, (enc.h(n, 2) >> (32 + n % 32))::int4 AS i4, enc.h(n, 3) >> (n % 64) AS i8,
    ((1 + enc.fraction(n, 4)) * power(2::float8, -1074 + n % 2098)) AS f8, (1 + enc.fraction(n, 5))::float8 * (n % 1000) AS f8_short,
    ((1 + enc.fraction(n, 6)) * power(2::float8, -149 + n % 276))::float4 AS f4,
    round(enc.h(n, 7)::numeric * (10::numeric ^ (n % 80 - 40)), n % 50) AS num, (enc.h(n, 8) % 10)::numeric(1000, 900) * (10::numeric ^ -(n % 900)) AS num_small,
    ('-' || n % 7 || 'e' || n % 300)::numeric AS num_round,
    date '2000-01-01' + (enc.h(n, 9) % 2400000)::int AS d,
    timestamp '2000-01-01' + (enc.h(n, 10) % 200000000000000000) * interval '1 microsecond' AS ts,
    timestamptz '0001-01-01 00:00+00' + (enc.h(n, 11) >> (n % 64)) % 148000000000000000 * interval '1 microsecond' AS tz,
    md5(n::text)::uuid AS u,
    (SELECT string_agg(chr(1 + (enc.h(n, i) & 255)::int), '') FROM generate_series(1, n % 40) i) AS t,
    overlay(repeat('x', n / 40 % 40) placing chr((ARRAY[34, 92, 44, 10, 13, 9, 31, 32, 127, 233])[1 + n / 1600 % 10]) from 1 + n % 40 for 1) AS one_special,
    jsonb_build_object(coalesce(chr(1 + (enc.h(n, 12) & 255)::int), ''), enc.h(n, 13), 'deep', jsonb_build_array(n % 2 = 0, NULL, round(enc.fraction(n, 14)::numeric, n % 20),
        jsonb_build_object(), jsonb_build_array(), md5(n::text), jsonb_build_object('', repeat('"', n % 9))), repeat('k', n % 200), '') AS jb
    FROM generate_series(0, 16000) n;
INSERT INTO enc.many (n, jb) SELECT n, jsonb_object_agg('key ' || i, enc.h(n, i) >> (i % 64)) || jsonb_build_object('list', jsonb_agg(to_jsonb(i::text) || to_jsonb(enc.h(n, i))))
    FROM generate_series(20001, 20100) n, generate_series(1, n % 100 + 1) i GROUP BY n;
-- stored outside of the row, compressed or not; and in the row compressed
CREATE TABLE enc.toasted (n int, t text, j json, jb jsonb, num numeric);
ALTER TABLE enc.toasted ALTER t SET STORAGE EXTERNAL, ALTER jb SET STORAGE EXTERNAL, ALTER num SET STORAGE EXTERNAL;
INSERT INTO enc.toasted SELECT g, x, to_json(x), to_jsonb(x) || '[1, {"a": "b"}]', ('1' || repeat('2345678901', 500 * g) || '.5')::numeric
    FROM generate_series(1, 3) g, LATERAL (SELECT string_agg(md5(i::text), '"') FROM generate_series(1, 300 * g) i) s(x);
INSERT INTO enc.toasted SELECT 4, x, to_json(x), to_jsonb(x), repeat('9', 100000)::numeric FROM repeat('long', 100000) x;
INSERT INTO enc.toasted (n, num) VALUES (5, '1e-16383'), (6, ('-0.' || repeat('1', 16383))::numeric), (7, 10::numeric ^ 131071), (8, '-0.00'), (9, 10000), (10, 0.0001), (11, 99990000);
INSERT INTO enc.toasted (n, jb) VALUES (5, '1e-300'), (6, '-0'), (7, '[]'), (8, '{}'), (9, '"\u0001\u001f\\\"\/\b"'), (10, '[[[[]]], {"": {}}]'), (11, 'false'),
    (12, (repeat('[', 2000) || repeat(']', 2000))::jsonb);
-- dates and times at the edges of the years that have four digits, and of what there is
CREATE TABLE enc.edge (n serial, d date, ts timestamp, tz timestamptz);
INSERT INTO enc.edge (d) SELECT d FROM unnest('{0001-01-01 BC,0001-12-31 BC,0001-01-01,9999-12-31,10000-01-01,1999-12-31,2000-01-01,4713-11-24 BC,5874897-12-31,1900-02-28,1900-03-01}'::date[]) d;
INSERT INTO enc.edge (ts, tz) SELECT ts, ts AT TIME ZONE 'UTC' FROM unnest('{0001-12-31 23:59:59.999999 BC,0001-01-01 00:00:00,9999-12-31 23:59:59.999999,10000-01-01 00:00:00,
    1999-12-31 23:59:59.999999,2000-01-01 00:00:00,2000-01-01 00:00:00.000001,1999-12-31 00:00:00,4714-11-24 00:00:00 BC,294276-12-31 23:59:59.999999,2024-02-29 09:05:03.010203,
    2024-02-29 23:59:59.1,2024-02-29 00:00:00.12,2024-02-29 12:34:56.123,2024-02-29 12:34:56.1234,2024-02-29 12:34:56.12345,2024-02-29 12:34:56.100001}'::timestamp[]) ts;
SELECT relation, format, count(*) AS columns,
       string_agg(attname, ', ' ORDER BY attnum) FILTER (WHERE enc.file(q, format) <> enc.server_file(q, format)) AS different
FROM unnest('{enc.many,enc.toasted,enc.edge}'::regclass[]) relation, unnest('{ndjson,csv}'::text[]) format, pg_attribute,
     LATERAL (SELECT format('SELECT %I FROM %s ORDER BY n', attname, relation)) v(q)
WHERE attrelid = relation AND attnum > 0 GROUP BY relation, format ORDER BY relation::text, format;
SELECT least(count(DISTINCT i8), count(DISTINCT f8), count(DISTINCT num), count(DISTINCT tz), count(DISTINCT t), count(DISTINCT one_special), count(DISTINCT jb)) > 7500 AS various
FROM enc.many;

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

\echo == in a database of another encoding the files are UTF-8 all the same
\set ON_ERROR_STOP on
\set database :DBNAME
CREATE DATABASE dataops_latin1 TEMPLATE template0 ENCODING LATIN1 LOCALE 'C';
\connect dataops_latin1 postgres
CREATE EXTENSION dataops;
CREATE TABLE word (n serial, "größe" text, j jsonb, jt json);
INSERT INTO word ("größe") SELECT DISTINCT 'von ' || chr(i) || repeat(chr(i), i / 10) || ' bis' FROM generate_series(1, 255) i;
UPDATE word SET j = jsonb_build_object("größe", "größe"), jt = json_build_object("größe", E'a\n');
SELECT count(*) AS rows, bool_and(content = (SELECT string_agg(convert_to(row_to_json(w)::text || E'\n', 'UTF8'), '' ORDER BY n) FROM word w)) AS ndjson
FROM word, dataops._test_parts('SELECT * FROM word ORDER BY n', 'ndjson');
SELECT current_setting('dataops.file_root') || '/latin1.csv' AS file \gset
COPY (SELECT * FROM word ORDER BY n) TO :'file' (FORMAT csv, HEADER, ENCODING 'UTF8');
SELECT content = pg_read_binary_file(:'file') AS csv FROM dataops._test_parts('SELECT * FROM word ORDER BY n', 'csv');
\connect :database postgres
DROP DATABASE dataops_latin1;
