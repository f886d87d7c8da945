# What waits for the disk and what does not: a crash in the middle of a run of steps that stay in the database, or of a
# fetch, undoes what was done last, and it is done again; when CALL run() has returned, the whole run is on disk.
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

# Nothing but commits that wait writes the WAL out: its writer stands still, see freeze_writer().
my ($ports, $fake) = start_fake();
my $lake = PostgreSQL::Test::Utils::tempdir;
my $node = start_cluster('durable', <<CONF);
dataops.file_root = '$lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
restart_after_crash = on
autovacuum = off
bgwriter_lru_maxpages = 0
checkpoint_timeout = '1h'
CONF
my $writer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
my $written = 'SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()';

my $define = <<'SQL';
CREATE SERVER warehouse FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'warehouse');
CREATE SCHEMA lab;
CREATE TABLE lab.input AS SELECT id, id % 10 AS kind, timestamptz '2026-01-01 00:00+00' + id * interval '1 minute' AS at
    FROM generate_series(1, 1000) AS id;
SELECT dataops.create_pipeline('job', every => '1 day', start_at => '2026-01-01+00');
SELECT dataops.add_sql('job', 'log', 'CREATE TABLE IF NOT EXISTS lab.done (id int); INSERT INTO lab.done VALUES (1)');
SELECT dataops.add_model('job', 'lab.item', 'SELECT id, kind, at FROM lab.input', strategy => 'merge', key => '{id}',
    after => '{log}');
SELECT dataops.add_check('job', 'lab.item', 'id % 500 <> 7', on_fail => 'quarantine');
SELECT dataops.add_model('job', 'lab.day',
    'SELECT date_trunc(''day'', at) AS day, count(*) AS items, sum(id) AS ids FROM lab.item
     WHERE at >= dataops.start_ts() AND at < dataops.end_ts() GROUP BY 1',
    strategy => 'partition', time_column => 'day', grain => '1 day');
SELECT dataops.add_load('job', 'lab.item', 'warehouse', key => '{id}', after => '{lab.day}');
SELECT dataops.add_sql('job', 'log_again', 'INSERT INTO lab.done VALUES (2)', after => '{lab.item@warehouse}');
SQL
my $range = "from_ts => '2026-01-01+00', to_ts => '2026-01-02+00'";
my $run = "CALL dataops.run('job', $range)";

my $fingerprint = <<'SQL';
SELECT 'item', count(*), sum(id) FROM lab.item
UNION ALL SELECT 'day', sum(items), sum(ids) FROM lab.day
UNION ALL SELECT 'loaded', count(*), sum(id) FROM warehouse.item
UNION ALL SELECT 'log', count(*), sum(id) FROM lab.done
UNION ALL SELECT 'quarantine', count(*), 0 FROM dataops.quarantine
UNION ALL SELECT 'loads', count(*), sum(rows) FROM dataops.load
UNION ALL SELECT 'runs', count(*), count(*) FILTER (WHERE state = 'succeeded') FROM dataops.runs
UNION ALL SELECT 'steps', count(*), count(*) FILTER (WHERE state = 'succeeded') FROM dataops.step_run
SQL

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', 'app' ]);
}

sub fresh_database
{
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS work WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE work OWNER app');
	as_app('CREATE EXTENSION dataops');
	as_app($define);
	return;
}

sub freeze_writer
{
	my $pid = $node->safe_psql('postgres', $writer);

	kill('STOP', $pid) == 1 or BAIL_OUT("could not stop process $pid");
	return $pid;
}

# A process that is killed takes the server down with it, and what it had not written is gone.
sub crash
{
	my ($pid) = @_;

	through_crash($node, sub { kill('KILL', $pid) == 1 or BAIL_OUT("could not kill process $pid") });
	return;
}

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
fresh_database();
as_app($run);
my $expected = as_app($fingerprint);
like($expected, qr/^item\|998\|/m, 'the undisturbed run sets two rows aside');
like($expected, qr/^log\|2\|3$/m, 'and does each command once');
like($expected, qr/^steps\|5\|5$/m, 'in five steps');

foreach my $nth (1 .. 5)
{
	fresh_database();
	my $pid = freeze_writer();
	my $session = session_start($node, 'victim', [ "SET dataops.fault = 'model_after_commit:sleep:$nth'", $run ],
		database => 'work', user => 'app');

	wait_for_point($node, 'victim', "the end of step $nth");
	is($node->safe_psql('postgres', $written), 'f', "step $nth does not wait for the disk");
	is(as_app("SELECT count(*) FROM dataops.step_run WHERE state = 'succeeded'"), $nth, 'though others see it');
	crash($pid);
	session_end($session);
	# the attempt of the load (step 4) is durable when it begins, and what was committed before it with it
	is(as_app("SELECT count(*) FROM dataops.step_run WHERE state = 'succeeded'"), $nth < 4 ? 0 : 3, 'a crash undoes it');
	is(as_app('SELECT state FROM dataops.runs'), 'interrupted', 'of a run that is known');
	as_app($run);
	is(as_app($fingerprint) =~ s/^steps.*//mr, $expected =~ s/^steps.*//mr, "the next run does step $nth again")
	  or diag(as_app('SELECT step, attempt, state, error FROM dataops.step_run'));
}

# Batches of a fetch: rows, cursor and ledger are undone together.  With an archive the batch before is on disk when an
# object is written, so that no object is without a record; what must not be asked for twice waits for each commit.
my %sources = (
	plain => { more => '', archive => '', batches => 0 },
	archived => { more => '', archive => 'lake', batches => 1 },
	posted => { more => q{, method => 'POST'}, archive => '', batches => 2 });

my $fetch = "CALL dataops.run('fetch', $range)";

foreach my $name (sort keys %sources)
{
	my $source = $sources{$name};
	my $folder = "durable_$name";

	fresh_database();
	$node->safe_psql('work', "CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix '$folder'); GRANT USAGE ON FOREIGN SERVER lake TO app");
	as_app("CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}')");
	as_app("SELECT dataops.create_http_source('items', 'api', '/items', params => '{\"total\": 2600, \"per_page\": 10}',
		paginate => '{\"type\": \"page\", \"limit\": 10}'$source->{more});
		SELECT dataops.create_pipeline('fetch', every => '1 day', start_at => '2026-01-01+00');
		SELECT dataops.add_fetch('fetch', 'items', archive => '$source->{archive}')");
	my $pid = freeze_writer();
	my $session = session_start($node, 'victim', [ "SET dataops.fault = 'land_after_commit:sleep:2'", $fetch ],
		database => 'work', user => 'app');

	ok($node->poll_query_until('work', 'SELECT count(*) = 2 FROM dataops.batch'), "$name: two batches have landed");
	crash($pid);
	session_end($session);
	is(as_app('SELECT count(*) FROM dataops.batch'), $source->{batches}, 'and so many are on disk');
	is(as_app('SELECT count(*) FROM raw.items'), 1000 * $source->{batches}, 'with their rows');
	as_app($fetch);
	is(as_app(q{SELECT count(*), count(DISTINCT record->>'id') FROM raw.items}), '2600|2600', 'the next run lands the rest, nothing twice');
	is(as_app(q{SELECT count(*) FROM dataops.intent WHERE state = 'open'}), 0, 'no intent stays open');
	next if $source->{archive} eq '';
	is(as_app(q{SELECT count(*), count(b.id) FROM dataops.list_objects('lake', 'raw') o
		FULL JOIN dataops.batch b ON b.object = o.name AND b.object_bytes = o.bytes}), '3|3', 'and each object is that of a batch');
}

# What a caller was told is durable, in whichever process it was done.
fresh_database();
my $pid = freeze_writer();
as_app($run);
crash($pid);
is(as_app($fingerprint), $expected, 'a crash right after run() takes nothing of it away');

fresh_database();
$pid = freeze_writer();
as_app("SELECT dataops.start('job', $range) AS run_id \\gset\n"
	  . "CALL dataops.wait(:'run_id', '60 seconds')");
crash($pid);
is(as_app($fingerprint), $expected, 'nor one right after wait() for a worker');

# A caller's own choice stays, for the run's end and for what he does afterwards.
foreach my $choice ('off', 'local')
{
	fresh_database();
	$pid = freeze_writer();
	is(as_app("SET synchronous_commit = $choice;\n$run;\nSHOW synchronous_commit"), $choice, "synchronous_commit = $choice stays");
	crash($pid);
	is(as_app("SELECT count(*) FROM dataops.runs WHERE state = 'succeeded'"), $choice eq 'off' ? 0 : 1,
		'and the end of the run obeys it');
}

$node->stop;
done_testing();
