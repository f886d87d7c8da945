# What the tests against local counterparts of Google's services share: a cluster that is pointed at them, and
# Google's own clients to look from the other side.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
package Counterparts;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Dataops;

our @EXPORT = qw(start_pointed as_app client fetched store start_teller told under_faults kill_at);

my $database = 'work';
my $client;     # Google's
my @tellers;

# A cluster whose requests to Google's services go to the given addresses, with a database of the ordinary role "app".
sub start_pointed
{
	my ($name, %endpoints) = @_;
	my $list = join ', ', map { "$_=$endpoints{$_}" } sort keys %endpoints;
	my $node = start_cluster($name, <<CONF);
dataops.google_endpoints = '$list'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
restart_after_crash = on
max_wal_size = 64MB
$talkative
CONF

	$node->safe_psql('postgres', "CREATE ROLE app LOGIN; ALTER ROLE app SET TimeZone = 'UTC'");
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER app");
	as_app($node, 'CREATE EXTENSION dataops');
	return $node;
}

sub as_app
{
	my ($node, $sql) = @_;

	return $node->safe_psql($database, $sql, extra_params => [ '-U', 'app' ]);
}

# Runs the code while the proxy at "url" does faults, each "kind nth fault&options"; all must have struck.
sub under_faults
{
	my ($url, $faults, $code) = @_;
	my $result;

	for my $fault (@$faults)
	{
		my ($on, $nth, $do) = split ' ', $fault;

		ask_fake($url, "/proxy/fault?on=$on&nth=$nth&do=$do");
	}
	$result = $code->();
	for my $fault (@{ ask_fake($url, '/proxy/faults?clear') })
	{
		$fault->{struck} > 0 or fail("$fault->{do} struck $fault->{on} $fault->{nth}");
	}
	return $result;
}

# Runs a statement until the proxy holds a request of its process, "kind nth" with '&effect' or not, and then kills that.
# Returns what was said.
sub kill_at
{
	my ($node, $url, $place, $sql) = @_;
	my ($on, $nth, $effect) = $place =~ /^(\S+) (\d+)(&effect)?$/;
	my ($session, $said);

	ask_fake($url, "/proxy/fault?on=$on&nth=$nth&do=hold" . ($effect // ''));
	through_crash($node, sub {
		$session = session_start($node, 'victim', $sql, database => $database, user => 'app');
		for my $look (1 .. 6000)
		{
			last if ask_fake($url, '/proxy/faults')->[0]{held};
			$look < 6000 or BAIL_OUT("no request is held: $place");
			select undef, undef, undef, 0.01;
		}
		kill 'KILL', $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'});
		$said = session_end($session);
	});
	ask_fake($url, '/proxy/faults?clear');
	return $said;
}

# A program that answers each line with one, both JSON.
sub start_teller
{
	my (@command) = @_;
	my %teller = (name => $command[0] =~ s/.*\///r, in => '', out => '', err => '');

	$teller{handle} = IPC::Run::start([ '/usr/bin/python3', @command ], '<', \$teller{in}, '>', \$teller{out}, '2>', \$teller{err},
		IPC::Run::timeout(600));
	push @tellers, \%teller;
	return \%teller;
}

# What it answers.
sub told
{
	my ($teller, @question) = @_;

	$teller->{in} = encode_json(\@question) . "\n";
	$teller->{out} = '';
	eval { $teller->{handle}->pump until $teller->{out} =~ /\n/; 1 } or BAIL_OUT("$teller->{name} failed at: @question\n$teller->{err}");
	return JSON::PP->new->utf8->allow_nonref->decode($teller->{out});
}

# What Google's client answers to a command of client.py.
sub client
{
	local $ENV{PYTHONPATH} = $ENV{DATAOPS_TEST_CLIENTS};

	$client //= start_teller("$FindBin::Bin/../client.py");
	return told($client, @_);
}

# The bytes that Google's client gets.
sub fetched
{
	my ($bucket, $name) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/fetched';

	client('get', $bucket, $name, $file);
	return slurp_file($file);
}

# Google's client puts these bytes.
sub store
{
	my ($bucket, $name, $type, $bytes) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/stored';

	append_to_file($file, $bytes);
	return client('put', $bucket, $name, $type, $file);
}

END
{
	my $status = $?;

	$_->{handle}->kill_kill for @tellers;
	$? = $status;
}

1;
