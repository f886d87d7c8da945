# The warehouse in BigQuery, against the scripted face of test/fake/bigquery.py.  Whatever breaks at the first, a middle or the
# last request of a load, a merge, a publication or a query, and wherever the process dies: in the end each row is there once.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
my $node = start_cluster('bigquery', <<CONF);
dataops.google_endpoints = 'storage=$url, bigquery=$url, metadata=127.0.0.1:$ports->{port}'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
dataops.env_allowed = 'metadata'
restart_after_crash = on
$talkative
CONF
my $dbname = 'work';
my $json = JSON::PP->new->canonical->allow_nonref;
my $cases = 0;

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');
as_app(q{CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery
	OPTIONS (project 'test', dataset 'market', staging_dataset 'market_staging', location 'EU')});
as_app('CREATE TABLE candle (symbol text, opened timestamptz, price numeric(12,2), created_at timestamptz, updated_at timestamptz)');

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

sub as_app_fails
{
	my ($sql) = @_;
	my ($code, $out, $err) = $node->psql($dbname, $sql, extra_params => [ '-U', 'app', '-v', 'VERBOSITY=verbose' ]);

	isnt($code, 0, "fails: $sql");
	return $err;
}

# What the scripted server's own pages answer.
sub ask
{
	return ask_fake($url, @_);
}

# Puts the rows of a query into the object store as one file; its place.
sub file_of
{
	my ($name, $query) = @_;
	my $lines = as_app("SELECT dataops._test_bigquery_lines(\$q\$$query\$q\$)");

	return put_file($name, $lines);
}

sub put_file
{
	my ($name, $content) = @_;
	my $answer = HTTP::Tiny->new->post("$url/upload/storage/v1/b/acme/o?uploadType=media&name=$name",
		{ content => $content, headers => { 'Content-Type' => 'application/json' } });

	$answer->{success} or die "put: $answer->{status} $answer->{content}";
	return "gs://acme/$name";
}

sub operation_sql
{
	my ($operation, $relation, %option) = @_;
	my $options = $json->encode(\%option);

	return "SELECT dataops._test_bigquery_driver('bq', '$operation', '$relation', \$o\$$options\$o\$)";
}

sub operation
{
	my ($operation, $relation, %option) = @_;

	return $json->decode(as_app(operation_sql($operation, $relation, %option)));
}

sub rows_of
{
	my ($table) = @_;

	return $json->encode(ask("/bq/rows?table=$table"));
}

# ---- every mapped type: loaded, and read back as the same value

as_app(<<'SQL');
CREATE TYPE inner_part AS (name text, at timestamptz);
CREATE TYPE outer_part AS (x int, parts inner_part[]);
CREATE TABLE every (id int, big int8, small int2, object oid, single float4, double float8, number numeric(38,9), large numeric, declared numeric(5,2),
	yes bool, words text, padded char(4), uuid uuid, bytes bytea, day date, moment timestamptz, clock timestamp, hour time, doc jsonb, list int[], empty text[],
	days date[], nothing int, range int4range, zoned timetz, address inet, part outer_part);
INSERT INTO every VALUES
	(1, 9007199254740993, -32768, 4294967295, 0.1, 5e-324, 99999999999999999999999999999.999999999,
	578960446186580977117854925043439539266.34992332820282019728792003956564819967, -123.45, true, E'a"\\\tZ\u00fcrich \U0001F600 \u0001', 'ab',
	'00000000-0000-0000-0000-0000000000ff', '\x00ff10', '0001-01-01', '9999-12-31 23:59:59.999999+00', '2024-02-29 12:00:00.5', '23:59:59.999999',
	'{"a": [1, 2.5, null], "b": "x"}', '{1,2,3}', '{}', '{2024-02-29}', NULL, '[1,5)', '12:00:00+02', '10.0.0.1',
	ROW(7, ARRAY[ROW('x', '2024-02-29 00:00+00')::inner_part])),
	(2, -9223372036854775808, 32767, 0, '-Infinity', 'NaN', -0.000000001, -578960446186580977117854925043439539266.34992332820282019728792003956564819968,
	999.99, false, '', '', NULL, '', '9999-12-31', '0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999999', '00:00', '[]', '{}', '{a,"b c"}', NULL, NULL,
	'empty', NULL, NULL, NULL)
SQL
my $result = operation('load', 'every', id => 'types', files => [ file_of('types', 'SELECT * FROM every') ]);
is("$result->{outcome} $result->{rows}", 'done 2', 'a row of every type loads') or diag explain $result;
is($result->{job}, 'dataops_types_load_1', 'the job has the name of the load');

# As PostgreSQL gives it, with the differences that the documentation names: times in UTC, base64, NULL arrays are empty.
my $expected = <<'SQL';
SELECT (to_jsonb(e) || jsonb_build_object('moment', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || CASE id WHEN 1 THEN '.999999Z' ELSE 'Z' END,
	'bytes', encode(bytes, 'base64'), 'single', CASE id WHEN 1 THEN to_jsonb(0.1) ELSE '"-Infinity"' END, 'days', coalesce(to_jsonb(days), '[]'),
	'zoned', zoned::text, 'object', object::int8, 'part', CASE id WHEN 1 THEN '{"x": 7, "parts": [{"name": "x", "at": "2024-02-29T00:00:00Z"}]}'::jsonb END)) FROM every e ORDER BY id
SQL
is(as_app(q{SELECT r FROM dataops.bigquery('bq', 'SELECT * FROM `market_staging.every` ORDER BY id') r}), as_app($expected), 'and is read back as it was');
is(as_app(q{SELECT r FROM dataops.bigquery('bq', 'SELECT double FROM `market_staging.every` ORDER BY id') r}), qq({"double": 0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000005}\n{"double": "NaN"}),
	'the smallest double and no number');
$node->safe_psql($dbname, 'CREATE CAST (bytea AS text) WITHOUT FUNCTION');
is(as_app(q{SELECT problem FROM dataops._test_bigquery_encode('SELECT ''\\xeda080''::bytea::text')}), 'is not valid UTF-8', 'half of a surrogate pair in a text');
$node->safe_psql($dbname, 'DROP CAST (bytea AS text)');

# ---- operations, each on tables of its own

my $first = file_of('first', <<'SQL');
SELECT * FROM (VALUES ('BTC', '2026-11-21 10:00+00'::timestamptz, 1.50, '2026-11-21 10:01+00'::timestamptz, '2026-11-21 10:01+00'::timestamptz),
	('BTC', '2026-11-21 10:15+00', 2.25, '2026-11-21 10:16+00', '2026-11-21 10:16+00'),
	('ETH', '2026-11-21 10:00+00', 3, '2026-11-21 10:01+00', '2026-11-21 10:01+00')) v (symbol, opened, price, created_at, updated_at)
SQL
my $second = file_of('second', <<'SQL');
SELECT * FROM (VALUES ('BTC', '2026-11-21 10:15+00'::timestamptz, 20.25, '2026-11-22 00:00+00'::timestamptz, '2026-11-22 00:00+00'::timestamptz),
	('ETH', '2026-11-21 10:15+00', 4.75, '2026-11-22 00:00+00', '2026-11-22 00:00+00')) v (symbol, opened, price, created_at, updated_at)
SQL

# Symbol, price, day of creation and of the last change in a table, sorted.
sub candles
{
	my ($table) = @_;
	my $rows = ask("/bq/rows?table=$table") // return 'absent';

	return join ' ', sort map { "$_->[0] $_->[2] " . join('/', map { (gmtime substr($_, 0, 10))[3] } @$_[ 3, 4 ]) . ';' } @$rows;
}

my %load = (
	append => { mode => 'append', files => [$second] },
	truncate => { mode => 'truncate', files => [$second] },
	merge => { mode => 'merge', key => [ 'symbol', 'opened' ], files => [$second] });

# Makes the tables as they are before an operation: the first file published, and loaded.
sub begin_case
{
	my ($kind) = @_;

	$cases++;
	for my $table (keys %{ ask('/bq/tables') }) { ask("/bq/forget?table=$1") if $table =~ /^test\.(\w+\.candle.*)/ }
	ask('/bq/set?steps=1');
	operation('load', 'candle', id => "base_$cases", mode => 'append', files => [$first]);
	operation('publish', 'candle', id => "base_$cases") if $kind ne 'publish';
	ask('/bq/set?steps=2');
	ask('/bq/requests?clear');
	return;
}

sub case_sql
{
	my ($kind, $id, %more) = @_;

	return operation_sql('load', 'candle', id => $id, %{ $load{$kind} }, %more) if $load{$kind};
	return operation_sql('publish', 'candle', id => $id) if $kind eq 'publish';
	return operation_sql('evaluate', 'candle', id => $id, expressions => [ 'count(*)', 'sum(price)', 'max(symbol)' ]) if $kind eq 'evaluate';
	return q{SELECT to_jsonb(array_agg(r)) || '[{"outcome": "done"}]' FROM dataops.bigquery('bq', 'SELECT symbol, price FROM `market.candle` WHERE price > @least ORDER BY price', '{"least": "2"}') r};
}

# Performs it; after a failure as the step does: the same again if it is not known, else anew, from what was published.
sub perform_case
{
	my ($kind, $id, $before) = @_;
	my ($code, $out, $err) = $node->psql($dbname, ($before // '') . case_sql($kind, $id), extra_params => [ '-U', 'app' ]);
	my $result;
	my $way = 'at once';

	$result = $code == 0 ? $json->decode($out) : { outcome => $load{$kind} || $kind eq 'publish' ? 'unknown' : 'failed', problem => $err };
	return ($result, $way) if ref $result eq 'ARRAY' || $result->{outcome} eq 'done';
	ask('/bq/faults?clear');
	$way = "$result->{outcome} ($result->{problem}), then again";
	if ($result->{outcome} eq 'unknown') { $result = $json->decode(as_app(case_sql($kind, $id))) }
	elsif ($load{$kind}) { $result = $json->decode(as_app(case_sql($kind, "${id}_anew", reset => JSON::PP::true))) }
	else { $result = $json->decode(as_app(case_sql($kind, "${id}_anew"))) }
	return ($result, $way);
}

# What is to be compared: the answer without names, both tables, and other tables that do not go by themselves.
sub outcome_of
{
	my ($kind, $result) = @_;
	my $tables = ask('/bq/tables');

	delete @{$result}{qw(job bytes_billed)} if ref $result eq 'HASH';
	return $json->encode($result) . "\nstaging " . candles('market_staging.candle') . "\nproduction " . candles('market.candle')
	  . "\nothers " . join ' ', grep { /dataops/ && !$tables->{$_}{expirationTime} } keys %$tables;
}

my (%undisturbed, %requests);
my $before = 'BTC 1.5 21/21; BTC 2.25 21/21; ETH 3 21/21;';
my %answer = (
	append => [ 2, 'BTC 1.5 21/21; BTC 2.25 21/21; BTC 20.25 22/22; ETH 3 21/21; ETH 4.75 22/22;', $before ],
	truncate => [ 2, 'BTC 20.25 22/22; ETH 4.75 22/22;', $before ],
	merge => [ 2, 'BTC 1.5 21/21; BTC 20.25 22/22; ETH 3 21/21; ETH 4.75 22/22;', $before ],
	publish => [ 0, $before, $before ],
	evaluate => [ 0, $before, $before, '"3","6.75","ETH"' ]);

for my $kind (qw(append truncate merge publish evaluate query))
{
	begin_case($kind);
	my ($result, $way) = perform_case($kind, "one_$cases");
	my $expected = $answer{$kind};

	$requests{$kind} = @{ ask('/bq/requests') };
	$undisturbed{$kind} = outcome_of($kind, $result);
	is($way, 'at once', "$kind succeeds, in $requests{$kind} requests");
	is($undisturbed{$kind}, $expected
		? qq({"outcome":"done","problem":"","retry":false,"rows":$expected->[0],"sqlstate":"00000","values":[) . ($expected->[3] // '')
		. "]}\nstaging $expected->[1]\nproduction $expected->[2]\nothers "
		: qq([{"price":2.25,"symbol":"BTC"},{"price":3,"symbol":"ETH"},{"outcome":"done"}]\nstaging $before\nproduction $before\nothers ),
		"$kind does what it should");
}

# ---- whatever breaks

my %seen;
for my $kind (qw(append truncate merge publish evaluate query))
{
	my %nth = map { $_ => 1 } 1, int(($requests{$kind} + 1) / 2), $requests{$kind};

	for my $fault ('do=401', 'do=403&reason=rateLimitExceeded', 'do=403&reason=quotaExceeded', 'do=429', 'do=500', 'do=503&effect=1', 'do=drop', 'do=lose', 'do=nonsense')
	{
		for my $nth (sort { $a <=> $b } keys %nth)
		{
			begin_case($kind);
			ask("/bq/fault?on=any&nth=$nth&$fault");
			my ($result, $way) = perform_case($kind, "one_$cases");

			is(outcome_of($kind, $result), $undisturbed{$kind}, "$kind, $fault at request $nth of $requests{$kind}: $way");
			$seen{ $way =~ s/ .*//r }++;
			ask('/bq/faults?clear');
		}
	}
}
cmp_ok($seen{$_} // 0, '>', 5, "enough of them: $_") for qw(at unknown failed);

# ---- tokens that expire on the way

as_app(q{CREATE USER MAPPING FOR app SERVER bq OPTIONS (credentials 'metadata')});
as_app(q{SELECT dataops.grant_reference('metadata', 'app', 'dataops_bigquery', '127.0.0.1')});
ask('/google-guard/set?on=1');
for my $kind (qw(append truncate merge publish evaluate query))
{
	for my $nth (1, int(($requests{$kind} + 1) / 2), $requests{$kind})
	{
		begin_case($kind);
		ask("/bq/fault?on=any&nth=$nth&do=expire");
		my ($result, $way) = perform_case($kind, "one_$cases");

		is(outcome_of($kind, $result), $undisturbed{$kind}, "$kind, the token expires at request $nth of $requests{$kind}");
		is($way, 'at once', 'and is made new');
		is(ask('/bq/faults?clear')->[0]{struck}, 1, 'it did expire');
	}
}
ask('/google-guard/set');
as_app('DROP USER MAPPING FOR app SERVER bq');
assert_sent(ask('/bq/requests'), 'Bearer ya29.canary-machine-#');

# ---- wherever the process dies

for my $kind (qw(merge publish append))
{
	for my $point (map { my $nth = $_; map { "$_:kill9:$nth" } qw(bigquery_request bigquery_reply) } 1 .. $requests{$kind})
	{
		begin_case($kind);
		my ($result, $way) = through_crash($node, sub { [ $node->psql($dbname, "SET dataops.fault = '$point'; " . case_sql($kind, "one_$cases"), extra_params => [ '-U', 'app' ]) ] });

		like($result->[2], qr/server closed the connection|terminat/, "$kind, $point");
		($result, $way) = perform_case($kind, "one_$cases");
		is(outcome_of($kind, $result), $undisturbed{$kind}, "is whole after the same again: $way");
		is($way, 'at once', 'and nobody has to tell more');
	}
}

# ---- what jobs come to

sub append
{
	my ($id, %more) = @_;

	return operation('load', 'candle', id => $id, mode => 'append', files => [$second], %more);
}

sub job_fault
{
	my ($fault) = @_;

	ask("/bq/job_fault?$fault");
	return;
}

begin_case('append');
job_fault('on=_load_[12]$&do=fail&reason=backendError&times=2');
$result = append('reasons');
is("$result->{outcome} $result->{job}", 'done dataops_reasons_load_3', 'a failure that passes: the next number, no earlier');
is(append('reasons')->{job}, 'dataops_reasons_load_3', 'the same call finds it');
for my $reason (qw(quotaExceeded invalid notFound accessDenied resourcesExceeded))
{
	job_fault("on=_$reason\_load_1\$&do=fail&reason=$reason");
	$result = append($reason);
	is("$result->{outcome} $result->{retry}", 'failed ' . ($reason eq 'quotaExceeded' ? 1 : 0), "$reason is a failure");
	like($result->{problem}, qr/^job "dataops_${reason}_load_1" failed \($reason\): scripted failure/, 'with its reason');
}
job_fault('on=_internal_load_&do=fail&reason=internalError&times=100');
$result = append('internal');
is("$result->{outcome} $result->{retry} $result->{job}", 'failed 1 dataops_internal_load_5', 'there is an end to trying');
ask('/bq/faults?clear');
is(append('internal')->{job}, 'dataops_internal_load_6', 'the next call goes on with the next number');

job_fault('on=_publish_1$&do=fail&reason=accessDenied');
is(operation('publish', 'candle', id => 'internal')->{outcome}, 'failed', 'a publication that is refused');
is(operation('publish', 'candle', id => 'internal')->{job}, 'dataops_internal_publish_2', 'can be asked for again');
is(operation('publish', 'candle', id => 'internal')->{job}, 'dataops_internal_publish_2', 'and happens once');

as_app(q{ALTER SERVER bq OPTIONS (ADD job_timeout '1s')});
job_fault('on=_stuck_load_1$&do=stuck');
ask('/bq/requests?clear');
$result = append('stuck');
is("$result->{outcome} $result->{retry}", 'failed 1', 'a job that does not end is cancelled');
is($result->{problem}, 'job "dataops_stuck_load_1" did not end within 1 s, the job_timeout of connection "bq", and was cancelled', 'and says so');
is(join(' ', map { $_->{path} } grep { $_->{kind} eq 'job.cancel' } @{ ask('/bq/requests') }), 'jobs/dataops_stuck_load_1/cancel', 'it was, once');
is((grep { $_->{kind} eq 'job.insert' } @{ ask('/bq/requests?clear') })[0]{body}{configuration}{jobTimeoutMs}, '1000', 'BigQuery knows the limit, should nobody be there to cancel');
job_fault('on=_deaf_load_1$&do=deaf');
$result = append('deaf');
is("$result->{outcome} $result->{retry}", 'unknown 1', 'of one that does not stop either nothing is known');
job_fault('on=_pondering_load_1$&do=unknown');
$result = append('pondering');
as_app(q{ALTER SERVER bq OPTIONS (DROP job_timeout)});
is("$result->{outcome} $result->{retry}", 'failed 1', 'a state that is not known counts as running');
ask('/bq/faults?clear');

# A job under our name that is not ours, and one that the service forgot.
begin_case('append');
ask('/bq/fault?on=job.get&do=404&nth=2&times=3');
is(append('slow_to_show')->{outcome}, 'done', 'a job that is accepted and not found is asked for again');
is(scalar(grep { $_->{kind} eq 'job.insert' } @{ ask('/bq/requests') }), 1, 'and not inserted again');
ask('/bq/faults?clear');
as_app(q{SELECT dataops._test_bigquery_driver('bq', 'load', 'candle', '{"id": "foreign", "mode": "append", "files": ["gs://acme/first"]}')});
$result = append('foreign');
is("$result->{outcome} $result->{retry}", 'failed 0', 'a job of the same name with other work');
like($result->{problem}, qr/exists and does something else/, 'is not taken for ours');

# Rows that a load job refuses, and files that are not there.
$result = operation('load', 'candle', id => 'bad', mode => 'append',
	files => [ put_file('bad', qq({"symbol":"BTC","price":"1.234"}\n{"symbol":"BTC","other":1}\n)) ]);
is("$result->{outcome} $result->{retry}", 'failed 0', 'a file with bad rows');
like($result->{problem}, qr/too many errors.*; Error while reading data, row 1: Could not convert/, 'the first error that says where is told, too');
$result = operation('load', 'candle', id => 'gone', mode => 'append', files => ['gs://acme/nothing']);
like($result->{problem}, qr/\(notFound\): Not found: URI/, 'a file that is not there');

# Keys
my $unchanged = candles('market_staging.candle');
for my $case ([ 'twice', q{"BTC"}, 'two rows have the same key' ], [ 'null', 'null', 'a row has no key' ])
{
	my ($name, $symbol, $problem) = @$case;

	$result = operation('load', 'candle', id => "key_$name", %{ $load{merge} }, files => [ put_file("key_$name",
		qq({"symbol":$symbol,"opened":"2026-11-21T10:15:00Z","price":"1"}\n{"symbol":$symbol,"opened":"2026-11-21T10:15:00Z","price":"2"}\n)) ]);
	is($result->{outcome}, 'failed', "a merge with a key: $name");
	like($result->{problem}, qr/$problem/, 'is refused');
}
is(candles('market_staging.candle'), $unchanged, 'and changes nothing');

# The times that a merge keeps, where the relation has none.
as_app('CREATE TABLE timed (id int, v int, tags text[], doc jsonb, ratio float8)');
sub merge_timed
{
	my ($day, $values) = @_;

	ask("/bq/set?now=2026-11-${day}T00:00:00Z");
	my $result = operation('load', 'timed', id => "timed_$day", mode => 'merge', key => ['id'],
		files => [ file_of("timed_$day", "SELECT * FROM (VALUES $values) v (id, v, tags, doc, ratio)") ]);
	is("$result->{outcome} $result->{rows}", 'done 3', "three rows are merged on day $day, whatever they change") or diag explain $result;
	return join ' ', map { "$_->[0] " . ($_->[1] // '') . ' ' . join('/', map { (gmtime substr($_, 0, 10))[3] } @$_[ 5, 6 ]) . ';' } @{ ask('/bq/rows?table=market_staging.timed') };
}
my $rest = q{'{a}'::text[], '{"x": 1}'::jsonb, 'NaN'::float8};
is(merge_timed(21, qq{(1, 1, $rest), (2, NULL, $rest), (3, 3, $rest)}), '1 1 21/21; 2  21/21; 3 3 21/21;', 'new rows have both times');
is(merge_timed(22, qq{(1, 1, $rest), (2, 2, $rest), (4, 4, $rest)}), '1 1 21/21; 2 2 21/22; 3 3 21/21; 4 4 22/22;', 'a row that is the same is left alone');
is(merge_timed(23, q{(1, 1, '{b}'::text[], '{"x": 1}'::jsonb, 'NaN'::float8), (2, 2, '{a}', '{"x": 2}', 'NaN'), (3, NULL, '{a}', '{"x": 1}', 'NaN')}),
	'1 1 21/23; 2 2 21/23; 3  21/23; 4 4 22/22;', 'arrays, JSON and nulls count as values');

# Relations that consist of their key.
as_app('CREATE TABLE pairs (a int, b text); CREATE TABLE dated (id int, "Created_At" timestamptz, updated_at timestamptz)');
for my $case ([ 'pairs', [ 'a', 'b' ], q{(1, 'x'), (2, 'y')}, q{(2, 'y'), (3, 'z')} ],
	[ 'dated', [ 'id', 'Created_At', 'updated_at' ], q{(1, '2026-11-21'::timestamptz, '2026-11-21'::timestamptz), (2, '2026-11-21', '2026-11-22')},
		q{(2, '2026-11-21'::timestamptz, '2026-11-22'::timestamptz), (3, '2026-11-21', '2026-11-22')} ])
{
	my ($table, $key, @values) = @$case;
	my @columns = map { qq{"$_"} } @$key;

	for my $n (0, 1)
	{
		$result = operation('load', $table, id => "$table$n", mode => 'merge', key => $key,
			files => [ file_of("$table$n", "SELECT * FROM (VALUES $values[$n]) v (" . join(', ', @columns) . ')') ]);
		is("$result->{outcome} $result->{rows}", 'done 2', "nothing but a key: $table") or diag explain $result;
	}
	is(join(' ', map { $_->[0] } @{ ask("/bq/rows?table=market_staging.$table") }), '1 2 3', 'each row is there once');
}
is(join(' ', map { $_->{name} } @{ ask('/bq/tables')->{'test.market_staging.dated'}{schema}{fields} }), 'id Created_At updated_at', 'and has its own times alone');

# What was loaded and never published goes when the next load begins anew.
begin_case('append');
append('left_over');
$result = append('after_it', reset => JSON::PP::true);
is(candles('market_staging.candle'), $answer{append}[1], 'what was never published is replaced');
append('after_it', reset => JSON::PP::true);
is(candles('market_staging.candle'), $answer{append}[1], 'once, however often it is asked for');
begin_case('publish');
append('never', reset => JSON::PP::true);
is(candles('market_staging.candle'), 'BTC 20.25 22/22; ETH 4.75 22/22;', 'nothing was published: it begins with nothing');
append('never', reset => JSON::PP::true);
is(candles('market_staging.candle'), 'BTC 20.25 22/22; ETH 4.75 22/22;', 'once, too');

# A table that has gone, or has not all columns: nothing is done, and what is to be loaded instead is said.
begin_case('append');
ask('/bq/forget?table=market_staging.candle');
for my $kind (qw(append merge))
{
	$result = operation('load', 'candle', id => "lost_$kind", %{ $load{$kind} }, whole => JSON::PP::false);
	is("$result->{outcome} $result->{gap} $result->{problem}", 'failed staging table "candle" has gone from the staging dataset', "$kind, without the staging table");
	is(candles('market_staging.candle'), 'absent', 'it is not made');
	$result = operation('load', 'candle', id => "restored_$kind", %{ $load{$kind} }, whole => JSON::PP::false, reset => JSON::PP::true);
	is("$result->{outcome} " . candles('market_staging.candle'), "done $answer{$kind}[1]", 'it is made from production');
	ask('/bq/forget?table=market_staging.candle');
}
is(operation('load', 'candle', id => 'lost_truncate', %{ $load{truncate} }, whole => JSON::PP::false)->{outcome}, 'done', 'where rows replace all others, it is made at once');
is(candles('market_staging.candle'), $answer{truncate}[1], 'and has them');
is(scalar(grep { $_->{kind} eq 'job.insert' && $_->{body}{configuration}{copy} } @{ ask('/bq/requests') }), 3, 'from production, too: with its layout');
ask("/bq/forget?table=$_.candle") for qw(market market_staging);
for my $kind (qw(append merge))
{
	$result = operation('load', 'candle', id => "nowhere_$kind", %{ $load{$kind} }, whole => JSON::PP::false);
	is("$result->{outcome} $result->{gap}", 'failed rows', "$kind, without a table");
	is(operation('load', 'candle', id => "anywhere_$kind", %{ $load{$kind} })->{outcome}, 'done', 'with all rows it is made');
	ask('/bq/forget?table=market_staging.candle');
}
as_app('CREATE TABLE lacking (id int, v int); ALTER TABLE lacking ADD PRIMARY KEY (id)');
operation('load', 'lacking', id => 'lacking_1', mode => 'merge', key => ['id'], files => [ file_of('lacking_1', 'SELECT 1 AS id, 1 AS v') ]);
as_app('ALTER TABLE lacking ADD w int DEFAULT 5');
$result = operation('load', 'lacking', id => 'lacking_2', mode => 'merge', key => ['id'], whole => JSON::PP::false, files => [ file_of('lacking_2', 'SELECT 2 AS id, 2 AS v, 5 AS w') ]);
is("$result->{outcome} $result->{gap} $result->{problem}", 'failed rows table "lacking" lacks columns whose values are in all rows', 'a new column of a merged table');
is(scalar(@{ ask('/bq/tables')->{'test.market_staging.lacking'}{schema}{fields} }), 4, 'it is as it was');
as_app('ALTER TABLE lacking RENAME id TO ident');
$result = operation('load', 'lacking', id => 'lacking_3', mode => 'merge', key => ['ident'], files => [ file_of('lacking_3', 'SELECT 2 AS ident, 2 AS v, 5 AS w') ]);
like("$result->{outcome} $result->{retry} $result->{problem}", qr/^failed 0 table "lacking" has no column "ident", which is in the key: .*; rename the column there, or drop the table$/, 'a key that was renamed');

# No rows.
begin_case('publish');
is(operation('load', 'candle', id => 'none', mode => 'append')->{outcome}, 'done', 'no files: nothing to append');
is(candles('market_staging.candle'), $before, 'nothing has changed');
is(operation('load', 'candle', id => 'emptied', mode => 'truncate')->{outcome}, 'done', 'no files: all rows are replaced by none');
is(candles('market_staging.candle'), '', 'the table is empty');

# ---- tables that grow, and those that do not fit

as_app('CREATE TABLE grown (id int, name text); INSERT INTO grown VALUES (1, $$one$$); COMMENT ON COLUMN grown.name IS $$what it "is"$$');
my %by = (partition_by => 'day', cluster_by => [ 'id' ]);
operation('load', 'grown', id => 'grown_1', mode => 'append', files => [ file_of('grown_1', 'SELECT * FROM grown') ]);
as_app('ALTER TABLE grown ADD day date, ADD tags text[]; UPDATE grown SET id = 2, day = $$2024-02-29$$');
operation('load', 'grown', id => 'grown_2', mode => 'append', files => [ file_of('grown_2', 'SELECT * FROM grown') ]);
is(rows_of('market_staging.grown'), '[["1","one",null,[]],["2","one","2024-02-29",[]]]', 'columns are added');
is(ask('/bq/tables')->{'test.market_staging.grown'}{schema}{fields}[1]{description}, 'what it "is"', 'comments are descriptions');
$result = operation('load', 'grown', id => 'grown_3', mode => 'append', %by, files => ['gs://acme/grown_2']);
like("$result->{outcome} $result->{problem}", qr/^failed table "grown" is partitioned by no column and should be by "day"/, 'partitioning cannot change');
as_app('CREATE TABLE laid_out AS SELECT * FROM grown');
for my $n (1, 2)
{
	is(operation('load', 'laid_out', id => "laid_out_$n", mode => 'truncate', %by, files => ['gs://acme/grown_2'])->{outcome}, 'done', 'a partitioned and clustered table');
}
is($json->encode([ @{ ask('/bq/tables')->{'test.market_staging.laid_out'} }{qw(timePartitioning clustering)} ]), '[{"field":"day","type":"DAY"},{"fields":["id"]}]', 'is laid out so');
as_app('ALTER TABLE grown ALTER id TYPE text');
$result = operation('load', 'grown', id => 'grown_4', mode => 'append', files => ['gs://acme/grown_2']);
is("$result->{outcome} $result->{sqlstate} $result->{problem}", 'failed 42804 table "grown" does not fit: column "id" is INTEGER and should be STRING', 'types cannot change');
like(as_app_fails(q{SELECT dataops._test_bigquery_driver('bq', 'load', 'laid_out', '{"mode": "merge", "key": ["tags"]}')}), qr/0A000.*"tags" in key cannot be an array of STRING/, 'a key of arrays');

# ---- settings of the connection

as_app(q{CREATE SERVER elsewhere FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset 'market', staging_dataset 'market_staging', location 'US')});
$result = $json->decode(as_app(q{SELECT dataops._test_bigquery_driver('elsewhere', 'load', 'candle', '{"id": "elsewhere", "files": ["gs://acme/first"]}')}));
is("$result->{outcome} $result->{problem}", 'failed dataset "market_staging" is in location "EU", connection "elsewhere" says "US"', 'a dataset in another location');
as_app(q{CREATE SERVER same FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset 'market', staging_dataset 'market')});
like(as_app_fails(q{SELECT dataops._test_bigquery_driver('same', 'load', 'candle', '{}')}), qr/22023.*same dataset and staging_dataset/, 'one dataset for both sides');

begin_case('evaluate');
as_app(q{ALTER SERVER bq OPTIONS (ADD maximum_bytes_billed '299')});
$result = operation('evaluate', 'candle', id => 'dear', expressions => ['count(*)']);
is("$result->{outcome} $result->{sqlstate} $result->{problem}", 'failed 54000 the query would read 300 bytes, more than maximum_bytes_billed of connection "bq"', 'a query that costs too much');
is(scalar(@{ ask('/bq/requests') }), 1, 'is not run');
like(as_app_fails(q{SELECT dataops.bigquery('bq', 'SELECT * FROM `market.candle`')}), qr/38000.*exceeded limit for bytes billed/is, 'nor by bigquery()');
as_app(q{ALTER SERVER bq OPTIONS (SET maximum_bytes_billed '300')});
$result = operation('evaluate', 'candle', id => 'just', expressions => [ 'count(*)', 'min(updated_at)' ]);
is("$result->{outcome} $result->{bytes_billed} @{ $result->{values} }", 'done 300 3 2026-11-21T10:01:00Z', 'one that costs just as much');
like(operation('evaluate', 'candle', id => 'wrong', expressions => ['nonsense(*)'])->{problem}, qr/^could not check the query: the service answered with status 400/, 'an expression that BigQuery does not know');
as_app(q{ALTER SERVER bq OPTIONS (DROP maximum_bytes_billed)});

# ---- the number of changes to a table in a day

$node->safe_psql($dbname, <<'SQL');
INSERT INTO dataops.load (id, pipeline, step, run, step_run, relation, server, target, mode, name, installation, rows, bytes, job, state, created_at)
SELECT gen_random_uuid(), 'p', 's', gen_random_uuid(), gen_random_uuid(), 'candle', 'bq', 'candle', 'append', 'n', gen_random_uuid(), 1, 1,
	CASE WHEN n <= 1400 THEN 'j' END, CASE WHEN n > 1400 THEN 'failed' ELSE 'done' END, now() - '23 hours'::interval - CASE WHEN n > 1300 AND n <= 1400 THEN '2 hours' ELSE '0' END::interval
FROM generate_series(1, 1500) n
SQL
begin_case('append');
is(append('within')->{outcome}, 'done', '1,300 loads in a day');
$node->safe_psql($dbname, q{UPDATE dataops.load SET created_at = now(), state = 'failed', job = 'j'});
$result = append('beyond');
is("$result->{outcome} $result->{retry} $result->{sqlstate}", 'failed 1 53400', '1,500 in a day are too many');
is(append('within')->{outcome}, 'done', 'a load that is there already is found all the same');
$node->safe_psql($dbname, 'TRUNCATE dataops.load CASCADE');

# ---- bigquery()

sub query
{
	my ($sql, $params) = @_;

	return as_app("SELECT r FROM dataops.bigquery('bq', \$q\$$sql\$q\$, \$p\$" . ($params // '{}') . '$p$) r');
}

begin_case('query');
ask('/bq/set?page_rows=2');
is(query('SELECT price FROM `market.candle` ORDER BY price'), qq({"price": 1.5}\n{"price": 2.25}\n{"price": 3}), 'pages');
is(scalar(grep { $_->{kind} eq 'results' && $_->{query}{pageToken} } @{ ask('/bq/requests') }), 1, 'two of them');
ask('/bq/set?page_rows=1000');
is(query('SELECT price FROM `market.candle` WHERE price < 0'), '', 'no rows');
is(query('SELECT 1 AS one, NULL AS empty'), '{"one": 1, "empty": null}', 'null');
is(query('SELECT @i AS i, @n AS n, @t AS t, @b AS b, @e AS e', '{"i": 9223372036854775807, "n": 1.5, "t": "O\'Reilly \"x\"", "b": true, "e": null}'),
	'{"b": "true", "e": null, "i": 9223372036854775807, "n": "1.5", "t": "O\'Reilly \"x\""}', 'parameters');
ask('/bq/requests?clear');
query('SELECT 1 AS one', '{"big": 9223372036854775808, "many": 123456789012345678901234567890.1, "d": {"type": "DATE", "value": "2024-02-29"}, "a": [1, 2.5], "x": {"type": "INT64", "value": []}, "s": ["a"]}');
is($json->encode([ map { my $t = $_->{parameterType}; "$_->{name} $t->{type}" . ($t->{arrayType} ? " $t->{arrayType}{type}" : '') } @{ ask('/bq/requests')->[0]{body}{queryParameters} } ]),
	'["a ARRAY NUMERIC","d DATE","s ARRAY STRING","x ARRAY INT64","big NUMERIC","many BIGNUMERIC"]', 'their types');
for my $bad ('[]', '{"a": [1, "b"]}', '{"a": [null]}', '{"a": [[1]]}', '{"a": {"type": "DATE"}}', '{"a": {"type": "date; x", "value": 1}}', '{"a": 1e40}')
{
	like(as_app_fails("SELECT dataops.bigquery('bq', 'SELECT 1', '$bad')"), qr/22023/, "no parameters: $bad");
}
like(as_app_fails(q{SELECT dataops.bigquery('bq', 'SELECT nonsense')}), qr/38000: BigQuery did not run the query.*status 400: no such column: nonsense/s, 'a wrong query');
like(as_app_fails(q{SELECT dataops.bigquery('bq', 'SELECT * FROM `market.nothing`')}), qr/status 404: Not found: Table/, 'a table that is not there');
like(as_app_fails(q{CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme'); SELECT dataops.bigquery('lake', 'SELECT 1')}), qr/42809/, 'a connection of another kind');
$node->safe_psql($dbname, 'CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA dataops TO clerk');
my ($code, $out, $err) = $node->psql($dbname, q{SELECT dataops.bigquery('bq', 'SELECT 1')}, extra_params => [ '-U', 'clerk' ]);
like($err, qr/permission denied for function bigquery/, 'the function is for those who may');
as_app(q{GRANT EXECUTE ON FUNCTION dataops.bigquery TO clerk});
($code, $out, $err) = $node->psql($dbname, q{SELECT dataops.bigquery('bq', 'SELECT 1')}, extra_params => [ '-U', 'clerk' ]);
like($err, qr/role "clerk" may not use connection "bq"/, 'and needs the right on the connection');
job_fault('on=^job_&do=stuck');
ask('/bq/requests?clear');
like(as_app_fails(q{SELECT dataops.bigquery('bq', 'SELECT 1')}), qr/54000: the query did not end within 30 seconds/, 'a query that does not end');
is(ask('/bq/requests')->[-1]{kind}, 'job.cancel', 'is cancelled');
ask('/bq/faults?clear');

# ---- the bodies of all requests, for the check against the service's description

my $bodies = HTTP::Tiny->new->get("$url/bq/bodies")->{content};
append_to_file("$PostgreSQL::Test::Utils::log_path/bigquery_bodies.jsonl", $bodies);
my %schemas;
$schemas{ $json->decode($_)->{schema} }++ for split /\n/, $bodies;
is(join(' ', sort keys %schemas), 'Dataset Job QueryRequest Table', 'bodies of all kinds were kept');

assert_no_secret($node, { token => 'ya29.canary' });
$node->stop;
$fake->kill_kill;
done_testing();
