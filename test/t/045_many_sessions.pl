# Fifty sessions run one pipeline at once: one works, the others say so within a second and do nothing.
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

my $sessions = 50;
my $node = start_cluster('many', "max_connections = 100\n");

$node->safe_psql('postgres', <<SQL);
CREATE TABLE log (n int);
CREATE TABLE gate (n int);
SELECT dataops.create_pipeline('job');
SELECT dataops.add_sql('job', 'write', 'INSERT INTO public.log SELECT count(*) FROM public.gate');
SQL

# The one that comes first waits at the gate until all others have answered.
my $gate = session_start($node, 'gate', [ 'BEGIN', 'LOCK TABLE gate', 'SELECT pg_sleep(60)' ]);
wait_for($node, "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'gate'::regclass AND mode = 'AccessExclusiveLock'", 'the gate');

my $holder = session_start($node, 'holder', "CALL dataops.run('job')");
wait_for($node, "SELECT count(*) = 1 FROM dataops.runs WHERE state = 'running'", 'the first session');

my @others = map { session_start($node, "other$_", [ '\timing on', "CALL dataops.run('job')" ]) } 2 .. $sessions;
my $refused = 0;
my $slowest = 0;

foreach my $session (@others)
{
	my $err = session_end($session);
	my ($ms) = $session->{out} =~ /Time: ([\d.]+) ms/;

	$refused++ if $err =~ /is running in another session: skipped/;
	$slowest = $ms if defined $ms && $ms > $slowest;
}
is($refused, $sessions - 1, 'all other sessions say that it is running');
cmp_ok($slowest, '<', 1000, 'within a second');

$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gate'");
session_end($gate);
session_end($holder);
is($node->safe_psql('postgres', "SELECT state || ' ' || count(*) FROM dataops.runs GROUP BY state"), 'succeeded 1', 'there was one run');
is($node->safe_psql('postgres', 'SELECT count(*) FROM log'), 1, 'which did its work once');

# Runs are queued just as the worker of the former ones ends: none is left for a tick, which nobody calls here.
my @starters = map { session_start($node, "starter$_", [ ("SELECT dataops.start('job')") x 50 ]) } 1 .. 4;

session_end($_) foreach @starters;
wait_for($node, "SELECT count(*) FILTER (WHERE state = 'succeeded') = 201 FROM dataops.runs", 'all runs that were started');
is($node->safe_psql('postgres', 'SELECT count(*) FROM log'), 201, 'each of two hundred runs that were started worked once');

$node->stop;
done_testing();
