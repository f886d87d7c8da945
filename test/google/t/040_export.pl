# Exports into a bucket, read by Google's own client: the files are what the manifest says, and have the rows of the table.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_pointed('export', storage => $ENV{DATAOPS_TEST_STORAGE});
my $folder = PostgreSQL::Test::Utils::tempdir;

client('bucket', 'exported');
as_app($node, <<'SQL');
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'exported', prefix 'production', staging_prefix 'staging');
CREATE SCHEMA market;
CREATE TABLE market.sample (id bigint PRIMARY KEY, price numeric, ratio double precision, good boolean, note text, seen timestamptz,
                            day date, span interval, raw bytea, tags text[], more jsonb, noise text);
CREATE FUNCTION market.fill(first bigint, last bigint) RETURNS void LANGUAGE sql AS $$
INSERT INTO market.sample
SELECT i, i * 1.000000000000000000001, sqrt(i), i % 2 = 0, CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN E'two\nlines, "quoted" \\ é 🜁' ELSE 'plain' END,
       timestamptz '2026-11-21 10:00:00.123456+00' + i * interval '1 minute', date '2026-11-21' + (i % 400)::int,
       i * interval '1 day 2 hours', decode(md5(i::text), 'hex'), ARRAY[i::text, NULL, 'a,b'], jsonb_build_object('i', i, 'n', 12345678901234567890),
       (SELECT string_agg(md5(i || ' ' || s), '') FROM generate_series(1, 12) s)
FROM generate_series(first, last) i $$;
SELECT market.fill(1, 25000);
SELECT dataops.create_pipeline('out');
SELECT dataops.add_export('out', 'market.sample', 'lake');
SELECT dataops.add_export('out', 'market.sample', 'lake', format => 'csv', compression => 'none', rows => 'all', name => 'csv',
    path => 'reports/{table}/{run}/sample-{part}.csv');
SQL

sub run_out
{
	as_app($node, "SET dataops.export_part_size = '4MB'; CALL dataops.run('out')");
	return;
}

# The newest folder of a step below "production/", and what its manifest says.
sub newest
{
	my ($step) = @_;
	my $place = as_app($node, "SELECT folder FROM dataops.exports WHERE step = '$step' ORDER BY export_id DESC LIMIT 1");

	$place =~ s{/$}{};
	return ("production/$place", decode_json(fetched('exported', "production/$place/manifest.json")));
}

# Every file of the manifest, seen by the client with size and checksum, in one file here.
sub gathered
{
	my ($place, $manifest) = @_;
	my %seen = map { $_->[0] => "$_->[1] $_->[2]" } @{ client('objects', 'exported', $place) };
	my $file = "$folder/" . ($place =~ s{[/:=]}{_}gr);

	delete $seen{"$place/manifest.json"};
	is_deeply(\%seen, { map { ("$place/$_->{name}" => "$_->{bytes} $_->{crc32c}") } @{ $manifest->{parts} } },
		'the client sees the files of the manifest, and no others');
	for my $part (@{ $manifest->{parts} })
	{
		my $bytes = fetched('exported', "$place/$part->{name}");

		if ($part->{name} =~ /gz$/)
		{
			gunzip(\$bytes => \my $plain, MultiStream => 1) or BAIL_OUT("$part->{name}: $GunzipError");
			$bytes = $plain;
		}
		$bytes =~ s/^[^\n]*\n// if $part->{name} =~ /csv/;
		append_to_file($file, $bytes);
	}
	chmod 0644, $file;
	return $file;
}

# Loads the file and counts the rows that only one side has.
sub differences
{
	my ($file, $condition) = @_;
	my $csv = $file =~ /reports/;
	my $load = $csv
	  ? "CREATE TEMP TABLE back (LIKE market.sample); COPY back FROM '$file' (FORMAT csv)"
	  : "CREATE TEMP TABLE line (l text); COPY line FROM '$file' (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02');
		 CREATE TEMP TABLE back AS SELECT r.* FROM line, json_populate_record(NULL::market.sample, l::json) r";

	return $node->safe_psql('work', "$load;
		SELECT count(*) FROM ((TABLE back EXCEPT ALL SELECT * FROM market.sample WHERE $condition)
							  UNION ALL (SELECT * FROM market.sample WHERE $condition EXCEPT ALL TABLE back)) d");
}

run_out();
my ($place, $manifest) = newest('market.sample@lake');
like($place, qr{^production/market/sample/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}$}, 'the folder has the time in its name');
is($manifest->{rows}, 25000, 'the manifest counts the rows');
cmp_ok(scalar @{ $manifest->{parts} }, '>=', 2, 'of several files');
is(differences(gathered($place, $manifest), 'true'), '0', 'NDJSON: each row comes back as it was');
($place, $manifest) = newest('csv');
is(differences(gathered($place, $manifest), 'true'), '0', 'CSV: each row comes back as it was');
is(scalar @{ client('objects', 'exported', 'staging/') }, 0, 'the staging area is empty');

as_app($node, "SELECT market.fill(25001, 25010); UPDATE market.sample SET note = 'changed' WHERE id = 7");
run_out();
($place, $manifest) = newest('market.sample@lake');
is($manifest->{rows}, 11, 'the next export has what was written since');
is(differences(gathered($place, $manifest), 'id = 7 OR id > 25000'), '0', 'these rows, and no others');

my $before = client('objects', 'exported', 'production/market');
run_out();
is_deeply(client('objects', 'exported', 'production/market'), $before, 'without new rows there is no new file');
is(as_app($node, q{SELECT state FROM dataops.step_runs WHERE step = 'market.sample@lake' ORDER BY started_at DESC LIMIT 1}),
	'skipped', 'and the step says so');

done_testing();
