# docs/google.md as a reader follows it: its statements, by the roles that it names, against the counterparts.  What they ask
# of Google needs no more rights than the page gives.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Dataops;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = "$FindBin::Bin/../../../docs";
my ($ports) = start_server("$FindBin::Bin/../proxy.py", "storage=$ENV{DATAOPS_TEST_STORAGE}", "bigquery=$ENV{DATAOPS_TEST_BIGQUERY}");
my ($exchange_ports) = start_server("$docs/demo/exchange.py");
my $url = "http://127.0.0.1:$ports->{port}";
my $account = google_account($url);
my %user = (superuser => 'postgres', 'owner of the database' => 'app', etl => 'etl');

$ENV{GOOGLE_APPLICATION_CREDENTIALS_JSON_BASE64} = encode_base64(encode_json($account), '');
my $node = start_pointed('page', map { $_ => $url } qw(storage bigquery oauth2));

# What section 1 does at Google.  These names are of this test alone; the counterparts know one project and one address.
my %name = ('acme-lake' => 'page-lake', 'market_staging' => 'page_staging', market => 'page', "'acme'" => "'test'",
	'storage.googleapis.com' => '127.0.0.1', 'bigquery.googleapis.com' => '127.0.0.1');
my $page = slurp_file("$docs/google.md");
$page =~ s/\Q$_\E/$name{$_}/g for reverse sort keys %name;
client('bucket', 'page-lake');
client('dataset', $_, 'EU') for qw(page page_staging);

# The page speaks of a pipeline that is there, with tables that its models fill.
$node->safe_psql('work', 'CREATE ROLE etl LOGIN; GRANT CREATE ON DATABASE work TO etl');
my $pipeline = <<SQL;
CREATE SERVER binance FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$exchange_ports->{port}');
CREATE SCHEMA production;
CREATE TABLE production.candles_hourly AS SELECT '2026-11-21 00:00+00'::timestamptz + i * '1 hour'::interval AS open_time, i * 1.25 AS volume, i AS trades FROM generate_series(1, 240) i;
CREATE TABLE production.candles_daily AS SELECT date_trunc('day', open_time) AS open_time, sum(volume) AS volume, sum(trades)::bigint AS trades FROM production.candles_hourly GROUP BY 1;
SELECT dataops.create_pipeline('btc');
SELECT dataops.create_http_source('candles', 'binance', '/api/v3/klines', params => '{"symbol": "BTCUSDT", "interval": "15m", "limit": "10"}');
SQL

sub as_role
{
	my ($role, $sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', $role ]);
}

my @blocks = map { [ /^-- (@{[join '|', keys %user]})\b.*?\n(.*)/s ] } grep { /^-- \w/ } $page =~ /^```sql\n(.*?)^```/msg;
my %given;

is(scalar(@blocks), 6, 'the page says of each of its blocks whose they are');
ask_fake($url, '/google-guard/set?on=1');
for my $block (@blocks)
{
	my ($who, $sql) = @$block;

	as_role('etl', $pipeline) if $sql =~ /add_fetch/;
	$given{$who} .= as_role($user{$who}, $sql) . "\n";
	if ($sql =~ /add_load/)
	{
		ok(as_role('etl', q{CALL dataops.run('btc'); SELECT bool_and(state = 'succeeded') FROM dataops.runs}), 'the pipeline runs');
	}
}
is(join(' ', map { (split /\|/)[0] } grep { /\|t\|/ } split /\n/, $given{etl}),
	'usable credentials token bucket opened written read back removed usable credentials token opened dataset staging dataset job', 'both connections are good');
unlike($given{etl}, qr/\|f\|/, 'in all steps');
like($given{etl}, qr/^\{"days": 11, "volume": 36150\.0*\}$/m, 'bigquery() reads the table');

# ---- in the end there are ----

my $time = qr/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}/;
my @names = map { $_->[0] } @{ client('objects', 'page-lake', '') };
is(scalar(grep { m{^production/raw/candles/$time/[0-9a-f-]+-00000\.ndjson\.gz$} } @names), 1, 'records as they came');
is(scalar(grep { m{^production/production/candles_hourly/$time/(part-00000\.ndjson\.gz|manifest\.json)$} } @names), 2, 'exported rows, with a manifest');
is(scalar @names, 3, 'no file on its way') or diag("@names");
is(client('rows', "SELECT COUNT(*) FROM `$_.candles_daily`")->[0][0], 11, "a table in $_") for qw(page page_staging);

# ---- what was asked of Google ----

my @asked = @{ ask_fake($url, '/proxy/requests') };
is(join(' ', grep { !m{^(/upload)?/storage/v1/b/page-lake/o(/|$)|^/bigquery/v2/projects/test/(jobs|queries)|/datasets/page(_staging)?(/tables(/|$)|$)} } map { $_->{path} } @asked),
	'', 'objects of the bucket, jobs, tables of both datasets: nothing else');
is(scalar(grep { $_->{kind} eq 'dataset.insert' } @asked), 0, 'no dataset is made');
assert_sent(\@asked, 'Bearer ya29.canary-account-#');
assert_no_secret($node,
	{ key => $account->{private_key}, base64 => substr($ENV{GOOGLE_APPLICATION_CREDENTIALS_JSON_BASE64}, 0, 60), token => 'ya29.canary', assertion => 'eyJhbGciOi' },
	results => join('', values %given));

$node->stop;
done_testing();
