-- Two hundred and forty thousand generated texts, good and bad: the same bytes or the same refusal as jsonb_in.
SELECT kind, documents_made, accepted > documents_made / 20 AS many_accepted, refused > 0 AS some_refused, differences
FROM dataops._test_jsonb_corpus(20251128, 240000);

-- What there is to get wrong is there among the first of them: in texts that are taken where it is good, else in refused ones.
CREATE FUNCTION pg_temp.taken(body bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dataops._test_jsonb_bytes(body);
	RETURN true;
EXCEPTION WHEN others THEN
	RETURN false;
END $$;
CREATE TEMP TABLE document AS SELECT kind, body, pg_temp.taken(body) AS taken FROM dataops._test_corpus(20251128, 24000);
SELECT kind, what, good, count(*) FILTER (WHERE taken = good) > 0 AS found
FROM document JOIN (VALUES ('strings', 'all short escapes', true, '(\\["\\/bfnrt].*){30}'), ('strings', 'a pair of escaped surrogates', true, '\\u[dD][89abAB]..\\u[dD][c-fC-F]..'),
	('strings', 'a high surrogate alone', false, '\\u[dD]800[x"]'), ('strings', 'a low surrogate alone', false, '[^0-9a-fA-F]\\udc00'),
	('strings', 'an escaped zero', false, '\\u0000'), ('strings', 'an escape that is none', false, '[^\\]\\[x'']'), ('strings', 'characters of four bytes', true, U&'\+01F600'),
	('numbers', 'minus zero', true, '[:\[,]-0[,\]}]'), ('numbers', 'an exponent with a plus', true, '\dE\+\d'), ('numbers', 'a hundred digits', true, '[^\d.][1-9]\d{99}'),
	('numbers', 'more digits', true, '[^\d.][1-9]\d{250}'), ('numbers', 'digits behind the point', true, '\.\d{250}'),
	('numbers', 'the largest exponents', true, '[eE]\+?13107[01]\M'), ('numbers', 'larger ones', false, '[eE]\+?13107[23]\M'),
	('numbers', 'the smallest exponents', true, '[eE]-1638[23]\M'), ('numbers', 'smaller ones', false, '[eE]-16384\M'),
	('numbers', 'exponents over all limits', false, '[eE][-+]?(1073741824|2147483648|4294967296|9223372036854775808|9{20})\M'),
	('numbers', 'a zero in front', false, '[:\[,]-?0[01]'), ('numbers', 'no digit behind the point', false, '\d\.[,e\]}]'),
	('nested', 'an empty list', true, '\[\]'), ('nested', 'an empty object', true, '\{\}'), ('nested', 'lists and objects by turns', true, '\[\{"a":\[\{"a":'))
	AS feature (kind, what, good, pattern) USING (kind)
WHERE convert_from(body, 'UTF8') ~ pattern
GROUP BY kind, what, good ORDER BY kind, good DESC, what;
SELECT kind, what, count(*) FILTER (WHERE taken) > 0 AS found
FROM document JOIN (VALUES ('keys', 'the same key twice', ARRAY['{%"k1":%"k1":%}']), ('keys', 'and with an escape', ARRAY['{%"\\u006b1":%,%"k1":%}']), ('keys', 'an empty key', ARRAY['{%"":%}']),
	('keys', 'a key of 255 bytes', ARRAY['%"' || repeat('k', 255) || '":%']), ('keys', 'a key of 256 bytes', ARRAY['%"' || repeat('k', 256) || '":%']),
	('keys', 'a key of 65,537 bytes', ARRAY['%"' || repeat('k', 65537) || '":%']),
	('space', 'each kind of white space', ARRAY[E'% %', E'%\t%', E'%\r%', E'%\n%'])) AS feature (kind, what, patterns) USING (kind)
WHERE convert_from(body, 'UTF8') LIKE ALL (patterns)
GROUP BY kind, what ORDER BY kind, what;
SELECT what, count(*) FILTER (WHERE NOT taken) > 0 AS found
FROM document JOIN (VALUES ('a byte order mark', '\xefbbbf'::bytea), ('a zero byte', '\x00'), ('a stray byte', '\x80'), ('a cut character', '\xe697'), ('an overlong form', '\xc0af'),
	('a surrogate in UTF-8', '\xeda080'), ('beyond the last character', '\xf4908080'), ('a vertical tab', '\x0b'), ('a space that is none in JSON', '\xc2a0'),
	('another text behind the end', '\x5d2031')) AS feature (what, bytes) ON position(bytes IN body) > 0
WHERE kind = 'bytes'
GROUP BY what ORDER BY what;
