# Loads whose process is killed anywhere: after the next run the warehouse has each row once, nothing
# is left in the store, and nothing is unfinished.  Readers see the table before or after a load.
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

my $lake = PostgreSQL::Test::Utils::tempdir;
my $node = start_cluster('load', <<CONF);
dataops.file_root = '$lake'
restart_after_crash = on
CONF

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE work OWNER app');
$node->safe_psql('work', 'CREATE EXTENSION dataops', extra_params => [ '-U', 'app' ]);
$node->safe_psql('work', q{SELECT dataops._test_remote_setup();
	CREATE SERVER lake FOREIGN DATA WRAPPER dataops_file OPTIONS (prefix 'stage');
	GRANT USAGE ON FOREIGN SERVER lake TO app});

sub app
{
	my ($sql) = @_;

	return $node->safe_psql('work', $sql, extra_params => [ '-U', 'app' ]);
}

# near: in this database; far: outside.  Each has a table that is merged and one that is appended to.
app(<<'SQL');
CREATE SERVER near FOREIGN DATA WRAPPER dataops_postgres OPTIONS (schema 'near', staging_schema 'near_staging');
CREATE SERVER far FOREIGN DATA WRAPPER dataops_remote_test OPTIONS (stage 'lake', fault_load '', fault_publish '');
CREATE SCHEMA here;
CREATE TABLE here.item (id bigint PRIMARY KEY, v bigint, filler text);
CREATE TABLE here.log (id bigint, filler text);
SELECT dataops.create_pipeline('near');
SELECT dataops.add_load('near', 'here.item', 'near', key => '{id}', checks => '{"matches(sum(v), max(id))"}');
SELECT dataops.add_load('near', 'here.log', 'near', mode => 'append', after => '{here.item@near}', checks => '{"matches(sum(id))"}');
SELECT dataops.create_pipeline('far');
SELECT dataops.add_load('far', 'here.item', 'far', key => '{id}', stage => 'lake', checks => '{"matches(sum(v), max(id))"}');
SELECT dataops.add_load('far', 'here.log', 'far', mode => 'append', stage => 'lake', after => '{here.item@far}', checks => '{"matches(sum(id))"}');
SELECT dataops.create_pipeline('later');
SELECT dataops.add_load('later', 'here.item', 'far', key => '{id}', stage => 'lake', publish => false);
SELECT dataops.add_promote('later', 'here.item', 'far');
SQL

# New rows and changed ones.
my $rounds = 0;

sub change_rows
{
	$rounds++;
	app(<<SQL);
INSERT INTO here.item SELECT $rounds * 100 + i, $rounds, md5(i::text || $rounds) FROM generate_series(1, 60) i;
UPDATE here.item SET v = v + 1 WHERE id % 7 = $rounds % 7;
INSERT INTO here.log SELECT $rounds * 100 + i, md5((i * $rounds)::text) FROM generate_series(1, 60) i;
SQL
	return;
}

sub run_pipeline
{
	my ($pipeline, $before) = @_;
	my ($rc, $out, $err) = $node->psql('work', ($before // '') . "\nCALL dataops.run('$pipeline');",
		extra_params => [ '-U', 'app' ]);

	return $err // '';
}

# Both sides of both tables against where they come from, what is unfinished, and what is left.
my %rows = (
	near => {
		item => 'SELECT id, v, filler FROM near.item',
		log => 'SELECT id, filler FROM near.log',
	},
	far => {
		item => q{SELECT (line->>'id')::bigint, (line->>'v')::bigint, line->>'filler' FROM remote_test.line
			WHERE side = 'production' AND "table" = 'item'},
		log => q{SELECT (line->>'id')::bigint, line->>'filler' FROM remote_test.line
			WHERE side = 'production' AND "table" = 'log'},
	});
$rows{later} = { item => $rows{far}{item} };

sub state_of
{
	my ($pipeline) = @_;
	my $sql = '';

	foreach my $table (sort keys %{ $rows{$pipeline} })
	{
		my $there = $rows{$pipeline}{$table};

		$sql .= qq{SELECT '$table: ' || (SELECT count(*) FROM (TABLE here.$table EXCEPT ALL ($there)) x) || ' missing, '
			|| (SELECT count(*) FROM (($there) EXCEPT ALL TABLE here.$table) x) || ' too many';\n};
	}
	$sql .= q{SELECT 'unfinished: ' || count(*) FROM dataops.load WHERE finished_at IS NULL;
		SELECT 'files: ' || count(*) FROM dataops.list_objects('lake');
		SELECT 'deliveries: ' || count(*) FROM dataops.export WHERE finished_at IS NULL;};
	return app($sql);
}

sub expected
{
	my ($pipeline) = @_;

	return join "\n", (map { "$_: 0 missing, 0 too many" } sort keys %{ $rows{$pipeline} }), 'unfinished: 0', 'files: 0', 'deliveries: 0';
}

foreach my $pipeline ('near', 'far')
{
	change_rows();
	unlike(run_pipeline($pipeline), qr/ERROR/, "$pipeline runs");
	is(state_of($pipeline), expected($pipeline), "and has all rows");
}

my %points = (
	near => [ 'load_after_prepare:1', 'load_after_fill:1', 'load_after_fill:2', 'load_before_publish:1', 'load_after_publish:1',
		'load_after_publish:2', 'model_before_commit:1', 'model_after_commit:1', 'model_before_commit:2', 'model_after_commit:2',
		'run_before_commit:1' ],
	far => [ 'delivery_before_intent:1', 'delivery_after_intent:1', 'delivery_after_intent:2', 'load_before_open:1', 'load_after_open:1', 'load_after_open:2', 'delivery_before_part:1', 'delivery_after_part:1',
		'delivery_after_part:2', 'delivery_before_uploaded:1', 'delivery_after_uploaded:1', 'load_before_loading:1',
		'load_after_loading:1', 'load_after_loading:2', 'load_after_fill:1', 'load_after_fill:2', 'load_after_loaded:1',
		'load_before_compared:1', 'load_after_compared:1', 'load_after_publish:1', 'load_after_publish:2',
		'delivery_before_remove:1', 'delivery_before_remove:2', 'delivery_before_removed:1', 'delivery_before_commit:1',
		'delivery_after_commit:1', 'delivery_before_commit:2', 'run_before_commit:1' ],
	later => [ 'load_after_loaded:1', 'delivery_before_commit:1', 'promote_before_publish:1', 'promote_after_publish:1',
		'delivery_before_commit:2' ]);

foreach my $pipeline ('near', 'far', 'later')
{
	foreach my $point (@{ $points{$pipeline} })
	{
		my ($name, $nth) = split /:/, $point;
		my $err;

		change_rows();
		$err = through_crash($node, sub { run_pipeline($pipeline, "SET dataops.fault = '$name:kill9:$nth';") });
		like($err, qr/server closed the connection|terminat/, "$pipeline: kill -9 at $point");
		$err = run_pipeline($pipeline);
		is(state_of($pipeline), expected($pipeline), "$pipeline: the next run repairs $point") or diag($err);
	}
}

# What a dead process has read says nothing about the rows of the next attempt: neither their number nor whose run they are of.
app(<<'SQL');
CREATE TABLE here.swap AS SELECT i AS id FROM generate_series(1, 5) i;
SELECT dataops.create_pipeline('swap');
SELECT dataops.add_load('swap', 'here.swap', 'far', mode => 'truncate', stage => 'lake');
SQL
foreach my $rows (3, 0)
{
	like(through_crash($node, sub { run_pipeline('swap', "SET dataops.fault = 'load_after_open:kill9';") }),
		qr/server closed the connection|terminat/, 'swap: kill -9 before the files leave');
	app("DELETE FROM here.swap WHERE id > $rows");
	unlike(run_pipeline('swap'), qr/ERROR/, "swap: the next run loads $rows rows");
	is(app(q{SELECT state, rows_in, rows_out FROM dataops.step_runs WHERE pipeline = 'swap' ORDER BY step_run_id DESC LIMIT 1}), "succeeded|$rows|$rows", 'and says so');
	is(app(q{SELECT count(*) FROM remote_test.line WHERE side = 'production' AND "table" = 'swap'}), $rows, 'they are there');
}

# Refused for good, and dead before its files were taken away.
change_rows();
app(q{ALTER SERVER far OPTIONS (SET fault_load 'refuse')});
like(through_crash($node, sub { run_pipeline('far', "SET dataops.fault = 'load_after_failed:kill9';") }),
	qr/server closed the connection|terminat/, 'far: kill -9 after a refusal');
app(q{ALTER SERVER far OPTIONS (SET fault_load '')});
run_pipeline('far');
is(state_of('far'), expected('far'), 'the next run takes the files away and loads anew');

# A cancel between commits: the load goes on under its name.
change_rows();
my $session = session_start($node, 'cancelled', [ "SET dataops.fault = 'load_after_loading:sleep'", "CALL dataops.run('far')" ],
	database => 'work', user => 'app');
wait_for_point($node, 'cancelled', 'where it shall be cancelled');
my $name = app(q{SELECT name FROM dataops.load WHERE state = 'loading'});
$node->safe_psql('work', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'");
like(session_end($session), qr/canceling/, 'a load is cancelled');
is(app('SELECT state FROM dataops.runs ORDER BY run_id DESC LIMIT 1'), 'cancelled', 'so is its run');
run_pipeline('far');
is(state_of('far'), expected('far'), 'the next run finishes it');
is(app("SELECT state FROM dataops.loads WHERE name = '$name'"), 'succeeded', 'under its name');

# In this database a cancel takes everything back.
change_rows();
my $before = app('SELECT count(*), sum(v) FROM near.item');
$session = session_start($node, 'cancelled', [ "SET dataops.fault = 'load_after_publish:sleep'", "CALL dataops.run('near')" ],
	database => 'work', user => 'app');
wait_for_point($node, 'cancelled', 'where it shall be cancelled');
is(app('SELECT count(*), sum(v) FROM near.item'), $before, 'a reader sees nothing of a load in work');

# Another load into the same table waits for it.
app(<<'SQL');
CREATE SCHEMA other;
CREATE TABLE other.item AS SELECT 1000000::bigint AS id, 1::bigint AS v, 'other' AS filler;
SELECT dataops.create_pipeline('other');
SELECT dataops.add_load('other', 'other.item', 'near', key => '{id}');
SQL
my $second = session_start($node, 'second', "CALL dataops.run('other')", database => 'work', user => 'app');
wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'second' AND wait_event_type = 'Lock'",
	'the load that waits for the other');
$node->safe_psql('work', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'");
like(session_end($session), qr/canceling/, 'a load in this database is cancelled');
unlike(session_end($second), qr/ERROR/, 'the load that waited goes on');
is(app('SELECT count(*) FROM near.item WHERE id < 1000000'), (split /\|/, $before)[0], 'nothing of the cancelled one is there');
is(app("SELECT filler FROM near.item WHERE id = 1000000"), 'other', 'what the other brought is');
app(q{DELETE FROM near.item WHERE id = 1000000; DELETE FROM near_staging.item WHERE id = 1000000});
run_pipeline('near');
is(state_of('near'), expected('near'), 'the next run loads what was cancelled');

# Two pipelines that fill one table outside: one waits while the other is at work, or as long as nobody knows what became of it.
app(<<'SQL');
SELECT dataops.create_pipeline('rival');
SELECT dataops.add_load('rival', 'other.item', 'far', key => '{id}', stage => 'lake');
SELECT dataops.add_load('rival', 'here.log', 'far', mode => 'append', stage => 'lake', publish => false);
SQL
sub rival_waits
{
	my ($error, $what) = @_;

	unlike(run_pipeline('rival'), qr/ERROR/, "$what: no failure");
	like(app(q{SELECT state || ' ' || coalesce(error, '') || '. ' || coalesce(hint, '') FROM dataops.step_runs WHERE pipeline = 'rival' AND step = 'other.item@far' ORDER BY step_run_id DESC LIMIT 1}),
		qr/^waiting $error/, 'but a wait');
	$node->safe_psql('work', q{UPDATE dataops.run SET next_attempt_at = now() WHERE state = 'waiting'; UPDATE dataops.step_run SET next_attempt_at = now() WHERE state = 'waiting'});
	return;
}
change_rows();
$session = session_start($node, 'working', [ "SET dataops.fault = 'load_after_loading:sleep'", "CALL dataops.run('far')" ], database => 'work', user => 'app');
wait_for_point($node, 'working', 'the middle of its work');
rival_waits(qr/table "item" of warehouse "far" is filled by another load\. It is this one's turn when that one has ended\./, 'while the other is at work');
$node->safe_psql('work', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'working'");
session_end($session);
rival_waits(qr/table "item" of warehouse "far" has a load whose end is not known\. It is this one's turn when step "here\.item\@far" of pipeline "far" has run, or is dropped\./,
	'while its end is not known');
run_pipeline('far');
unlike(run_pipeline('rival'), qr/ERROR|waits/, 'then it goes on');
is(app(q{SELECT count(*) FILTER (WHERE (line->>'id')::int = 1000000) || ' ' || (count(*) - (SELECT count(*) FROM here.item)) FROM remote_test.line WHERE side = 'production' AND "table" = 'item'}),
	'1 1', 'and both have their rows in the table');
change_rows();
app("UPDATE other.item SET v = v + 1; UPDATE other.item SET filler = 'mine'");
$session = session_start($node, 'working', [ "SET dataops.fault = 'load_after_loading:sleep'", "CALL dataops.run('far')" ], database => 'work', user => 'app');
wait_for_point($node, 'working', 'the middle of its work');
$node->safe_psql('work', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'working'");
session_end($session);
app("SELECT dataops.drop_step('far', 'here.log\@far'); SELECT dataops.drop_step('far', 'here.item\@far')");
unlike(run_pipeline('rival'), qr/ERROR|waits/, 'nobody waits for a step that was dropped');
is(app(q{SELECT state || ' ' || error FROM dataops.load WHERE pipeline = 'far' AND step = 'here.item@far' ORDER BY id DESC LIMIT 1}), 'failed the step is not defined any more', 'its load has failed');
is(app(q{SELECT line->>'filler' FROM remote_test.line WHERE side = 'production' AND "table" = 'item' AND (line->>'id')::int = 1000000}), 'mine', 'the other one has its rows there');

# A reader who looks all the time never sees two generations of rows, nor none.
app(<<'SQL');
CREATE TABLE here.whole AS SELECT 0 AS generation, i AS id FROM generate_series(1, 500) i;
SELECT dataops.create_pipeline('whole');
SELECT dataops.add_load('whole', 'here.whole', 'near');
CALL dataops.run('whole');
CREATE TABLE here.stop ();
SQL
my $reader = session_start($node, 'reader', <<'SQL', database => 'work', user => 'app');
DO $$
DECLARE
    seen record;
    generations int[] := '{}';
BEGIN
    WHILE to_regclass('here.stop') IS NOT NULL LOOP
        SELECT count(*) AS rows, min(generation) AS low, max(generation) AS high INTO seen FROM near.whole;
        IF seen.rows <> 500 OR seen.low <> seen.high THEN
            RAISE 'a mix: % rows of % to %', seen.rows, seen.low, seen.high;
        END IF;
        IF seen.low <> ALL (generations) THEN
            generations := generations || seen.low;
        END IF;
        COMMIT;
    END LOOP;
    RAISE WARNING 'seen % generations', cardinality(generations);
END
$$
SQL
wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'reader' AND state = 'active'", 'the reader');
foreach my $generation (1 .. 15)
{
	app("UPDATE here.whole SET generation = $generation; CALL dataops.run('whole');");
}
app('DROP TABLE here.stop');
my $seen = session_end($reader);
unlike($seen, qr/ERROR/, 'a reader never sees a mix');
like($seen, qr/seen ([2-9]|1\d) generations/, 'and looked while tables were loaded') or diag($seen);

$node->stop;
done_testing();
