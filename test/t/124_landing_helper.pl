# The process that helps a fetch step to compress its archive: objects have the same bytes with it, without it, and when it
# fails, stands still or is refused; it ends with the step, however that ends, and does not stand by for a slow source.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use GzipHelper;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $lake = PostgreSQL::Test::Utils::tempdir;

# segments of shared memory are files where they can be counted
my $node = start_cluster('landing_helper', <<CONF);
autovacuum = off
log_min_messages = debug1
dynamic_shared_memory_type = mmap
dataops.file_root = '$lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF

$node->safe_psql('postgres', <<SQL);
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file;
CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}', concurrency '1');
SQL

my $alone = 'SET max_parallel_workers_per_gather = 0;';

# A pipeline "job" over a new raw table.  A page has more than 8 MB, so it is a batch, whatever time it takes.
sub define
{
	my ($source, $more) = @_;

	$node->safe_psql('postgres', <<SQL);
DO \$\$ BEGIN
	IF to_regclass('raw.job') IS NOT NULL THEN
		PERFORM dataops.drop_pipeline('job'), dataops.drop_source('job');
		DROP TABLE raw.job;
	END IF;
END \$\$;
SELECT dataops.create_http_source('job', 'api', $source);
SELECT dataops.create_pipeline('job');
SELECT dataops.add_fetch('job', 'job', archive => 'lake');
SQL
	$node->safe_psql('postgres', $more) if $more;
	return;
}

my $three = q['/items/bulk', params => '{"total": 27000, "per_page": 9000, "bytes": 950}',
	paginate => '{"type": "page", "param": "page", "limit": 9000}'];

# What landed: rows, and size and CRC32C of each object.
my $landed = q{SELECT (SELECT count(DISTINCT record->'id') FROM raw.job),
	string_agg(object_bytes || ' ' || crc32c, ', ' ORDER BY created_at) FROM dataops.batch WHERE id IN (SELECT batch_id FROM raw.job)};

sub land
{
	my ($before) = @_;

	define($three);
	return $node->safe_psql('postgres', ($before // '') . "CALL dataops.run('job'); $landed");
}

sub segments
{
	return scalar(my @files = glob $node->data_dir . '/pg_dynshmem/*');
}

my $before = segments();

sub leaves_nothing
{
	my ($what) = @_;

	wait_for_helpers($node, 0, 'the helper to have gone');
	is(segments(), $before, "$what: neither helper nor shared memory is left");
	return;
}

# --- the same bytes

my $expected = land($alone);
like($expected, qr/^27000\|\d+ \w+, \d+ \w+, \d+ \w+$/, 'three objects');
is(helpers_registered_by($node, sub { is(land(), $expected, 'are the same with a helper') }), 1, 'of which there is one');
is(helpers_registered_by($node, sub { land($alone) }), 0, 'there is none where queries may not have workers');
leaves_nothing('done');

# --- in a background worker, and only until the step ends

define($three, q{SELECT dataops.add_sql('job', 'wait', 'SELECT pg_advisory_xact_lock(7)', after => '{job}')});
my $holder = session_start($node, 'holder', 'SELECT pg_advisory_lock(7), pg_sleep(600)');
wait_for($node, q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND granted}, 'the lock');
my $began = -s $node->logfile;
$node->safe_psql('postgres', q{SELECT dataops.start('job')});
wait_for($node, q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted}, 'the next step');
is($node->safe_psql('postgres', $landed), $expected, 'a worker has the same objects');
like(logged_since($node, $began), qr/registering background worker "dataops gzip helper"/, 'with a helper');
leaves_nothing('the next step');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
session_end($holder);
wait_for($node, q{SELECT bool_and(state = 'succeeded') FROM dataops.runs}, 'the run to end');

# --- the helper fails, at its first block and later

for my $nth (1, 4)
{
	my $began = -s $node->logfile;

	set_helper_fault($node, "gzip_helper_claimed:error:$nth");
	is(land(), $expected, "a helper that fails at block $nth is done without");
	like(logged_since($node, $began), qr/fault point "gzip_helper_claimed"/, 'it did fail');
	leaves_nothing('done without');
}

# --- the helper stands still with a block in its hands, and is ended; or the step is

# Waits until the session waits and goes on doing so: a wait for the API is a short one.
sub wait_until_it_stands
{
	my ($application) = @_;
	my $stands = 0;

	for (1 .. 1200)
	{
		$stands = $node->safe_psql('postgres', qq{SELECT count(*) FROM pg_stat_activity
			WHERE application_name = '$application' AND wait_event_type = 'Extension'}) ? $stands + 1 : 0;
		return if $stands == 20;
		select(undef, undef, undef, 0.05);
	}
	BAIL_OUT("waited in vain for $application to stand still");
}

sub signal_session
{
	my ($how, $application) = @_;

	return $node->safe_psql('postgres', "SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE application_name = '$application'");
}

set_helper_fault($node, 'gzip_helper_claimed:sleep:2');
define($three);
my $session = session_start($node, 'waiting', [ 'SET client_min_messages = error', q{CALL dataops.run('job')} ]);
wait_until_it_stands('waiting');
kill 'TERM', wait_for_helpers($node, 1, 'one helper');
is(session_end($session), '', 'a step whose helper is ended goes on');
is($node->safe_psql('postgres', $landed), $expected, 'with the same objects');
leaves_nothing('gone on');

for my $end ('cancel', 'terminate')
{
	define($three);
	$session = session_start($node, 'stopped', q{CALL dataops.run('job')});
	wait_until_it_stands('stopped');
	is(scalar wait_for_helpers($node, 1, 'one helper'), 1, 'there is a helper');
	signal_session($end, 'stopped');
	like(session_end($session), qr/canceling statement|terminating connection/, "$end is served while the helper has the next block");
	# it sleeps in the fault point, where it does not look whether it is needed
	kill 'TERM', helpers($node);
	leaves_nothing($end);
}
set_helper_fault($node, '');

# --- the step ends before its time while the session lives on

my %ends = (
	'land_before_insert:sleep:3' => sub { signal_session('cancel', 'ended') },
	'archive_before_put:error:3' => sub { });

for my $fault (sort keys %ends)
{
	define($three);
	$session = session_start($node, 'ended',
		[ "LOAD 'dataops'", "SET dataops.fault = '$fault'", q{CALL dataops.run('job')}, 'SELECT pg_sleep(600)' ]);
	if ($fault =~ /sleep/)
	{
		wait_for_point($node, 'ended', $fault);
		is(scalar wait_for_helpers($node, 1, 'one helper'), 1, "$fault: there is a helper");
	}
	$ends{$fault}->();
	wait_for($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'ended' AND query ~ '^SELECT pg_sleep'},
		'the run to end');
	leaves_nothing($fault);
	signal_session('terminate', 'ended');
	session_end($session);
}

# --- no worker, and nothing worth one

is(helpers_registered_by($node, sub {
		is(land("LOAD 'dataops'; SET dataops.fault = 'gzip_ring_begun:error';"), $expected, 'a step that fails to get its shared memory')
	}), 0, 'works alone');
leaves_nothing('failed');
$node->append_conf('postgresql.conf', 'max_parallel_workers = 0');
$node->reload;
is(helpers_registered_by($node, sub { is(land(), $expected, 'a step that finds no free worker') }), 0, 'works alone');
leaves_nothing('refused');
$node->append_conf('postgresql.conf', 'max_parallel_workers = 8');
$node->reload;

is(helpers_registered_by($node, sub {
		define(q['/items/bulk', params => '{"total": 7000, "per_page": 1000, "bytes": 950}', paginate => '{"type": "page", "param": "page", "limit": 1000}']);
		$node->safe_psql('postgres', q{CALL dataops.run('job')})
	}), 0, 'there is none for a small source');

# --- a source that becomes slow: batches of one page that come in so many milliseconds

sub paced
{
	my (@ms) = @_;

	my $items = join(', ', @ms);

	define(qq{'/slow', params => '{"ms": "{item}", "bytes": 9000000}', for_each => 'SELECT unnest(ARRAY[$items])'});
	return;
}

my ($fast, $slow) = (1, 6000);

is(helpers_registered_by($node, sub { paced($fast, $fast + 1, $fast + 2); $node->safe_psql('postgres', q{CALL dataops.run('job')}) }),
	1, 'there is one helper for a fast source');
is(helpers_registered_by($node, sub { paced($fast, $slow, $fast + 1); $node->safe_psql('postgres', q{CALL dataops.run('job')}) }),
	2, 'another one when a source has been slow');
paced($fast, $slow);
$session = session_start($node, 'slow', [ "LOAD 'dataops'", q{SET dataops.fault = 'land_after_commit:sleep:2'}, q{CALL dataops.run('job')} ]);
wait_for_point($node, 'slow', 'land_after_commit:2');
leaves_nothing('a slow source');
signal_session('terminate', 'slow');
session_end($session);

$node->stop;
done_testing();
