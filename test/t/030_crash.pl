# A backend that is killed anywhere in a run, and a server that is stopped at once anywhere in a run: after
# the next run everything is as if nothing had happened.  Nothing lost, nothing twice, nothing left running,
# no object without a record of it.
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
my $node = start_cluster('crash', <<CONF);
dataops.file_root = '$lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
restart_after_crash = on
CONF

# 2,600 records in 260 pages, so in three batches; one record in 500 breaks a rule.
my $define = <<SQL;
CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$ports->{port}');
SELECT dataops.create_http_source('items', 'api', '/items', params => '{"total": "2600", "per_page": "10"}',
    paginate => '{"type": "page", "param": "page", "limit": 10}');
SELECT dataops.create_pipeline('job', every => '1 day', start_at => '2026-01-01+00');
SELECT dataops.add_fetch('job', 'items', archive => 'lake');
SELECT dataops.add_model('job', 'staging.item',
    \$\$SELECT (record->>'id')::int AS id, (record->>'updated_at')::timestamptz AS at FROM dataops.records('items')\$\$,
    strategy => 'merge', key => '{id}', time_column => 'at');
SELECT dataops.add_check('job', 'staging.item', 'id % 500 <> 7', on_fail => 'quarantine');
SELECT dataops.add_model('job', 'production.item_day',
    \$\$SELECT date_trunc('day', at) AS day, count(*) AS items, sum(id) AS ids FROM staging.item
      WHERE at >= dataops.start_ts() AND at < dataops.end_ts() GROUP BY 1\$\$,
    strategy => 'partition', time_column => 'day', grain => '1 day');
SELECT dataops.add_model('job', 'production.total', 'SELECT count(*) AS items, sum(items) AS total FROM production.item_day',
    checks => '{"count(*) = 1"}');
SQL

my $range = "from_ts => '2026-01-01+00', to_ts => '2026-01-02+00'";

# What must be equal whatever happened on the way.
my $fingerprint = <<'SQL';
SELECT 'raw', count(*), count(DISTINCT record), md5(string_agg(record::text, '' ORDER BY (record->>'id')::int)) FROM raw.items
UNION ALL SELECT 'staging', count(*), count(DISTINCT id), md5(string_agg(id || '/' || at, ',' ORDER BY id)) FROM staging.item
UNION ALL SELECT 'days', count(*), sum(items), md5(string_agg(day || '/' || items || '/' || ids, ',' ORDER BY day)) FROM production.item_day
UNION ALL SELECT 'total', count(*), max(total), NULL FROM production.total
UNION ALL SELECT 'quarantine', count(*), count(DISTINCT "row"), NULL FROM dataops.quarantine
UNION ALL SELECT 'runs', count(*), count(*) FILTER (WHERE state = 'succeeded'), NULL FROM dataops.runs
UNION ALL SELECT 'running steps', count(*), 0, NULL FROM dataops.step_run WHERE state = 'running'
UNION ALL SELECT 'open intents', count(*), 0, NULL FROM dataops.intent WHERE state = 'open'
UNION ALL SELECT 'objects without a batch', count(*), 0, NULL FROM dataops.list_objects('lake', 'raw') o
    WHERE NOT EXISTS (SELECT FROM dataops.batch b WHERE b.object = o.name AND b.object_bytes = o.bytes)
UNION ALL SELECT 'batches without an object', count(*), 0, NULL FROM dataops.batch b
    WHERE NOT EXISTS (SELECT FROM dataops.list_objects('lake', 'raw') o WHERE b.object = o.name)
SQL

# A database and a folder of their own per try: the role "app" owns the database, is no superuser and does
# everything but make the store.
my $tries = 0;

sub fresh_database
{
	my ($name) = @_;
	my $folder = 'try' . ++$tries;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER app");
	$node->safe_psql($name, 'CREATE EXTENSION dataops', extra_params => [ '-U', 'app' ]);
	$node->safe_psql($name,
		"CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix '$folder'); GRANT USAGE ON FOREIGN SERVER lake TO app");
	$node->safe_psql($name, $define, extra_params => [ '-U', 'app' ]);
	return;
}

sub drop_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "DROP DATABASE $name WITH (FORCE)");
	return;
}

sub run_job
{
	my ($name, $before) = @_;
	my ($rc, $out, $err) = $node->psql($name, ($before // '') . "\nCALL dataops.run('job', $range);",
		extra_params => [ '-U', 'app' ]);

	return $err // '';
}

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
fresh_database('undisturbed');
run_job('undisturbed');
my $expected = $node->safe_psql('undisturbed', $fingerprint);
like($expected, qr/^raw\|2600\|2600\|/m, 'the undisturbed run lands all records');
like($expected, qr/^quarantine\|6\|/m, 'and sets six of them aside');
drop_database('undisturbed');

# Every point of the product, the repeated ones at their first, a middle and their last pass.
my @points = (
	'land_after_intent:1', 'land_before_intent:1', 'archive_before_put:1', 'archive_before_link:1', 'archive_before_link:2',
	'archive_after_link:1', 'archive_after_link:3', 'archive_after_put:1', 'archive_after_put:3',
	'land_before_insert:1', 'land_before_insert:2', 'land_after_insert:1', 'land_after_insert:3',
	'land_before_commit:1', 'land_before_commit:2', 'land_before_commit:3',
	'land_after_commit:1', 'land_after_commit:2', 'land_after_commit:3', 'fetch_before_end:1',
	'model_before_commit:1', 'model_after_commit:1', 'model_before_commit:2', 'model_after_commit:2',
	'model_before_commit:3', 'model_after_commit:3', 'run_before_commit:1', 'run_after_commit:1');

foreach my $point (@points)
{
	my ($name, $nth) = split /:/, $point;
	my $err;

	fresh_database('victim');
	$err = through_crash($node, sub { run_job('victim', "SET dataops.fault = '$name:kill9:$nth';") });
	like($err, qr/server closed the connection|terminat/, "kill -9 at $point");
	$err = run_job('victim');
	is($node->safe_psql('victim', $fingerprint), $expected, "the next run repairs $point") or diag($err);
	drop_database('victim');
}

# The same for tick(): it resumes what died without anybody asking.
fresh_database('victim');
through_crash($node, sub { run_job('victim', "SET dataops.fault = 'land_before_commit:kill9:2';") });
is($node->safe_psql('victim', "SELECT state FROM dataops.runs"), 'interrupted', 'a killed run shows as interrupted');
$node->safe_psql('victim', 'CALL dataops.tick()', extra_params => [ '-U', 'app' ]);
$node->poll_query_until('victim', "SELECT bool_and(state = 'succeeded') FROM dataops.runs")
  or diag($node->safe_psql('victim', 'SELECT state, error FROM dataops.runs'));
is($node->safe_psql('victim', $fingerprint), $expected, 'tick() resumes a killed run');
drop_database('victim');

# Power cut: the server is stopped at once while the run stands at a point.
foreach my $point ('archive_after_link:2', 'land_after_insert:2', 'land_after_commit:2', 'model_before_commit:1', 'model_before_commit:3')
{
	my ($name, $nth) = split /:/, $point;
	my $session;

	fresh_database('victim');
	$session = session_start($node, 'victim', [ "SET dataops.fault = '$name:sleep:$nth'", "CALL dataops.run('job', $range)" ],
		database => 'victim', user => 'app');
	wait_for_point($node, 'victim', $point);
	$node->stop('immediate');
	session_end($session);
	$node->start;
	run_job('victim');
	is($node->safe_psql('victim', $fingerprint), $expected, "the run after an immediate stop at $point repairs it");
	drop_database('victim');
}

$node->stop;
done_testing();
