-- JSON text written as jsonb: the bytes of text::jsonb, or its refusal.
\set VERBOSITY terse
\pset format unaligned
CREATE TABLE document (n int GENERATED ALWAYS AS IDENTITY, body text);
-- values
INSERT INTO document (body) VALUES
	('null'), ('true'), ('false'), ('0'), ('-0'), ('""'), ('"a"'), ('[]'), ('{}'), ('[[]]'), ('[{}]'), ('{"a":{}}'),
	(E' \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 ] \n'), ('{"a" : 1 , "b":[null ,true]}'), ('[[[[[[[[[[1]]]]]]]]]]'),
	('{"b":1,"a":2,"aa":3,"":4,"B":5,"é":6,"ab":7}'), ('{"a":1,"a":2,"b":3,"a":{"a":4,"a":5}}'), ('{"a":1,"\u0061":2}'),
	('"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\uffff"'), ('"日本 é 😀"'), ('{"abcde":1,"abcdf":2,"abcdd":3,"abcd":4}'),
	('["é","日本","a",1,"b",1.5,{"a":1}]');
-- numbers
INSERT INTO document (body)
SELECT prefix || number FROM unnest(ARRAY['', '-']) AS prefix, unnest(ARRAY[
	'0', '0.0', '0.00', '0e5', '0E-5', '0.000e3', '1', '9', '10', '100', '1000', '9999', '10000', '10001', '99999999', '100000000',
	'123456789012345678', '9223372036854775807', '9223372036854775808', '1234567890123456789012345678901234567890', '1.0', '1.10',
	'1.5', '0.1', '0.01', '0.001', '0.0001', '0.00001', '0.00010', '12345.6789', '123456.78901', '1000.0001', '10000.00', '1e0', '1e1',
	'1e4', '1E+5', '1.5e3', '1.50e1', '1e-1', '1E-2', '1.5e-7', '12e-3', '12345e-8', '1e252', '1e255', '1e256', '1e-256', '1e-260',
	'1e-63', '1e-64', '0e-63', '0e-64', '1e400', '1e-400', '1e131071', '9e131071', '0.001e131074', '1e-16383', '0e-16383',
	'0e999999999', '0e1073741822', '0e0000000000000000000000000000000001', '1e00000000000000000005']) AS number;
INSERT INTO document (body) VALUES
	(repeat('9', 131072)), ('0.' || repeat('9', 16383)), (repeat('9', 131072) || '.' || repeat('1', 16383)),
	('1' || repeat('0', 131071) || '.' || repeat('0', 16383)), ('0.' || repeat('0', 16382) || '1'), (repeat('1', 16384) || '.5');
-- sizes: entries with offsets, long strings and keys, width, depth
INSERT INTO document (body)
SELECT '[' || string_agg(format('"%s"', i), ',') || ']' FROM unnest(ARRAY[1, 31, 32, 33, 64, 65, 1000]) AS w, generate_series(1, w) AS i GROUP BY w ORDER BY w;
INSERT INTO document (body)
SELECT '{' || string_agg(format('"k%s":%s', i * 7 % 1009, i), ',') || '}'
FROM unnest(ARRAY[1, 15, 16, 17, 31, 32, 33, 1000]) AS w, generate_series(1, w) AS i GROUP BY w ORDER BY w;
INSERT INTO document (body)
SELECT format('{"%s":"%s"}', repeat('k', l), repeat('v', l)) FROM unnest(ARRAY[15, 16, 17, 31, 32, 33, 255, 65536, 300000]) AS l ORDER BY l;
INSERT INTO document (body)
SELECT repeat('[', d) || repeat(']', d) FROM unnest(ARRAY[512, 5000]) AS d
UNION ALL SELECT repeat('{"a":', d) || '1' || repeat('}', d) FROM unnest(ARRAY[512, 5000]) AS d;
-- refused: syntax
INSERT INTO document (body) VALUES
	(''), (' '), ('{'), ('['), ('"'), ('"\'), ('"\u'), ('"\u12"'), ('{"a"'), ('{"a":'), ('{"a":1'), ('{"a":1,'), ('{"a":1,}'), ('[1'), ('[1,'), ('[1,]'),
	('[,1]'), ('{,}'), ('{a:1}'), ('{1:1}'), ('{"a",1}'), ('{"a" 1}'), ('{"a":1 "b":2}'), ('[1 2]'), ('[1}'), ('{"a":1]'), ('1 2'), ('[] []'), ('tru'), ('nul'),
	('True'), ('truex'), ('nulll'), ('NaN'), ('Infinity'), ('-'), ('+1'), ('01'), ('-01'), ('00'), ('1.'), ('.5'), ('1.e5'), ('1e'), ('1e+'), ('1x'), ('0x10'),
	('1_000'), ('''a'''), ('[1]x'), ('//'), ('{"a":1}}'), (']'), (':'), (','), (U&'\FEFF1');
-- refused: strings
INSERT INTO document (body) VALUES
	(E'"\x01"'), (E'"\n"'), (E'"\t"'), (E'{"\x1f":1}'), ('"\x"'), ('"\u00g0"'), ('"\U0041"'), ('"\u0000"'), ('{"\u0000":1}'), ('"\ud800"'), ('"\udc00"'),
	('"\ud800\ud800"'), ('"\ud800\u0041"'), ('"\ud800x"'), ('"\ud800\n"'), ('"\ud800\u0000"'), ('"\ud83d\ude0"'),
	('"" "\u0000"'), ('1 "\u0000'), ('[1 "\u0000"]'), ('[] "\u0000"'), ('{"a" "\u0000"}'), ('{"a":1 "\u0000":2}'), ('{"a":"""\u0000"'), ('["a" "\x"]'), ('[1 "\ud800"]');
-- refused: numbers out of range
INSERT INTO document (body) VALUES
	('1e131072'), ('1e-16384'), ('0e-16384'), ('0.001e131075'), ('[1e999999999999999999999]'), ('1e-999999999999999999999'), ('0e999999999999999999999'),
	('10' || repeat('0', 131071)), ('0.' || repeat('0', 16384)), ('[1e999999, x]'), ('[1e999999 x]'), ('[1e999999.]'), ('[1e999999 "\x"]'), ('[1e999999'),
	('[1e999999 truex]'), ('[1e999999 01'), ('[1e999999 -]'), ('[1e999999]]');

SELECT count(*) AS documents, count(*) FILTER (WHERE NOT dataops._test_jsonb_same(body)) AS differences FROM document;

-- what is said about a refusal
CREATE FUNCTION pg_temp.refusal(body bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN dataops._test_jsonb_bytes(body)::text;
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN sqlstate || ' ' || sqlerrm || '. ' || detail;
END $$;
SELECT left(body, 25) AS body, pg_temp.refusal(convert_to(body, 'UTF8')) AS refusal
FROM document WHERE pg_temp.refusal(convert_to(body, 'UTF8')) ~ '^[0-9]{2}[0-9A-Z]{3} could' ORDER BY n;

-- bytes that are no UTF-8, which the server refuses before it parses them
SELECT body, pg_temp.refusal(body) AS refusal, dataops._test_jsonb_same_bytes(body) AS same
FROM unnest(ARRAY['\x228022', '\x22c322', '\x22c0af22', '\x22e0808022', '\x22eda08022', '\x22f490808022', '\x22f580808022', '\x22610022',
	'\xff', '\x5b312cc3', '\x22e697', '\x00', '\x22c3a922']::bytea[]) WITH ORDINALITY AS b(body, n) ORDER BY n;

-- nested too deep: refused with the server's SQLSTATE, before it does
SELECT pg_temp.refusal(convert_to(repeat('[', 100000), 'UTF8'));
SELECT kind, dataops._test_jsonb_same(body) AS same FROM (VALUES ('open', repeat('[', 100000)), ('lists', repeat('[', 100000) || repeat(']', 100000)),
	('objects', repeat('{"a":', 100000) || '1' || repeat('}', 100000)), ('by turns', repeat('[{"a":', 50000) || '1' || repeat('}]', 50000))) AS deep (kind, body);
-- as much as jsonb can hold, and more: a string alone, a string in a container, a container
SELECT pg_column_size(dataops._test_jsonb('"' || repeat('a', 268435447) || '"'));
SELECT pg_temp.refusal(convert_to('"' || repeat('a', 268435448) || '"', 'UTF8'));
SELECT pg_temp.refusal(convert_to('["' || repeat('a', 268435456) || '"]', 'UTF8'));
SELECT pg_temp.refusal(convert_to('["' || repeat('a', 134217728) || '","' || repeat('b', 134217729) || '"]', 'UTF8'));
DROP TABLE document;
