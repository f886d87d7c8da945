-- Records cut out of a body: every case in chunks of 1, 2 and 7 bytes gives what it gives in one.
\set VERBOSITY terse
\pset format unaligned
CREATE TABLE body (n int GENERATED ALWAYS AS IDENTITY, path text, body text, wanted text[] DEFAULT '{}');

-- where the records are
INSERT INTO body (path, body) VALUES
	('$', '[]'), ('$', ' [ ] '), ('$', '[1,"a",null,true,{},[]]'), ('$', E'\n[ {"a":1} ,\t{"b":[2,{"c":"]"}]}\r\n]\n'),
	('$', '{"a":1}'), ('$', ' {"a":{"b":[1]}} '), ('$', '42'), ('$', ' "a\"b" '), ('$', 'null'), ('$', 'true'),
	('$[*]', '[1,2]'), ('$[*]', '{"a":1}'), ('$[*]', '42'),
	('$.data', '{"data":[1,2]}'), ('$.data', '{"x":[9],"data":[{"data":[3]}],"y":{"data":[4]}}'),
	('$.data', '{"data":{"a":[1]}}'), ('$.data[*]', '{"data":{"a":[1]}}'), ('$.data', '{"data":null}'),
	('$.data', '{"data":"none"}'), ('$.data', '{"data":-1.5e3}'), ('$.data', '{"data":false}'),
	('$.data', '{}'), ('$.data', '[]'), ('$.data', '{"dat":[1],"data2":[2]}'), ('$.data', '[{"data":[1]}]'),
	('$.a.b', '{"a":{"b":[1,2]},"b":[3]}'), ('$.a.b', '{"b":{"a":[1]},"a":{"c":{"b":[2]},"b":[3]}}'),
	('$.a.b', '{"a":[{"b":[1]}]}'), ('$.a.b', '{"a":{"x":1},"a":{"b":[1]}}'),
	('$.a.b', '{"x":{"a":{"b":[1]}},"b":[2],"a":{}}'), ('$."a b".c', '{"a b":{"c":[1]}}'),
	('$.data', '{"d\u0061ta":["escaped key"]}'), ('$."da\"ta"', '{"da\"ta":[1]}'),
	('$.data', '{"\ud800":[0],"data":[1]}'),
	('$.日', '{"日":["本"]}');
-- a bad record does not refuse its page: its reader will
INSERT INTO body (path, body) VALUES
	('$', '[tru, 01, "\x", {"a" 1}, {a:1}, [1,,2], -]'), ('$', E'["\x01", 1]'), ('$', '[{"a":"\\"},2]'),
	('$', '[{"a":"\\\""},2]'), ('$', '[{"a":"' || repeat('y', 100) || '","b"\{}\,"c":' || repeat('[', 70) || '\"}}' || repeat(']', 70) || '},2]'),
	('$', '["' || repeat('\"[{', 50) || '",{"' || repeat('\\', 70) || '":"]}' || repeat(' ', 70) || '"}]');
-- byte order mark
INSERT INTO body (path, body) VALUES ('$', U&'\FEFF[1]'), ('$', U&'\FEFF'), ('$', U&'\FEFF\FEFF[1]'), ('$', U&' \FEFF[1]');
-- not whole, or not JSON
INSERT INTO body (path, body) VALUES
	('$', ''), ('$', '  '), ('$', '<html>oops</html>'), ('$', ' <?xml?>'), ('$', 'Internal Server Error'),
	('$', '[1,2'), ('$', '[1,2,'), ('$', '[1,2,]'), ('$', '[,1]'), ('$', '[1 2]'), ('$', '[1}'), ('$', '[{"a":1'),
	('$', '["a'), ('$', '["a\'), ('$', '[1]]'), ('$', '[1] x'), ('$', '[1][2]'), ('$', '1 2'), ('$', 'tru'), ('$', '01'),
	('$', '"a'), ('$', '-'), ('$', ']'), ('$', ':'), ('$', '[{"a":[1},{"b":2}]'), ('$', '[1:2]'),
	('$.data', '{"data":[1]'), ('$.data', '{"data":[1]]'), ('$.data', '{"data":[1],}'), ('$.data', '{"data" [1]}'),
	('$.data', '{data:[1]}'), ('$.data', '{"data":}'), ('$.data', '{"data":[1]} {}'), ('$.data', '{"data":[1],"x":truth}'),
	('$.data', '{"data":[1],"x":1.}'), ('$.data', '{"data":[1],"x":{]}'), ('$.data', '{"data":[1],"x":"'),
	('$.data', '{"data":[1],"x'), ('$.data', '{"data":[1],"x"'), ('$.data', '{"data":[1],"x":'), ('$.data', '{,}'),
	('$.data', '{"data":[1],"data":[2]}'), ('$.data', E'{"x":"line\nbreak","data":[]}'), ('$.data', '{"data":[1],"x":[1 2]}');
-- values beside and around the records
INSERT INTO body (path, body, wanted) VALUES
	('$.data', '{"data":[1],"next":"abc\u0041","more":true,"n":-1.5e3,"o":{"a":[1, 2]},"l":null}',
		'{$.next,$.more,$.n,$.o,$.o.a,$.l,$.none,$.data,$}'),
	('$.data', '{"next":1,"data":[{"next":2}],"next":3}', '{$.next}'),
	('$.data', '{"next":1,"data":[],"page":{"next":"x"}}', '{$.page.next,$.page}'),
	('$.data', '[{"next":1}]', '{$.next}'), ('$', '{"a":{"next":7},"next":8}', '{$.next,$.a.next,$}'),
	('$.data', '{"data":{"next":7,"x":[]},"x":1}', '{$.data.next,$.x}'), ('$', '[1]', '{$}'), ('$', '5', '{$}'),
	('$.data', '{"data":[],"next":"ab', '{$.next}');
-- one record a line
INSERT INTO body (path, body) VALUES
	(NULL, E'{"a":1}\n{"a":2}\n'), (NULL, E'\n {"a":1} \r\n\n\n[2]\n3'), (NULL, ''), (NULL, E' \n \n'),
	(NULL, E'{"a":1}\noops\n{"a":3}\n'), (NULL, E'{"a":1}\n{"a":'), (NULL, E'{"a":1}\n{"a":"'), (NULL, E'{"a":1}\n"a\\'),
	(NULL, '<html>'), (NULL, E'{"a":1}\n<html>'), (NULL, U&'\FEFF{"a":1}');
-- or behind a separator
INSERT INTO body (path, body) VALUES
	(NULL, E'\x1e{"a":1}\n\x1e{"a":2}\n'), (NULL, E' \x1e{"a":\n  [1,\n 2]}\n\x1e\x1e\n \x1e3\n'), (NULL, E'\x1e'), (NULL, E'\x1e\x1e\n'),
	(NULL, E'\x1e{"a":1}\n\x1e{"a":'), (NULL, E'\x1e{"a":1\n\x1e{"a":2}\n'), (NULL, E'{"a":1}\n\x1e{"a":2}\n');

CREATE VIEW cut AS
SELECT n, chunk, row, event, number, content
FROM body, unnest(ARRAY[0, 1, 2, 7]) AS chunk,
	dataops._test_cut(convert_to(body, 'UTF8'), path, chunk, wanted) WITH ORDINALITY AS cut(event, number, content, row);

SELECT n, path, body, wanted FROM body WHERE wanted <> '{}' ORDER BY n;
SELECT b.n, b.path, left(b.body, 40) AS body,
	string_agg(c.event || coalesce(' ' || c.number, '') || ': ' || coalesce(c.content, '(absent)'), E'\n' ORDER BY c.row) AS events
FROM body b JOIN cut c ON c.n = b.n AND c.chunk = 0 GROUP BY b.n, b.path, b.body ORDER BY b.n;

SELECT whole.n, chunked.chunk
FROM (SELECT n, jsonb_agg(jsonb_build_array(event, number, content) ORDER BY row) AS events FROM cut WHERE chunk = 0 GROUP BY n) AS whole
JOIN (SELECT n, chunk, jsonb_agg(jsonb_build_array(event, number, content) ORDER BY row) AS events FROM cut WHERE chunk > 0 GROUP BY n, chunk) AS chunked
	ON chunked.n = whole.n AND chunked.events <> whole.events ORDER BY 1, 2;
SELECT count(DISTINCT n) AS bodies, count(DISTINCT (n, chunk)) AS runs FROM cut;

-- a whole page cut off at any byte is broken, never short
SELECT count(*) FILTER (WHERE event = 'broken') AS broken, count(*) AS cuts
FROM (SELECT '{"a":{"data":[{"x":"\u00e9"},[1,"]"],-1.5e3]},"next":"t\"u","more":false}' AS whole) AS w,
	generate_series(0, length(whole) - 1) AS kept, unnest(ARRAY[0, 3]) AS chunk,
	LATERAL (SELECT event FROM dataops._test_cut(convert_to(left(whole, kept), 'UTF8'), '$.a.data', chunk)
		WHERE event IN ('end', 'broken')) AS outcome;

-- the limits
SELECT chunk, length, (SELECT string_agg(event || ' ' || left(content, 30), ', ') FROM dataops._test_cut(
	convert_to('[1,"' || repeat('x', length) || '",2]', 'UTF8'), '$', chunk, '{}', 1000)) AS outcome
FROM unnest(ARRAY[0, 1, 600]) AS chunk, unnest(ARRAY[998, 999]) AS length ORDER BY 1, 2;
SELECT chunk, length, (SELECT content FROM dataops._test_cut(
	convert_to('{"a":"' || repeat('x', length) || '"}', 'UTF8'), '$.data', chunk, '{$.a}') WHERE event = '$.a') = 'too long' AS too_long
FROM unnest(ARRAY[0, 600]) AS chunk, unnest(ARRAY[65534, 65535]) AS length ORDER BY 1, 2;
SELECT depth, place, (SELECT string_agg(event || ' ' || coalesce(number::text, ''), ', ') FROM dataops._test_cut(convert_to(
	replace(place, '?', repeat('[', depth) || repeat(']', depth)), 'UTF8'), '$.data', 7)) AS outcome
FROM unnest(ARRAY[511, 512, 100000]) AS depth, unnest(ARRAY['{"x":?,"data":[1]}', '{"data":[?]}']) AS place ORDER BY 2, 1;
DROP VIEW cut;
DROP TABLE body;
