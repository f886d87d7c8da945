# The demo's page of SQL on recorded candles: every record once, in as few requests as can be, and the published
# hours and days equal to an aggregation of the raw records written by hand.  Skipped where the recording is absent.
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

my $recording = ($ENV{DATAOPS_RECORDED_DATA} // "$FindBin::Bin/../../../shared/data") . '/binance_btcusdt_15m.json';
my $demo = "$FindBin::Bin/../../docs/demo";

plan skip_all => "the recorded candles are not here ($recording)" unless -r $recording;

my ($ports, $exchange) = start_server("$demo/exchange.py", '--data', $recording);
my $lake = PostgreSQL::Test::Utils::tempdir;
my $node = start_cluster('candles', <<CONF);
dataops.file_root = '$lake'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
CONF

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE work OWNER app');
as_app('CREATE EXTENSION dataops');
$node->safe_psql('work', 'CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file; GRANT USAGE ON FOREIGN SERVER lake TO app');

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', 'app' ]);
}

sub run_demo
{
	return $node->psql('work', slurp_file("$demo/demo.sql"),
		extra_params => [ '-U', 'app', '-v', "api=http://127.0.0.1:$ports->{port}" ]);
}

# Candles of a length made from the raw records alone.
sub by_hand
{
	my ($unit) = @_;

	return <<SQL;
SELECT date_trunc('$unit', to_timestamp((record->>0)::bigint / 1000)) AS open_time,
       (array_agg((record->>1)::numeric ORDER BY (record->>0)::bigint))[1] AS open,
       max((record->>2)::numeric) AS high, min((record->>3)::numeric) AS low,
       (array_agg((record->>4)::numeric ORDER BY (record->>0)::bigint DESC))[1] AS close,
       sum((record->>5)::numeric) AS volume, sum((record->>8)::int) AS trades
FROM raw.candles GROUP BY 1
SQL
}

sub differences
{
	my ($table, $unit) = @_;
	my $hand = by_hand($unit);

	return as_app("SET TimeZone = 'UTC'; SELECT count(*) FROM ((TABLE $table EXCEPT ALL ($hand)) UNION ALL (($hand) EXCEPT ALL TABLE $table)) d");
}

foreach my $round ('first', 'second')
{
	my ($rc, $out, $err) = run_demo();

	is($rc, 0, "the $round run of the demo's SQL succeeds") or diag($err);
	is(as_app('SELECT count(*) FROM raw.candles'), 5856, "$round run: 5,856 raw records");
	is(as_app('SELECT count(*) FROM dataops.requests'), 6, "$round run: by six requests");
	is(as_app('SELECT count(*) FROM staging.candles'), 5856, "$round run: 5,856 staging rows");
	is(as_app("SELECT count(*) FROM (SELECT open_time - lag(open_time) OVER (ORDER BY open_time) AS step FROM staging.candles) s WHERE step <> '15 minutes'"),
		0, "$round run: without a gap");
	is(differences('production.candles_hourly', 'hour'), 0, "$round run: hours as made by hand");
	is(differences('production.candles_daily', 'day'), 0, "$round run: days as made by hand");
	is(as_app("SELECT sum(rows_out) FROM dataops.exports WHERE step = 'production.candles_hourly\@lake'"),
		as_app('SELECT count(*) FROM production.candles_hourly'), "$round run: each hour exported once");
	is(as_app("SELECT count(*) FROM dataops.list_objects('lake', 'production') WHERE name LIKE '%/manifest.json'"), 1, "$round run: into one folder");
	is(as_app('SELECT count(*) FROM ((TABLE production.candles_daily EXCEPT ALL SELECT open_time, open, high, low, close, volume, trades FROM market.candles_daily)
			UNION ALL (SELECT open_time, open, high, low, close, volume, trades FROM market.candles_daily EXCEPT ALL TABLE production.candles_daily)) d'),
		0, "$round run: the warehouse has the same days");
	is(as_app("SELECT count(*) FROM dataops.list_objects('lake', 'raw') o JOIN dataops.batch b ON b.object = o.name AND b.crc32c = o.crc32c"),
		as_app('SELECT count(*) FROM dataops.batch'), "$round run: each batch has its object, of the right checksum");
}
is(as_app("SELECT string_agg(verdict, ',') FROM dataops.check_result WHERE verdict <> 'passed'"), '', 'all checks pass');

$node->stop;
done_testing();
