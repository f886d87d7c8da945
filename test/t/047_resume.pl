# What a run that died is resumed with, and what becomes of one that dies again and again.
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
my $node = start_cluster('resume', <<CONF);
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF
my $dbname = 'work';

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

# Starts the statement, which comes to the fault point and stands there, and terminates it.
sub die_at
{
	my ($point, $statement) = @_;
	my $session = session_start($node, 'victim', [ "SET dataops.fault = '$point:sleep'", $statement ], database => $dbname, user => 'app');

	wait_for_point($node, 'victim', $point);
	$node->safe_psql($dbname, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'victim'");
	return session_end($session);
}

# A run that dies each time fails in the end; with on_failure hold what is queued behind it stays so.
as_app(<<SQL);
SELECT dataops.create_pipeline('mortal', every => '1 day', start_at => '2026-01-01+00', catchup => 'each', on_failure => 'hold');
SELECT dataops.add_sql('mortal', 'only', 'SELECT 1');
SQL
my $run = "CALL dataops.run('mortal', from_ts => '2026-01-01+00', to_ts => '2026-01-03+00')";
my $states = "SELECT string_agg(state, ' ' ORDER BY run_id) FROM dataops.runs WHERE pipeline = 'mortal'";

die_at('model_before_commit', $run) foreach 1 .. 4;
is(as_app($states), 'interrupted queued', 'a run that died is taken up three times');
as_app('CALL dataops.tick()');
$node->poll_query_until($dbname, "SELECT count(*) = 1 FROM dataops.runs WHERE pipeline = 'mortal' AND state = 'failed'")
  or BAIL_OUT('the run did not fail');
as_app('CALL dataops.tick()');
is(as_app($states), 'failed queued', 'then it is failed, and holds what is behind it');
as_app($run);
is(as_app($states), 'succeeded succeeded', 'until a person runs it');

# A source that was changed meanwhile: who resumes what died takes the version that the run began with, and a person's
# retry takes the current one unless told otherwise.
as_app("CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}')");
my %resumed = (
	tick => [ 'CALL dataops.tick()', 3 ],
	run => [ "CALL dataops.run('run')", 3 ],
	same => [ "SELECT dataops.retry(run_id, 'same') FROM dataops.runs WHERE pipeline = 'same'", 3 ],
	current => [ "SELECT dataops.retry(run_id) FROM dataops.runs WHERE pipeline = 'current'", 5 ]);

foreach my $how (sort keys %resumed)
{
	my ($statement, $records) = @{ $resumed{$how} };

	as_app(<<SQL);
SELECT dataops.create_http_source('$how', 'api', '/items', params => '{"total": "3", "per_page": "10"}');
SELECT dataops.create_pipeline('$how', every => '1 day', start_at => (date_trunc('day', now(), 'UTC') - interval '1 day')::timestamptz);
SELECT dataops.add_fetch('$how', '$how');
SQL
	die_at('fetch_after_body', "CALL dataops.run('$how')");
	as_app("SELECT dataops.alter_source('$how', '{\"params\": {\"total\": \"5\", \"per_page\": \"10\"}}')");
	as_app($statement);
	$node->poll_query_until($dbname, "SELECT bool_and(state = 'succeeded') FROM dataops.runs WHERE pipeline = '$how'")
	  or diag(as_app("SELECT state, error FROM dataops.runs WHERE pipeline = '$how'"));
	is(as_app("SELECT count(*) FROM raw.$how"), $records, "$how: the source in the right version");
}

$node->stop;
done_testing();
