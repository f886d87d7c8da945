# What the TAP tests share: a cluster with the extension from a staging root, the scripted server, sessions that run
# in the background, and the search for secrets that were left behind.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
package Dataops;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Symbol qw(gensym);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_cluster start_fake start_server ask_fake session_start session_end wait_for wait_for_point through_crash seconds_of
  google_account places_of assert_no_secret assert_sent $talkative);

# Settings with which a server tells as much as it can: what is not in this log is in none.
our $talkative = "log_min_messages = debug2\nlog_error_verbosity = verbose\nlog_statement = none\n";

# Servers that have been started, with their inputs: most end when these are closed.
my @servers;

# A running cluster; the extension is there in database postgres. DATAOPS_STAGE is the root that
# "make install DESTDIR=" wrote to; without it the extension must be installed in the server.
sub start_cluster
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $stage = $ENV{DATAOPS_STAGE};

	$node->init;
	if ($stage)
	{
		chomp(my $lib = `pg_config --pkglibdir`);
		$node->append_conf('postgresql.conf',
			"extension_destdir = '$stage'\ndynamic_library_path = '$stage$lib:\$libdir'");
	}
	$node->append_conf('postgresql.conf', $conf) if $conf;
	$node->start;
	# Its superuser is called postgres, whoever runs the tests.
	$node->safe_psql('postgres', 'CREATE ROLE postgres SUPERUSER LOGIN')
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_roles WHERE rolname = 'postgres'}) eq '0';
	$node->safe_psql('postgres', 'CREATE EXTENSION dataops');
	return $node;
}

# Starts the scripted server; returns what it prints as a hash: port, and further ones by name.
# It ends with the test.
sub start_fake
{
	my (@options) = @_;

	return start_server("$FindBin::Bin/../fake/server.py", @options);
}

# The same for any server that prints its ports and then "ready".
sub start_server
{
	my ($program, @options) = @_;
	my $out = '';
	my $handle = IPC::Run::start([ '/usr/bin/python3', $program, @options ], '<pipe', my $input = gensym(),
		'>', \$out, IPC::Run::timeout(180));
	my %ports;

	push @servers, [ $handle, $input ];
	$handle->pump until $out =~ /^ready$/m;
	$ports{$1} = $2 while $out =~ /^(\S+) (\d+)$/mg;
	return (\%ports, $handle);
}

# What a page of the scripted server answers, which is JSON; with a value, that is posted to it.
sub ask_fake
{
	my ($url, $path, $value) = @_;
	my $http = HTTP::Tiny->new(timeout => 30);
	my $answer = $value ? $http->post($url . $path, { content => encode_json($value), headers => { 'Content-Type' => 'application/json' } })
	  : $http->get($url . $path);

	$answer->{success} or die "$path: $answer->{status} $answer->{content}";
	return decode_json($answer->{content});
}

# The credentials of a service account with a key made now, which the scripted server at "url" takes.
sub google_account
{
	my ($url) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my %account = (
		type => 'service_account', project_id => 'test-project', private_key_id => 'key-1',
		client_email => 'export@test-project.iam.gserviceaccount.com');

	PostgreSQL::Test::Utils::system_or_bail('openssl', 'genpkey', '-quiet', '-algorithm', 'RSA', '-out', "$folder/key");
	PostgreSQL::Test::Utils::system_or_bail('openssl', 'pkey', '-in', "$folder/key", '-pubout', '-out', "$folder/public");
	$account{private_key} = slurp_file("$folder/key");
	ask_fake($url, '/google-auth/accept',
		{ email => $account{client_email}, kid => $account{private_key_id}, public_key => slurp_file("$folder/public") });
	return \%account;
}

# Runs a statement, or a list of them one by one, in a session of its own, in the background. "name"
# becomes its application_name; options: database, user.
sub session_start
{
	my ($node, $name, $sql, %option) = @_;
	my $connection = $node->connstr($option{database} // 'postgres') . " application_name=$name";
	my $session = { name => $name, out => '', err => '' };

	$session->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $connection, $option{user} ? ('-U', $option{user}) : (),
			map { ('-c', $_) } ref $sql ? @$sql : $sql ],
		'>', \$session->{out}, '2>', \$session->{err}, IPC::Run::timeout(60));
	return $session;
}

# Waits for its end; returns its errors.
sub session_end
{
	my ($session) = @_;

	$session->{handle}->finish;
	return $session->{err};
}

# Waits until a query gives "t".
sub wait_for
{
	my ($node, $query, $what) = @_;
	my $found;

	# a psql that is refused the connection may have left before its query was written to it: that throws "Broken pipe"
	for (1 .. 100)
	{
		$found = eval { $node->poll_query_until('postgres', $query) };
		last if defined $found || $@ !~ /Broken pipe/;
	}
	$found or BAIL_OUT("waited in vain for: $what " . ($@ // ''));
	return;
}

# Waits until the session of that name stands still at a fault point ("…:sleep").
sub wait_for_point
{
	my ($node, $application, $point) = @_;

	wait_for($node, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$application' AND wait_event = 'PgSleep')",
		"session $application to come to $point");
	return;
}

# Runs the code, in which a server process is killed, and waits until the server has begun anew: it accepts connections
# for a moment longer before it notices.
sub through_crash
{
	my ($node, $code) = @_;
	my $checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
	my $before = $node->safe_psql('postgres', $checkpointer);
	my $result = $code->();

	wait_for($node, "SELECT EXISTS ($checkpointer AND pid <> $before)", 'the server to begin anew after a crash');
	return $result;
}

# What a text looks like when it stands in something else: in base64 at any place, in hexadecimal digits, percent-encoded.
# The forms of short ones could be anything.
sub forms_of
{
	my ($text) = @_;
	my @forms = ($text, unpack('H*', $text), join('', map { sprintf '%%%02X', ord } split //, $text));

	return $text if length $text < 8;
	for my $before (0 .. 2)
	{
		my $encoded = encode_base64('-' x $before . $text, '');

		# what depends on the neighbours is left out
		$encoded =~ s/....$// if ($before + length $text) % 3;
		push @forms, substr($encoded, (0, 2, 3)[$before]);
	}
	return @forms;
}

# All that a database's relations hold and show, the system's statistics too, and its dumps with and without our tables' rows.
# Views of ordinary roles are left out: they would do what they like with a superuser's rights.
sub write_contents
{
	my ($node, $database, $folder) = @_;
	my $connection = $node->connstr($database);
	my $all = q{SELECT format('COPY (SELECT r::text FROM %s r) TO STDOUT', c.oid::regclass) FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
		WHERE CASE WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN c.relname ~ '^pg_(stat|settings|user_mapping|foreign_server)'
			ELSE n.nspname !~ '^pg_toast|^pg_temp' AND (c.relkind IN ('r', 'm') OR c.relkind = 'v' AND (o.rolsuper OR n.nspname = 'dataops')) END
			AND c.relkind IN ('r', 'm', 'v') \gexec};

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connection ], '<', \$all, '>', "$folder/relations of $database")
	  or BAIL_OUT("the relations of $database cannot be read");
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-d', $connection, '-f', "$folder/dump of $database");
	PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-d', $connection, '--exclude-table-data=dataops.*', '-f',
		"$folder/dump of $database without ledger");
	return;
}

# Where any of the texts stands that a server could have left behind: the log, relations and dumps of all databases, any file
# of the data directory, and what a test has been shown (name => text).  Long texts are looked for line by line.
sub places_of
{
	my ($node, $texts, %shown) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $patterns = PostgreSQL::Test::Utils::tempdir() . '/patterns';
	my $sought = 'what the search has to find';
	my @lines = map { /\n./ ? grep { length >= 16 } split /\n/ : $_ } @$texts;
	my $places = '';

	append_to_file($patterns, join '', map { "$_\n" } $sought, map { forms_of($_) } @lines);
	append_to_file("$folder/sought", $sought);
	append_to_file("$folder/shown: $_", $shown{$_}) for keys %shown;
	write_contents($node, $_, $folder) for split /\n/, $node->safe_psql('postgres', q{SELECT datname FROM pg_database WHERE datname !~ '^template'});
	PostgreSQL::Test::Utils::system_or_bail('pg_dumpall', '--globals-only', '-d', $node->connstr('postgres'), '-f', "$folder/globals");
	$node->safe_psql('postgres', 'CHECKPOINT');
	IPC::Run::run([ 'env', 'LC_ALL=C', 'grep', '-rlaF', '-f', $patterns, $folder, $node->data_dir, $node->logfile ], '>', \$places);
	$places =~ s/^\Q$folder\E\///mg;
	$places =~ s/^sought\n//m or BAIL_OUT('secrets could not be looked for');
	return sort split /\n/, $places;
}

# Secrets: name => text.
sub assert_no_secret
{
	my ($node, $secrets, %shown) = @_;
	my @places = places_of($node, [ values %$secrets ], %shown);
	my $found = is(join(', ', @places), '', 'no secret is left behind');

	for my $name (@places ? sort keys %$secrets : ())
	{
		diag("$name: $_") for places_of($node, [ $secrets->{$name} ], %shown);
	}
	return $found;
}

# Some request in a log of the scripted server had this in its field Authorization; "#" stands for a number.
sub assert_sent
{
	my ($log, $what) = @_;
	my %sent = map { $_ => 1 } map { $_->{token} // $_->{headers}{Authorization} // '' } @$log;
	my @wanted = map { $what =~ s/#/$_/r } 1 .. ($what =~ /#/ ? 1000 : 1);

	return ok((grep { $sent{ 'sha256:' . substr(sha256_hex($_), 0, 16) } } @wanted) > 0, "was sent: $what");
}

# Runs the code; returns the seconds it took.
sub seconds_of
{
	my ($code) = @_;
	my $began = time;

	$code->();
	return time - $began;
}

END
{
	my $status = $?;

	eval { $_->[0]->kill_kill } for @servers;
	$? = $status;
}

1;
