# Loads into BigQuery: values of every mapped type come back as PostgreSQL held them or are refused; merges, appends and
# replacements; readers see nothing before the promotion.  Google's own client looks from the other side.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Test::More;

my $node = start_pointed('bigquery', storage => $ENV{DATAOPS_TEST_STORAGE}, bigquery => $ENV{DATAOPS_TEST_BIGQUERY});

client('bucket', 'loading');
as_app($node, <<'SQL');
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'loading');
CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset 'loaded', staging_dataset 'loaded_staging', location 'EU');
CREATE SCHEMA market;
SQL

# Runs a pipeline; what went wrong, if something did.
sub run_pipeline
{
	my ($name) = @_;
	my ($rc, $out, $err) = $node->psql('work', "SET client_min_messages = error; CALL dataops.run('$name')", extra_params => [ '-U', 'app' ]);

	return $err;
}

# Rows of a table as Google's client reads them.
sub rows
{
	my ($table, $columns) = @_;

	return join '; ', map { join ' ', map { $_ // '-' } @$_ } @{ client('rows', "SELECT $columns FROM `$table` ORDER BY 1") };
}

# ---- every type ----

as_app($node, <<'SQL');
CREATE TYPE market.mood AS ENUM ('calm', 'wild');
CREATE TYPE market.spot AS (x bigint, label text, moment time);
CREATE DOMAIN market.price AS numeric(12,2);
CREATE TABLE market.every (
    k int PRIMARY KEY, i2 smallint, i8 bigint, n29 numeric(38,9), n2 market.price, big numeric, text_n numeric(60,45), f4 real, f8 float8,
    b boolean, t text, c char(5), m market.mood, u uuid, raw bytea, d date, ts timestamptz, dt timestamp, tm time,
    j jsonb, ia bigint[], ta text[], s market.spot, sa market.spot[], i inet, r int4range);
COMMENT ON TABLE market.every IS 'one of each';
INSERT INTO market.every VALUES
(1, 32767, 9223372036854775807, 99999999999999999999999999999.999999999, 9999999999.99, 99999999999999999999.999999999999999999, 0.000000000000000000000000000000000000000000001,
    0.1, 1.7976931348623157e308, true, E'tab\t quote" back\\ nl\n \u0001 Zürich \U0001F600', 'ab', 'wild', '00000000-0000-0000-0000-0000000000ff',
    decode('00ff10', 'hex'), '9999-12-31', '9999-12-31 23:59:59.999999+00', '9999-12-31 23:59:59.999999', '23:59:59.999999',
    '{"a": [1, 2.5, null, "x"], "b": {"c": true}}', '{9007199254740993,-1}', ARRAY['a"b', ''], ROW(9007199254740993, 'p', '10:00:00.5'),
    ARRAY[ROW(1, 'a', NULL), ROW(2, NULL, '00:00')]::market.spot[], '10.0.0.1/8', '[1,5)'),
(2, -32768, -9223372036854775808, -99999999999999999999999999999.999999999, -0.01, -0.000000000000000001, -1, -3.4028235e38, -5e-324,
    false, '', '', 'calm', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '', '0001-01-01', '0001-01-01 00:00:00+00', '0001-01-01 00:00:00', '00:00',
    '[]', '{}', '{}', ROW(NULL, '', NULL), '{}', '::1', 'empty'),
(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', '{}', NULL, '{}', NULL, NULL),
(4, 0, 9007199254740992, 0.000000001, 1.5, 1e15, 0.5, 'Infinity', '-Infinity', true, 'null', 'x', 'calm', '00000000-0000-0000-0000-000000000000', '\x80',
    '2024-02-29', '2024-02-29 12:00:00.5+02', '2024-02-29 12:00:00.123456', '12:34:56', '"text"', '{1}', '{NaN}', ROW(1, NULL, NULL), '{}', '1.2.3.4', '(,5)');
SELECT dataops.create_pipeline('types');
SELECT dataops.add_load('types', 'market.every', 'bq', key => '{k}', stage => 'lake', checks => '{"matches(count(*), sum(i8), sum(n29), sum(big), sum(f8), max(f4), max(ts), min(ts), max(dt), max(d), min(d), max(tm), max(c))"}');
SQL
is(run_pipeline('types'), '', 'values of all types at their limits are loaded');

my $here = 'TABLE market.every';
# This server keeps the text of a load file in a column of BYTES, where Google keeps what it encodes.
my $there = q{SELECT p.* FROM dataops.bigquery('bq', 'SELECT * FROM `loaded.every`') r, jsonb_populate_record(NULL::market.every,
	r || jsonb_build_object('raw', decode(convert_from(decode(r->>'raw', 'base64'), 'UTF8'), 'base64'))) p};
for my $column (split /\n/, as_app($node, q{SELECT attname FROM pg_attribute WHERE attrelid = 'market.every'::regclass AND attnum > 1 ORDER BY attnum}))
{
	is(as_app($node, <<SQL), '', "column $column comes back as it was");
SELECT string_agg(format('%s: %s came back as %s', h.k, h.$column, t.$column), E'\n' ORDER BY h.k)
FROM ($here) h FULL JOIN ($there) t USING (k) WHERE h.$column IS DISTINCT FROM t.$column
SQL
}
is(rows('loaded.every', 'k, i8, n29, big, d, ts, b, t'), join('; ',
	"1 9223372036854775807 99999999999999999999999999999.999999999 99999999999999999999.999999999999999999 9999-12-31 9999-12-31 23:59:59.999999+00:00 1 tab\t quote\" back\\ nl\n \x01 Z\x{fc}rich \x{1F600}",
	'2 -9223372036854775808 -99999999999999999999999999999.999999999 -0.000000000000000001 0001-01-01 0001-01-01 00:00:00+00:00 0 ',
	'3 - - - - - - -', '4 9007199254740992 0.000000001 1000000000000000.000000000000000000 2024-02-29 2024-02-29 10:00:00.500000+00:00 1 null'),
	'Google\'s client reads the same values');
my %type = map { $_->[0] => "$_->[1] $_->[2]" } @{ client('columns', 'loaded.every') };
is(join(', ', map { "$_ $type{$_}" } qw(i2 n29 big text_n f4 raw d ts dt tm j ia s sa r)),
	'i2 INTEGER NULLABLE, n29 NUMERIC NULLABLE, big BIGNUMERIC NULLABLE, text_n STRING NULLABLE, f4 FLOAT NULLABLE, raw BYTES NULLABLE, '
	  . 'd DATE NULLABLE, ts TIMESTAMP NULLABLE, dt DATETIME NULLABLE, tm TIME NULLABLE, j JSON NULLABLE, ia INTEGER REPEATED, s RECORD NULLABLE, '
	  . 'sa RECORD REPEATED, r STRING NULLABLE', 'and the types of the mapping');

my $before = rows('loaded.every', 'k, t');
for my $value ('big = \'NaN\'', 'd = \'infinity\'', 'ta = \'{a,NULL}\'', 'ta = NULL', 'sa = NULL', 'ia = \'{{1},{2}}\'', 'ts = \'10000-01-01 00:00:00+00\'', 'dt = \'-infinity\'',
	'tm = \'24:00\'', 'j = \'12345678901234567890\'', 's.moment = \'24:00\'')
{
	my ($column) = $value =~ /^(\w+)/;

	as_app($node, "CREATE TABLE market.kept AS TABLE market.every; UPDATE market.every SET $value WHERE k = 2");
	like(run_pipeline('types'), qr/column "$column" of row 1 /, "refused, with row and column: $value");
	as_app($node, 'UPDATE market.every e SET ' . join(', ', map { "$_ = o.$_" } qw(big d ta sa ia ts dt tm j s))
		  . ' FROM market.kept o WHERE o.k = e.k AND e.k = 2; DROP TABLE market.kept');
}
is(rows('loaded.every', 'k, t'), $before, 'and nothing has changed');
as_app($node, q{UPDATE market.every SET t = 'mended' WHERE k = 2});
is(run_pipeline('types'), '', 'mended values are loaded');
is(rows('loaded.every', 'k, t') =~ s/.*; (2 .*?); .*/$1/sr, '2 mended', 'and are there');

# What a null array is to be, the load says: an empty one.
as_app($node, <<'SQL');
CREATE TABLE market.tagged (id int PRIMARY KEY, tags text[], spot market.spot[]);
INSERT INTO market.tagged VALUES (1, '{a}', NULL), (2, NULL, '{}'), (3, '{}', NULL);
SELECT dataops.create_pipeline('tagged');
SELECT dataops.add_load('tagged', 'market.tagged', 'bq', key => '{id}', stage => 'lake', on_bad_value => 'null');
SQL
is(run_pipeline('tagged'), '', 'null arrays are loaded where that is wanted');
# This server has null arrays in its tables, and answers them as empty ones.
is(as_app($node, q{SELECT string_agg(r::text, ' ' ORDER BY r->>'id') FROM dataops.bigquery('bq', 'SELECT id, tags, spot FROM `loaded.tagged`') r}),
	'{"id": 1, "spot": [], "tags": ["a"]} {"id": 2, "spot": [], "tags": []} {"id": 3, "spot": [], "tags": []}', 'as empty ones');

# ---- modes ----

as_app($node, <<'SQL');
CREATE TABLE market.trade (id int PRIMARY KEY, price numeric(10,2), day date);
INSERT INTO market.trade VALUES (1, 1.10, '2026-11-20'), (2, 2.20, '2026-11-21');
CREATE VIEW market.latest AS SELECT * FROM market.trade;
CREATE VIEW market.piled AS SELECT * FROM market.trade;
SELECT dataops.create_pipeline('modes');
SELECT dataops.add_load('modes', 'market.trade', 'bq', key => '{id}', stage => 'lake', partition_by => 'day', cluster_by => '{id}');
SELECT dataops.add_load('modes', 'market.latest', 'bq', mode => 'truncate', stage => 'lake');
SELECT dataops.add_load('modes', 'market.piled', 'bq', mode => 'append', rows => 'all', stage => 'lake');
SQL
is(run_pipeline('modes'), '', 'three modes');
as_app($node, q{UPDATE market.trade SET price = 3.30 WHERE id = 2; DELETE FROM market.trade WHERE id = 1; INSERT INTO market.trade VALUES (3, NULL, '2026-11-22')});
is(run_pipeline('modes'), '', 'and once more, after changes');
is(rows('loaded.trade', 'id, price'), '1 1.100000000; 2 3.300000000; 3 -', 'merged: changed rows replaced, new ones added, deleted ones kept');
is(rows('loaded.trade', 'id, created_at < updated_at'), '1 0; 2 1; 3 0', 'with the times of their first and last change');
is(rows('loaded.latest', 'id, price'), '2 3.300000000; 3 -', 'replaced: what is there now');
is(rows('loaded.piled', 'id, price'), '1 1.100000000; 2 2.200000000; 2 3.300000000; 3 -', 'appended: what was there each time');
my $table = client('table', 'loaded_staging.trade');
is("$table->{timePartitioning}{field} $table->{clustering}{fields}[0]", 'day id', 'the table has its partitions and order');
is(as_app($node, q{SELECT string_agg(DISTINCT state, ' ') FROM dataops.loads}), 'succeeded', 'the ledger knows')
  or diag(as_app($node, 'SELECT step, state, error FROM dataops.loads'));
is(as_app($node, q{SELECT count(*) FROM dataops.loads WHERE pipeline = 'modes' AND state = 'succeeded' AND job IS NOT NULL AND publish_job IS NOT NULL}),
	'6', 'with the names of the jobs');
is(scalar @{ client('objects', 'loading', '') }, 0, 'no file of a load is left');
is(scalar(grep { /dataops_/ } map { $_->[0] } @{ client('rows', 'SELECT table_name FROM `loaded_staging`.INFORMATION_SCHEMA.TABLES') }),
	0, 'and no table of a merge');

# ---- promotion ----

as_app($node, <<'SQL');
CREATE TABLE market.held (id int PRIMARY KEY);
INSERT INTO market.held VALUES (1);
SELECT dataops.create_pipeline('held');
SELECT dataops.add_load('held', 'market.held', 'bq', key => '{id}', stage => 'lake', publish => false);
SQL
is(run_pipeline('held'), '', 'a load that is not published');
is(rows('loaded_staging.held', 'id'), '1', 'is on the staging side');
is_deeply(client('rows', q{SELECT table_name FROM `loaded`.INFORMATION_SCHEMA.TABLES WHERE table_name = 'held'}), [], 'and not in production');
as_app($node, q{SELECT dataops.add_promote('held', 'market.held', 'bq')});
as_app($node, 'INSERT INTO market.held VALUES (2)');
is(run_pipeline('held'), '', 'with a promotion');
is(rows('loaded.held', 'id'), '1; 2', 'it is in production');

# ---- reading ----

as_app($node, <<'SQL');
CREATE TABLE market.many AS SELECT i AS id, repeat('x', 100) AS t FROM generate_series(1, 12000) i;
SELECT dataops.create_pipeline('many');
SELECT dataops.add_load('many', 'market.many', 'bq', stage => 'lake');
SQL
is(run_pipeline('many'), '', 'many rows are loaded');
is(as_app($node, q{SELECT count(*) || ' ' || sum((r->>'id')::int) FROM dataops.bigquery('bq', 'SELECT * FROM `loaded.many`') r}),
	'12000 72006000', 'and all are read back');
is(as_app($node, q{SELECT r FROM dataops.bigquery('bq', 'SELECT COUNT(*) AS n FROM `loaded.many` WHERE id <= @last AND t <> @t', '{"last": 7, "t": "y"}') r}),
	'{"n": 7}', 'with parameters');
for my $wrong ('SELEC 1', 'SELECT * FROM `loaded.nothing`')
{
	my ($code, $out, $err) = $node->psql('work', "SELECT dataops.bigquery('bq', '$wrong')", extra_params => [ '-U', 'app' ]);
	like($err, qr/BigQuery did not run the query/, "an error, not an empty answer: $wrong");
}

done_testing();
