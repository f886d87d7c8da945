# Who can do what to whom: other people's pipelines, the rights a pipeline's SQL has, rows written by hand, the way to the
# network, and where secrets must not be found.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use MIME::Base64;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %canary = (
	bearer => 'canary-mine-bearer-5b2c',
	key => 'canary-mine-key-9d41',
	basic => 'canary-mine-password-c07e',
	environment => 'canary-mine-environment-1f6a',
	file => 'canary-mine-file-88e2',
	literal => 'canary-mine-literal-3a90');
$ENV{DATAOPS_CANARY} = $canary{environment};
$ENV{DATAOPS_CLOSED} = $canary{environment};

my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file("$folder/key", 'a7' x 32);
append_to_file("$folder/token", "$canary{file}\n");

my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
# one place more to look for secrets, where the server has the extension
chomp(my $libraries = `pg_config --pkglibdir`);
my $statistics = -e "$libraries/pg_stat_statements.so";
my $node = start_cluster('security', ($statistics ? "shared_preload_libraries = 'pg_stat_statements'\n" : '') . <<CONF);
dataops.network_limit = 'http://127.0.0.1, http://localhost, http://*.test, 127.0.0.1/32'
dataops.secret_key_file = '$folder/key'
dataops.env_allowed = 'DATAOPS_CANARY, file:$folder/token'
$talkative
CONF
my $dbname = 'work';

$node->safe_psql('postgres', 'CREATE ROLE dbo LOGIN');
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(alice mallory watcher stranger);
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER dbo");
as('dbo', 'CREATE EXTENSION dataops');
$node->safe_psql($dbname, 'CREATE EXTENSION pg_stat_statements') if $statistics;
$node->safe_psql($dbname, 'CREATE SCHEMA open; GRANT ALL ON SCHEMA open TO PUBLIC');
as('dbo', "GRANT CREATE ON DATABASE $dbname TO alice, mallory; SELECT dataops.grant_role(r, 'developer') FROM unnest('{alice,mallory}'::regrole[]) r;
	SELECT dataops.grant_role('watcher', 'viewer')");

# Statements as a role; each in a transaction of its own.
sub as
{
	my ($role, $sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', $role ]);
}

# What they fail with; empty when they do not.
sub error_of
{
	my ($role, $sql) = @_;
	my ($code, $out, $err) = $node->psql($dbname, $sql, extra_params => [ '-U', $role ]);

	return $err // '';
}

sub refused
{
	my ($role, $sql, $pattern, $what) = @_;

	like(error_of($role, $sql), $pattern, $what);
	return;
}

sub server_sql
{
	my ($name, $options) = @_;

	return "CREATE SERVER $name FOREIGN DATA WRAPPER dataops_http OPTIONS ($options)";
}

sub requests_at
{
	my ($path) = @_;
	return ask_fake($url, "/requests/count?path=$path")->{count};
}

as('alice', server_sql('api', "url '$url'"));
as('alice', q{
	SELECT dataops.create_pipeline('shop');
	SELECT dataops.create_http_source('items', 'api', '/items');
	SELECT dataops.add_fetch('shop', 'items');
	SELECT dataops.add_model('shop', 'open.shop', $$SELECT (record->>'id')::int AS id FROM dataops.records('items')$$)});
as('alice', q{CALL dataops.run('shop')});
my $run = as('alice', q{SELECT run_id FROM dataops.runs WHERE pipeline = 'shop'});

subtest 'another role can neither run, read, cancel, retry nor redefine' => sub {
	is(as('alice', 'SELECT count(*) > 0 FROM raw.items'), 't', 'the owner reads her raw table');
	for my $role ('mallory', 'watcher', 'stranger')
	{
		refused($role, 'SELECT * FROM raw.items', qr/permission denied/, "$role: the raw table");
		refused($role, 'SELECT * FROM open.shop', qr/permission denied/, "$role: the target");
	}
	for my $view (split /\n/, as('watcher', q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'dataops'::regnamespace AND relkind = 'v'}))
	{
		is(as('mallory', "SELECT count(*) FROM $view v WHERE v::text ~ 'shop|items'"), '0', "mallory sees nothing in $view");
	}
	for my $call ("CALL dataops.run('shop')", "SELECT dataops.start('shop')", "SELECT dataops.cancel('$run')",
		"SELECT dataops.retry('$run')", "SELECT dataops.skip_step('$run', 'items', 'why not')", "SELECT dataops.schedule('shop')",
		"SELECT dataops.accept_check('$run', 'x', 'why not')", 'SELECT * FROM dataops.preview(\'items\')')
	{
		refused('watcher', $call, qr/permission denied/, "watcher: $call");
		refused('stranger', $call, qr/permission denied for schema dataops/, "stranger: $call");
	}
	for my $call ("dataops.add_sql('shop', 'mine', 'SELECT 1')", "dataops.add_model('shop', 'open.mine', 'SELECT 1 AS x')",
		"dataops.add_check('shop', 'open.shop', 'id > 0')", "dataops.create_pipeline('shop')", "dataops.drop_pipeline('shop')",
		"dataops.drop_step('shop', 'items')")
	{
		refused('mallory', "SELECT $call", qr/permission denied for pipeline "shop"/, "mallory: $call");
	}
	for my $call ("dataops.alter_source('items', '{\"path\": \"/echo\"}')", "dataops.create_http_source('items', 'api')",
		"dataops.drop_source('items')", "dataops.add_fetch('thief', 'items')")
	{
		as('mallory', "SELECT dataops.create_pipeline('thief')");
		refused('mallory', "SELECT $call", qr/permission denied for source "items"|different owners/, "mallory: $call");
	}
	refused('mallory', 'SELECT * FROM dataops.preview(\'items\')', qr/permission denied/, 'mallory: preview');
	refused('mallory', "SELECT dataops.create_http_source('mine', 'api', '/items')", qr/may not use connection "api"/, 'mallory: her connection');
	like(as('mallory', "SELECT detail FROM dataops.test_connection('api') WHERE NOT ok"), qr/may not use connection/, 'mallory: a test of it');
};

subtest 'a role without a level can use nothing' => sub {
	refused('stranger', 'SELECT * FROM dataops.runs', qr/permission denied for schema dataops/, 'the schema');
	$node->safe_psql($dbname, 'GRANT USAGE ON SCHEMA dataops TO stranger');
	is($node->safe_psql($dbname, q{SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind IN ('r', 'v', 'S')
		AND has_table_privilege('stranger', c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER')}), '0', 'no table, no view');
	is($node->safe_psql($dbname, q{SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'dataops'::regnamespace
		AND p.proname NOT LIKE '\_test\_%' AND has_function_privilege('stranger', p.oid, 'EXECUTE')}), '', 'no function');
	is($node->safe_psql($dbname, q{SELECT count(*) FROM pg_foreign_data_wrapper w WHERE w.fdwname LIKE 'dataops%'
		AND has_foreign_data_wrapper_privilege('stranger', w.oid, 'USAGE')}), '0', 'no wrapper');
	$node->safe_psql($dbname, 'REVOKE USAGE ON SCHEMA dataops FROM stranger');
};

# Notes who runs it, then tries to become somebody else.
my $trap = <<'SQL';
CREATE TABLE open.seen (place text, as_user name, in_session name, escaped boolean);
GRANT INSERT ON open.seen TO PUBLIC;
CREATE FUNCTION open.trap(place text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	escaped boolean := false;
	way text;
BEGIN
	FOREACH way IN ARRAY ARRAY['SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION',
		'SET LOCAL ROLE NONE', 'ALTER ROLE mallory SUPERUSER', 'INSERT INTO dataops.role_level VALUES (''mallory'', ''admin'')',
		'CREATE TEMP TABLE planted (n int)']
	LOOP
		BEGIN
			EXECUTE way;
			escaped := true;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
	BEGIN
		PERFORM set_config('role', 'postgres', false);
		escaped := true;
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	INSERT INTO open.seen VALUES (place, current_user, session_user, escaped);
	RETURN 1;
END
$$;
CREATE FUNCTION open.trap_operator(a integer, b integer) RETURNS integer LANGUAGE sql AS $$ SELECT open.trap('operator') $$;
CREATE OPERATOR open.@@@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = open.trap_operator);
CREATE TYPE open.bait AS (n integer);
CREATE FUNCTION open.trap_cast(open.bait) RETURNS text LANGUAGE sql AS $$ SELECT open.trap('cast')::text $$;
CREATE CAST (open.bait AS text) WITH FUNCTION open.trap_cast(open.bait);
CREATE FUNCTION open.trap_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM open.trap('trigger'); RETURN NEW; END $$;
CREATE FUNCTION open.trap_index(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM open.trap('index'); RETURN n; END $$;
CREATE FUNCTION open.trap_default() RETURNS integer LANGUAGE sql AS $$ SELECT open.trap('default') $$;
CREATE VIEW open.bait_view AS SELECT open.trap('view') AS n;
GRANT SELECT ON open.bait_view TO PUBLIC;
SQL

subtest 'the SQL of a pipeline has the rights of its owner, of nobody else' => sub {
	as('mallory', $trap);
	as('mallory', q{
		CREATE TABLE open.target (n integer, extra integer DEFAULT open.trap_default());
		CREATE TRIGGER trap BEFORE INSERT ON open.target FOR EACH ROW EXECUTE FUNCTION open.trap_trigger();
		SELECT dataops.create_pipeline('evil');
		SELECT dataops.add_sql('evil', 'functions', $$INSERT INTO open.target (n) SELECT open.trap('function') UNION ALL SELECT 1 OPERATOR(open.@@@) 2
			UNION ALL SELECT length((ROW(1)::open.bait)::text) UNION ALL SELECT n FROM open.bait_view$$);
		SELECT dataops.add_model('evil', 'open.modelled', $$SELECT 1 AS id, open.trap('model') AS n$$, strategy => 'append');
		SELECT dataops.add_check('evil', 'open.modelled', $$open.trap('check') = 1$$, 'log');
		CREATE INDEX ON open.modelled (open.trap_index(n));
		CREATE TRIGGER trap BEFORE INSERT ON open.modelled FOR EACH ROW EXECUTE FUNCTION open.trap_trigger()});
	as('mallory', 'TRUNCATE open.seen');
	# the superuser is the one with the most to lose
	$node->safe_psql($dbname, "CALL dataops.run('evil')");
	for my $place ('function', 'operator', 'cast', 'view', 'trigger', 'default', 'model', 'check', 'index')
	{
		is(as('mallory', "SELECT string_agg(DISTINCT as_user || CASE WHEN escaped THEN ' escaped' ELSE '' END, ',') FROM open.seen WHERE place = '$place'"),
			'mallory', "$place: as the owner, and no way out");
	}
	is($node->safe_psql($dbname, "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'mallory is no superuser');

	# the other way round: mallory's objects in alice's pipeline run as alice, who chose to use them, though the superuser starts it
	as('mallory', 'GRANT INSERT ON open.target TO alice');
	as('alice', q{SELECT dataops.create_pipeline('trusting'); SELECT dataops.add_sql('trusting', 'write', 'INSERT INTO open.target (n) VALUES (1)')});
	as('mallory', 'TRUNCATE open.seen');
	$node->safe_psql($dbname, "CALL dataops.run('trusting')");
	is(as('mallory', "SELECT string_agg(DISTINCT as_user, ',') FROM open.seen"), 'alice', 'in the pipeline of another owner as that one');
	is(as('mallory', "SELECT bool_or(escaped) FROM open.seen"), 'f', 'and no way out of it');
	as('mallory', "SELECT dataops.create_pipeline('direct'); SELECT dataops.add_sql('direct', 'up', 'SET ROLE postgres')");
	refused('postgres', "CALL dataops.run('direct')", qr/cannot set parameter "role"|not allowed|SET/, 'SET ROLE as a step');
};

subtest 'rows written by hand give no rights' => sub {
	my $id = '00000000-0000-7000-8000-0000000000';

	refused('dbo', "INSERT INTO dataops.definition VALUES ('${id}01', 'step', 'own', 'up', 1, '{}', 'x', 'postgres', now(), 'dbo')",
		qr/cannot write a row of owner "postgres"/, 'a definition of the superuser');
	as('dbo', q{SELECT dataops.create_pipeline('own'); SELECT dataops.add_sql('own', 'up', 'ALTER ROLE dbo SUPERUSER')});
	refused('dbo', "INSERT INTO dataops.run (id, pipeline, from_ts, to_ts, definitions, owner, requested_by, state, created_at)
		SELECT '${id}02', 'own', '-infinity', 'infinity', array_agg(id), 'postgres', 'dbo', 'queued', now() FROM dataops.definition WHERE owner = 'dbo'::regrole",
		qr/cannot write a row of owner "postgres"/, 'a run of the superuser');

	# a step of one's own slipped into the pipeline, and a source under the name, of somebody else
	$node->safe_psql($dbname, q{SELECT dataops.create_pipeline('root'); SELECT dataops.add_sql('root', 'fine', 'SELECT 1')});
	as('dbo', "INSERT INTO dataops.definition VALUES ('${id}03', 'step', 'root', 'up', 1, '{\"kind\": \"sql\", \"command\": \"ALTER ROLE dbo SUPERUSER\"}', 'x', 'dbo', now(), 'dbo');
		INSERT INTO dataops.deployment VALUES ('step', 'root', 'up', 'prod', '${id}03', 9, 1)");
	refused('postgres', "CALL dataops.run('root')", qr/cannot execute "up"|belongs to role "dbo"/, 'a step of another owner is not executed');
	is($node->safe_psql($dbname, "SELECT rolsuper FROM pg_roles WHERE rolname = 'dbo'"), 'f', 'the owner of the database is no superuser');
	$node->safe_psql($dbname, "DELETE FROM dataops.deployment WHERE definition = '${id}03'");

	# an administrator is no superuser
	as('dbo', "SELECT dataops.grant_role('dbo', 'admin')");
	refused('dbo', "SELECT dataops.add_sql('root', 'up', 'ALTER ROLE dbo SUPERUSER')", qr/permission denied for pipeline "root"/, 'the superuser\'s pipeline is not for administrators');
	as('dbo', "SELECT dataops.revoke_role('dbo')");

	# a name that changes hands: what is left of the former owner does not run the new one's SQL
	as('alice', q{SELECT dataops.create_pipeline('passing'); SELECT dataops.add_sql('passing', 'fail', 'SELECT 1/0')});
	error_of('alice', "CALL dataops.run('passing')");
	my $old = as('alice', "SELECT run_id FROM dataops.runs WHERE pipeline = 'passing' ORDER BY run_id DESC LIMIT 1");
	as('alice', "SELECT dataops.drop_pipeline('passing')");
	as('mallory', q{TRUNCATE open.seen; SELECT dataops.create_pipeline('passing'); SELECT dataops.add_sql('passing', 'fail', $$SELECT open.trap('passing')$$)});
	error_of('mallory', "SELECT dataops.retry('$old')");
	error_of('mallory', "CALL dataops.run('passing')");
	is(as('mallory', "SELECT count(*) FROM open.seen WHERE as_user = 'alice'"), '0', 'mallory\'s SQL does not run as alice');
};

subtest 'no address that is not allowed is reached' => sub {
	my $port = $ports->{port};
	my $n = 0;
	my $failure = sub {
		my ($path, $more) = @_;
		my $name = 'gate' . ++$n;

		as('alice', "SELECT dataops.create_pipeline('$name'); SELECT dataops.create_http_source('$name', 'api', '$path'$more); SELECT dataops.add_fetch('$name', '$name')");
		return error_of('alice', "CALL dataops.run('$name')");
	};

	like($failure->('/redirect', qq{, params => '{"to": "$url/three?id=hop"}'}), qr/status 302/, 'a redirect is not followed');
	for my $to ("http://evil.invalid/", "http://127.0.0.1:1/", "http://localhost:$port/three", "http://127.0.0.2:$port/three", "http://[::1]:$port/three",
		"http://2130706433:$port/three", "http://0177.0.0.1:$port/three", "http://127.1:$port/three", "http://[::ffff:127.0.0.1]:$port/three",
		"http://127.0.0.1.:$port/three", "http://127.0.0.1:$port\@localhost/three", "//localhost:$port/three", "ftp://127.0.0.1:$port/three",
		"http://169.254.77.77/", "http://0.0.0.0:$port/three", "http://127.0.0.1:$port.evil.test/three")
	{
		like($failure->('/items/evil', qq{, params => '{"to": "$to"}', records => '\$.data', paginate => '{"type": "next_link", "path": "\$.next"}'}),
			qr/leads to another server|is not a URL/, "a next link to $to");
	}
	like($failure->('/items/evil', qq{, params => '{"to": "http://localhost:$port/three", "face": "link"}', records => '\$'}), qr/leads to another server/, 'a Link field to another host');

	for my $host ('2130706433', '0177.0.0.1', '127.1', '0x7f000001', '0.0.0.0', '127.0.0.2', '[::1]', '[::ffff:127.0.0.1]', '127.0.0.1.', '169.254.77.77', 'localhost')
	{
		my $name = 'trick' . ++$n;
		my $error = error_of('alice', server_sql($name, "url 'http://$host:$port'"));

		if ($error eq '')
		{
			$error = as('alice', "SELECT string_agg(detail, ';') FROM dataops.test_connection('$name') WHERE NOT ok");
		}
		isnt($error, '', "a connection to $host: $error");
	}
	like(error_of('alice', server_sql('userinfo', "url 'http://127.0.0.1:$port\@evil.test/'")), qr/user or a password/, 'a connection with a user in its url');
	for my $address ('127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.77.77', '10.0.0.1')
	{
		like($node->safe_psql($dbname, qq{SELECT r->>'verdict' || ': ' || (r->>'problem') FROM dataops._test_http('http://flip.test:$port/three',
				'{"hosts": ["flip.test"], "allow_http": true, "resolve": ["flip.test:$port:$address"]}') r}),
			qr/^blocked: the address /, "a name that resolves to $address");
	}
	is(requests_at('/three'), '0', 'nothing has arrived');
};

subtest 'a secret that was left behind would be found' => sub {
	my $planted = 'canary-planted-6d20';
	my $encoded = encode_base64("user:$planted");

	as('alice', "SELECT dataops.set_var('planted', '$planted'::text)");
	as('alice', "CREATE TABLE open.planted AS SELECT convert_to('$planted', 'UTF8') AS t");
	error_of('alice', "DO 'BEGIN RAISE ''$planted''; END'");
	is(join(', ', grep { !/^.*\/(base|pg_wal)\// } places_of($node, [$planted], page => $encoded, page2 => 'nothing')),
		join(', ', sort "dump of $dbname", "dump of $dbname without ledger", "relations of $dbname", 'shown: page', $node->logfile,
			$statistics ? $node->data_dir . '/pg_stat_tmp/pgss_query_texts.stat' : ()), 'in dumps, relations, the log, what was shown');
	ok((grep { /\/base\// } places_of($node, [$planted])), 'and in the files of tables');
	as('alice', 'DROP TABLE open.planted');
};

subtest 'a secret is found nowhere' => sub {
	my %auth = (
		bearer => "auth 'bearer'",
		key => "auth 'api_key', auth_in 'query', auth_param 'api_key'",
		basic => "auth 'basic', \"user\" 'user'",
		environment => "auth 'bearer'",
		file => "auth 'api_key'");
	my %reference = (bearer => 'secret:bearer', key => 'secret:key', basic => 'secret:basic',
		environment => 'env:DATAOPS_CANARY', file => "file:$folder/token");
	my %path = (bearer => '/auth/bearer', key => '/auth/key', basic => '/auth/basic', environment => '/auth/bearer', file => '/auth/key');
	my $errors = '';

	as('alice', "SELECT dataops.set_secret('$_', '$canary{$_}')") for qw(bearer key basic);
	as('dbo', "SELECT dataops.grant_reference('$reference{$_}', 'alice', 'dataops_http', '127.0.0.1')") for qw(environment file);
	for my $kind (sort keys %auth)
	{
		as('alice', server_sql("with_$kind", "url '$url', timeout '700ms', $auth{$kind}"));
		as('alice', "CREATE USER MAPPING FOR alice SERVER with_$kind OPTIONS (credentials '$reference{$kind}')");
		my %faults = (
			refused => [ $path{$kind}, '{"echo": "1"}' ],
			page => [ $path{$kind}, '{"echo": "html"}' ],
			redirect => [ '/redirect', "{\"to\": \"$url/echo\"}" ],
			timeout => [ '/hang', '{}' ],
			cut => [ '/cut', '{}' ]);
		for my $fault (sort keys %faults)
		{
			my $name = "${kind}_$fault";
			my $error;

			as('alice', "SELECT dataops.create_pipeline('$name');
				SELECT dataops.create_http_source('$name', 'with_$kind', '$faults{$fault}[0]', params => '$faults{$fault}[1]', retry => '{\"attempts\": 1}');
				SELECT dataops.add_fetch('$name', '$name')");
			$error = error_of('alice', "CALL dataops.run('$name')");
			like($error, qr/could not fetch page 1/, "$kind: $fault");
			$errors .= $error;
			$errors .= as('alice', "SELECT string_agg(detail, ' ') FROM dataops.test_connection('with_$kind')");
		}
	}
	# a server that repeats the key in the link to the next page, which is then lost: the place to go on is stored
	as('alice', q{SELECT dataops.create_pipeline('linked');
		SELECT dataops.create_http_source('linked', 'with_key', '/items/next', params => '{"per_page": 1, "total": 130}', records => '$.data',
			paginate => '{"type": "next_link", "path": "$.next"}'); SELECT dataops.add_fetch('linked', 'linked')});
	$errors .= error_of('alice', "SET dataops.fault = 'fetch_after_page:error:110';\nCALL dataops.run('linked')");
	like($node->safe_psql($dbname, "SELECT position->>'url' FROM dataops.cursor WHERE source = 'linked'"), qr/page=101/, 'the place to go on is there');
	# statements that fail have the value in them
	refused('alice', "SELECT dataops.set_secret('Bad Name', '$canary{literal}')", qr/name/, 'set_secret() with a name that is none');
	refused('mallory', "SELECT dataops.set_secret('bearer', '$canary{literal}')", qr/permission denied for secret/, 'set_secret() of another\'s secret');
	refused('alice', "CREATE USER MAPPING FOR alice SERVER api OPTIONS (credentials '$canary{literal}')", qr/must be a reference/, 'a literal in a mapping');
	refused('alice', "CREATE USER MAPPING FOR alice SERVER api OPTIONS (token '$canary{literal}')", qr/unknown option "token"/, 'a literal under another name');
	assert_no_secret($node, \%canary, errors => $errors);
	like(slurp_file($node->logfile), qr/could not fetch page 1/, 'the log has the errors');
	like(scalar(`pg_dump -d '${\$node->connstr($dbname)}'`), qr/secret:bearer/, 'and the dump the references');
	assert_sent(ask_fake($url, '/requests?path=/auth/bearer'), "Bearer $canary{$_}") for qw(bearer environment);
	assert_sent(ask_fake($url, '/requests?path=/auth/basic'), 'Basic ' . encode_base64("user:$canary{basic}", ''));
};

subtest 'references' => sub {
	as('mallory', server_sql('hers', "url '$url', auth 'bearer'"));
	for my $reference ('secret:bearer', 'env:DATAOPS_CANARY', "file:$folder/token")
	{
		as('mallory', "DROP USER MAPPING IF EXISTS FOR mallory SERVER hers; CREATE USER MAPPING FOR mallory SERVER hers OPTIONS (credentials '$reference')");
		like(as('mallory', "SELECT detail FROM dataops.test_connection('hers') WHERE NOT ok"), qr/may not send "\Q$reference\E" to host/, "$reference: not granted");
	}
	as('dbo', "SELECT dataops.grant_reference(r, 'mallory', 'dataops_http', '127.0.0.1') FROM unnest('{env:DATAOPS_CLOSED,env:PATH,file:/etc/passwd}'::text[]) r");
	for my $reference ('env:DATAOPS_CLOSED', 'env:PATH', 'file:/etc/passwd')
	{
		as('mallory', "DROP USER MAPPING IF EXISTS FOR mallory SERVER hers; CREATE USER MAPPING FOR mallory SERVER hers OPTIONS (credentials '$reference')");
		like(as('mallory', "SELECT detail FROM dataops.test_connection('hers') WHERE NOT ok"), qr/is not allowed on this server/, "$reference: granted, but not allowed");
	}
	# granted for one host, not for another
	as('dbo', "SELECT dataops.grant_reference('env:DATAOPS_CANARY', 'mallory', 'dataops_http', 'api.test')");
	as('mallory', "ALTER USER MAPPING FOR mallory SERVER hers OPTIONS (SET credentials 'env:DATAOPS_CANARY')");
	like(as('mallory', "SELECT detail FROM dataops.test_connection('hers') WHERE NOT ok"), qr/may not send "env:DATAOPS_CANARY" to host "127.0.0.1"/, 'granted for another host');
};

$node->stop;
done_testing();
