# A pipeline whose load goes through files in Google Cloud Storage into BigQuery, against the scripted faces of both: what is in
# production equals the table here, whatever is loaded, and wherever the process dies.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
my $node = start_cluster('bigquery_load', <<CONF);
dataops.google_endpoints = 'storage=$url, bigquery=$url'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
restart_after_crash = on
CONF
my $dbname = 'work';

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app(<<'SQL');
CREATE EXTENSION dataops;
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', prefix 'production', staging_prefix 'staging');
CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset 'market', staging_dataset 'market_staging', location 'EU');
CREATE SCHEMA production;
CREATE TABLE production.candles (symbol text, opened timestamptz, price numeric(12,2), volume numeric, tags text[], PRIMARY KEY (symbol, opened));
COMMENT ON TABLE production.candles IS 'prices';
INSERT INTO production.candles SELECT 'BTC', '2026-11-21 00:00+00'::timestamptz + n * '15 minutes'::interval, n + 0.25, n * 1.000000001, ARRAY['a', n::text] FROM generate_series(1, 500) n;
SELECT dataops.create_pipeline('market');
SELECT dataops.add_load('market', 'production.candles', 'bq', key => '{symbol,opened}', stage => 'lake', partition_by => 'opened', cluster_by => '{symbol}',
	checks => '{"matches(sum(price), sum(volume), count(tags))"}');
SQL

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

sub ask
{
	return ask_fake($url, @_);
}

sub run_market
{
	my ($before) = @_;
	my ($code, $out, $err) = $node->psql($dbname, ($before // '') . "CALL dataops.run('market')", extra_params => [ '-U', 'app' ]);

	return $err // '';
}

# The same in a worker, which has a transaction only where it needs one.
sub start_market
{
	my $run = as_app(q{SELECT dataops.start('market')});
	my ($code, $out, $err) = $node->psql($dbname, "CALL dataops.wait('$run', '120 s')", extra_params => [ '-U', 'app' ]);

	return $err . as_app("SELECT state FROM dataops.runs WHERE run_id = '$run'");
}

my $here = q{SELECT md5(string_agg(concat_ws(',', symbol, extract(epoch FROM opened)::bigint, price, trim_scale(volume), tags), ';' ORDER BY symbol, opened)) FROM production.candles};
my $there = q{SELECT md5(string_agg(concat_ws(',', symbol, extract(epoch FROM opened)::bigint, price::numeric(12,2), trim_scale(volume), tags), ';' ORDER BY symbol, opened)) FROM
	dataops.bigquery('bq', 'SELECT * FROM `market.candles`') r, jsonb_to_record(r) AS c (symbol text, opened timestamptz, price numeric, volume numeric, tags text[])};

sub others
{
	return join ' ', (grep { /dataops/ } keys %{ ask('/bq/tables') }), map { $_->{name} } @{ ask('/gcs/objects') };
}

is(start_market(), 'succeeded', 'the first run');
is(as_app($there), as_app($here), 'production there equals the table here');
is(others(), '', 'no files and no other tables are left');
is(ask('/bq/tables')->{'test.market.candles'}{timePartitioning}{field}, 'opened', 'production is partitioned, too');
is(as_app(q{SELECT state, rows, job LIKE 'dataops_%_merge_1', publish_job LIKE 'dataops_%_publish_1', bytes_billed > 0 FROM dataops.load}), 'done|500|t|t|t', 'the ledger has the jobs and what they cost');
ask('/bq/requests?clear');
run_market();
is(scalar(@{ ask('/bq/requests') }), 0, 'nothing new: BigQuery is not asked');
as_app(q{UPDATE production.candles SET price = -price WHERE extract(minute FROM opened) = 0; INSERT INTO production.candles VALUES ('ETH', '2026-11-21', 1, 1e-38, '{}')});
unlike(run_market(), qr/ERROR/, 'the next one');
is(as_app($there), as_app($here), 'changed rows are merged');
is(as_app('SELECT rows FROM dataops.load ORDER BY id DESC LIMIT 1'), '126', 'only those went');
as_app(q{ALTER TABLE production.candles ADD note jsonb; UPDATE production.candles SET note = '{"a": [1, 2.5]}' WHERE symbol = 'ETH'});
is(start_market(), 'succeeded', 'a wider table');
is(as_app(q{SELECT r->'note' FROM dataops.bigquery('bq', 'SELECT note FROM `market.candles` WHERE symbol = @s', '{"s": "ETH"}') r}), '{"a": [1, 2.5]}', 'a new column');

as_app(q{UPDATE production.candles SET volume = 'NaN' WHERE symbol = 'ETH'});
like(run_market(), qr/"volume" of row \d+ is NaN, which BIGNUMERIC does not have/, 'a value that BigQuery does not have is refused');
as_app(q{UPDATE production.candles SET volume = 1 WHERE symbol = 'ETH'; SELECT dataops.resume('market')});
run_market();
is(as_app($there), as_app($here), 'and nothing else went wrong');

# Tables that somebody took away, or that expired: what was loaded before is there again, with the rows that changed since.
as_app(q{CREATE TABLE production.trades (id int, price int); INSERT INTO production.trades VALUES (1, 1); ALTER TABLE production.candles ADD grade int DEFAULT 5;
	SELECT dataops.add_load('market', 'production.trades', 'bq', mode => 'append', stage => 'lake')});
is(start_market(), 'succeeded', 'a new column, which no row was written for');
is(scalar(grep { $_->{name} eq 'grade' } @{ ask('/bq/tables')->{'test.market.candles'}{schema}{fields} }), 0, 'no row has changed: it does not come');
as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
is(start_market(), 'succeeded', 'with the next row');
is(as_app(q{SELECT string_agg(DISTINCT r->>'grade', ' ') FROM dataops.bigquery('bq', 'SELECT grade FROM `market.candles`') r}), '5', 'it has come to all of them');
is(as_app(q{SELECT string_agg(state || ' ' || rows, '; ' ORDER BY id) FROM (SELECT * FROM dataops.load WHERE target = 'candles' ORDER BY id DESC LIMIT 2) l}),
	'removed 1; done 501', 'by a load of all rows');
my $trades = q{SELECT string_agg(r->>'id', ' ' ORDER BY (r->>'id')::int) FROM dataops.bigquery('bq', 'SELECT id FROM `market.trades`') r};
my $created = q{SELECT min(r->>'created_at') FROM dataops.bigquery('bq', 'SELECT created_at FROM `market.candles`') r};
my $first = as_app($created);
for my $lost ([ 'market_staging' ], [ 'market' ], [ 'market', 'market_staging' ])
{
	my $rows = as_app('SELECT count(*) FROM production.trades');

	for my $dataset (@$lost) { ask("/bq/forget?table=$dataset.$_") for qw(candles trades) }
	as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'; INSERT INTO production.trades SELECT count(*) + 1, 1 FROM production.trades});
	is(start_market(), 'succeeded', "without the tables of @$lost");
	is(as_app($there), as_app($here), 'all rows are there');
	is(as_app($trades), join(' ', 1 .. $rows + 1), 'each once');
	is(as_app($created) eq $first, @$lost == 1 ? 1 : '', 'with the time of their first coming where that is known');
}
ask("/bq/forget?table=$_.candles") for qw(market market_staging);
as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
like(through_crash($node, sub { run_market(q{SET dataops.fault = 'load_before_anew:kill9'; }) }), qr/server closed the connection|terminat/, 'kill -9 when that is known');
is(start_market(), 'succeeded', 'is of no account');
is(as_app($there), as_app($here), 'all rows are there');
is(others(), '', 'and nothing else');
# So are those that were not published yet.
as_app(q{SELECT dataops.create_pipeline('later'); CREATE TABLE production.late AS SELECT 1 AS id;
	SELECT dataops.add_load('later', 'production.late', 'bq', mode => 'append', stage => 'lake', publish => false);
	CALL dataops.run('later'); SELECT dataops.add_promote('later', 'production.late', 'bq'); CALL dataops.run('later');
	INSERT INTO production.late VALUES (2); CALL dataops.run('later', steps => '{production.late@bq}')});
ask('/bq/forget?table=market_staging.late');
my ($code, $out, $err) = $node->psql($dbname, "CALL dataops.run('later', steps => '{production.late\@bq:promote}')", extra_params => [ '-U', 'app' ]);
like($err, qr/failed \(notFound\)/, 'what has gone cannot be published');
as_app(q{SELECT dataops.resume('later'); INSERT INTO production.late VALUES (3); SET client_min_messages = error; CALL dataops.run('later')});
is(join(' ', map { $_->[0] } @{ ask('/bq/rows?table=market.late') }), '1 2 3', 'it comes with the next load');

# Values that both sides write in their own way are compared as what they are, whatever the session's and the pipeline's settings.
as_app(<<'SQL');
CREATE TABLE production.moments (id int, at timestamptz, local timestamp, day date, hour time, ratio float8, single float4, none int);
INSERT INTO production.moments VALUES (1, '2026-07-01 12:00:00.5+02', '2026-07-01 12:00:00.25', '2026-07-01', '12:00:00.125', 'Infinity', 0.1, NULL),
	(2, '2026-01-01 00:00:00+00', '2026-01-01', '2026-01-01', '00:00', '-Infinity', 1e-7, NULL);
SELECT dataops.create_pipeline('moments', timezone => 'Europe/Berlin');
SELECT dataops.add_load('moments', 'production.moments', 'bq', stage => 'lake',
	checks => '{"matches(max(at), min(at), max(local), min(local), max(day), max(hour), min(hour), max(ratio), min(ratio), max(single), min(single), sum(none))"}');
SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = 0;
CALL dataops.run('moments');
SQL
is(as_app(q{SELECT message FROM dataops.check_results WHERE pipeline = 'moments' AND check_name <> 'row_count'}), join('; ',
	'max(at): 2026-07-01T10:00:00.5Z here, 2026-07-01T10:00:00.5Z there', 'min(at): 2026-01-01T00:00:00Z here, 2026-01-01T00:00:00Z there',
	'max(local): 2026-07-01T12:00:00.25 here, 2026-07-01T12:00:00.25 there', 'min(local): 2026-01-01T00:00:00 here, 2026-01-01T00:00:00 there',
	'max(day): 2026-07-01 here, 2026-07-01 there', 'max(hour): 12:00:00.125 here, 12:00:00.125 there', 'min(hour): 00:00:00 here, 00:00:00 there',
	'max(ratio): Infinity here, Infinity there', 'min(ratio): -Infinity here, -Infinity there', 'max(single): 0.1 here, 0.1 there',
	'min(single): 1e-07 here, 0.0000001 there', 'sum(none): null here, null there'), 'moments and numbers of both sides');

# Null arrays, which BigQuery does not have: refused, set aside, or loaded as empty ones, as the load says.
as_app(q{CREATE TABLE production.tagged (id int, tags text[]); INSERT INTO production.tagged VALUES (1, '{a,b}'), (2, NULL); SELECT dataops.create_pipeline('tagged');
	SELECT dataops.add_load('tagged', 'production.tagged', 'bq', stage => 'lake', checks => '{matches(count(tags))}')});
sub run_tagged
{
	my ($on_bad_value) = @_;
	my ($code, $out, $err);

	as_app("SELECT dataops.add_load('tagged', 'production.tagged', 'bq', stage => 'lake', on_bad_value => '$on_bad_value')");
	($code, $out, $err) = $node->psql($dbname, "SET client_min_messages = error; CALL dataops.run('tagged')", extra_params => [ '-U', 'app' ]);
	return $err;
}
like(run_tagged('refuse'), qr/column "tags" of row 2 is null, which BigQuery would make an empty array/, 'a null array is refused');
like(as_app(q{SELECT hint FROM dataops.failures WHERE pipeline = 'tagged'}), qr/on_bad_value => 'quarantine' or 'null'/, 'with the ways out');
like(run_tagged('null'), qr/check "matches_count_tags".*count\(tags\): 1 here, 2 there/, 'where it may become an empty one, matches() tells that it did');
as_app(q{SELECT dataops.drop_check('tagged', 'matches_count_tags')});
is(run_tagged('null'), '', 'which may be as it should');
is(join(' ', map { "$_->[0] " . @{ $_->[1] } } @{ ask('/bq/rows?table=market.tagged') }), '1 2 2 0', 'and the array is empty');
is(run_tagged('quarantine'), '', 'or its row is set aside');
is(join(' ', map { "$_->[0] " . @{ $_->[1] } } @{ ask('/bq/rows?table=market.tagged') }), '1 2', 'and does not arrive');
is(as_app(q{SELECT error FROM dataops.quarantine WHERE pipeline = 'tagged'}), 'column "tags" is null, which BigQuery would make an empty array', 'but stands in the quarantine');

# Numbers that no type of BigQuery takes, as texts.
as_app(q{CREATE SERVER texts FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset 'texts', location 'EU', numeric_type 'STRING');
	CREATE TABLE production.vast (id int, n numeric, list numeric[]); INSERT INTO production.vast VALUES (1, 'NaN', '{1e-50,-Infinity}'), (2, 1.50, '{}');
	SELECT dataops.create_pipeline('vast'); SELECT dataops.add_load('vast', 'production.vast', 'texts', key => '{id}', stage => 'lake');
	CALL dataops.run('vast')});
is(as_app(q{SELECT string_agg(concat_ws(' ', r->>'n', r->>'list'), '; ' ORDER BY r->>'id') FROM dataops.bigquery('texts', 'SELECT n, list, id FROM `texts.vast`') r}),
	'NaN ["0.00000000000000000000000000000000000000000000000001", "-Infinity"]; 1.50 []', 'numbers as texts');
is(join(' ', map { $_->{type} } @{ ask('/bq/tables')->{'test.texts.vast'}{schema}{fields} }), 'INTEGER STRING STRING TIMESTAMP TIMESTAMP', 'in columns of texts');

# A job that takes too long is cancelled, and the step fails; nothing of it is in production, and the next run has its rows.
as_app(q{ALTER SERVER bq OPTIONS (ADD job_timeout '1s'); UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
ask('/bq/job_fault?on=_merge_1$&do=stuck');
ask('/bq/requests?clear');
like(run_market(), qr/job "dataops_[-0-9a-f]+_merge_1" did not end within 1 s, the job_timeout of connection "bq", and was cancelled/, 'a job that takes too long');
is(scalar(grep { $_->{kind} eq 'job.cancel' && $_->{code} == 200 } @{ ask('/bq/requests') }), 1, 'is cancelled');
ask('/bq/faults?clear');
as_app(q{ALTER SERVER bq OPTIONS (DROP job_timeout); SELECT dataops.resume('market')});
is(start_market(), 'succeeded', 'the next one');
is(as_app($there), as_app($here), 'has the rows');

# Asked for a long pause: the run waits, no process does and nothing more is asked; at the time it goes on from where it stood.
sub wait_until_later
{
	my ($what, $face, $fault, $pipeline) = @_;
	my $loads = as_app('SELECT count(*) FROM dataops.load');

	as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
	ask("/$face/fault?$fault&retry_after=600&times=1000");
	as_app("SET client_min_messages = error; CALL dataops.run('$pipeline')");
	is(as_app("SELECT state, next_attempt_at > now() + interval '9 minutes', next_attempt_at < now() + interval '10 minutes' FROM dataops.runs WHERE pipeline = '$pipeline' ORDER BY run_id DESC LIMIT 1"),
		'waiting|t|t', "$what: the run waits as long as was asked for");
	ask("/$face/requests?clear");
	as_app('CALL dataops.tick()');
	is(scalar(@{ ask("/$face/requests") }), 0, 'and not less');
	ask("/$face/faults?clear");
	$node->safe_psql($dbname, q{UPDATE dataops.run SET next_attempt_at = now() WHERE state = 'waiting';
		UPDATE dataops.step_run SET next_attempt_at = now() WHERE state = 'waiting'});
	as_app('CALL dataops.tick()');
	$node->poll_query_until($dbname, "SELECT state = 'succeeded' FROM dataops.runs WHERE pipeline = '$pipeline' ORDER BY run_id DESC LIMIT 1")
	  or BAIL_OUT("$what: the run does not go on");
	return as_app('SELECT count(*) FROM dataops.load') - $loads;
}

is(wait_until_later('a job', 'bq', 'on=job.insert&do=429', 'market'), 1, 'it is the same load');
is(as_app($there), as_app($here), 'that arrives');
is(wait_until_later('the publication', 'bq', 'on=job.insert&do=503&nth=3', 'market'), 1, 'one load');
is(as_app($there), as_app($here), 'is published');
is(wait_until_later('a job under way', 'bq', 'on=job.get&do=503&nth=2', 'market'), 1, 'one load');
is(as_app($there), as_app($here), 'is followed to its end');
is(wait_until_later('a table', 'bq', 'on=table.get&do=429', 'market'), 1, 'one load');
is(as_app($there), as_app($here), 'is told apart from one that is refused');
is(wait_until_later('the store', 'gcs', 'on=upload&do=429', 'market'), 2, 'what could not be uploaded is encoded again');
is(as_app($there), as_app($here), 'and arrives');
is(others(), '', 'nothing is left of it');

# Each request of a whole load, before it is sent or after it was answered.
as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
ask('/bq/requests?clear');
run_market();
my $requests = @{ ask('/bq/requests') };
cmp_ok($requests, '>', 15, "a load takes $requests requests");
for my $nth (1 .. $requests)
{
	my $point = ($nth % 2 ? 'bigquery_request' : 'bigquery_reply') . ":kill9:$nth";

	as_app(q{UPDATE production.candles SET price = price + 1 WHERE symbol = 'ETH'});
	like(through_crash($node, sub { run_market("SET dataops.fault = '$point'; ") }), qr/server closed the connection|terminat/, $point);
	run_market();
	is(as_app($there), as_app($here), 'the next run makes it whole');
	is(others(), '', 'and leaves nothing behind');
}

# An export waits as a load does.
as_app(q{SELECT dataops.create_pipeline('files'); SELECT dataops.add_export('files', 'production.candles', 'lake')});
is(wait_until_later('an export', 'gcs', 'on=upload&do=429', 'files'), 0, 'an export waits, too');
is(as_app(q{SELECT string_agg(state, ' ' ORDER BY export_id) FROM dataops.exports WHERE pipeline = 'files'}), 'removed succeeded', 'and is made anew');
as_app(q{CREATE TABLE production.big AS SELECT i, repeat('x', 20000) AS filler FROM generate_series(1, 500) i; SELECT dataops.create_pipeline('big');
	SELECT dataops.add_export('big', 'production.big', 'lake', rows => 'all', compression => 'none')});
wait_until_later('an upload in chunks', 'gcs', 'on=chunk&do=503', 'big');
is(as_app(q{SELECT string_agg(state, ' ' ORDER BY export_id) FROM dataops.exports WHERE pipeline = 'big'}), 'removed succeeded', 'and is made anew');

$node->stop;
$fake->kill_kill;
done_testing();
