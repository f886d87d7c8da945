# A pipeline whose rows leave through a proxy for Google's counterparts, for tests that disturb it: an export in two parts; a
# load that is merged, and one that is appended, both published.
#
# Its rows are of generation a or b in turn, and new in each round.  So every second round does the same work, and has to
# leave the same behind, byte by byte, as the undisturbed one of its generation did.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
package Pipeline;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Counterparts qw(start_pointed as_app client fetched start_teller told under_faults);
use Dataops;

my $json = JSON::PP->new->canonical;

# The exported table does not compress to the 4 MB of one part.  The folder holds the account's credentials; bucket and
# datasets have the test's name.
my $definition = <<'SQL';
CREATE SERVER google FOREIGN DATA WRAPPER dataops_google;
CREATE USER MAPPING FOR app SERVER google OPTIONS (credentials 'file:FOLDER/account.json');
SELECT dataops.grant_reference('file:FOLDER/account.json', 'app', 'dataops_google', '127.0.0.1');
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs
	OPTIONS (bucket 'NAME', prefix 'production', staging_prefix 'staging', auth_server 'google');
CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery
	OPTIONS (project 'test', dataset 'NAME', staging_dataset 'NAME_staging', location 'EU', auth_server 'google');
CREATE SCHEMA market;
CREATE TABLE market.noise AS SELECT g, n, string_agg(replace(encode(sha512(format('%s %s %s', g, n, s)::bytea), 'base64'), E'\n', ''), '' ORDER BY s) AS t
	FROM unnest('{a,b}'::text[]) g, generate_series(1, 4000) n, generate_series(1, 18) s GROUP BY g, n;
CREATE TABLE market.sample (n int, generation text, t text);
CREATE TABLE market.item (id int PRIMARY KEY, generation text, price numeric(12,2), seen timestamptz);
CREATE TABLE market.log (n int, generation text, note text);
SELECT dataops.create_pipeline('job');
SELECT dataops.add_export('job', 'market.sample', 'lake');
SELECT dataops.add_load('job', 'market.item', 'bq', key => '{id}', stage => 'lake', after => '{market.sample@lake}', checks => '{"matches(sum(price), max(seen))"}');
SELECT dataops.add_load('job', 'market.log', 'bq', mode => 'append', stage => 'lake', after => '{market.item@bq}', checks => '{"matches(sum(n))"}');
SQL

# Rows must always lie, and be read, in the same order: so there is no UPDATE.
my $new_rows = <<'SQL';
TRUNCATE market.sample, market.item;
INSERT INTO market.sample SELECT n, g, t FROM market.noise WHERE g = 'GENERATION' ORDER BY n;
INSERT INTO market.item SELECT i, 'GENERATION', i * CASE 'GENERATION' WHEN 'a' THEN 1.5 ELSE 2.25 END, '2026-11-21 10:00+00'::timestamptz + i * '1 minute'::interval
	FROM generate_series(1, 60) i;
INSERT INTO market.log SELECT i, 'GENERATION', md5(i || 'GENERATION') FROM generate_series(1, 40) i;
SQL

sub new
{
	my ($class, $name) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($ports) = start_server("$FindBin::Bin/../proxy.py", "storage=$ENV{DATAOPS_TEST_STORAGE}", "bigquery=$ENV{DATAOPS_TEST_BIGQUERY}");
	my $url = "http://127.0.0.1:$ports->{port}";
	my $self = bless { name => $name, url => $url, generation => 'b', known => {}, appended => {}, shown => '' }, $class;

	$self->{account} = google_account($url);
	append_to_file("$folder/account.json", encode_json($self->{account}));
	$self->{node} = start_pointed($name, map { $_ => $url } qw(storage bigquery oauth2));
	$self->{node}->append_conf('postgresql.conf', "dataops.env_allowed = 'file:$folder/account.json'\ndataops.export_part_size = '4MB'");
	$self->{node}->reload;
	client('bucket', $name);
	as_app($self->{node}, $definition =~ s/FOLDER/$folder/gr =~ s/NAME/$name/gr);
	$self->ask('/google-guard/set?on=1');
	$self->rehearse;
	return $self;
}

sub ask
{
	my ($self, @page) = @_;

	return ask_fake($self->{url}, @page);
}

sub app
{
	my ($self, $sql) = @_;

	return as_app($self->{node}, $sql);
}

# ---- rounds ----

# New rows, of the other generation.
sub next_round
{
	my ($self) = @_;

	$self->{generation} =~ tr/ab/ba/;
	$self->{appended}{ $self->{generation} }++;
	$self->app($new_rows =~ s/GENERATION/$self->{generation}/gr);
	return;
}

# Runs the pipeline; what went wrong, if something did.
sub run
{
	my ($self) = @_;
	my ($rc, $out, $err) = $self->{node}->psql('work', "SET client_min_messages = error; CALL dataops.run('job')", extra_params => [ '-U', 'app' ]);

	$self->{shown} .= $err // '';
	return $err // '';
}

# The same while the proxy does faults, each "kind nth fault&options".
sub run_under
{
	my ($self, @faults) = @_;

	return under_faults($self->{url}, \@faults, sub { $self->run });
}

# The same until a request is held, "kind nth" with '&effect' or not; then its process is killed.
sub kill_at
{
	my ($self, $place) = @_;

	$self->{shown} .= Counterparts::kill_at($self->{node}, $self->{url}, $place, "CALL dataops.run('job')");
	return;
}

# The first rounds, which nobody disturbs, make the tables and show what a round does and leaves behind.
sub rehearse
{
	my ($self) = @_;

	for my $round (1 .. 3)
	{
		$self->next_round;
		$self->ask('/proxy/requests?clear');
		is($self->run, '', "undisturbed round $round");
		$self->{requests} = [ map { $_->{kind} } @{ $self->ask('/proxy/requests') } ];
		$self->{undisturbed}{ $self->{generation} } = $self->left_behind;
		$self->check_rows;
		$self->{watcher} //= start_teller("$FindBin::Bin/../watcher.py", $ENV{DATAOPS_TEST_BIGQUERY},
			map { "SELECT generation, COUNT(*) FROM `$self->{name}.$_` GROUP BY generation" } qw(item log));
	}
	return;
}

# ---- what is left behind ----

# Names, ids and times differ from run to run.
sub without_chance
{
	my ($text) = @_;

	$text =~ s/\d{4}-\d\d-\d\d[T:]\d\d:\d\d:\d\d[.:]\d{3}Z?/TIME/g;
	$text =~ s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g;
	return $text;
}

# The object as others see it, with its bytes.
sub described
{
	my ($self, $object) = @_;
	my ($name, $size, $checksum, $type) = @$object;
	my $bytes = fetched($self->{name}, $name);

	return { name => without_chance($name), size => $size, type => $type, text => without_chance($bytes) } if $name =~ /manifest\.json$/;
	gunzip(\$bytes => \my $plain, MultiStream => 1) or return { name => $name, problem => $GunzipError };
	return { name => without_chance($name), size => $size, type => $type, checksum => $checksum, rows => $plain =~ tr/\n//, digest => md5_hex($plain) };
}

# The objects that this round has made, and how former ones have changed.
sub new_objects
{
	my ($self) = @_;
	my %now = map { $_->[0] => $_ } @{ client('objects', $self->{name}, '') };
	my @changed = grep { $json->encode($now{$_} // []) ne $json->encode($self->{known}{$_}) } sort keys %{ $self->{known} };
	my @new = map { $self->described($now{$_}) } grep { !$self->{known}{$_} } sort keys %now;

	$self->{known} = \%now;
	return (@new, map { "changed: $_" } @changed);
}

# All that a round leaves behind, to be compared; appended rows without those of former rounds.
sub left_behind
{
	my ($self) = @_;
	my @tables = map { "$_->[0].$_->[1]" } map { @{ client('rows', "SELECT table_schema, table_name FROM `$_`.INFORMATION_SCHEMA.TABLES ORDER BY 1, 2") } }
	  $self->{name}, "$self->{name}_staging";
	my @log = @{ client('rows', "SELECT n, generation, note, COUNT(*) FROM `$self->{name}.log` GROUP BY n, generation, note ORDER BY 1, 2") };

	$_->[3] -= $self->{appended}{ $_->[1] } // 0 foreach @log;
	@log = grep { $_->[3] != 0 || $_->[1] eq $self->{generation} } @log;
	return {
		objects => [ $self->new_objects ],
		item => client('rows', "SELECT id, generation, price, seen, created_at IS NULL, updated_at IS NULL FROM `$self->{name}.item` ORDER BY id"),
		log => \@log,
		tables => \@tables,
		unfinished => $self->app(<<'SQL')
SELECT count(*) FROM dataops.runs WHERE state NOT IN ('succeeded', 'failed', 'superseded')
UNION ALL SELECT count(*) FROM dataops.load WHERE finished_at IS NULL
UNION ALL SELECT count(*) FROM dataops.export WHERE state IN ('open', 'uploaded')
SQL
	};
}

# The undisturbed round left the rows that are here.
sub check_rows
{
	my ($self) = @_;
	my $left = $self->{undisturbed}{ $self->{generation} };
	my @objects = @{ $left->{objects} };
	my @parts = grep { $_->{digest} } @objects;
	my @rows = split /^/, $self->app('SELECT row_to_json(s) FROM market.sample s') . "\n";

	is(join(' ', map { $_->{name} } @objects), join(' ', map { "production/market/sample/created_at=TIME/$_" } qw(manifest.json part-00000.ndjson.gz part-00001.ndjson.gz)),
		'it leaves two parts and a manifest');
	is($_->{digest}, md5_hex(join '', splice @rows, 0, $_->{rows}), "with rows of the table, in their order: $_->{rows}") for @parts;
	is(scalar @rows, 0, 'and all of them');
	is(join("\n", map { "$_->[0]|$_->[1]|$_->[2]" } @{ $left->{item} }), $self->app('SELECT id, generation, price::numeric(38,9) FROM market.item ORDER BY id'), 'the merged table');
	is(join("\n", map { "$_->[0]|$_->[1]|$_->[2]|$_->[3]" } @{ $left->{log} }), $self->app("SELECT n, generation, note, 0 FROM market.log WHERE generation = '$self->{generation}' GROUP BY n, generation, note ORDER BY n"), 'and what was appended');
	is(join(' ', @{ $left->{tables} }, split(/\n/, $left->{unfinished})), join(' ', (map { my $set = $_; map { "$self->{name}$set.$_" } qw(item log) } '', '_staging'), 0, 0, 0), 'and nothing else');
	return;
}

# This round has left what the undisturbed one of its generation did.
sub is_undisturbed
{
	my ($self, $what) = @_;

	return is_deeply($self->left_behind, $self->{undisturbed}{ $self->{generation} }, $what);
}

# ---- the end ----

# Whoever looked all the time has only seen whole generations, and the log grow by whole rounds; and no secret was left.
sub finish
{
	my ($self, $rounds) = @_;
	my ($item, $log) = @{ told($self->{watcher}) };
	my %seen = map { $json->encode($_) => 1 } @{ $item->{seen} };
	my @sizes = map { my $answer = $_; ref $answer ? { map { $_->[0] => $_->[1] } @$answer } : $answer } @{ $log->{seen} };

	is(join(' ', sort keys %seen), '[["a","60"]] [["b","60"]]', 'a reader sees one generation of the merged table, whole');
	cmp_ok(scalar @{ $item->{seen} }, '>', $rounds / 2, "and both in turn, in $item->{looks} looks");
	is(scalar(grep { !ref || grep { $_ % 40 } values %$_ } @sizes), 0, 'what is appended comes in whole rounds');
	cmp_ok(scalar @sizes, '>', $rounds / 2, 'one by one');
	assert_sent($self->ask('/proxy/requests'), 'Bearer ya29.canary-account-#');
	assert_no_secret($self->{node}, { key => $self->{account}{private_key}, token => 'ya29.canary', assertion => 'eyJhbGciOi' }, errors => $self->{shown});
	return;
}

1;
