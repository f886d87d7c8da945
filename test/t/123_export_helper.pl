# The process that helps an export to compress: files have the same bytes with it, without it, and when it fails, stands
# still or is refused; it ends with the export, however that ends.
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

my $node = start_cluster('export_helper', "autovacuum = off\nlog_min_messages = debug1\n");

# 24 MB of lines; one row is longer than what the two processes hand to one another.
$node->safe_psql('postgres', <<SQL);
CREATE TABLE item AS
	SELECT g AS n, repeat((SELECT string_agg(md5(g::text || s), '') FROM generate_series(1, 12) s), CASE g WHEN 40000 THEN 6000 ELSE 1 END) AS t
	FROM generate_series(1, 60000) g;
VACUUM ANALYZE item;
SQL

my $alone = 'SET max_parallel_workers_per_gather = 0;';

sub parts_of
{
	my ($query, $format, $part_bytes) = @_;

	return "SELECT count(*), sum(rows), min(bytes), max(bytes), md5(string_agg(md5(content) || crc32c, '' ORDER BY part)) "
	  . "FROM dataops._test_parts('$query', '$format', true, $part_bytes);";
}

my $parts = parts_of('SELECT * FROM item', 'ndjson', 3000000);

# --- the same bytes

for my $format ('ndjson', 'csv')
{
	for my $part_bytes (1000, 3000000, 1000000000)
	{
		my $query = parts_of('SELECT * FROM item', $format, $part_bytes);

		is($node->safe_psql('postgres', $query), $node->safe_psql('postgres', "$alone $query"),
			"$format in parts of $part_bytes bytes is the same with a helper and without");
	}
}
my $expected = $node->safe_psql('postgres', "$alone $parts");
like($expected, qr/^\d+\|60000\|/, 'with every row');
wait_for_helpers($node, 0, 'the helpers to have gone');

# --- the helper fails, at its first block and later

for my $nth (1, 4)
{
	my $began = -s $node->logfile;

	set_helper_fault($node, "gzip_helper_claimed:error:$nth");
	is($node->safe_psql('postgres', $parts), $expected, "a helper that fails at block $nth is done without");
	like(logged_since($node, $began), qr/fault point "gzip_helper_claimed"/, 'it did fail');
}

# --- the helper stands still with a block in its hands, and is ended; or the export is

set_helper_fault($node, 'gzip_helper_claimed:sleep:2');
my $session = session_start($node, 'waiting', $parts);
wait_for($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'waiting' AND wait_event_type = 'Extension'},
	'the export to wait for its helper');
kill 'TERM', wait_for_helpers($node, 1, 'one helper');
is(session_end($session), '', 'an export whose helper is ended goes on');
is($session->{out}, "$expected\n", 'with the same bytes');

for my $end ('cancel', 'terminate')
{
	$session = session_start($node, 'stopped', $parts);
	wait_for($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'stopped' AND wait_event_type = 'Extension'},
		'the export to wait for its helper');
	is(scalar wait_for_helpers($node, 1, 'one helper'), 1, 'there is a helper');
	# one that sleeps in a fault point does not look whether it is needed: its latch must be set to end it
	$node->safe_psql('postgres', "SELECT pg_${end}_backend(pid) FROM pg_stat_activity WHERE application_name = 'stopped'");
	like(session_end($session), qr/canceling statement|terminating connection/, "$end is served while the helper has the next block");
	kill 'TERM', helpers($node);
	wait_for_helpers($node, 0, 'the helper to be ended');
}
set_helper_fault($node, '');

# --- the helper goes when the export ends before its time

$session = session_start($node, 'failing',
	parts_of(q{SELECT n, t, 1 / (55000 - n) AS q FROM item}, 'ndjson', 3000000));
like(session_end($session), qr/division by zero/, 'an export that fails on its way');
wait_for_helpers($node, 0, 'the helper to have gone');
pass('leaves no helper');

# --- no worker, and nothing worth one

is(helpers_registered_by($node, sub { is($node->safe_psql('postgres', $parts), $expected, 'an export') }), 1, 'has one helper');
is(helpers_registered_by($node, sub { $node->safe_psql('postgres', "$alone $parts") }), 0, 'none where queries may not have workers');
is(helpers_registered_by($node, sub { $node->safe_psql('postgres', parts_of('SELECT * FROM item WHERE n <= 9000', 'ndjson', 3000000)) }),
	0, 'none for a small one');
is(helpers_registered_by($node, sub { $node->safe_psql('postgres', parts_of('SELECT * FROM item', 'ndjson', 3000000) =~ s/true/false/r) }),
	0, 'none without compression');

is(helpers_registered_by($node, sub {
		is($node->safe_psql('postgres', "LOAD 'dataops'; SET dataops.fault = 'gzip_ring_begun:error'; $parts"), $expected,
			'an export that fails to get its shared memory')
	}), 0, 'works alone');
$node->append_conf('postgresql.conf', 'max_parallel_workers = 0');
$node->reload;
is(helpers_registered_by($node, sub { is($node->safe_psql('postgres', $parts), $expected, 'an export that finds no free worker') }), 0,
	'works alone');
$node->append_conf('postgresql.conf', 'max_parallel_workers = 8');
$node->reload;

my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
is(helpers_registered_by($node, sub {
		is($node->safe_psql('postgres', "$parallel SELECT sum(rows) FROM dataops._test_parts('SELECT * FROM item', 'ndjson', true, 3000000)"),
			60000, 'an export of a parallel query')
	}), 0, 'has only the workers of the query');
like($node->safe_psql('postgres', "$parallel EXPLAIN SELECT * FROM item"), qr/Gather/, 'which it is');

done_testing();
