# The network gate: tricks with URLs, addresses that are not public, names that resolve to them.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use Test::More;

# the server's environment must not lead requests elsewhere
$ENV{$_} = 'http://127.0.0.1:9' for 'http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY';
my $node = start_cluster('gate');
my ($fake, $server) = start_fake();
my $open = '{"hosts":["127.0.0.1"],"ranges":["127.0.0.0/8"],"limit_ranges":["127.0.0.0/8"],"allow_http":true';

sub refusal
{
	my ($url, $policy) = @_;
	return $node->safe_psql('postgres', "SELECT dataops._test_gate(\$_\$$url\$_\$, '$policy')");
}

sub address_refusal
{
	my ($address, $policy) = @_;
	return $node->safe_psql('postgres', "SELECT dataops._test_gate_address('$address', '$policy')");
}

# URLs

my $policy = '{"hosts":["api.example.com","*.data.example","127.0.0.1","[::1]"],"allow_http":false}';
for my $url (
	'https://api.example.com/x?y=z', 'https://API.Example.COM/', 'https://api.example.com./',
	'https://api.example.com:8443/', 'https://a.data.example/', 'https://a.b.data.example/',
	'https://127.0.0.1/', 'https://[::1]:8/', 'https://%61pi.example.com/')
{
	is(refusal($url, $policy), '', "allowed: $url");
}
for my $refused (
	[ 'http://api.example.com/', qr/only https/ ],
	[ 'ftp://api.example.com/', qr/neither https nor http/ ],
	[ 'file:///etc/passwd', qr/neither https nor http/ ],
	[ 'gopher://api.example.com/', qr/neither https nor http/ ],
	[ 'api.example.com/x', qr/malformed/ ],
	[ 'https://', qr/malformed/ ],
	[ '', qr/malformed/ ],
	[ 'https://data.example/', qr/not allowed.*"data\.example"/ ],
	[ 'https://xdata.example/', qr/not allowed/ ],
	[ 'https://api.example.com.evil.test/', qr/not allowed/ ],
	[ 'https://evil.test/?api.example.com', qr/not allowed.*"evil\.test"/ ],
	[ 'https://api.example.com@evil.test/', qr/user name/ ],
	[ 'https://user:secret@api.example.com/', qr/user name/ ],
	[ 'https://evil.test#@api.example.com/', qr/not allowed.*"evil\.test"/ ],
	[ 'https://evil.test\\@api.example.com/', qr/malformed|not allowed|user name/ ],
	[ "https://api.example.com\t.evil.test/", qr/malformed/ ],
	[ 'https://①②⑦.0.0.1/', qr/ASCII/ ],
	[ 'https://xn--e1afmkfd/', qr/not allowed/ ])
{
	like(refusal($refused->[0], $policy), $refused->[1], "refused: $refused->[0]");
}
unlike(refusal('https://user:secret@api.example.com/path?token=hidden', $policy),
	qr/secret|hidden|path/, 'a refusal shows neither userinfo nor path nor query');
is(refusal('https://api.example.com/', '{}'), 'the host is not allowed for this connection: "api.example.com"',
	'no pattern allows nothing');

# Numeric spellings of 127.0.0.1 are that host, for the gate as for the library
for my $spelling ('2130706433', '0x7f000001', '0177.0.0.1', '127.1', '127.0.1', '0x7f.1', '017700000001')
{
	is(refusal("https://$spelling/", $policy), '', "$spelling is seen as 127.0.0.1");
	like(refusal("https://$spelling/", '{"hosts":["api.example.com"]}'), qr/"127\.0\.0\.1"/,
		"$spelling is refused as 127.0.0.1");
}

# The administrator's limit
$policy = '{"hosts":["a.test","b.test"],"limit_hosts":["*.test"]}';
is(refusal('https://a.test/', $policy), '', 'inside the limit');
$policy = '{"hosts":["a.test","b.test"],"limit_hosts":["a.test"]}';
like(refusal('https://b.test/', $policy), qr/administrator/, 'outside the limit');

# Addresses

for my $address ('8.8.8.8', '1.1.1.1', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1',
	'192.167.1.1', '198.17.1.1', '198.20.0.1', '223.255.255.255', '2606:4700::1111', '2a00::1',
	'64:ff9b::808:808', '2002:808:808::1', '::ffff:8.8.8.8')
{
	is(address_refusal($address, '{}'), '', "public: $address");
}
my @special = (
	'0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1',
	'127.255.255.254', '169.254.77.77', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1',
	'192.168.1.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1',
	'239.1.1.1', '240.0.0.1', '255.255.255.255', '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1',
	'::ffff:10.0.0.1', '::ffff:169.254.77.77', '64:ff9b::7f00:1', '64:ff9b::a00:1', '64:ff9b:1::1',
	'2002:7f00:1::', '2002:a00:1::1', '2002:c0a8:101::', '2001::1', '2001:db8::1', 'fc00::1',
	'fd12:3456::1', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1', '100::1', '5f00::1', '3fff::1');
isnt(address_refusal($_, '{}'), '', "not public: $_") for @special;
isnt(address_refusal($_, '{"ranges":["0.0.0.0/0","::/0"]}'), '',
	"not opened by the connection alone: $_") for @special;
isnt(address_refusal($_, '{"limit_ranges":["0.0.0.0/0","::/0"]}'), '',
	"not opened by the limit alone: $_") for @special;
is(address_refusal($_, '{"ranges":["0.0.0.0/0","::/0"],"limit_ranges":["0.0.0.0/0","::/0"]}'), '',
	"opened by both: $_") for @special;
$policy = '{"ranges":["10.1.0.0/16"],"limit_ranges":["10.0.0.0/8"]}';
is(address_refusal('10.1.2.3', $policy), '', 'inside the opened range');
is(address_refusal('::ffff:10.1.2.3', $policy), '', 'its mapped form is the same address');
isnt(address_refusal('10.2.0.0', $policy), '', 'beside the opened range');
like(address_refusal('8.8.8.8', $policy), qr/administrator/, 'a public address outside the limit');
$policy = '{"ranges":["127.0.0.1"],"limit_ranges":["127.0.0.1"]}';
is(address_refusal('127.0.0.1', $policy), '', 'a single address as a range');
isnt(address_refusal('127.0.0.2', $policy), '', 'its neighbour');
isnt(address_refusal('no address', '{}'), '', 'what is no address');
for my $range ('10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/', '10.0.0.0/8x', '10.0.0.0/-1', 'host', '')
{
	my ($code, $out, $err) = $node->psql('postgres',
		"SELECT dataops._test_gate_address('8.8.8.8', '{\"ranges\":[\"$range\"]}')");
	like($err, qr/no address range/, "no range: \"$range\"");
}

# On the wire: nothing arrives at an address that is not allowed, whatever its name

sub verdict
{
	my ($url, $options) = @_;
	return $node->safe_psql('postgres',
		"SELECT r->>'verdict' || coalesce(': ' || (r->>'problem'), '')
		 FROM dataops._test_http('$url', '$options') r");
}

my $port = $fake->{port};
is(verdict("http://127.0.0.1:$port/three?id=open", "$open}"), 'complete', 'the server answers');
$policy = '"hosts":["*.test","127.0.0.1"],"allow_http":true';
like(verdict("http://127.0.0.1:$port/three", "{$policy}"), qr/^blocked: the address is loopback/,
	'a literal address');
like(verdict("http://flip.test:$port/three", "{$policy,\"resolve\":[\"flip.test:$port:$_\"]}"),
	qr/^blocked: the address /, "a public name for $_")
  for ('127.0.0.1', '0.0.0.0', '::1', '::ffff:127.0.0.1', '169.254.77.77');
like(verdict("http://other.example:$port/three", "{$policy}"), qr/^blocked: the host is not allowed/,
	'a host that is not listed');
is(verdict("http://127.0.0.1:$port/redirect?to=http://127.0.0.1:$port/three?id=hop", "$open}"),
	'complete', 'a redirect is an answer, not followed');
is($node->safe_psql('postgres',
		"SELECT r->>'head' FROM dataops._test_http('http://127.0.0.1:$port/requests/count?path=/three',
		'$open}') r"), '{"count":1}', 'one request arrived in all');

# The request's own text
{
	my ($code, $out, $err) = $node->psql('postgres',
		"SELECT dataops._test_http('http://127.0.0.1:$port/three', '$open,\"headers\":{\"X-A\":\"a\\r\\nX-B: b\"}}')");
	like($err, qr/could not send header "X-A": its value contains a line break/, 'no header splitting');
	($code, $out, $err) = $node->psql('postgres',
		"SELECT dataops._test_http('http://127.0.0.1:$port/three', '$open,\"secret_headers\":{\"X A\":\"hidden\"}}')");
	like($err, qr/invalid name/, 'no header name with a space');
	unlike($err, qr/hidden/, 'its value is not shown');
	($code, $out, $err) = $node->psql('postgres',
		"SELECT dataops._test_http('http://127.0.0.1:$port/three', '$open,\"method\":\"GET /evil\"}')");
	like($err, qr/invalid method/, 'no method with a space');
}

$node->stop;
$server->kill_kill;
done_testing();
