# What run(), start() and wait() tell a person: why nothing begins, why a run failed, and what to do.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $node = start_cluster('told', <<CONF);
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF
my $dbname = 'work';
my $id = qr/[0-9a-f-]{36}/;

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');
as_app("CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}')");

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

# What the statement says besides its result.
sub told
{
	my ($sql) = @_;
	my $said = '';

	$node->psql($dbname, $sql, stderr => \$said, extra_params => [ '-U', 'app' ], on_error_stop => 0);
	return $said;
}

# ---- a run that waits ----

# A pipeline whose request number "at" is answered by a 429 that asks for a pause of an hour, and another step.
sub define_waiting
{
	my ($name, $at, $time) = @_;

	as_app(<<SQL);
SELECT dataops.create_http_source('$name', 'api', '/status/429', retry => '{"attempts": 1}',
	params => '{"from": "$at", "times": "1", "then": "/items", "key": "$name", "retry_after": "3600", "total": "25"}',
	cursor => '{"path": "\$.id", "param": "since_id"}', paginate => '{"type": "page", "limit": 10, "limit_param": "per_page"}');
SELECT dataops.create_pipeline('$name'$time);
SELECT dataops.add_fetch('$name', '$name');
SELECT dataops.add_sql('$name', 'other', 'SELECT 1');
SQL
	return;
}

sub runs_of
{
	my ($name) = @_;

	return as_app("SELECT string_agg(concat_ws(' ', state, only_steps), ', ' ORDER BY run_id) FROM dataops.runs WHERE pipeline = '$name'");
}

sub asked
{
	my ($name) = @_;

	return as_app("SELECT count(*) FROM dataops.requests WHERE pipeline = '$name'");
}

my $waits = qr/NOTICE:  run $id of pipeline "\w+" waits until 20.*\nHINT:  tick\(\) or a run after that time.*SELECT dataops\.cancel\('$id'\)/;

for my $case ([ 'first', 1, '' ], [ 'part', 2, '' ], [ 'every', 1, ", every => '1 day', start_at => now() - interval '36 hours'" ])
{
	my ($name, $at, $time) = @$case;

	define_waiting($name, $at, $time);
	like(told("CALL dataops.run('$name')"), $waits, "$name: the run waits");
	for my $call ("CALL dataops.run('$name')", "SELECT dataops.start('$name')")
	{
		my $said = told($call);

		like($said, $waits, "$call says so again");
		unlike($said, qr/nothing to do/, '  and not that all is done');
	}
	is(runs_of($name), 'waiting', "$name: there is no second run");
	is(asked($name), $at, "$name: nobody asks meanwhile");
}
like(told("CALL dataops.run('part', steps => '{part}')"), $waits, 'a part that waits keeps its fetch from being done again');
unlike(told("CALL dataops.run('part', steps => '{other}')"), $waits, 'but not what has nothing to do with it');
is(runs_of('part'), 'waiting, succeeded {other}', '  which is done');

# At its time it goes on; one that a person gives up does not.
like(told("SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = 'first'; CALL dataops.run('first')"), qr/first: 25 rows in/, 'a run that waits is given up');
is(runs_of('first'), 'cancelled, succeeded', '  and another one begins');
as_app("CALL dataops.tick(now() + interval '2 hours')");
$node->poll_query_until($dbname, "SELECT bool_and(state = 'succeeded') FROM dataops.runs WHERE pipeline <> 'first'");
is(as_app('SELECT count(DISTINCT record) = 25 AND count(*) = 25 FROM raw.' . $_), 't', "$_: each record is there once")
  for qw(first part every);

# ---- nothing to do ----

like(told("CALL dataops.run('every')"), qr/pipeline "every" has nothing to do: all intervals are done/, 'all is done');
like(told("CALL dataops.run('every', from_ts => '2000-01-01', to_ts => '2000-01-02')"),
	qr/has nothing to do: nothing lies in this range, start_at is 20/, 'a range before start_at');
like(told("CALL dataops.run('every', from_ts => '2200-01-01+00', to_ts => '2200-01-02+00')"),
	qr/has nothing to do: what begins at 2(200-01-01|199-12-31) .* is not over yet/, 'a range to come');
as_app(q{SELECT dataops.create_pipeline('later', every => '1 day', start_at => '2200-01-01+00')});
like(told("CALL dataops.run('later')"), qr/has nothing to do: what begins at 2(200-01-01|199-12-31) .* is not over yet/, 'a start_at to come');
as_app(q{SELECT dataops.create_pipeline('early', every => '1 day', start_at => now() - interval '36 hours')});
like(told("BEGIN;\nSELECT dataops.start('early');\nSELECT dataops.start('early');\nROLLBACK;"),
	qr/NOTICE:  run $id of pipeline "early" is queued already/, 'one that is queued');

# ---- what a step says about its failure reaches who runs it ----

as_app(<<SQL);
SELECT dataops.create_pipeline('hints');
CREATE SCHEMA staging;
CREATE TABLE staging.orders (id int NOT NULL);
SELECT dataops.add_model('hints', 'staging.orders', 'SELECT nullif(1, 1) AS id', strategy => 'append');
SQL
my $hint = qr/HINT:  With SELECT dataops\.add_check\('hints', 'staging\.orders', 'not_null\(id\)'\) .*\nThen: SELECT dataops\.retry\('($id)'\)/;
like(told("CALL dataops.run('hints')"), qr/ERROR:  pipeline "hints" failed at step "staging.orders": null value.*\n$hint/, 'run() gives the hint of the step');
my $run = as_app("SELECT run_id FROM dataops.runs WHERE pipeline = 'hints'");
like(told("CALL dataops.wait('$run', '1 s')"), qr/ERROR:  run $run of pipeline "hints" failed: null value.*\n$hint/, 'so does wait()');
as_app("SELECT dataops.add_model('hints', 'staging.orders', 'SELECT 1 AS id', strategy => 'append')");
as_app("SELECT dataops.add_check('hints', 'staging.orders', 'id > 1', on_fail => 'stop', name => 'big')");
my $said = told("CALL dataops.run('hints')");
like($said, qr/ERROR.*\nHINT:  Look: SELECT .*accept_check\('$id', 'big', 'reason'\), then SELECT dataops\.retry\('$id'\)/, 'the hint of a check');
my ($error) = $said =~ /(ERROR.*)/s;
is(() = $error =~ /dataops\.retry/g, 1, '  ends in the statement that goes on, once');
as_app("SELECT dataops.drop_check('hints', 'big')");

# ---- a table that is gone ----

as_app("SELECT dataops.add_model('hints', 'staging.totals', 'SELECT count(*) AS n FROM staging.orders')");
as_app("CALL dataops.run('hints')");
as_app('DROP TABLE staging.orders CASCADE');
like(told("CALL dataops.run('hints')"),
	qr/ERROR:  .*relation "staging.orders" does not exist.*\nHINT:  There is no table staging\.orders\. If a step makes it, define that step once more, as it was.*\nThen: SELECT dataops\.retry/,
	'the table of a model');
as_app("SELECT dataops.add_model('hints', 'staging.orders', 'SELECT 1 AS id', strategy => 'append')");
as_app("SELECT dataops.retry(run_id) FROM dataops.failures WHERE pipeline = 'hints'");
$node->poll_query_until($dbname, "SELECT state = 'succeeded' FROM dataops.runs WHERE pipeline = 'hints' ORDER BY run_id DESC LIMIT 1");
is(as_app('SELECT n FROM staging.totals'), 1, 'doing so makes it anew');

$node->stop;
done_testing();
