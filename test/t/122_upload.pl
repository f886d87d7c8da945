# Parts of an export that leave while rows are still being read: into the scripted face of Google Cloud Storage, so that it can be
# seen when each arrives.  What matters is that nothing waits for them, that they need no more room than those that wait, and that
# whatever happens in the middle of it leaves the right objects after the next run.
#
# DATAOPS_EXPORT_MB is the size of the table of the last subtest, 100 unless given.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use HTTP::Tiny;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $MB = 1 << 20;
my $soon = 1.5;    # a second, and what a busy machine needs to start psql
my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
# few buffers: what a process has touched of them counts as its memory
my $node = start_cluster('upload', <<CONF);
dataops.google_endpoints = 'storage=$url, bigquery=$url, metadata=$url'
dataops.env_allowed = 'metadata'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
dataops.export_part_size = '4MB'
restart_after_crash = on
shared_buffers = 4MB
CONF
my $try = 0;
my $dbname;

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

sub app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

sub ask
{
	return ask_fake($url, @_);
}

# A database and a bucket of their own. "paced" has blocks of a little more than a part each; its rows between two blocks wait
# until as many parts are in the store as there are blocks, so its end is reached only if they leave meanwhile. "plain" is the same
# without waiting, and "many" are that many blocks.
sub fresh
{
	my (%option) = @_;
	my $staging = $option{staging} ? ", staging_prefix 'staging'" : '';
	my $seen = $option{staging} ? 'staging' : 'production';

	$try++;
	$dbname = "try$try";
	$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
	app('CREATE EXTENSION dataops');
	app(<<SQL);
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket '$dbname', prefix 'production'$staging);
CREATE SERVER seen FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket '$dbname', prefix '$seen');
CREATE USER MAPPING FOR app SERVER lake OPTIONS (credentials 'metadata');
SELECT dataops.grant_reference('metadata', 'app', 'dataops_gcs', '127.0.0.1');
CREATE FUNCTION public.gate(wanted integer, is_last boolean) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	IF coalesce(nullif(current_setting('gate.seen', true), ''), '0')::integer >= wanted THEN
		RETURN true;
	ELSIF (SELECT count(*) FROM dataops.list_objects('seen')) >= wanted THEN
		PERFORM set_config('gate.seen', wanted::text, true);
	ELSIF is_last THEN
		RAISE 'part % has not arrived while rows were read', wanted;
	ELSE
		PERFORM pg_sleep(0.001);
	END IF;
	RETURN true;
END \$\$;
CREATE FUNCTION public.block(n integer) RETURNS text LANGUAGE sql RETURN CASE WHEN n % 6000 < 45 THEN repeat(md5(n::text), 3200) END;
CREATE VIEW public.paced AS SELECT n, public.block(n) AS t FROM generate_series(0, 6 * 6000 - 1) n
WHERE n % 6000 < 45 OR public.gate(n / 6000 + 1, n % 6000 = 5999);
CREATE VIEW public.plain AS SELECT n, public.block(n) AS t FROM generate_series(0, 6 * 6000 - 1) n;
CREATE VIEW public.many AS SELECT n, public.block(n) AS t FROM generate_series(0, 100 * 6000 - 1) n;
SELECT dataops.create_pipeline('job');
SQL
	export_of($option{relation} // 'paced');
	return;
}

# From now on the job exports this one.
sub export_of
{
	my ($relation) = @_;

	app(qq{SELECT dataops.add_export('job', 'public.$relation', 'lake', rows => 'all', compression => 'none', name => 'out')});
	return;
}

sub gone
{
	$node->safe_psql('postgres', "DROP DATABASE $dbname WITH (FORCE)");
	ask('/gcs/faults?clear');
	return;
}

sub run_job
{
	my ($before) = @_;

	return ($node->psql($dbname, ($before // '') . "\nCALL dataops.run('job');", extra_params => [ '-U', 'app' ]))[2] // '';
}

sub objects
{
	return @{ ask("/gcs/objects?bucket=$dbname") };
}

# What is wrong with the bucket; '' when it has the objects of whole exports with so many rows each, and no others.
sub problems
{
	my ($rows) = @_;
	my %left = map { $_->{name} => "$_->{bytes} $_->{crc32c}" } objects();
	my $states = app(q{SELECT concat_ws(' ', string_agg(rows::text, ' ' ORDER BY id) FILTER (WHERE state = 'done'),
		string_agg(state, ' ' ORDER BY id) FILTER (WHERE state NOT IN ('done', 'removed'))) FROM dataops.export});
	my @problems = $states eq $rows ? () : ("exports: $states");

	foreach (split /\n/, app(q{SELECT 'production/' || p.name, p.bytes, p.crc32c FROM dataops.export e JOIN dataops.export_part p ON p.export = e.id WHERE e.state = 'done'}))
	{
		my ($name, $bytes, $crc) = split /\|/;
		my $there = delete $left{$name} // 'missing';

		push @problems, "$name is $there" if $there ne "$bytes $crc";
	}
	foreach (split /\n/, app(q{SELECT folder FROM dataops.export WHERE state = 'done' AND load IS NULL}))
	{
		push @problems, "no manifest in $_" unless delete $left{"production/$_/manifest.json"};
	}
	return join '; ', @problems, map { "left over: $_" } sort keys %left;
}

sub wait_for_fault
{
	for (1 .. 600)
	{
		return if grep { $_->{struck} } @{ ask('/gcs/faults') };
		select undef, undef, undef, 0.05;
	}
	BAIL_OUT('the fault did not strike');
}

subtest 'parts leave while rows are read' => sub {
	for my $staging (0, 1)
	{
		fresh(staging => $staging);
		ask('/gcs/requests?clear');
		unlike(run_job(), qr/ERROR/, 'the scan ends, so each part was in the store before it went on');
		is(problems('36000'), '', 'all objects are as they should be');
		my @kinds = map { $_->{name} =~ /manifest/ ? 'manifest' : $_->{kind} } grep { $_->{kind} =~ /^(upload|rewrite)$/ } @{ ask('/gcs/requests') };
		is($kinds[-1], 'manifest', 'the manifest is the last of all');
		is(scalar(grep { $_ eq 'upload' } @kinds), 7, 'no part was sent twice');
		is((join ' ', sort map { $_->{metadata}{dataops} // '' } grep { $_->{name} !~ /manifest/ } objects()),
			join(' ', (app('SELECT export_id FROM dataops.exports')) x 7), 'each part says which export it is of');
		gone();
	}
};

subtest 'what goes wrong on the way is mended on the way' => sub {
	for my $fault ('401', '429', '503', 'drop', 'lose', 'slow')
	{
		fresh();
		ask("/gcs/fault?on=upload&do=$fault&nth=2&ms=300" . ($fault =~ /^\d/ ? '&retry_after=0' : ''));
		unlike(run_job(), qr/ERROR/, "$fault: the part arrives while rows are read");
		is(ask('/gcs/faults')->[0]{struck}, 1, "$fault: has struck");
		is(problems('36000'), '', "$fault: one object for each part");
		gone();
	}
	# resumable
	fresh();
	$node->safe_psql($dbname, "ALTER DATABASE $dbname SET dataops.export_part_size = '10MB'");
	app(q{CREATE OR REPLACE FUNCTION public.block(n integer) RETURNS text LANGUAGE sql RETURN CASE WHEN n % 6000 < 45 THEN repeat(md5(n::text), 8000) END});
	ask('/gcs/fault?on=chunk&do=keep&nth=3&bytes=262144');
	ask('/gcs/fault?on=start&do=401&nth=2');
	unlike(run_job(), qr/ERROR/, 'a session that breaks, and a token that expires: the parts arrive while rows are read');
	is(join(' ', map { $_->{struck} } @{ ask('/gcs/faults') }), '1 1', 'both have struck');
	is(problems('36000'), '', 'one object for each part');
	gone();
};

subtest 'temporary files hold what waits, not the export' => sub {
	my $err;

	# a part whose reply is on its way, what came before the block in hand, and the block
	$node->append_conf('postgresql.conf', q{dataops.spool_limit = '12MB'});
	$node->reload;
	fresh();
	unlike(run_job(), qr/ERROR/, '27 MB pass through 12 MB when the store is quick');
	is(problems('36000'), '', 'and are all there');
	gone();

	fresh(relation => 'plain');
	ask('/gcs/fault?on=upload&do=hang&nth=2&times=1000');
	$err = run_job();
	like($err, qr/could not store more than 12 MB in temporary files/, 'a store that stands still is a clear error');
	like(app('SELECT hint FROM dataops.step_run WHERE hint IS NOT NULL'),
		qr/^Files wait there until connection "lake" has taken them\. Raise dataops\.spool_limit, or mend/, 'which says what to do');
	is(problems(''), '', 'nothing is left of it');
	ask('/gcs/faults?clear');
	export_of('paced');
	app(q{SELECT dataops.resume('job')});
	run_job();
	is(problems('36000'), '', 'and it can be done again');
	gone();
	$node->append_conf('postgresql.conf', q{dataops.spool_limit = '1GB'});
	$node->reload;
};

subtest 'a refusal ends the scan' => sub {
	fresh(relation => 'many', staging => 1);
	ask('/gcs/fault?on=upload&do=403&nth=2');
	ask('/gcs/requests?clear');
	like(run_job(), qr/could not write "public\/many\/.*part-00001\.ndjson" of connection "lake": the service answered with status 403/, 'it is told');
	cmp_ok(scalar(@{ ask('/gcs/requests?kind=upload') }), '<', 60, 'the rest is not sent');
	is(problems(''), '', 'what had left is taken back');
	is(app('SELECT state FROM dataops.export'), 'removed', 'which the ledger tells');
	gone();
};

subtest 'an error of the query' => sub {
	my $broken = q{CREATE OR REPLACE VIEW public.paced AS SELECT n, CASE WHEN n < 12100 THEN public.block(n) ELSE (1 / (n - n))::text END AS t
		FROM generate_series(0, 6 * 6000 - 1) n WHERE n % 6000 < 45 OR public.gate(n / 6000 + 1, n % 6000 = 5999)};

	fresh();
	app($broken);
	like(run_job(), qr/division by zero/, 'in the third block');
	is(problems(''), '', 'takes back the parts of the first two');
	cmp_ok(scalar(@{ ask('/gcs/requests?kind=delete') }), '>=', 2, 'which were there');
	gone();

	# what cannot be taken back now is later, and what others have put there never
	fresh(staging => 1);
	app($broken);
	ask('/gcs/fault?on=delete&do=403&times=100');
	like(run_job(), qr/division by zero/, 'when nothing can be removed');
	cmp_ok(scalar(grep { $_->{name} =~ m{^staging/.*part-} } objects()), '>=', 2, 'the parts stay');
	is(app('SELECT state FROM dataops.export'), 'encoding', 'and the ledger knows of them');
	ask('/gcs/faults?clear');
	my ($mine) = grep { $_->{name} =~ /part-00001/ } objects();
	(my $theirs = $mine->{name}) =~ s/part-00001/part-00007/;
	$theirs =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge;
	HTTP::Tiny->new->post("$url/upload/storage/v1/b/$dbname/o?uploadType=media&name=$theirs",
		{ content => 'of somebody else', headers => { 'Content-Type' => 'text/plain' } })->{success} or die;
	app(q{SELECT dataops.resume('job'); CREATE OR REPLACE VIEW public.paced AS SELECT n, public.block(n) AS t FROM generate_series(0, 5999) n});
	run_job();
	is(problems('6000') =~ s/part-00007/it/r, 'left over: ' . ($mine->{name} =~ s/part-00001/it/r), 'the next run removes them, and nothing of others');
	gone();
};

subtest 'kill -9' => sub {
	for my $staging (0, 1)
	{
		for my $point ('delivery_before_part:2', 'delivery_after_part:1', 'delivery_after_part:3', 'gcs_after_effect:2', 'export_before_encoded:1', 'export_after_encoded:1')
		{
			my ($name, $nth) = split /:/, $point;
			my $in_scan = $point !~ /encoded/;

			fresh(staging => $staging);
			like(through_crash($node, sub { run_job("SET dataops.fault = '$name:kill9:$nth';") }), qr/server closed the connection|terminat/, "kill -9 at $point");
			cmp_ok(scalar(objects()), '>=', $in_scan ? ($name =~ /before/ ? $nth - 1 : $nth) : 6, 'parts have arrived');
			is(app('SELECT state FROM dataops.export'), $point =~ /after_encoded/ ? 'open' : 'encoding', 'the ledger has the intent');
			app(q{CREATE OR REPLACE VIEW public.paced AS SELECT n, public.block(n) AS t FROM generate_series(0, 5999) n});
			unlike(run_job(), qr/ERROR/, 'the next call ends that run and makes another');
			is(problems('6000 6000'), '', "leaves exactly the right objects after $point");
			gone();
		}
	}
	# and again while it takes them back
	fresh(staging => 1);
	through_crash($node, sub { run_job("SET dataops.fault = 'delivery_after_part:kill9:3';") });
	through_crash($node, sub { run_job("SET dataops.fault = 'delivery_before_remove_marked:kill9:1';") });
	through_crash($node, sub { run_job("SET dataops.fault = 'delivery_before_removed:kill9:1';") });
	run_job();
	is(problems('36000 36000'), '', 'killed again while it takes them back');
	gone();
};

subtest 'cancel and terminate' => sub {
	my $pid = q{pid FROM pg_stat_activity WHERE application_name = 'uploader'};

	for my $stop ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($session, $took);

		# while rows are read, with a part that does not get on
		fresh();
		ask('/gcs/fault?on=upload&do=hang&nth=2');
		$session = session_start($node, 'uploader', q{CALL dataops.run('job')}, database => $dbname, user => 'app');
		wait_for_fault();
		is($node->safe_psql('postgres', "SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE application_name = 'uploader'"), 't', "$stop: rows are being read");
		$took = seconds_of(sub { $node->safe_psql('postgres', "SELECT $stop(pid), $pid"); session_end($session) });
		cmp_ok($took, '<', $soon, "$stop: obeyed within a second");
		is(scalar(objects()), 1, 'the part that had arrived is there');
		ask('/gcs/faults?clear');
		run_job();
		is(problems($stop =~ /terminate/ ? '36000 36000' : '36000'), '', 'the next run takes it back');
		gone();

		# when all rows are read
		fresh(relation => 'plain');
		ask('/gcs/fault?on=upload&do=hang&nth=7');
		$session = session_start($node, 'uploader', q{CALL dataops.run('job')}, database => $dbname, user => 'app');
		wait_for_fault();
		is($node->safe_psql('postgres', "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE application_name = 'uploader'"), 't',
			"$stop: what is left is waited for without a snapshot");
		$took = seconds_of(sub { $node->safe_psql('postgres', "SELECT $stop(pid), $pid"); session_end($session) });
		cmp_ok($took, '<', $soon, "$stop: obeyed within a second");
		gone();
	}
};

subtest 'the files of a load' => sub {
	fresh(staging => 1);
	app(<<SQL);
-- the files of loads are compressed
CREATE OR REPLACE FUNCTION public.block(n integer) RETURNS text LANGUAGE sql
RETURN CASE WHEN n % 6000 < 45 THEN (SELECT string_agg(md5(n::text || s), '') FROM generate_series(1, 7000) s) END;
SELECT dataops.drop_step('job', 'out');
CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'test', dataset '$dbname', staging_dataset '${dbname}_staging', location 'EU');
SELECT dataops.add_load('job', 'public.paced', 'bq', mode => 'truncate', stage => 'lake', name => 'out');
SQL
	like(through_crash($node, sub { run_job("SET dataops.fault = 'delivery_after_part:kill9:1';") }), qr/server closed the connection|terminat/, 'kill -9');
	is(scalar(grep { /part-/ } map { $_->{name} } objects()), 1, 'a file has left');
	is(app('SELECT (SELECT count(*) FROM dataops.load), (SELECT state FROM dataops.export)'), '0|encoding', 'before there was a load');
	app(q{CREATE OR REPLACE VIEW public.paced AS SELECT n, public.block(n) AS t FROM generate_series(0, 5999) n});
	unlike(run_job(), qr/ERROR/, 'the next run');
	is(problems(''), '', 'leaves no file');
	is(app(q{SELECT DISTINCT state, rows_loaded FROM dataops.load}), 'done|6000', 'and all rows loaded');
	app(q{CREATE OR REPLACE VIEW public.paced AS SELECT n, CASE WHEN n < 12100 THEN public.block(n) ELSE (1 / (n - n))::text END AS t
		FROM generate_series(0, 6 * 6000 - 1) n WHERE n % 6000 < 45 OR public.gate(n / 6000 + 1, n % 6000 = 5999)});
	like(run_job(), qr/division by zero/, 'an error of the query');
	is(problems(''), '', 'leaves no file');
	ask('/gcs/fault?on=upload&do=403&nth=2');
	app(q{SELECT dataops.resume('job'); CREATE OR REPLACE VIEW public.paced AS SELECT * FROM public.plain});
	like(run_job(), qr/could not write .*status 403/, 'a refusal of the store');
	is(problems(''), '', 'leaves no file');
	gone();
};

# The lines of all parts, as they are in the store: their MD5.
sub lines_there
{
	my ($relation) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/sum';
	my $http = HTTP::Tiny->new(timeout => 120);

	open my $pipe, '|-', "gunzip -c | md5sum > $file" or die;
	foreach my $name (map { $_->{name} } grep { $_->{name} =~ m{/$relation/.*/part-} } objects())
	{
		$name =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge;
		$http->get("$url/storage/v1/b/$dbname/o/$name?alt=media", { data_callback => sub { print $pipe $_[0] } })->{success} or die $name;
	}
	close $pipe or die;
	return (split ' ', slurp_file($file))[0];
}

# The same lines, as the server makes them itself.
sub lines_here
{
	my ($relation) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/sum';

	system('sh', '-c', "psql -XAtq -d '" . $node->connstr($dbname) . "' -c 'SET synchronize_seqscans = off' "
		  . "-c 'COPY (SELECT row_to_json(r) FROM public.$relation r) TO STDOUT' | md5sum > $file") == 0 or die;
	return (split ' ', slurp_file($file))[0];
}

subtest 'a large table, and a drop in the middle of it' => sub {
	my $mb = $ENV{DATAOPS_EXPORT_MB} || 100;
	my $rows = $mb * 1000;
	my $part = $mb >= 1000 ? 64 : 10;
	my ($sent, $before, %memory, %bytes) = (0, 0);

	fresh();
	app(qq{CREATE TABLE public.large AS SELECT g AS n, (SELECT string_agg(encode(sha512((g || '.' || s)::bytea), 'hex'), '') FROM generate_series(1, 8) s) AS t
			FROM generate_series(1, $rows) g;
		CREATE TABLE public.quarter AS SELECT * FROM public.large WHERE n <= $rows / 4});
	for my $relation ('quarter', 'large')
	{
		app(qq{SELECT dataops.add_export('job', 'public.$relation', 'lake', rows => 'all', name => 'out')});
		ask('/gcs/requests?clear');
		ask('/gcs/fault?on=chunk&do=keep&bytes=' . 4 * $MB . '&after=' . 2 * $bytes{quarter}) if $relation eq 'large';
		$memory{$relation} = (split /\n/, $node->safe_psql($dbname, <<SQL))[-1];
SET dataops.export_part_size = '${part}MB';
SET ROLE app;
CALL dataops.run('job');
RESET ROLE;
SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\\s+(\\d+)'))[1]
SQL
		$bytes{$relation} = app(qq{SELECT bytes FROM dataops.exports WHERE relation = 'public.$relation' AND state = 'succeeded'});
	}
	is(ask('/gcs/faults')->[0]{struck}, 1, 'the connection was dropped');
	foreach (grep { $_->{kind} eq 'chunk' || ($_->{kind} eq 'upload' && $_->{name} !~ /manifest/) } @{ ask('/gcs/requests') })
	{
		$sent += $_->{bytes};
		$before = $sent if $_->{fault};
	}
	cmp_ok(abs($before - $bytes{large} / 2), '<', 8 * $MB, 'in the chunk at a half of the bytes');
	cmp_ok($sent, '<=', $bytes{large} + 8 * $MB, 'no more was sent than there is, and a chunk');
	cmp_ok($memory{large}, '<=', 64 * 1024, 'the backend never takes more than 64 MB');
	# whether the most was taken while a chunk was in hand, is a matter of time
	cmp_ok($memory{large} - $memory{quarter}, '<', 12 * 1024, 'nor more than a chunk more for more rows');
	is(problems($rows / 4 . " $rows"), '', 'size and CRC32C of all objects are those of the ledger');
	is(lines_there('large'), lines_here('large'), 'and their lines are the rows of the table');
	diag(sprintf('%d rows of 1 kB: %.0f MB in the store, %.0f MB sent, %.0f MB of memory (%.0f MB for a quarter)', $rows, $bytes{large} / $MB, $sent / $MB,
		$memory{large} / 1024, $memory{quarter} / 1024));
	gone();
};

$node->stop;
$fake->kill_kill;
done_testing();
