# The real pg_cron: within two minutes of schedule() a run appears by itself, and a run that pg_cron calls holds
# nothing while it waits.  Skipped where the server has no pg_cron.
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

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'pg_cron is not installed' unless -e "$sharedir/extension/pg_cron.control";

my ($ports, $fake) = start_fake();
my $node = start_cluster('cron', <<CONF);
shared_preload_libraries = 'pg_cron'
cron.database_name = 'work'
cron.use_background_workers = on
max_worker_processes = 20
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE work OWNER app');
$node->restart;
$node->safe_psql('work', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO app');

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', 'app' ]);
}

as_app(<<SQL);
CREATE EXTENSION dataops;
CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}');
CREATE TABLE log (at timestamptz);
SELECT dataops.create_pipeline('minutely', schedule => '* * * * *');
SELECT dataops.add_sql('minutely', 'write', 'INSERT INTO public.log VALUES (now())');
SELECT dataops.create_http_source('hang', 'api', '/hang');
SELECT dataops.create_pipeline('hanging');
SELECT dataops.add_fetch('hanging', 'hang');
SELECT cron.schedule('direct', '* * * * *', 'CALL dataops.run(''hanging'')');
SQL

# A job that pg_cron runs directly and one that tick() starts, in the same minutes.
is(as_app("SELECT dataops.schedule('minutely') > now()"), 't', 'schedule() tells the next time');
is(as_app("SELECT count(*) FROM cron.job WHERE command = 'CALL dataops.tick()'"), 1, 'and makes the tick job');
is(as_app("SELECT dataops.schedule('minutely') > now()"), 't', 'again');
is(as_app("SELECT count(*) FROM cron.job WHERE command = 'CALL dataops.tick()'"), 1, 'makes no second one');

# A role that owns things but cannot log in: its job would never connect.
$node->safe_psql('work', 'CREATE ROLE team; GRANT team TO app; GRANT USAGE ON SCHEMA cron TO team');
as_app("SELECT dataops.grant_role('team', 'developer')");
my (undef, undef, $said) = $node->psql('work', <<'SQL', extra_params => [ '-U', 'app' ]);
SET ROLE team;
SELECT dataops.create_pipeline('teams', schedule => '* * * * *');
SELECT dataops.schedule('teams');
SQL
like($said, qr/NOTICE:  nothing calls dataops\.tick\(\) for role "team" yet\nDETAIL:  It cannot log in.*'CALL dataops\.tick\(\)', 'work', 'app'\)/s,
	'schedule() names a role for the job that can log in');
is($node->safe_psql('work', "SELECT count(*) FROM cron.job WHERE username = 'team'"), 0, 'and makes none that cannot');
is( as_app("SET ROLE team; SELECT fix FROM dataops.doctor() WHERE item ~ 'calls dataops.tick'"),
	"SELECT cron.schedule_in_database('dataops tick work', '* * * * *', 'CALL dataops.tick()', 'work', 'app')", 'so does doctor()');

ok( $node->poll_query_until('work', "SELECT count(*) >= 1 FROM dataops.run WHERE pipeline = 'minutely' AND state = 'succeeded' AND scheduled_for IS NOT NULL"),
	'a scheduled run appears by itself');
is(as_app('SELECT count(*) >= 1 FROM log'), 't', 'and did its work');
ok( $node->poll_query_until('work', "SELECT count(*) = 1 FROM dataops.step_run WHERE step = 'hang' AND state = 'running'"),
	'pg_cron calls run() as its only statement');
is( $node->safe_psql('work', "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity a
		JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = 3"),
	't', 'which holds no snapshot and no transaction id while it waits');
as_app("SELECT cron.unschedule('direct')");
is(as_app("SELECT dataops.cancel(run_id) FROM dataops.runs WHERE pipeline = 'hanging' AND state = 'running'"), 't', 'cancel() stops it');
ok( $node->poll_query_until('work', "SELECT state = 'cancelled' FROM dataops.runs WHERE pipeline = 'hanging'"), 'within its time');
is(as_app("SELECT dataops.unschedule('minutely')"), 't', 'unschedule() ends it');

$node->stop('immediate');
done_testing();
