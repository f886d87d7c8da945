-- What is retried, when, and how fast requests may go.
\set VERBOSITY terse

-- statuses by themselves
SELECT string_agg(status::text, ' ' ORDER BY status) FILTER (WHERE action = 'accept') AS accepted,
       string_agg(status::text, ' ' ORDER BY status) FILTER (WHERE action = 'retry') AS retried,
       count(*) FILTER (WHERE action = 'fail') AS failed
FROM generate_series(199, 599) AS status, dataops._test_status('{}', '{}', status) AS action
WHERE status NOT BETWEEN 205 AND 299;

-- a source's own table: the narrowest rule wins whatever its place
SELECT status, dataops._test_status('{4xx,404,409,5xx,503}', '{stop,skip,retry,fail,stop}', status)
FROM unnest('{200,400,404,409,429,500,503,504}'::int[]) AS status;
SELECT codes, action, dataops._test_status(ARRAY[codes], ARRAY[action], 404)
FROM (VALUES ('404', 'skip'), ('4xx', 'fail'), ('40x', 'fail'), ('099', 'fail'), ('600', 'fail'),
             ('4040', 'fail'), ('', 'fail'), ('4XX', 'fail'), ('404', 'accept'), ('404', '')
     ) AS rule(codes, action);

-- ways to fail
SELECT outcome, idempotent, dataops._test_retry(1, outcome, idempotent => idempotent)
FROM unnest('{unsent,broken,refused}'::text[]) AS outcome, unnest('{t,f}'::bool[]) AS idempotent;
SELECT status, idempotent, dataops._test_retry(1, 'status', status, idempotent => idempotent)
FROM unnest('{404,408,425,429,503}'::int[]) AS status, unnest('{t,f}'::bool[]) AS idempotent;
-- one new credential, even after the last attempt; then no more
SELECT dataops._test_retry(5, 'status', 401, can_refresh => true);
SELECT dataops._test_retry(5, 'status', 401, can_refresh => false);
SELECT dataops._test_retry(1, 'status', 403, can_refresh => true);

-- own backoff: bounds, the whole range of the jitter, the last attempt, the total
SELECT number, dataops._test_retry(number, 'broken') FROM generate_series(1, 5) AS number;
SELECT random, dataops._test_retry(3, 'broken', jitter => true, random => random)
FROM unnest('{0,1,2000,2001,-1}'::bigint[]) AS random;
SELECT dataops._test_retry(1, 'broken', elapsed_ms => 9500, max_total_ms => 10000),
       dataops._test_retry(1, 'broken', elapsed_ms => 9501, max_total_ms => 10000);

-- Retry-After: seconds, and a date in three forms
SELECT value, dataops._test_retry_after(value)
FROM (VALUES (1, '0'), (2, '3'), (3, '604800'), (4, '604801'), (5, '-1'), (6, '1.5'), (7, '1e3'),
             (8, 'soon'), (9, ''), (10, '3 '), (11, '99999999999999999999'), (12, '0x10'),
             (20, 'Fri, 01 Mar 2024 00:00:10 GMT'), (21, 'Friday, 01-Mar-24 00:00:10 GMT'),
             (22, 'Fri Mar  1 00:00:10 2024'), (23, 'Fri, 01 Mar 2024 00:00:00 GMT'),
             (24, 'Thu, 29 Feb 2024 23:59:59 GMT'), (25, 'Sun, 06 Nov 1994 08:49:37 GMT'),
             (26, 'Fri, 01 Mar 2124 00:00:10 GMT'), (27, 'Fri, 01 Mar 2024 00:00:10'),
             (28, 'Fri, 01 Mar 2024 00:00:10 GMT+1'), (29, 'Fri, 32 Mar 2024 00:00:10 GMT'),
             (30, 'Fri, 01 Foo 2024 00:00:10 GMT'), (31, 'Fri, 01 Mar 2024 24:00:10 GMT'),
             (32, 'Friday, 01-Mar-94 00:00:10 GMT')
     ) AS field(place, value)
ORDER BY place;
SELECT dataops._test_retry_after('Thu, 29 Feb 2024 00:00:01 GMT', '2024-02-28 23:59:59.4+00') AS leap,
       dataops._test_retry_after('Thu, 29 Feb 2023 00:00:01 GMT', '2023-02-28 23:59:59+00') AS none,
       dataops._test_retry_after('Friday, 01-Jan-00 00:00:01 GMT', '2099-12-31 23:59:59+00') AS turn,
       dataops._test_retry_after('Sat, 31 Dec 2016 23:59:60 GMT', '2016-12-31 23:59:59+00') AS second;
-- it goes before the own backoff when it can be believed; what is longer than a run waits ends it
SELECT retry_after, dataops._test_retry(2, 'status', 429, retry_after)
FROM unnest('{0,3,60,61,3600,-1,soon,1.5,9999999}'::text[]) AS retry_after;
SELECT dataops._test_retry(5, 'status', 429, '3') AS last, dataops._test_retry(5, 'status', 429, '3600') AS later;
SELECT dataops._test_retry(1, 'status', 503, '3', idempotent => false) AS unsafe;

-- the token bucket: a burst, then the rate; a refused request takes nothing
SELECT dataops._test_rate(2, 3, '{0,0,0,0,250,500,500,1000,60000,60000,60000,60000}',
                          '{1,1,1,1,1,1,1,1,1,1,1,1}', array_fill(NULL::float8, '{12}'));
-- twenty a minute; a cost above the burst waits for a full bucket and leaves a debt
SELECT dataops._test_rate(20 / 60.0, 1, '{0,0,2999,3000}', '{1,1,1,1}', '{null,null,null,null}');
SELECT dataops._test_rate(1, 2, '{0,0,2999,3000,4000}', '{5,1,1,1,1}', array_fill(NULL::float8, '{5}'));
-- no limit; a clock that stands or goes back gives nothing away
SELECT dataops._test_rate(0, 0, '{0,0,0}', '{1,1,1000}', '{null,null,null}');
SELECT dataops._test_rate(1, 1, '{5000,4000,5000,6000}', '{1,1,1,1}', array_fill(NULL::float8, '{4}'));
-- a reported quota (of 100 in 10 s): free, spread out, stopped for a window, then free again
SELECT dataops._test_rate(0, 1, '{0,0,100,100,600,650,700}', '{1,1,1,1,2,1,1}', '{50,null,70,null,null,null,null}');
SELECT dataops._test_rate(0, 1, '{0,9999,10000,10000}', '{1,1,1,1}', '{90,null,null,null}');
SELECT dataops._test_rate(0, 1, '{0,100,1000,1000}', '{1,1,1,1}', '{80,10,null,null}') AS recovered;
SELECT dataops._test_rate(0, 1, '{0,0,9999,10000}', '{50,1,1,1}', '{89,null,null,null}') AS at_most_a_window;
SELECT dataops._test_rate(0, 1, '{0,0}', '{1,1}', '{NaN,-5}') AS nonsense;
