# What the TAP tests share: a cluster with the extension from a staging root, the scripted server,
# and sessions that run in the background.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
package Dataops;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(start_cluster start_fake start_server ask_fake session_start session_end wait_for through_crash seconds_of);

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
# It ends with the returned handle.
sub start_fake
{
	my (@options) = @_;

	return start_server("$FindBin::Bin/../fake/server.py", @options);
}

# The same for any server that prints its ports and then "ready".
sub start_server
{
	my ($program, @options) = @_;
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ '/usr/bin/python3', $program, @options ], '<pipe', \*FAKE_IN,
		'>', \$out, IPC::Run::timeout(180));
	my %ports;

	$handle->pump until $out =~ /^ready$/m;
	$ports{$1} = $2 while $out =~ /^(\S+) (\d+)$/mg;
	return (\%ports, $handle);
}

# What a page of the scripted server answers, which is JSON.
sub ask_fake
{
	my ($url, $path) = @_;
	my $answer = HTTP::Tiny->new(timeout => 30)->get($url . $path);

	$answer->{success} or die "$path: $answer->{status} $answer->{content}";
	return decode_json($answer->{content});
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

	$node->poll_query_until('postgres', $query) or BAIL_OUT("waited in vain for: $what");
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

# Runs the code; returns the seconds it took.
sub seconds_of
{
	my ($code) = @_;
	my $began = time;

	$code->();
	return time - $began;
}

1;
