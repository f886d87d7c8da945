-- When schedules are due, against times worked out by hand.  Needs a build with TEST=1.
\set VERBOSITY terse
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';

-- every field and form
SELECT cron, array_agg(t ORDER BY t) FROM (VALUES
    ('*/20 * * * *'), ('5 4 * * *'), ('0 9-17/4 * * *'), ('0,30 6 * * *'), ('0 0 1 JAN,jul *'), ('0 12 * * MON-FRI'),
    ('0 0 * * 7'), ('0 0 * * 5-7'), ('0 0 29 2 *'), ('0 0 13 * FRI'), ('0 0 */10 * 1'), ('@hourly'), ('@Daily'), ('@weekly'), ('@monthly')
) AS c(cron), dataops._test_cron(cron, 'UTC', '2024-01-31 23:59:59.5', 3) AS t GROUP BY cron ORDER BY cron;

-- strictly after
SELECT * FROM dataops._test_cron('0 0 * * *', 'UTC', '2024-06-01 00:00:00', 1);
SELECT * FROM dataops._test_cron('0 0 * * *', 'UTC', '2024-05-31 23:59:59.999999', 1);

-- Paris, 31 March 2024, 02:00 to 03:00 is skipped: due once, at 03:00 (01:00 UTC)
SELECT * FROM dataops._test_cron('30 2 * * *', 'Europe/Paris', '2024-03-30 00:00', 3);
SELECT * FROM dataops._test_cron('*/30 1-3 * * *', 'Europe/Paris', '2024-03-30 23:30', 5);
SELECT * FROM dataops._test_cron('0 3 * * *', 'Europe/Paris', '2024-03-30 12:00', 2);
-- Paris, 27 October 2024, 02:00 to 03:00 comes twice: due the first time
SELECT * FROM dataops._test_cron('30 2 * * *', 'Europe/Paris', '2024-10-26 12:00', 2);
SELECT * FROM dataops._test_cron('30 2 * * *', 'Europe/Paris', '2024-10-27 00:45', 1);
-- but what runs every hour goes on every hour
SELECT * FROM dataops._test_cron('30 * * * *', 'Europe/Paris', '2024-10-26 23:00', 5);
SELECT * FROM dataops._test_cron('30 * * * *', 'Europe/Paris', '2024-03-30 23:00', 4);
-- New York, 10 March and 3 November 2024
SELECT * FROM dataops._test_cron('15 2 * * *', 'America/New_York', '2024-03-09 12:00', 2);
SELECT * FROM dataops._test_cron('15 1 * * *', 'America/New_York', '2024-11-02 12:00', 3);
-- Santiago goes back at midnight: the last hour of Saturday 6 April 2024 comes twice
SELECT * FROM dataops._test_cron('30 23 * * *', 'America/Santiago', '2024-04-06 00:00', 3);
SELECT * FROM dataops._test_cron('30 * * * 0', 'America/Santiago', '2024-04-07 02:00', 3);
-- Beirut skips the hour after midnight; Lord Howe moves by half an hour; Apia had no 30 December 2011
SELECT * FROM dataops._test_cron('0 0 * * *', 'Asia/Beirut', '2024-03-29 00:00', 3);
SELECT * FROM dataops._test_cron('15 2 * * *', 'Australia/Lord_Howe', '2024-10-04 20:00', 2);
SELECT * FROM dataops._test_cron('0 12 * * *', 'Pacific/Apia', '2011-12-29 00:00', 3);

-- never, or not within five years
SELECT count(*) FROM dataops._test_cron('0 0 30 2 *', 'UTC', '2024-01-01', 1);
SELECT count(*) FROM dataops._test_cron('0 0 31 4,6,9,11 *', 'UTC', '2024-01-01', 1);
SELECT count(*) FROM dataops._test_cron('0 0 29 2 *', 'UTC', '2096-03-01', 1);
SELECT count(*) FROM dataops._test_cron('* * * * *', 'UTC', 'infinity', 1);

-- refused, with the reason
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT dataops._cron_next('60 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('* * 0 * *', 'UTC', now(), 1);
SELECT dataops._cron_next('* * * 13 *', 'UTC', now(), 1);
SELECT dataops._cron_next('* * * * 8', 'UTC', now(), 1);
SELECT dataops._cron_next('* * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('* * * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('', 'UTC', now(), 1);
SELECT dataops._cron_next('*/0 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('5/10 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('5- * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('1,,2 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('30-10 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('* * * * MONDAY', 'UTC', now(), 1);
SELECT dataops._cron_next('99999999999999999999 * * * *', 'UTC', now(), 1);
SELECT dataops._cron_next('@yearly', 'UTC', now(), 1);
SELECT dataops._cron_next(repeat('1,', 500) || '1 * * * *', 'UTC', now(), 1) IS NOT NULL;
SELECT dataops._cron_next('* * * * *', 'Europe/Pari', now(), 1);
SELECT dataops._cron_next('* * * * *', 'nowhere at all', now(), 1);
