-- Reading small replies of services.
\set VERBOSITY terse

SELECT body, dataops._test_json_error(convert_to(body, 'UTF8'))
FROM unnest(ARRAY[
	'{"error":{"code":404,"message":"Not found: Table x","status":"NOT_FOUND"}}',
	'{"error":"invalid_grant","error_description":"Token has been expired or revoked."}',
	'{"error":"no such thing"}', '{"code":-1121,"msg":"Invalid symbol."}', '{"message":"Bad credentials"}',
	'{"errors":[{"message":"first"},{"message":"second"}]}', '{"errors":["plain"]}',
	'{"detail":"Not found."}', '{"detail":[{"loc":["query"],"msg":"field required"}]}',
	'{"type":"about:blank","title":"Forbidden"}', '[{"error":{"message":"in an array"}}]', '"a text"',
	'{"error":{"message":"two\nlines\u0000and NUL"}}', '{"error":{"message":42}}', '{"error":""}', '{}', '[]', '42', '',
	'<html>503</html>', '{"error":{"message":"cut']) AS body;
SELECT length(dataops._test_json_error(convert_to('{"message":"' || repeat('x', 5000) || '"}', 'UTF8')));
SELECT dataops._test_json_error('{"message":"\377"}');

SELECT path, dataops._test_json_reply(
	'{"kind":"x","n":7,"size":"123","neg":"-5","big":9223372036854775807,"real":1.5,"deep":{"list":[{"a":"b"},[1,2]],"null":null}}',
	path)
FROM unnest(ARRAY['$', '$.kind', '$.n', '$.size', '$.neg', '$.big', '$.real', '$.deep.list[0].a', '$.deep.list[1][1]',
                  '$.deep.list[2]', '$.deep.list[x]', '$.deep.list[0', '$.deep.null', '$.deep.none.a', '$.', '$..a',
                  '', 'kind', '.kind', '$kind', '$.' || repeat('x', 200)]) AS path;
SELECT dataops._test_json_reply(convert_to('{"n":"' || digits || '"}', 'UTF8'), '$.n')
FROM unnest('{"",-,1-2,99999999999999999999,-9223372036854775808}'::text[]) AS digits;
SELECT dataops._test_json_reply(body::bytea, '$')
FROM unnest(ARRAY['', ' ', '{"a":1', '[1] x', '{"a":"\\u0000"}', '{"a":1e999}', '{"a":"\377"}']) AS body;
SELECT dataops._test_json_reply(convert_to(repeat('[', 100000) || repeat(']', 100000), 'UTF8'), '$');
SELECT path, dataops._test_json_members('{"one":"1","two":2,"a.b[0]":{"x":"y"},"none":null,"list":["a"]}', path)
FROM unnest('{$,$.one,$.list,$.nothing}'::text[]) AS path;
SELECT dataops._test_json_members('{}', '$') = '' AS empty;
-- handles go with their context
SELECT count(dataops._test_json_reply('{"a":"b"}', '$.a')) FROM generate_series(1, 20000);
