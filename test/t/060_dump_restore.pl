# An ordinary owner of a database dumps it and restores it into another: definitions and ledger come
# along, nothing runs there until it is adopted, and the extension can be dropped.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(allows_streaming => 1);
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE reader; CREATE ROLE developer LOGIN;
	GRANT developer TO owner');
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER owner TEMPLATE template0") for 'original', 'restored';

# Runs statements as a role that is no superuser.
sub as_role
{
	my ($role, $database, $sql) = @_;
	return $node->safe_psql($database, $sql, extra_params => [ '-U', $role ]);
}

sub error_of
{
	my ($role, $database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, $sql, extra_params => [ '-U', $role ]);
	return $err;
}

# All rows of all tables that a dump keeps, as one text.
sub ledger
{
	my ($database) = @_;
	my @tables = split /\n/, $node->safe_psql($database, q{
		SELECT t.oid::regclass FROM pg_extension e, unnest(e.extconfig) AS t(oid)
		WHERE e.extname = 'dataops' ORDER BY t.oid::regclass::text});

	return join "\n", map { "$_: " . $node->safe_psql($database, "SELECT coalesce(jsonb_agg(t ORDER BY t::text), '[]') FROM $_ t") } @tables;
}

my $id = '00000000-0000-7000-8000-0000000000';
as_role('owner', 'original', 'CREATE EXTENSION dataops');
is($node->safe_psql('original', q{SELECT count(*) FROM pg_class c, pg_extension e
		WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'r' AND e.extname = 'dataops'
			AND NOT c.oid = ANY (e.extconfig) AND c.relname <> 'secret'}),
	'0', 'a dump keeps every table but that of secrets');

as_role('owner', 'original', "SELECT dataops.grant_role('reader', 'viewer'), dataops.grant_role('developer', 'developer')");
as_role('developer', 'original', "SELECT dataops.set_var('symbol', 'BTCUSDT'), dataops.set_var('days', 5)");
as_role('owner', 'original', "SELECT dataops.set_setting('allowed_hosts', 'api.example.com')");
as_role('owner', 'original', 'SELECT dataops.adopt()');
as_role('owner', 'original', qq{
	INSERT INTO dataops.definition VALUES
		('${id}01', 'source', '', 'candles', 1, '{"server": "exchange", "note": "Größe"}', 'h', 'developer', now(), 'owner'),
		('${id}02', 'pipeline', '', 'btc', 1, '{"every": "15 minutes"}', 'h', 'owner', now(), 'owner'),
		('${id}03', 'step', 'btc', 'candles', 1, '{"kind": "fetch", "source": "candles"}', 'h', 'owner', now(), 'owner');
	INSERT INTO dataops.deployment SELECT kind, pipeline, object, 'prod', id, 1, 1 FROM dataops.definition;
	INSERT INTO dataops.schedule VALUES ('btc', 'prod', '* * * * *', 'UTC', 'active', now(), NULL, 'owner');
	INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, created_at, started_at)
	VALUES ('${id}04', 'btc', '-infinity', 'infinity', '{${id}02,${id}03}', 'owner', 'owner', 'running', now(), now());
	INSERT INTO dataops.step_run (id, run, step, attempt, kind, state, claim, started_at)
	VALUES ('${id}05', '${id}04', 'candles', 1, 'fetch', 'running', 1, now());
	INSERT INTO dataops.quarantine_row (id, pipeline, step, run, step_run, reason, raw, created_at)
	VALUES ('${id}06', 'btc', 'candles', '${id}04', '${id}05', 'not UTF-8', '\\xff00fe', now());
	INSERT INTO dataops.interval VALUES ('btc', 'prod', '2024-01-01', '2024-01-02', '${id}04', now());
	CREATE TABLE public.target AS SELECT 1 AS a});
$node->safe_psql('original', q{INSERT INTO dataops.secret VALUES ('token', 'owner', 1, '\x00', now())});
my $before = ledger('original');

# By the owner, with nothing more than his rights
my $file = PostgreSQL::Test::Utils::tempdir() . '/original.dump';
$node->command_ok([ 'pg_dump', '-U', 'owner', '-Fc', '-f', $file, 'original' ], 'the owner dumps');
my $text = PostgreSQL::Test::Utils::tempdir() . '/original.sql';
$node->command_ok([ 'pg_restore', '-f', $text, $file ], 'the dump is readable');
unlike(slurp_file($text), qr/COPY dataops\.secret/, 'secrets are not in the dump');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--exit-on-error', '--single-transaction', '-d', 'restored', $file ],
	'the owner restores, without an error and without creating the extension by hand');

is(ledger('restored'), $before, 'definitions and ledger are equal');
is($node->safe_psql('restored', 'SELECT count(*) FROM dataops.secret'), '0', 'no secret came along');
is($node->safe_psql('restored', 'SELECT count(*) FROM public.target'), '1', 'data came along');
is($node->safe_psql('restored', q{SELECT has_table_privilege('reader', 'dataops.runs', 'SELECT')
		AND has_function_privilege('developer', 'dataops.set_var(text,text,text)', 'EXECUTE')
		AND NOT has_function_privilege('developer', 'dataops.adopt()', 'EXECUTE')}),
	't', 'rights of the levels came along');

# The copy stays still
is(as_role('owner', 'original', 'SELECT dataops._installation_ok()'), 't', 'the original goes on');
is(as_role('owner', 'restored', 'SELECT dataops._installation_ok()'), 'f', 'the copy is told from it');
like(error_of('owner', 'restored', 'SELECT dataops._test_installation_check()'),
	qr/database "restored" is a copy in which pipelines were not adopted.*SELECT dataops\.adopt\(\)/s,
	'nothing runs in the copy');
is(as_role('owner', 'restored', q{SELECT ok, fix ~ 'adopt' FROM dataops.doctor() WHERE item ~ 'may run in this'}),
	'f|t', 'doctor says so');
is(as_role('owner', 'restored', q{SELECT string_agg(item || ' ' || missing, ', ' ORDER BY item) FROM dataops.check_restore() WHERE item <> 'clock'}),
	'adoption of database restored, connection exchange', 'check_restore() says what is missing');
is(as_role('owner', 'restored', q{SELECT state FROM dataops.runs}), 'interrupted', 'what ran in the original is interrupted in the copy');
like(error_of('developer', 'restored', 'SELECT dataops.adopt()'), qr/permission denied/, 'a developer may not adopt');

my $old_id = $node->safe_psql('original', 'SELECT id FROM dataops.installation');
as_role('owner', 'restored', 'SELECT dataops.adopt()');
is(as_role('owner', 'restored', 'SELECT dataops._installation_ok()'), 't', 'adopted');
is(error_of('owner', 'restored', 'SELECT dataops._test_installation_check()'), '', 'pipelines may run now');
isnt($node->safe_psql('restored', 'SELECT id FROM dataops.installation'), $old_id, 'the copy has an id of its own');
is(as_role('owner', 'restored', q{SELECT count(*) FROM dataops.audit WHERE action = 'adopt' AND object = 'restored'}),
	'1', 'that is on record');
my $new_id = $node->safe_psql('restored', 'SELECT id FROM dataops.installation');
as_role('owner', 'restored', 'SELECT dataops.adopt()');
is($node->safe_psql('restored', 'SELECT id FROM dataops.installation'), $new_id, 'adopting again changes nothing');

# A copy by template is a copy too
$node->safe_psql('postgres', 'CREATE DATABASE copied OWNER owner TEMPLATE original');
is(as_role('owner', 'copied', 'SELECT dataops._installation_ok()'), 'f', 'a copy by template stays still');

# A fresh database records itself at the first check
$node->safe_psql('postgres', 'CREATE DATABASE fresh OWNER owner TEMPLATE template0');
as_role('owner', 'fresh', 'CREATE EXTENSION dataops');
is(as_role('owner', 'fresh', 'SELECT dataops._test_installation_check(); SELECT count(*) FROM dataops.installation'),
	"\n1", 'a new installation needs no adoption');

# Rows of another role cannot be planted by the right to restore
$node->safe_psql('postgres', 'CREATE ROLE stranger');
like(error_of('owner', 'restored', qq{INSERT INTO dataops.definition VALUES
		('${id}09', 'pipeline', '', 'trap', 1, '{}', 'h', 'stranger', now(), 'owner')}),
	qr/cannot write a row of owner "stranger"/, 'a definition of a stranger is refused');

# A developer has made a connection, and a role that had defined something was dropped
$node->safe_psql('postgres', 'CREATE ROLE leaver; GRANT leaver TO owner');
as_role('developer', 'original', "CREATE SERVER exchange FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'https://api.example.com')");
as_role('owner', 'original', qq{
	INSERT INTO dataops.definition VALUES ('${id}0a', 'pipeline', '', 'left', 1, '{}', 'h', 'leaver', now(), 'leaver');
	INSERT INTO dataops.deployment VALUES ('pipeline', '', 'left', 'prod', '${id}0a', 1, 1)});
$node->safe_psql('postgres', 'DROP ROLE leaver');
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER owner TEMPLATE template0") for 'unprepared', 'prepared';
$node->command_ok([ 'pg_dump', '-U', 'owner', '-Fc', '-f', $file, 'original' ], 'the owner dumps that');
$node->command_fails_like([ 'pg_restore', '-U', 'owner', '-d', 'unprepared', $file ],
	qr/permission denied for foreign-data wrapper dataops_http.*errors ignored on restore: 1\n/s,
	'the levels come last in a dump, so connections stay with who restores');
is(as_role('owner', 'unprepared', q{SELECT fix || ' by ' || who FROM dataops.check_restore() WHERE missing = 'right of developer to use exchange'}),
	'GRANT USAGE ON FOREIGN SERVER exchange TO developer by owner', 'check_restore() says so');
as_role('owner', 'prepared', 'CREATE EXTENSION dataops; GRANT USAGE ON FOREIGN DATA WRAPPER dataops_http TO developer');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--exit-on-error', '--single-transaction', '-d', 'prepared', $file ],
	'where their owners have the right before, nothing is lost');
is($node->safe_psql('prepared', q{SELECT srvowner::regrole FROM pg_foreign_server}), 'developer', 'the connection is the developer\'s');
as_role('owner', 'prepared', 'SELECT dataops.adopt()');
is( as_role('owner', 'prepared', q{SELECT string_agg(item || ' ' || missing, ', ') FROM dataops.check_restore() WHERE item <> 'clock'}),
	'role that owned pipeline left', 'what the dropped role had defined is nobody\'s');
is($node->safe_psql('prepared', q{SELECT owner::oid FROM dataops.definition WHERE object = 'left'}), '4294967295',
	'and no later role can come by it');
is(as_role('owner', 'prepared', q{SELECT dataops.drop_pipeline('left')}), 'left', 'the owner of the database drops it');

# On a standby nothing runs
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
my ($code, $out, $err) = $standby->psql('original', 'SELECT dataops._test_installation_check()');
like($err, qr/pipelines cannot run on a standby server/, 'nothing runs on a standby');
is($standby->safe_psql('original', q{SELECT ok FROM dataops.doctor() WHERE item = 'the server accepts writes'}), 'f', 'doctor works there and says so');
is($standby->safe_psql('original', 'SELECT state FROM dataops.runs'), 'interrupted', 'the views work there');
$standby->stop;

# Away with it
as_role('owner', 'restored', 'DROP EXTENSION dataops');
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'dataops'}), '0', 'DROP EXTENSION leaves nothing');
is($node->safe_psql('restored', 'SELECT count(*) FROM public.target'), '1', 'but the data');
as_role('owner', 'restored', 'CREATE EXTENSION dataops');
is(as_role('owner', 'restored', 'SELECT count(*) FROM dataops.runs'), '0', 'it can be created again');

$node->stop;
done_testing();
