# TLS: the certificate is verified always; a connection's own authority can be given as text.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_cluster('tls');
my $folder = "$PostgreSQL::Test::Utils::tmp_check/authority";
my ($fake, $server) = start_fake('--tls', $folder);
my $authority = slurp_file("$folder/ca.pem") =~ s/\n/\\n/gr;
my $open = '"hosts":["127.0.0.1","localhost"],"ranges":["127.0.0.0/8"],"limit_ranges":["127.0.0.0/8"]';

sub verdict
{
	my ($url, $options) = @_;
	return $node->safe_psql('postgres',
		"SELECT concat_ws('|', r->>'verdict', r->>'problem') FROM dataops._test_http('$url', '{$open$options}') r");
}

my $trusted = ",\"ca\":\"$authority\"";
is(verdict("https://127.0.0.1:$fake->{'tls-port'}/three", $trusted), 'complete', 'signed by the given authority');
is(verdict("https://127.0.0.1:$fake->{'tls-port'}/three", "$trusted,\"repeat\":3"), 'complete', '… over a kept connection');
is(verdict("https://127.0.0.1:$fake->{'tls-port'}/big?mb=3&length=1", "$trusted,\"inbox_bytes\":1"), 'complete', '… with pauses, bytes in the TLS layer included');
like(verdict("https://127.0.0.1:$fake->{'tls-port'}/three", ''), qr/^tls_failed\|.*certificate/, 'not by one of the system');
like(verdict("https://127.0.0.1:$fake->{'tls-expired-port'}/three", $trusted), qr/^tls_failed\|.*expired/, 'expired');
like(verdict("https://127.0.0.1:$fake->{'tls-wrong-host-port'}/three", $trusted), qr/^tls_failed\|.*127\.0\.0\.1/, 'for another host');
like(verdict("https://127.0.0.1:$fake->{port}/three", "$trusted,\"connect_ms\":500"), qr/^timeout\|.*SSL/, 'a server that does not speak TLS');
like(verdict("https://127.0.0.1:$fake->{'tls-port'}/three", ',"ca":"no certificate"'), qr/^tls_failed\|/, 'an authority that is none');
like(verdict("http://127.0.0.1:$fake->{port}/three", $trusted), qr/^blocked\|.*only https/, 'http needs leave');

$node->stop;
$server->kill_kill;
done_testing();
