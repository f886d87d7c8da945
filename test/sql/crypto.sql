-- Digests, sealed secrets, identities.
\set VERBOSITY terse

SELECT dataops._test_sha256('abc');
SELECT bool_and(dataops._test_sha256(input) = encode(sha256(input), 'hex'))
FROM (SELECT convert_to(repeat('x', n), 'UTF8') FROM generate_series(0, 200) AS n) AS texts(input);

-- a vector of the GCM specification (case 16): nonce, ciphertext, tag
\set key '''\\xfeffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'''
\set other '''\\x00ffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'''
\set context '''\\xfeedfacedeadbeeffeedfacedeadbeefabaddad2'''
\set sealed '''\\xcafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b'''
SELECT dataops._test_open(:key, :sealed, :context);
SELECT dataops._test_open(:other, :sealed, :context) IS NULL AS other_key,
       dataops._test_open(:key, :sealed, '') IS NULL AS other_context;
-- whatever byte is changed or missing
SELECT count(*) AS bytes, count(dataops._test_open(:key, set_byte(:sealed, n, get_byte(:sealed, n) # 1), :context)) AS opened
FROM generate_series(0, length(:sealed::bytea) - 1) AS n;
SELECT count(*) AS lengths, count(dataops._test_open(:key, substr(:sealed::bytea, 1, n), :context)) AS opened
FROM generate_series(0, length(:sealed::bytea) - 1) AS n;

-- there and back; twice the same secret does not look the same
SELECT bool_and(dataops._test_open(:key, dataops._test_seal(:key, plain, 'token 1'), 'token 1') = plain)
FROM (SELECT convert_to(repeat('x', n), 'UTF8') FROM generate_series(0, 100) AS n) AS texts(plain);
SELECT length(dataops._test_seal(:key, 'secret', '')) AS length,
       dataops._test_seal(:key, 'secret', '') <> dataops._test_seal(:key, 'secret', '') AS differ;
SELECT dataops._test_seal(:key, convert_to(repeat('x', 1048577), 'UTF8'), '');
SELECT dataops._test_wipe('secret');

-- base64 as in RFC 4648, and as people paste it
SELECT string_agg(dataops._test_base64_url(convert_to(left('foobar', n), 'UTF8')), ' ' ORDER BY n) FROM generate_series(0, 6) AS n;
SELECT dataops._test_base64_url('\xfbff3effbe'), dataops._test_base64_open('+/8+/74='), dataops._test_base64_open('-_8-_74');
SELECT text, convert_from(dataops._test_base64_open(text), 'UTF8')
FROM unnest(ARRAY['', 'Zg==', 'Zg', 'Zg=', 'Zm8', 'Zm9v', E' Zm9v\n\tYmFy\r\n', 'Zm9vYg==  ', 'Z', 'Zm9vZ', 'Zm=9v', 'Zm9v!', '=', 'Zm9vä']) AS text;
SELECT bool_and(dataops._test_base64_open(dataops._test_base64_url(bytes)) = bytes
                AND dataops._test_base64_open(encode(bytes, 'base64')) = bytes)
FROM (SELECT substr(convert_to(repeat('round trip ', 20), 'UTF8'), 1, n) AS bytes FROM generate_series(0, 200) AS n) AS lengths;

-- identities: the form, the time, the order
SELECT count(*) AS made, count(DISTINCT id) AS different,
       bool_and(id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$') AS good,
       bool_and(id > before) AS ascending
FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before
      FROM (SELECT n, dataops._test_uuid()::uuid::text AS id FROM generate_series(1, 20000) AS n) AS made) AS pairs;
SELECT abs(extract(epoch FROM clock_timestamp()) * 1000
           - ('x' || replace(left(dataops._test_uuid(), 13), '-', ''))::bit(48)::bigint) < 5000 AS now;
SELECT dataops._test_uuid_at(1700000000000, 1700000000001, 1) AS later,
       dataops._test_uuid_at(1700000000000, 1600000000000, 100) AS clock_back,
       dataops._test_uuid_at(1700000000000, 1700000000000, 10000) AS counter_full;
