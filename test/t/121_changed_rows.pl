# Exports of changed rows beside writers: rows of a transaction that was in progress at an export, its subtransactions' too,
# come with the first export after its commit, once, whatever is frozen, prepared or wound around meanwhile; and one that waited for a writer has what that one wrote.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $lake = PostgreSQL::Test::Utils::tempdir;
my $node = start_cluster('changed', <<CONF);
dataops.file_root = '$lake'
max_prepared_transactions = 5
autovacuum = off
CONF

# The role "app" owns the database, is no superuser and does everything but make the store.
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop OWNER app');
$node->safe_psql('shop', 'CREATE EXTENSION dataops', extra_params => [ '-U', 'app' ]);
$node->safe_psql('shop', <<SQL);
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'p', staging_prefix 's');
GRANT USAGE ON FOREIGN SERVER lake TO app;
GRANT CREATE ON SCHEMA public TO app;
SQL

sub app
{
	my ($sql) = @_;

	return $node->safe_psql('shop', $sql, extra_params => [ '-U', 'app' ]);
}

app(<<SQL);
CREATE TABLE public.item (n int, who text) WITH (autovacuum_enabled = off);
SELECT dataops.create_pipeline('job');
SELECT dataops.add_export('job', 'public.item', 'lake', name => 'out');
-- writes row by row, each in a subtransaction
CREATE FUNCTION write_apart(from_n int, to_n int) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
    FOR i IN from_n .. to_n LOOP
        BEGIN INSERT INTO public.item VALUES (i, 'apart'); EXCEPTION WHEN division_by_zero THEN NULL; END;
    END LOOP;
END \$\$;
-- every line of every export, in order
CREATE VIEW exported AS
SELECT dense_rank() OVER (ORDER BY e.export_id) AS export, line::json ->> 'n' AS n, line::json ->> 'who' AS who
FROM dataops.exports e, jsonb_array_elements(e.files) AS file,
     string_to_table(rtrim(dataops._test_object('lake', file ->> 'name'), E'\\n'), E'\\n') AS line
WHERE e.state = 'succeeded';
SQL

# A session that stays open between statements.
sub writer_start
{
	my $writer = { in => '', out => '', done => 0 };

	$writer->{handle} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('shop'), '-U', 'app' ],
		'<', \$writer->{in}, '>', \$writer->{out}, IPC::Run::timeout(180));
	return $writer;
}

sub writer_do
{
	my ($writer, $sql) = @_;
	my $mark = 'done ' . ++$writer->{done};

	$writer->{in} .= "$sql\n\\echo $mark\n";
	$writer->{handle}->pump until $writer->{out} =~ /^$mark$/m;
	return;
}

sub writer_end
{
	my ($writer) = @_;

	$writer->{in} .= "\\q\n";
	$writer->{handle}->finish;
	return;
}

my $exports = 0;

# Runs the export; checks which rows it has.
sub exports_rows
{
	my ($expected, $what) = @_;
	my $before = app(q{SELECT count(*) FROM dataops.exports WHERE state = 'succeeded'});
	my $after;

	app(q{CALL dataops.run('job')});
	$after = app(q{SELECT count(*) FROM dataops.exports WHERE state = 'succeeded'});
	is($after - $before, $expected eq '' ? 0 : 1, "$what: an export if there is something");
	return if $after == $before;
	is(app("SELECT string_agg(n || ' ' || who, ', ' ORDER BY n::int, who) FROM exported WHERE export = $after AND who <> 'apart'"),
		$expected, $what);
	return;
}

# Every row version that was ever committed is in the exports once.
sub nothing_lost_or_doubled
{
	my ($what) = @_;

	is(app('SELECT count(*) - count(DISTINCT (n, who)) FROM exported'), '0', "nothing twice: $what");
	is(app('SELECT count(*) FROM public.item i WHERE NOT EXISTS (SELECT FROM exported e WHERE e.n::int = i.n AND e.who = i.who)'),
		'0', "nothing lost: $what");
	return;
}

# ---- a writer open across two exports ----

app(q{INSERT INTO public.item VALUES (0, 'before')});
my $slow = writer_start();
writer_do($slow, q{BEGIN; INSERT INTO public.item VALUES (1, 'slow');
SAVEPOINT a; INSERT INTO public.item VALUES (2, 'slow'); RELEASE a;
SAVEPOINT b; INSERT INTO public.item VALUES (3, 'lost'); ROLLBACK TO b;
SAVEPOINT c; SAVEPOINT d; INSERT INTO public.item VALUES (4, 'slow'); RELEASE d;});
exports_rows('0 before', 'a writer is in progress');
app(q{INSERT INTO public.item VALUES (10, 'quick')});
writer_do($slow, q{INSERT INTO public.item VALUES (5, 'slow');});
exports_rows('10 quick', 'it still is');
exports_rows('', 'nothing else was committed');
writer_do($slow, 'COMMIT;');
app('VACUUM (FREEZE) public.item');
exports_rows('1 slow, 2 slow, 4 slow, 5 slow', 'it committed late, and its rows were frozen');
exports_rows('', 'and nothing comes again');
nothing_lost_or_doubled('writer with savepoints');

# ---- more subtransactions than the server lists ----

writer_do($slow, q{BEGIN; SELECT write_apart(100, 299); INSERT INTO public.item VALUES (20, 'many');});
app(q{INSERT INTO public.item VALUES (11, 'quick')});
exports_rows('11 quick', 'a writer with 200 subtransactions is in progress');
writer_do($slow, q{SELECT write_apart(300, 350);});
app(q{UPDATE public.item SET who = 'quick again' WHERE n = 11});
exports_rows('11 quick again', 'and goes on');
writer_do($slow, 'COMMIT;');
exports_rows('20 many', 'it committed');
is(app(q{SELECT count(*) FROM exported WHERE who = 'apart'}), '251', 'with the rows of all its subtransactions');
nothing_lost_or_doubled('many subtransactions');

# ---- a prepared transaction, also across a restart ----

app(q{BEGIN; SAVEPOINT s; INSERT INTO public.item VALUES (30, 'prepared'); RELEASE s; PREPARE TRANSACTION 'p';});
app(q{INSERT INTO public.item VALUES (12, 'quick')});
exports_rows('12 quick', 'a transaction is prepared');
writer_end($slow);
$node->restart;
app(q{COMMIT PREPARED 'p'});
exports_rows('30 prepared', 'it was committed after a restart');

# ---- ids that are not ids of this epoch: wound around between two exports ----

$node->safe_psql($_, 'VACUUM (FREEZE)') for qw(postgres template1 shop);
$node->safe_psql('postgres', q{ALTER DATABASE template0 ALLOW_CONNECTIONS true});
$node->safe_psql('template0', 'VACUUM (FREEZE)');
$node->stop;
# the next id is close to the end of the epoch, with a fresh status file for it
system_or_bail('pg_resetwal', '-x', '4294967200', '-D', $node->data_dir);
open(my $clog, '>', $node->data_dir . '/pg_xact/0FFF') or die $!;
binmode $clog;
print $clog "\0" x 262144;
close $clog;
open(my $subtrans, '>', $node->data_dir . '/pg_subtrans/FFFF') or die $!;
binmode $subtrans;
print $subtrans "\0" x 262144;
close $subtrans;
$node->start;
app(q{INSERT INTO public.item VALUES (40, 'end of the epoch')});
exports_rows('40 end of the epoch', 'frozen rows are old however far the ids are');
$slow = writer_start();
writer_do($slow, q{BEGIN; INSERT INTO public.item VALUES (41, 'across the epoch');});
app('SELECT pg_current_xact_id()') for 1 .. 120;
ok(app('SELECT pg_current_xact_id()::text::numeric > 4294967296') eq 't', 'the ids were wound around');
app(q{INSERT INTO public.item VALUES (42, 'next epoch')});
exports_rows('42 next epoch', 'a writer of the former epoch is in progress');
writer_do($slow, 'COMMIT;');
writer_end($slow);
exports_rows('41 across the epoch', 'and commits in the next');
exports_rows('', 'and then there is nothing');

# ---- a table that is written anew: who waited for that does not read the empty table of the time before ----

app(q{CREATE TABLE public.reloaded AS SELECT 'old' AS v FROM generate_series(1, 3);
	SELECT dataops.create_pipeline('whole');
	SELECT dataops.add_export('whole', 'public.reloaded', 'lake', rows => 'all');});
$slow = writer_start();
writer_do($slow, q{BEGIN; TRUNCATE public.reloaded; INSERT INTO public.reloaded VALUES ('new'), ('new');});
my $waiting = writer_start();
$waiting->{in} .= "CALL dataops.run('whole');\n";
$waiting->{handle}->pump_nb;
$node->poll_query_until('shop', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'public.reloaded'::regclass})
	or die 'the export does not wait';
writer_do($slow, 'COMMIT;');
writer_end($slow);
writer_end($waiting);
is(app(q{SELECT state || ' ' || rows_out FROM dataops.exports WHERE pipeline = 'whole'}), 'succeeded 2',
	'an export has the rows that were written anew while it waited');

$node->stop;
done_testing();
