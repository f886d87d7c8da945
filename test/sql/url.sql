-- References in a document: the examples of RFC 3986, section 5.4, less their fragments.
SELECT reference, replace(dataops._test_url_resolve('http://a/b/c/d;p?q', reference), 'http://a', '') AS path, expected
FROM (VALUES ('g', '/b/c/g'), ('./g', '/b/c/g'), ('g/', '/b/c/g/'), ('/g', '/g'), ('?y', '/b/c/d;p?y'), ('g?y', '/b/c/g?y'), ('#s', '/b/c/d;p?q'),
	('g#s', '/b/c/g'), ('g?y#s', '/b/c/g?y'), (';x', '/b/c/;x'), ('g;x', '/b/c/g;x'), ('', '/b/c/d;p?q'), ('.', '/b/c/'), ('./', '/b/c/'), ('..', '/b/'),
	('../', '/b/'), ('../g', '/b/g'), ('../..', '/'), ('../../', '/'), ('../../g', '/g'), ('../../../g', '/g'), ('../../../../g', '/g'), ('/./g', '/g'),
	('/../g', '/g'), ('g.', '/b/c/g.'), ('.g', '/b/c/.g'), ('g..', '/b/c/g..'), ('..g', '/b/c/..g'), ('./../g', '/b/g'), ('./g/.', '/b/c/g/'),
	('g/./h', '/b/c/g/h'), ('g/../h', '/b/c/h'), ('g;x=1/./y', '/b/c/g;x=1/y'), ('g;x=1/../y', '/b/c/y'), ('g?y/./x', '/b/c/g?y/./x'),
	('g?y/../x', '/b/c/g?y/../x'), ('http://a/z', '/z')) AS example (reference, expected)
WHERE dataops._test_url_resolve('http://a/b/c/d;p?q', reference) IS DISTINCT FROM 'http://a' || expected;
SELECT reference, dataops._test_url_resolve('https://a:444/b?c', reference)
FROM unnest('{//g,//g:80/h?i,https://g,http://g/,/h?url=http://x/,ftp://g/,//,/a b,/h?é,#}'::text[]) WITH ORDINALITY AS example (reference, n) ORDER BY n;
SELECT dataops._test_url_resolve('https://a', reference) FROM unnest('{g,?y,"",/}'::text[]) WITH ORDINALITY AS example (reference, n) ORDER BY n;
