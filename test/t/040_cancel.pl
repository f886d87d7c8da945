# Cancel, termination, time limits and a fast stop at any point of a run: the backend is free within a second,
# a cancel is recorded and not resumed, a termination shows as interrupted and is resumed.
# While a run waits for the network it holds neither a snapshot nor a transaction id.
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

my $soon = 1.5;    # a second, and what a busy machine needs to start psql

my ($ports, $fake) = start_fake();
my $node = start_cluster('cancel', <<CONF);
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF
my $dbname = 'work';

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');
as_app("CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}')");

# A pipeline per place where a run can stand still.
my %stands = (
	first_byte => source_step('first_byte', '/hang'),
	body => source_step('body', '/hang/body'),
	backoff => source_step('backoff', '/status/503'),
	query => "SELECT dataops.add_sql('query', 'wait', 'SELECT pg_sleep(60)')",
	lock => "CREATE TABLE locked (n int); SELECT dataops.add_sql('lock', 'write', 'INSERT INTO public.locked VALUES (1)')");

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

sub source_step
{
	my ($name, $path) = @_;

	return "SELECT dataops.create_http_source('$name', 'api', '$path', retry => '{\"first_delay\": \"20 s\", \"max_delay\": \"25 s\"}');"
	  . " SELECT dataops.add_fetch('$name', '$name')";
}

sub start_run
{
	my ($pipeline, $before) = @_;
	my $session = session_start($node, $pipeline, [ $before // (), "CALL dataops.run('$pipeline')" ],
		database => $dbname, user => 'app');

	$node->poll_query_until($dbname,
		"SELECT count(*) = 1 FROM dataops.step_run s JOIN dataops.run r ON r.id = s.run WHERE r.pipeline = '$pipeline' AND s.state = 'running'")
	  or BAIL_OUT("the run of $pipeline did not start");
	$node->poll_query_until($dbname,
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$pipeline' AND wait_event IS NOT NULL")
	  or BAIL_OUT("the run of $pipeline did not come to its wait");
	return $session;
}

sub state_of
{
	my ($pipeline) = @_;

	return as_app("SELECT state FROM dataops.runs WHERE pipeline = '$pipeline' ORDER BY created_at DESC LIMIT 1");
}

sub forget_runs
{
	my ($pipeline) = @_;

	$node->safe_psql($dbname, "DELETE FROM dataops.run WHERE pipeline = '$pipeline'");
	return;
}


foreach my $pipeline (sort keys %stands)
{
	as_app("SELECT dataops.create_pipeline('$pipeline'); $stands{$pipeline}");
}
my ($in, $out, $err) = ("BEGIN; LOCK TABLE locked;\n", '', '');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($dbname) ], '<', \$in, '>', \$out, '2>', \$err);
$holder->pump_nb;
$node->poll_query_until($dbname, "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'locked'::regclass AND mode = 'AccessExclusiveLock'");

foreach my $pipeline (sort keys %stands)
{
	my $session;
	my $took;

	# a person's cancel of the backend
	$session = start_run($pipeline);
	$took = seconds_of(sub {
		$node->safe_psql($dbname, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '$pipeline'");
		session_end($session);
	});
	cmp_ok($took, '<', $soon, "$pipeline: pg_cancel_backend is obeyed");
	is(state_of($pipeline), 'cancelled', "$pipeline: and recorded as cancelled");

	# dataops.cancel()
	$session = start_run($pipeline);
	$took = seconds_of(sub {
		as_app("SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = '$pipeline' AND state = 'running'");
		session_end($session);
	});
	cmp_ok($took, '<', $soon, "$pipeline: dataops.cancel() is obeyed");
	is(state_of($pipeline), 'cancelled', "$pipeline: and recorded as cancelled");

	# statement_timeout
	$took = seconds_of(sub {
		$session = start_run($pipeline, "SET statement_timeout = '1s'");
		like(session_end($session), qr/statement timeout/, "$pipeline: statement_timeout ends it");
	});
	cmp_ok($took, '<', 1 + $soon, "$pipeline: within a second of its time");
	is(state_of($pipeline), 'cancelled', "$pipeline: and is recorded as cancelled");
	as_app('CALL dataops.tick()');
	is(state_of($pipeline), 'cancelled', "$pipeline: tick() does not resume a cancelled run");

	# termination
	$session = start_run($pipeline);
	$took = seconds_of(sub {
		$node->safe_psql($dbname, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$pipeline'");
		session_end($session);
	});
	cmp_ok($took, '<', $soon, "$pipeline: pg_terminate_backend is obeyed");
	is(state_of($pipeline), 'interrupted', "$pipeline: and shows as interrupted");
	as_app('CALL dataops.tick()');
	$node->poll_query_until($dbname, "SELECT state = 'running' AND resumes = 1 FROM dataops.runs WHERE pipeline = '$pipeline' ORDER BY created_at DESC LIMIT 1");
	is(state_of($pipeline), 'running', "$pipeline: tick() resumes it in a worker");

	# a worker is stopped by dataops.cancel() as well
	$took = seconds_of(sub {
		as_app("SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = '$pipeline' AND state = 'running'");
		$node->poll_query_until($dbname, "SELECT state = 'cancelled' FROM dataops.runs WHERE pipeline = '$pipeline' ORDER BY created_at DESC LIMIT 1");
	});
	cmp_ok($took, '<', $soon, "$pipeline: a worker obeys dataops.cancel()");
}

# What a waiting run holds: in the caller's session and in a worker.
foreach my $how ('CALL', 'worker')
{
	my $session;
	my $holds = "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity a
		JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = 3";

	if ($how eq 'CALL')
	{
		$session = start_run('first_byte');
	}
	else
	{
		as_app("SELECT dataops.start('first_byte')");
		$node->poll_query_until($dbname, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'dataops worker' AND wait_event = 'Extension'");
	}
	is($node->safe_psql($dbname, $holds), 't', "$how: a run that waits for the network holds no snapshot and no transaction id");
	as_app("SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = 'first_byte' AND state = 'running'");
	session_end($session) if $session;
	$node->poll_query_until($dbname, "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 3");
}

# Shutdown does not wait for a run.
foreach my $pipeline ('first_byte', 'body', 'query')
{
	my $session = start_run($pipeline);
	my $took = seconds_of(sub { $node->stop('fast') });

	session_end($session);
	cmp_ok($took, '<', 3, "$pipeline: a fast stop does not wait for it");
	$node->start;
	is(state_of($pipeline), 'interrupted', "$pipeline: and it shows as interrupted");
	forget_runs($pipeline);
}

$node->stop;
done_testing();
