# The demo's page of SQL with its data in Google Cloud: raw and exported objects in a bucket, days in BigQuery's production
# table, published after checks; a second run adds nothing.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Dataops;
use PostgreSQL::Test::Utils;
use Test::More;

my $demo = "$FindBin::Bin/../../../docs/demo";
my ($ports, $exchange) = start_server("$demo/exchange.py");
my $node = start_pointed('demo', storage => $ENV{DATAOPS_TEST_STORAGE}, bigquery => $ENV{DATAOPS_TEST_BIGQUERY});

client('bucket', 'acme-lake');

sub run_demo
{
	return $node->psql('work', slurp_file("$demo/demo.sql"),
		extra_params => [ '-U', 'app', '-v', "api=http://127.0.0.1:$ports->{port}", '-v', 'bucket=acme-lake', '-v', 'project=test' ]);
}

# What there is, as Google's client sees it.
sub outside
{
	return {
		objects => [ map { "@$_[0 .. 2]" } @{ client('objects', 'acme-lake', '') } ],
		days => client('rows', 'SELECT * FROM `market.candles_daily` ORDER BY open_time'),
		staged => client('rows', 'SELECT * FROM `market_staging.candles_daily` ORDER BY open_time')
	};
}

my ($rc, $out, $err) = run_demo();
is($rc, 0, 'the demo\'s SQL succeeds') or diag($err);

my $first = outside();
my $time = qr/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}/;
is(scalar(grep { m{^production/raw/candles/$time/[0-9a-f-]+-00000\.ndjson\.gz } } @{ $first->{objects} }), 1, 'the raw records are in the bucket');
is(scalar(grep { m{^production/production/candles_hourly/$time/(part-00000\.ndjson\.gz|manifest\.json) } } @{ $first->{objects} }),
	2, 'and the hours, with their manifest');
is(scalar @{ $first->{objects} }, 3, 'and nothing else: no file of the load, nothing in staging') or diag(explain($first->{objects}));
is(scalar @{ $first->{days} }, 62, 'BigQuery has 62 days');
is_deeply($first->{staged}, $first->{days}, 'as on its staging side');
is(as_app($node, q{SELECT string_agg(rule || ' ' || state, ', ' ORDER BY rule) FROM dataops.check_results WHERE target LIKE '%@warehouse'}),
	'count(*) passed, matches(count(*), sum(volume), sum(trades)) passed', 'published after checks');
is(as_app($node, <<'SQL'), 't', 'the sums that bigquery() reads are those of PostgreSQL');
SELECT (count(*), sum(volume), sum(trades)) = (
    SELECT (r->>'days')::bigint, (r->>'volume')::numeric, (r->>'trades')::bigint
    FROM dataops.bigquery('warehouse', 'SELECT COUNT(*) AS days, SUM(volume) AS volume, SUM(trades) AS trades FROM `market.candles_daily`') r)
FROM production.candles_daily
SQL
is(as_app($node, <<'SQL'), '0', 'and so is each day');
SELECT count(*) FROM production.candles_daily d
FULL JOIN dataops.bigquery('warehouse', 'SELECT * FROM `market.candles_daily`') r ON d.open_time = (r->>'open_time')::timestamptz
WHERE (d.open, d.high, d.low, d.close, d.volume, d.trades) IS DISTINCT FROM
      ((r->>'open')::numeric, (r->>'high')::numeric, (r->>'low')::numeric, (r->>'close')::numeric, (r->>'volume')::numeric, (r->>'trades')::int)
SQL

is(as_app($node, q{SELECT string_agg(step || ': ' || detail, ', ') FROM unnest('{lake,warehouse}'::text[]) s, dataops.test_connection(s) WHERE NOT ok}), '',
	'both connections are good');

($rc, $out, $err) = run_demo();
is($rc, 0, 'a second run succeeds') or diag($err);
is_deeply(outside(), $first, 'and adds nothing');

done_testing();
