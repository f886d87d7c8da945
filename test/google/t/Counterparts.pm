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

our @EXPORT = qw(start_pointed as_app client fetched store);

my $database = 'work';

# A cluster whose requests to Google's services go to the given addresses, with a database of the ordinary role "app".
sub start_pointed
{
	my ($name, %endpoints) = @_;
	my $list = join ', ', map { "$_=$endpoints{$_}" } sort keys %endpoints;
	my $node = start_cluster($name, <<CONF);
dataops.google_endpoints = '$list'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
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

my ($client, $to_client, $from_client, $client_errors) = (undef, '', '', '');

# What Google's client answers to a command of client.py.
sub client
{
	start_client() unless $client;
	$to_client = encode_json([@_]) . "\n";
	$from_client = '';
	eval { $client->pump until $from_client =~ /\n/; 1 } or BAIL_OUT("Google's client failed at: @_\n$client_errors");
	return JSON::PP->new->utf8->allow_nonref->decode($from_client);
}

sub start_client
{
	local $ENV{PYTHONPATH} = $ENV{DATAOPS_TEST_CLIENTS};

	$client = IPC::Run::start([ '/usr/bin/python3', "$FindBin::Bin/../client.py" ], '<', \$to_client, '>', \$from_client,
		'2>', \$client_errors, IPC::Run::timeout(600));
	return;
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

	if ($client) { $client->kill_kill; }
	$? = $status;
}

1;
