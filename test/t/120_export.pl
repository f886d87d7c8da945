# Exports that are killed anywhere, cancelled, or refused by the store: after the next run there is one object of the right
# bytes for each part, a manifest, nothing else, and every row is in the exports once.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use File::Find;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lake = PostgreSQL::Test::Utils::tempdir;
my $node = start_cluster('export', <<CONF);
dataops.file_root = '$lake'
dataops.export_part_size = '4MB'
restart_after_crash = on
CONF

# 20 MB that do not compress to less than 9: three parts.
my $define = <<SQL;
CREATE TABLE public.item AS SELECT g AS n, (SELECT string_agg(md5(g::text || s), '') FROM generate_series(1, 12) s) AS t FROM generate_series(1, 50000) g;
SELECT dataops.create_pipeline('job');
SELECT dataops.add_export('job', 'public.item', 'lake', name => 'out');
SQL

my $tries = 0;
my $folder;

# A database and a folder of their own per try; the role "app" owns the database and is no superuser.
sub fresh_database
{
	my ($name, $staging) = @_;
	my $option = $staging ? ", staging_prefix 'try$tries/staging'" : '';

	$folder = 'try' . $tries++;
	$option =~ s/try\d+/$folder/;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER app");
	$node->safe_psql($name, 'CREATE EXTENSION dataops', extra_params => [ '-U', 'app' ]);
	$node->safe_psql($name, <<SQL);
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix '$folder/production'$option);
GRANT USAGE ON FOREIGN SERVER lake TO app;
GRANT CREATE ON SCHEMA public TO app;
SQL
	$node->safe_psql($name, $define, extra_params => [ '-U', 'app' ]);
	return;
}

sub drop_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "DROP DATABASE $name WITH (FORCE)");
	return;
}

sub app
{
	my ($name, $sql) = @_;

	return $node->safe_psql($name, $sql, extra_params => [ '-U', 'app' ]);
}

sub run_job
{
	my ($name, $before) = @_;
	my ($rc, $out, $err) = $node->psql($name, ($before // '') . "\nCALL dataops.run('job');",
		extra_params => [ '-U', 'app' ]);

	return $err // '';
}

# A run whose process dies at the n-th time that it comes to a point; the server is up again afterwards.
sub killed_job
{
	my ($name, $point, $nth) = @_;

	return through_crash($node, sub { run_job($name, "SET dataops.fault = '$point:kill9:$nth';") });
}

# All files of the try, hidden ones too, by their paths below its folder.
sub files
{
	my @found;

	find({ no_chdir => 1, wanted => sub { push @found, $_ if -f } }, "$lake/$folder") if -d "$lake/$folder";
	s/^\Q$lake\/$folder\E\/// foreach @found;
	return sort @found;
}

# What is wrong with the files of the try; '' when they are what the ledger says, and hold each row once.
sub problems
{
	my ($name, $rows) = @_;
	my @problems;
	my %expected;
	my %seen;

	push @problems, 'ledger: ' . app($name, q{SELECT string_agg(DISTINCT state, ',') FROM dataops.export WHERE state NOT IN ('done', 'removed')});
	$expected{$_} = 1 foreach split /\n/, app($name, <<'SQL');
SELECT 'production/' || p.name FROM dataops.export e JOIN dataops.export_part p ON p.export = e.id WHERE e.state = 'done'
UNION ALL SELECT 'production/' || folder || '/manifest.json' FROM dataops.export WHERE state = 'done'
SQL
	push @problems, map { "left over: $_" } grep { !delete $expected{$_} } files();
	push @problems, map { "missing: $_" } sort keys %expected;
	push @problems, app($name, <<'SQL');
SELECT 'bytes: ' || p.name FROM dataops.export e JOIN dataops.export_part p ON p.export = e.id
WHERE e.state = 'done' AND NOT EXISTS (SELECT FROM dataops.list_objects('lake') o WHERE o.name = p.name AND o.bytes = p.bytes AND o.crc32c = p.crc32c)
SQL
	foreach my $file (grep { /\.gz$/ } files())
	{
		gunzip("$lake/$folder/$file" => \my $lines, MultiStream => 1) or push @problems, "gzip: $GunzipError";
		$seen{$_}++ foreach $lines =~ /^\{"n":(\d+),/mg;
	}
	push @problems, 'rows: ' . keys %seen if keys %seen != $rows;
	push @problems, 'doubled rows: ' . grep({ $_ > 1 } values %seen) if grep { $_ > 1 } values %seen;
	return join '; ', grep { $_ ne '' && $_ ne 'ledger: ' } @problems;
}

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

# ---- undisturbed ----

foreach my $staging (0, 1)
{
	fresh_database('undisturbed', $staging);
	run_job('undisturbed');
	is(app('undisturbed', 'SELECT state, rows_out, parts FROM dataops.exports'), 'succeeded|50000|3', 'an export in three parts');
	is(problems('undisturbed', 50000), '', 'is as it should be');
	run_job('undisturbed');
	is(app('undisturbed', 'SELECT count(*) FROM dataops.exports'), '1', 'a second run adds nothing');
	my ($manifest) = grep { /manifest/ } files();
	my $parts = app('undisturbed', q{SELECT string_agg(format('{"name" : "%s", "rows" : %s, "bytes" : %s, "crc32c" : "%s"}',
		regexp_replace(name, '.*/', ''), rows, bytes, crc32c), ', ' ORDER BY part) FROM dataops.export_part});
	like(slurp_file("$lake/$folder/$manifest"), qr/^\{"relation" : "public.item", .*"rows" : 50000, .*"parts" : \[\Q$parts\E\]\}$/, 'the manifest says so');
	drop_database('undisturbed');
}

# ---- killed: every point, the repeated ones at their first, a middle and their last pass ----

my @points = (
	'delivery_before_intent:1', 'delivery_after_intent:1', 'export_before_encoded:1', 'export_after_encoded:1', 'delivery_before_part:1', 'delivery_before_part:2', 'delivery_after_part:1',
	'delivery_after_part:3', 'archive_before_link:2', 'archive_after_link:2', 'delivery_before_uploaded:1', 'delivery_after_uploaded:1',
	'delivery_before_copy:1', 'delivery_before_copy:2', 'delivery_after_copy:2', 'delivery_after_copy:3', 'delivery_before_manifest:1',
	'delivery_after_manifest:1', 'delivery_before_remove:1', 'delivery_before_remove:3', 'delivery_before_commit:1',
	'delivery_after_commit:1');

foreach my $point (@points)
{
	my ($name, $nth) = split /:/, $point;
	my $err;

	fresh_database('victim', 1);
	$err = killed_job('victim', $name, $nth);
	like($err, qr/server closed the connection|terminat/, "kill -9 at $point");
	app('victim', q{INSERT INTO public.item VALUES (100000, 'later')});
	$err = run_job('victim');
	run_job('victim');
	is(problems('victim', 50001), '', "the next runs repair $point") or diag($err);
	drop_database('victim');
}

# Without a staging area the parts are in production at once.
foreach my $point ('delivery_after_part:2', 'delivery_before_uploaded:1', 'delivery_before_manifest:1', 'delivery_after_manifest:1')
{
	my ($name, $nth) = split /:/, $point;

	fresh_database('victim', 0);
	killed_job('victim', $name, $nth);
	run_job('victim');
	is(problems('victim', 50000), '', "the next run repairs $point without staging");
	is(app('victim', 'SELECT count(*) FROM dataops.exports'), $point =~ /part/ ? '2' : '1', 'and what was whole is not written again');
	drop_database('victim');
}

# Parts leave while rows are read, though not under their names before the ledger has their contents.
foreach my $staging (0, 1)
{
	fresh_database('victim', $staging);
	killed_job('victim', 'delivery_after_part', 2);
	my $area = $staging ? 'staging' : 'production';
	is(scalar(grep { m{^$area/.*/\.part-0000\d\.ndjson\.gz\.[0-9a-f-]{36}\.part$} } files()), 2, "two parts are in $area when the process dies");
	is(scalar(my @all = files()), 2, 'and nothing else is anywhere');
	is(app('victim', 'SELECT state, rows_in, rows_out, bytes, parts, files, folder IS NOT NULL FROM dataops.exports'), 'interrupted||0||0||t',
		'the ledger knows where they are, and not which');
	append_to_file("$lake/$folder/$area/" . app('victim', 'SELECT folder FROM dataops.exports') . '/part-00000.ndjson.gz', 'of somebody else');
	run_job('victim');
	is(app('victim', 'SELECT string_agg(state, chr(32) ORDER BY export_id) FROM dataops.exports'), 'removed succeeded', 'the next run begins anew');
	unlink(grep { slurp_file($_) eq 'of somebody else' } map { "$lake/$folder/$_" } grep { /part-00000/ } files()) == 1 or fail('what is not ours stays');
	is(problems('victim', 50000), '', 'and leaves nothing of it');
	drop_database('victim');
}

# Killed again while it takes back what was left.
fresh_database('victim', 1);
killed_job('victim', 'export_after_encoded', 1);
killed_job('victim', 'delivery_before_remove', 2);
killed_job('victim', 'delivery_before_remove_marked', 1);
killed_job('victim', 'delivery_before_removed', 1);
run_job('victim');
is(problems('victim', 50000), '', 'the last attempt takes back what all before it left');
drop_database('victim');

# tick() does the same without anybody asking.
fresh_database('victim', 1);
killed_job('victim', 'delivery_after_copy', 2);
is(app('victim', 'SELECT state FROM dataops.exports'), 'interrupted', 'a killed export shows as interrupted');
app('victim', 'CALL dataops.tick()');
$node->poll_query_until('victim', "SELECT bool_and(state = 'succeeded') FROM dataops.runs") or diag('tick() did not end it');
is(problems('victim', 50000), '', 'tick() goes on with it');
is(app('victim', 'SELECT count(*) FROM dataops.exports'), '1', 'with the files that were there');
drop_database('victim');

# ---- a failure and a cancel ----

fresh_database('victim', 1);
like(run_job('victim', "SET dataops.fault = 'delivery_after_part:error:2';"), qr/fault point/, 'an error while parts leave fails the run');
is(join(' ', files()), '', 'and takes back what has left');
is(app('victim', 'SELECT state, rows_in FROM dataops.exports'), 'removed|0', 'which the ledger tells');
like(run_job('victim', "SET dataops.fault = 'archive_before_link:error:2';"), qr/fault point/, 'an error after the scan fails the run');
app('victim', q{INSERT INTO public.item VALUES (100000, 'later')});
run_job('victim');
is(problems('victim', 50001), '', 'another run takes back what the error left');

# the query itself
app('victim', q{CREATE VIEW public.broken AS SELECT n, t, 1 / (50000 - n) AS x FROM public.item WHERE n <= 50000; SELECT dataops.drop_step('job', 'out');
	SELECT dataops.add_export('job', 'public.broken', 'lake', rows => 'all', name => 'broken')});
my @before = files();
like(run_job('victim'), qr/division by zero/, 'an error of the query at its last row');
is(join(' ', files()), "@before", 'leaves nothing of the parts before it');
is(app('victim', q{SELECT state FROM dataops.exports WHERE step = 'broken'}), 'removed', 'which had left');
app('victim', q{CREATE OR REPLACE VIEW public.broken AS SELECT n, t, 1 / (n - 1) AS x FROM public.item WHERE n <= 50000});
like(run_job('victim'), qr/division by zero/, 'an error of the query at its first row');
is(app('victim', q{SELECT count(*) FROM dataops.exports WHERE step = 'broken'}), '1', 'leaves no row in the ledger: nothing had left');
app('victim', q{CREATE OR REPLACE VIEW public.broken AS SELECT n, t, n AS x FROM public.item WHERE false});
like(run_job('victim'), qr/no rows/, 'no rows');
is(app('victim', q{SELECT count(*) FROM dataops.exports WHERE step = 'broken'}), '1', 'leave none either');
is(join(' ', files()), "@before", 'nor a file');
drop_database('victim');

fresh_database('victim', 1);
my $session = session_start($node, 'cancelled', [ "SET dataops.fault = 'delivery_before_copy:sleep:2'", q{CALL dataops.run('job')} ],
	database => 'victim', user => 'app');
wait_for_point($node, 'cancelled', 'its second copy');
app('victim', 'SELECT dataops.cancel(run_id) FROM dataops.runs');
session_end($session);
is(app('victim', 'SELECT r.state, e.state FROM dataops.runs r, dataops.exports e'), 'cancelled|cancelled', 'a cancelled export');
app('victim', q{INSERT INTO public.item VALUES (100000, 'later')});
run_job('victim');
is(problems('victim', 50001), '', 'the next run finishes it, and has what came since');
drop_database('victim');

# ---- the store refuses ----

fresh_database('victim', 0);
mkdir "$lake/$folder";
mkdir "$lake/$folder/production";
chmod 0555, "$lake/$folder/production";
like(run_job('victim'), qr/could not write "public\/item\/created_at=.*part-00000\.ndjson\.gz" of connection "lake": could not open the object's folder: Permission denied/,
	'a folder that cannot be written to is a clear failure');
is(app('victim', 'SELECT state FROM dataops.exports'), 'removed', 'nothing of it is there');
chmod 0755, "$lake/$folder/production";
app('victim', q{SELECT dataops.retry(run_id) FROM dataops.runs});
$node->poll_query_until('victim', "SELECT bool_and(state = 'succeeded') FROM dataops.runs") or diag('retry() did not end it');
is(problems('victim', 50000), '', 'and a retry works');

# another file has the name
app('victim', q{INSERT INTO public.item VALUES (100000, 'later'); SELECT dataops.add_export('job', 'public.item', 'lake', name => 'out', path => 'x/{run}/part-{part}.ndjson.gz')});
$session = session_start($node, 'taken', [ "SET dataops.fault = 'delivery_after_intent:sleep:1'", q{CALL dataops.run('job')} ], database => 'victim', user => 'app');
wait_for_point($node, 'taken', 'the commit of its names');
my $taken = app('victim', q{SELECT folder FROM dataops.exports ORDER BY export_id DESC LIMIT 1});
mkdir "$lake/$folder/production/x";
mkdir "$lake/$folder/production/$taken";
append_to_file("$lake/$folder/production/$taken/part-00000.ndjson.gz", 'of somebody else');
app('victim', q{SELECT dataops.cancel(run_id) FROM dataops.runs WHERE state = 'running'});
session_end($session);
like(run_job('victim'), qr/^(?!.*another object)/s, 'a run after it has a name of its own');
is(slurp_file("$lake/$folder/production/$taken/part-00000.ndjson.gz"), 'of somebody else', 'what is not ours is never touched');
drop_database('victim');

# ---- more than temporary files may hold ----

fresh_database('victim', 0);
$node->append_conf('postgresql.conf', q{dataops.spool_limit = '6MB'});
$node->reload;
like(run_job('victim', q{SET dataops.export_part_size = '64MB';}), qr/could not store more than 6 MB in temporary files/, 'a file too large for the temporary files is a clear error');
is(app('victim', 'SELECT count(*) FROM dataops.exports'), '0', 'before anything is recorded');
like(app('victim', 'SELECT hint FROM dataops.step_run WHERE hint IS NOT NULL'), qr/Raise dataops.spool_limit.*dataops.export_part_size/, 'and says what to do');
app('victim', q{SELECT dataops.retry(run_id) FROM dataops.runs});
$node->poll_query_until('victim', "SELECT bool_and(state = 'succeeded') FROM dataops.runs") or diag('retry() did not end it');
is(problems('victim', 50000), '', 'smaller ones of 9 MB together need no more room');
$node->append_conf('postgresql.conf', q{dataops.spool_limit = '1GB'});
$node->reload;
drop_database('victim');

# ---- 300 MB: memory stays flat ----

fresh_database('victim', 1);
app('victim', <<SQL);
CREATE TABLE public.large AS SELECT g AS n, (SELECT string_agg(md5(g::text || s), '') FROM generate_series(1, 31) s) AS t FROM generate_series(1, 300000) g;
SELECT dataops.drop_step('job', 'out'), dataops.add_export('job', 'public.large', 'lake', compression => 'none');
SQL

# Memory of its own that a process has now, in MB.
sub private_memory
{
	my ($name) = @_;
	my $pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = '$name'");

	slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m or BAIL_OUT('no RssAnon');
	return $1 / 1024;
}

# Stands still when half is uploaded, when all is encoded, and at the end.
foreach my $point ('delivery_after_part:5', 'export_before_encoded:1', 'delivery_before_commit:1')
{
	my ($name, $nth) = split /:/, $point;

	$session = session_start($node, 'large', [ "SET dataops.export_part_size = '32MB'", "SET dataops.fault = '$name:sleep:$nth'", q{CALL dataops.run('job')} ],
		database => 'victim', user => 'app');
	wait_for_point($node, 'large', $point);
	cmp_ok(private_memory('large'), '<', 40, "memory is flat at $point");
	app('victim', q{SELECT dataops.cancel(run_id) FROM dataops.runs WHERE state = 'running'});
	session_end($session);
}
run_job('victim', q{SET dataops.export_part_size = '32MB';});
is(app('victim', q{SELECT rows_out, bytes > 300000000, parts FROM dataops.exports WHERE state = 'succeeded'}), '300000|t|10', 'a table of 300 MB');
drop_database('victim');

$node->stop;
done_testing();
