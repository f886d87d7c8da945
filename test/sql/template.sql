-- {name} and {name:format} in URLs, parameters and object names.
\set VERBOSITY terse

SELECT template, dataops._test_template(template)
FROM unnest(ARRAY['', 'plain', '{name}', 'a{name}b{number}c', '{{{name}}}', '{{name}}', '}}{{',
                  '{number}', '{day}']) AS template;
-- times
SELECT format, dataops._test_template('{start:' || format || '}')
FROM unnest(ARRAY['iso', 'date', 's', 'ms', 'us', 'YYYY/MM/DD', 'YYYY-MM-DD:HH:MI:SS:MS',
                  'YYYYMMDDTHH24MISSZ', 'HH', '.']) AS format;
SELECT format, dataops._test_template('{day:' || format || '}')
FROM unnest(ARRAY['iso', 'date', 's', 'ms', 'us', 'YYYY/MM/DD HH']) AS format;
SELECT start, dataops._test_template('{start} {start:s} {start:ms} {start:us} {start:date}', start => start)
FROM (VALUES ('2024-01-01 00:00:00+00'::timestamptz), ('2024-01-01 01:00:00.5+01'),
             ('1969-12-31 23:59:59.9999+00'), ('0001-01-01 00:00:00+00'), ('12345-01-01 00:00:00+00')
     ) AS moment(start);
SELECT dataops._test_template('{start:ms}', start => 'infinity');
SELECT dataops._test_template('{start}', start => '0044-03-15 00:00:00+00 BC');

-- values in URLs are encoded, the template's own text is not; a format's slashes divide
SELECT dataops._test_template('https://x.test/a%20b/{name}?q={name}&t={start}', 'url',
                              'a b/c?d=e&f#g%+:é~-._' || chr(10));
SELECT dataops._test_template('/{start:YYYY/MM/DD}/{name}', 'url', '../x');
-- nor do values leave their place
SELECT dataops._test_template('/a/{name}/b', 'url', '..');
SELECT dataops._test_template('/a/{name}', 'url', '.');
SELECT dataops._test_template('/a/.{name}/b', 'url', '.');
SELECT dataops._test_template('/a/{name}.?x', 'url', '.');
SELECT dataops._test_template('/a/...{name}', 'url', '.'), dataops._test_template('/a?b=/{name}/', 'url', '..');
SELECT dataops._test_template('raw/{name}/x', 'object name', 'a/b c'),
       dataops._test_template('raw/{name}', 'object name', '..a');
SELECT dataops._test_template('raw/{name}/x', 'object name', 'a/../../etc');
SELECT dataops._test_template('{name}', 'object name', '..');
SELECT dataops._test_template('raw/{name}', 'object name', E'a\nb');
SELECT dataops._test_template('{name}', 'plain', E'a\r\nX-Injected: 1');
SELECT dataops._test_template('{name}', 'plain', '../{number} é%');

-- mistakes, as they are met and as they are found at definition
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT dataops._test_template('{strat}');
SELECT dataops._test_template('{absent}');
SELECT dataops._test_template_check('{nonsense_name}');
SELECT dataops._test_template_check('é{start');
SELECT dataops._test_template_check('{start:{name}}');
\set VERBOSITY terse
SELECT dataops._test_template_check('a}b');
SELECT dataops._test_template_check('{}');
SELECT dataops._test_template_check('{:ms}');
SELECT dataops._test_template_check('{start ms}');
SELECT dataops._test_template_check('{Start}');
SELECT dataops._test_template_check('{{{start}');
SELECT dataops._test_template_check('{start:}');
SELECT dataops._test_template_check('{start:YYYY-QQ}');
SELECT dataops._test_template_check('{start:isodate}');
SELECT dataops._test_template_check('{name:ms}');
SELECT dataops._test_template_check('{number:date}');
SELECT dataops._test_template_check('/{name}/{absent}/{day:YYYY}/{start:ms}/{{}}');
