# Readers keep the previous data: while a run rewrites a target, before its check stops it and after, other sessions see
# exactly the rows of the last good run; when it succeeds they see all of the old rows or all of the new ones. No read
# waits for long.
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

my $rows = 500;
my $rounds = 8;
my %where = (table => '', merge => '', partition => 'WHERE at >= dataops.start_ts() AND at < dataops.end_ts()');
my %options = (
	table => '',
	merge => ", strategy => 'merge', key => '{id}'",
	partition => ", strategy => 'partition', time_column => 'at', grain => '1 day'");

my $node = start_cluster('readers');
my $dbname = 'work';

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');
# A check that waits at the gate has the new rows written before it, in its own transaction.
as_app(<<SQL);
CREATE SCHEMA shop;
CREATE TABLE shop.input AS
	SELECT n AS id, timestamptz '2025-01-01 00:00+00' + n * interval '1 minute' AS at, 0 AS amount FROM generate_series(1, $rows) n;
CREATE FUNCTION shop.gate() RETURNS boolean LANGUAGE plpgsql AS
	'BEGIN PERFORM pg_catalog.pg_advisory_xact_lock_shared(46); RETURN true; END';
SQL

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

# A psql that is asked one thing after the other.
sub psql_open
{
	my ($name) = @_;
	my $psql = { in => '', out => '', err => '' };

	$psql->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-U', 'app', '-d', $node->connstr($dbname) . " application_name=$name" ],
		'<', \$psql->{in}, '>', \$psql->{out}, '2>', \$psql->{err}, IPC::Run::timeout(180));
	return $psql;
}

sub psql_ask
{
	my ($psql, $sql) = @_;

	$psql->{out} = '';
	$psql->{in} .= "$sql;\n\\echo answered\n";
	$psql->{handle}->pump until $psql->{out} =~ /^answered$/m;
	return $psql->{out} =~ s/^answered\n//mr =~ s/\n\z//r;
}

sub psql_close
{
	my ($psql) = @_;

	$psql->{handle}->finish;
	return $psql->{err};
}

# What a reader sees: how many rows, and the version they are of; of a mix two.
sub seen_by
{
	my ($reader, $target) = @_;

	return psql_ask($reader, "SELECT count(*), count(DISTINCT id), min(amount), max(amount) FROM $target");
}

sub version
{
	my ($amount) = @_;

	return "$rows|$rows|$amount|$amount";
}

sub run_call
{
	my ($pipeline) = @_;

	return "CALL dataops.run('$pipeline', from_ts => '2025-01-01+00', to_ts => '2025-01-02+00', steps => '{shop.$pipeline}')";
}

sub set_amount
{
	my ($amount) = @_;

	return "UPDATE shop.input SET amount = $amount";
}

# Reads until the session has ended; returns the distinct answers in the order of their first time.
sub poll_until_end
{
	my ($session, @ask) = @_;
	my (@answers, %known);

	do
	{
		my $answer = seen_by(@ask);

		push @answers, $answer unless $known{$answer}++;
	} while ($session->{handle}->pumpable && ($session->{handle}->pump_nb || 1));
	return @answers;
}

# A run that stands in its check, with the new rows written.
sub start_held_run
{
	my ($pipeline, $keeper) = @_;

	psql_ask($keeper, 'SELECT FROM pg_advisory_lock(46)');
	my $session = session_start($node, "run_$pipeline", run_call($pipeline), database => $dbname, user => 'app');
	$node->poll_query_until($dbname,
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'run_$pipeline' AND wait_event = 'advisory'")
	  or BAIL_OUT("the run of $pipeline did not come to its check");
	return $session;
}

sub open_gate
{
	my ($keeper) = @_;

	return psql_ask($keeper, 'SELECT FROM pg_advisory_unlock(46)');
}

my $keeper = psql_open('keeper');
my $reader = psql_open('reader');
my $snapshot = psql_open('snapshot');

psql_ask($_, "SET statement_timeout = '2s'") foreach $reader, $snapshot;

foreach my $strategy (sort keys %where)
{
	my $target = "shop.$strategy";
	my @answers;
	my $run;

	as_app(set_amount(1));
	as_app(<<SQL);
SELECT dataops.create_pipeline('$strategy');
SELECT dataops.add_model('$strategy', '$target', 'SELECT id, at, amount FROM shop.input $where{$strategy}' $options{$strategy});
SELECT dataops.add_check('$strategy', '$target', 'shop.gate() AND max(amount) < 9000', on_fail => 'stop', name => 'gate');
SQL
	as_app(run_call($strategy));
	is(seen_by($reader, $target), version(1), "$strategy: a good run");

	# bad data, stopped
	psql_ask($snapshot, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	is(seen_by($snapshot, $target), version(1), "$strategy: a snapshot from before the run");
	as_app(set_amount(9999));
	$run = start_held_run($strategy, $keeper);
	is(seen_by($reader, $target), version(1), "$strategy: bad rows are written, and a reader sees the old ones");
	is(seen_by($snapshot, $target), version(1), "$strategy: in a snapshot as well");
	open_gate($keeper);
	@answers = poll_until_end($run, $reader, $target);
	is("@answers", version(1), "$strategy: nothing else while the check fails");
	like(session_end($run), qr/check "gate" of $target failed/, "$strategy: the check stopped the run");
	is(seen_by($reader, $target), version(1), "$strategy: after the run's end a reader sees the old rows");
	is(seen_by($snapshot, $target), version(1), "$strategy: in a snapshot as well");
	psql_ask($snapshot, 'COMMIT');

	# good data; a transaction that has read a table holds its swap back until it ends, so it is left out there
	as_app(set_amount(2));
	psql_ask($snapshot, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
	seen_by($snapshot, $target) if $strategy ne 'table';
	$run = start_held_run($strategy, $keeper);
	is(seen_by($reader, $target), version(1), "$strategy: good rows are written, and a reader sees the old ones");
	open_gate($keeper);
	@answers = poll_until_end($run, $reader, $target);
	is(scalar(grep { $_ ne version(1) && $_ ne version(2) } @answers), 0, "$strategy: all old rows or all new ones")
	  or diag("@answers");
	unlike(session_end($run), qr/ERROR/, "$strategy: the run succeeded");
	is(seen_by($reader, $target), version(2), "$strategy: and then all new ones");
	is(seen_by($snapshot, $target), version(1), "$strategy: a snapshot from before keeps the old ones") if $strategy ne 'table';
	psql_ask($snapshot, 'COMMIT');

	# many rewrites under a reader that never stops
	$run = session_start($node, 'rounds', [ map { (set_amount($_), run_call($strategy)) } 3 .. 2 + $rounds ],
		database => $dbname, user => 'app');
	@answers = poll_until_end($run, $reader, $target);
	unlike(session_end($run), qr/ERROR/, "$strategy: $rounds runs succeeded");
	push @answers, seen_by($reader, $target);
	is(scalar(grep { $_ !~ /^$rows\|$rows\|(\d+)\|\1$/ } @answers), 0, "$strategy: never a mix")
	  or diag("@answers");
	cmp_ok(scalar(@answers), '>', 1, "$strategy: the reader met more than one version");
	is($answers[-1], version(2 + $rounds), "$strategy: and the last one at the end");
}

# A long reader holds the swap back; those who come later wait for neither of them.
my $done = version(2 + $rounds);
my $run;

as_app(set_amount(3));
psql_ask($snapshot, 'BEGIN');
is(seen_by($snapshot, 'shop.table'), $done, 'a long transaction has read the table');
$run = session_start($node, 'swap', run_call('table'), database => $dbname, user => 'app');
foreach my $turn (1 .. 2)
{
	$node->poll_query_until($dbname,
		"SELECT count(*) = 1 FROM pg_locks WHERE relation = 'shop.table'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted")
	  or BAIL_OUT('the swap does not wait for its lock');
	is(seen_by($reader, 'shop.table'), $done, "a later reader passes the waiting swap, time $turn");
}
psql_ask($snapshot, 'COMMIT');
unlike(session_end($run), qr/ERROR/, 'the swap was made when the long transaction had ended');
is(seen_by($reader, 'shop.table'), version(3), 'and the new rows are there');

# Who sets a lock_timeout does not want to wait any longer than that.
psql_ask($snapshot, 'BEGIN');
seen_by($snapshot, 'shop.table');
$run = session_start($node, 'impatient', [ "SET lock_timeout = '1s'", run_call('table') ], database => $dbname, user => 'app');
like(session_end($run), qr/lock timeout/, 'the swap respects lock_timeout');
psql_ask($snapshot, 'COMMIT');
is(seen_by($reader, 'shop.table'), version(3), 'and the rows are as they were');

is(psql_close($reader), '', 'no read failed or waited for two seconds');
is(psql_close($snapshot), '', 'nor did one in a snapshot');
psql_close($keeper);
$node->stop;
done_testing();
