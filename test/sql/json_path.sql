-- Member paths: a strict subset of jsonpath, refused with the character where it leaves it.
\set VERBOSITY terse
SELECT path, dataops._test_member_path(path) AS members
FROM unnest(ARRAY['$', '$[*]', '$.a', '$.a.b', '$.a_1.Δx', '$.a[*]', '$."a key"."".b[*]', '$."a.b[*]"',
	'$."\u0061\"\\"', '$."日本"']) WITH ORDINALITY AS p(path, n) ORDER BY n;

CREATE FUNCTION pg_temp.refusal(path text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN dataops._test_member_path(path)::text;
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail || ' ' || sqlerrm;
END $$;
SELECT pg_temp.refusal(path)
FROM unnest(ARRAY['', 'a', ' $', '$ ', '$.', '$..a', '$.a.', '$.1a', '$.a-b', '$.日本-', '$[0]', '$.a[0]',
	'$.a[*].b', '$.a[*][*]', '$.a [*]', '$."a', '$."a\x"', '$."\ud800"', '$.*', '$.a?(@.b)', '$a',
	'lax $.a', '$.a()', '$."a"b']) WITH ORDINALITY AS p(path, n) ORDER BY n;
