# Pages of one record, of a hundred thousand, of one very long one and of a dense one, and sources of any number of records: all of it
# lands, and the memory of the process that lands it depends on neither.
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
my $lake = PostgreSQL::Test::Utils::tempdir;

# Few shared buffers, because those that it has touched count as memory of a process.
my $node = start_cluster('sizes', <<CONF);
dataops.file_root = '$lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
shared_buffers = '1MB'
CONF

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE work OWNER app');
app('CREATE EXTENSION dataops');
$node->safe_psql('work', 'CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file; GRANT USAGE ON FOREIGN SERVER lake TO app');
$node->safe_psql('work', 'GRANT pg_read_server_files TO app; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app');
app("CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}')");
define('one', 1, 1, 20);

sub app
{
	my ($sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', 'app' ]);
}

# A pipeline that lands so many records, by so many a page, with so many bytes of text in each; with an archive or not.
sub define
{
	my ($name, $records, $per_page, $bytes, $archive) = @_;
	my $to = $archive ? ", archive => 'lake'" : '';

	app(<<SQL);
SELECT dataops.create_http_source('$name', 'api', '/items/bulk', params => '{"total": $records, "per_page": $per_page, "bytes": $bytes}',
    paginate => '{"type": "page", "param": "page", "limit": $per_page}');
SELECT dataops.create_pipeline('$name', every => '1 day', start_at => '2026-01-01+00');
SELECT dataops.add_fetch('$name', '$name'$to);
SQL
	return;
}

# Runs it in a session that has landed a page of one record before, and thus loaded all libraries; returns by how many MB
# the process' peak has grown.
sub land
{
	my ($name) = @_;
	my $range = "from_ts => '2026-01-01+00', to_ts => '2026-01-02+00'";
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]};
	my @lines = split /\n/, app("CALL dataops.run('one', $range); $peak; CALL dataops.run('$name', $range); $peak");

	return ($lines[-1] - $lines[-2]) / 1024;
}

# Every record once, and whole.
sub lands
{
	my ($name, $records, $per_page, $bytes, $archive, $limit) = @_;

	define($name, $records, $per_page, $bytes, $archive);
	my $grown = land($name);

	is(app("SELECT count(*), count(DISTINCT record->>'id'), min((record->>'id')::int), max((record->>'id')::int),
		bool_and(length(record->>'text') = $bytes AND md5(record->>'text') = record->>'md5') FROM raw.$name"),
		"$records|$records|1|$records|t", "$name: $records records by $per_page a page are there, whole");
	cmp_ok($grown, '<', $limit, sprintf('%s: memory grew by %.1f MB, less than %d', $name, $grown, $limit));
	app("SELECT dataops.drop_pipeline('$name'), dataops.drop_source('$name'); DROP TABLE raw.$name");
	return $grown;
}

my $flat = 32;
my $long = 50;    # MB

lands('single', 100, 1, 20, 0, $flat);
lands('wide', 100000, 100000, 20, 0, $flat);
lands('wide_archived', 100000, 100000, 20, 1, $flat);

# A long record is there up to three times: as text and value; then as value, as row, and as what the server compresses.
lands('long', 1, 1, $long * 1024 * 1024, 0, $flat + 3 * $long);
lands('long_archived', 1, 1, $long * 1024 * 1024, 1, $flat + 3 * $long);

# How much is on its way at once, up to 8 MB, is a matter of time; a byte that is kept of each record would be seen.
lands('few', 10000, 10000, 100, 0, $flat);
my $more = lands('more', 100000, 10000, 100, 0, $flat);
my $many = lands('many', 1000000, 10000, 100, 0, $flat);

cmp_ok($many, '<', $more + 8, 'with ten times the records, and more batches, memory stays where it is');

# Short values are several times as long in the database as in the page.
app(<<SQL);
SELECT dataops.create_http_source('dense', 'api', '/items/dense', params => '{"total": 60, "values": 100000}', records => '\$[*]',
    paginate => '{"type": "page", "param": "page", "limit": 1}');
SELECT dataops.create_pipeline('dense', every => '1 day', start_at => '2026-01-01+00');
SELECT dataops.add_fetch('dense', 'dense', archive => 'lake');
SQL
my $dense = land('dense');
is(app('SELECT count(*), sum(jsonb_array_length(record)) FROM raw.dense'), '60|6000000', 'dense: records of many short values are there');
cmp_ok($dense, '<', $flat, sprintf('dense: memory grew by %.1f MB, less than %d', $dense, $flat));

# Ten million take minutes, and gigabytes of disk: by hand.
if ($ENV{DATAOPS_TEN_MILLION})
{
	lands('most', 10000000, 10000, 100, 0, $more + 8);
}
else
{
	note('ten million records are landed with DATAOPS_TEN_MILLION=1');
}

$node->stop;
done_testing();
