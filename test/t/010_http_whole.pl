# Only whole answers are complete: cut bodies, wrong lengths, bad compression, bombs; and the parts
# of core that they rest on.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use Test::More;

my $node = start_cluster('whole', $talkative);
my ($fake, $server) = start_fake();
my $open = '"hosts":["127.0.0.1"],"ranges":["127.0.0.0/8"],"limit_ranges":["127.0.0.0/8"],"allow_http":true';

# Chosen fields of the result, joined by "|"
sub answer
{
	my ($path, $fields, $options) = @_;
	my $select = join(" || '|' || ", map { "coalesce(r->>'$_', '')" } split / /, $fields);
	my $all = defined $options ? "{$open,$options}" : "{$open}";
	return $node->safe_psql('postgres',
		"SELECT $select FROM dataops._test_http('http://127.0.0.1:$fake->{port}$path', \$_\$$all\$_\$) r");
}

# The answer's end

is(answer('/three', 'verdict status bytes unbounded'), 'complete|200|69|false', 'a whole answer');
is(answer('/nothing', 'verdict bytes'), 'complete|0', 'an empty body');
is(answer('/status/503', 'verdict status'), 'complete|503', 'a status is not a failure of the protocol');
is(answer('/close/whole', 'verdict unbounded'), 'complete|true', 'ended by the connection: unbounded');
is(answer('/close/nolen', 'verdict unbounded'), 'complete|true', 'cut without a length: unbounded');
is(answer('/three', 'verdict bytes', '"method":"HEAD"'), 'complete|0', 'HEAD has a length and no body');

# An inbox of one byte takes a piece at a time: whatever else comes with it has to wait, and is not lost or taken for whole
my $paused = '"inbox_bytes":1';
for my $refused (
  [ '/cut?after=10', qr/^truncated\|.*bytes remaining/ ],
  [ '/cut?after=0', qr/^truncated\|/ ],
  [ '/cut/chunked?how=middle', qr/^truncated\|/ ],
  [ '/cut/chunked?how=noterm', qr/^truncated\|/ ],
  [ '/cut/chunked?how=badsize', qr/^(reset|malformed)\|.*chunk/ ],
  [ '/cut/chunked?how=hugesize', qr/^(reset|malformed)\|.*chunk/ ],
  [ '/abort', qr/^reset\|/ ],
  [ '/abort?after=20', qr/^reset\|/ ],
  [ '/close/silent', qr/^reset\|/ ],
  [ '/length/long', qr/^truncated\|/ ],
  [ '/length/duplicate', qr/^malformed\|.*more than one Content-Length/ ],
  [ '/length/conflict', qr/^malformed\|.*more than one Content-Length/ ],
  [ '/length/huge', qr/^too_large\|/ ],
  [ '/length/negative', qr/^malformed\|/ ],
  [ '/length/text', qr/^malformed\|/ ],
  [ '/length/coding', qr/^malformed\|.*both/ ],
  [ '/protocol/garbage', qr/^malformed\|/ ],
  [ '/protocol/http09', qr/^malformed\|/ ],
  [ '/protocol/badstatus', qr/^malformed\|/ ],
  [ '/header/big', qr/^too_large\|.*headers/ ],
  [ '/header/many', qr/^too_large\|.*headers/ ],
  [ '/header/nul', qr/^malformed\|/ ])
{
	my ($path, $verdict) = @$refused;

	like(answer($path, 'verdict problem'), $verdict, "refused: $path");
	like(answer($path, 'verdict problem', $paused), $verdict, "refused, with pauses: $path");
}
cmp_ok(answer('/big?mb=3', 'pauses', $paused), '>=', 20, 'an inbox that is full makes the sender wait');
is(answer('/big?mb=3', 'pauses'), 0, 'one of 4 MB is not full with less');
for my $path ('/big?mb=3', '/big?mb=3&length=1', '/gzip/bomb?mb=200', '/gzip/multi', '/three', '/close/whole', '/nothing')
{
	my $whole = answer($path, 'verdict bytes inflated crc32c', '"max_ratio":100000');

	like($whole, qr/^complete\|/, "whole: $path");
	is(answer($path, 'verdict bytes inflated crc32c', "\"max_ratio\":100000,$paused"), $whole, "each byte once, with pauses: $path");
}
is(answer('/big?mb=3', 'verdict reused', "\"repeat\":3,$paused"), 'complete|true', 'connections are kept after pauses');
is(answer('/big?mb=8', 'verdict', "\"stall_s\":1,$paused"), 'complete', 'a pause is no stall');
is(answer('/big?mb=3', 'verdict problem', "\"max_body_bytes\":100000,\"repeat\":2,$_"),
	"too_large|the answer's body is over the size limit", "over the size limit, with $_")
  for '"inbox_bytes":0', $paused, '"inbox_bytes":90000';
is(answer('/big?kb=60', 'verdict problem', "\"max_body_bytes\":40000,$paused"),
	"too_large|the answer's body is over the size limit", 'over it by bytes that had to wait, with nothing after them');
is(answer('/protocol/hundreds', 'verdict status bytes'), 'complete|200|69', 'interim answers are skipped');
like(answer('/header/latin1', 'headers'), qr/\["X-Latin", "Z\?rich"\]/, 'a header in another encoding');

# What is sent

like(answer('/echo', 'head'), qr/"method":"GET".*\["Accept-Encoding","gzip"\]/, 'a GET asks for gzip');
my $sent = answer('/echo', 'head', '"method":"POST","body":"{}","headers":{"Content-Type":"application/json","X-Empty":""}');
like($sent, qr/"method":"POST"/, 'a POST');
like(answer('/echo', 'head', "\"method\":\"$_\""), qr/"method":"$_"/, "a $_ without a body") for 'PUT', 'PATCH', 'DELETE';
my %canary = (header => 'canary-header-8e15', query => 'canary-query-40d7');
my $secret = qq{"secret_headers":{"Authorization":"Bearer $canary{header}"},"total_ms":300};
is(answer('/echo', 'head', $secret) =~ s/.*"Authorization","(.*?)".*/$1/r, "Bearer $canary{header}", 'a secret header is sent');
unlike(answer("$_?token=$canary{query}", 'problem', $secret), qr/canary|^$/, "the problem of $_ shows neither secret nor query")
  for '/cut', '/abort', '/hang', '/header/big', '/length/text';
assert_sent(ask_fake("http://127.0.0.1:$fake->{port}", '/requests?path=/cut'), "Bearer $canary{header}");
assert_no_secret($node, \%canary);

# A kept connection, and one that the server closed meanwhile

is(answer('/three', 'verdict reused', '"repeat":3'), 'complete|true', 'connections are kept');
is(answer('/close/after', 'verdict', '"repeat":3'), 'complete', 'a kept connection that was closed is replaced');
for my $case ([ 'GET', 'complete', 3 ], [ 'PUT', 'complete', 3 ], [ 'POST', 'reset', 2 ], [ 'PATCH', 'reset', 2 ],
	[ 'PUT', 'reset', 2, ',"once":true' ])
{
	my ($method, $verdict, $sent_times, $more) = @$case;
	my $path = "/close/silent?from=2&times=1&key=$method";

	answer('/reset', 'verdict');
	is(answer($path, 'verdict', "\"repeat\":2,\"method\":\"$method\"" . ($more // '')), $verdict, "$method: a kept connection breaks without an answer");
	is(answer('/requests/count?path=/close/silent', 'head'), "{\"count\":$sent_times}", "$method: what may not happen twice is not sent again");
}
my $many = $node->safe_psql('postgres',
	"SELECT r->>'complete', r->>'reused' FROM dataops._test_http_many('http://127.0.0.1:$fake->{port}/three', 300, '{$open,\"connections\":100}') r");
is($many, '300|200', 'slots are refilled over kept connections');
is($node->safe_psql('postgres',
		"SELECT r->>'complete' FROM dataops._test_http_many('http://127.0.0.1:$fake->{port}/three', 100, '{$open,\"connections\":10,\"abandon\":40}') r"),
	'60', 'a pool is released with transfers queued and running');
is($node->safe_psql('postgres',
		"SELECT sum((r->>'complete')::int) FROM generate_series(1, 50) g, dataops._test_http_many('http://127.0.0.1:$fake->{port}/close/after?n=' || g, 4, '{$open,\"connections\":4}') r"),
	'200', 'sockets come and go');

is($node->safe_psql('postgres',
		"SELECT r->>'complete', (r->>'bytes')::bigint / 20 FROM dataops._test_http_many('http://127.0.0.1:$fake->{port}/big?mb=2', 20, '{$open,\"connections\":8,$paused}') r"),
	'20|' . answer('/big?mb=2', 'bytes'), 'of many transfers each goes on after its pauses');
is($node->safe_psql('postgres',
		"SELECT r->>'complete' FROM dataops._test_http_many('http://127.0.0.1:$fake->{port}/big?mb=2', 12, '{$open,\"connections\":4,\"abandon\":6,$paused}') r"),
	'6', 'a pool is released with transfers that were paused');

# Compression

is(answer('/gzip/ok', 'verdict inflated'), 'complete|10103', 'gzip');
is(answer('/gzip/multi', 'verdict inflated'), 'complete|80', 'gzip of two members');
is(answer('/gzip/deflate', 'verdict inflated'), 'complete|80', 'deflate');
like(answer($_->[0], 'verdict problem'), $_->[1], "refused: $_->[0]")
  for [ '/gzip/trailing', qr/^bad_encoding\|bytes after the end/ ],
  [ '/gzip/truncated', qr/^truncated\|.*too early/ ],
  [ '/gzip/corrupt', qr/^bad_encoding\|corrupt/ ],
  [ '/gzip/bad-crc', qr/^bad_encoding\|corrupt/ ],
  [ '/gzip/notgzip', qr/^bad_encoding\|corrupt/ ],
  [ '/gzip/unknown', qr/^bad_encoding\|.*Content-Encoding/ ];

# Limits, and memory that stays flat: the backend's peak grows by less than the bodies' size, 60 MB at least

sub peak_after
{
	my ($statement) = @_;
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]};
	my @lines = split /\n/, $node->safe_psql('postgres', "$peak; $statement; $peak");
	return ($lines[-1] - $lines[0], join('|', @lines[ 1 .. $#lines - 1 ]));
}

sub http_sql
{
	my ($path, $options) = @_;
	return "SELECT r->>'verdict' FROM dataops._test_http('http://127.0.0.1:$fake->{port}$path', '{$open,$options}') r";
}

for my $case (
	[ '/gzip/bomb?mb=1024', '"max_ratio":200', 'too_large' ],
	[ '/gzip/bomb?mb=1024&layers=2', '"max_ratio":200', 'bad_encoding' ],
	[ '/gzip/bomb?mb=300', '"max_ratio":100000', 'too_large' ],
	[ '/gzip/bomb?mb=200', '"max_ratio":100000', 'complete' ],
	[ '/big?mb=70', '"max_ratio":200', 'too_large' ],
	[ '/big?mb=70&length=1', '"max_ratio":200', 'too_large' ],
	[ '/big?mb=60', '"max_ratio":200', 'complete' ])
{
	my ($grown, $verdict) = peak_after(http_sql($case->[0], $case->[1]));

	is($verdict, $case->[2], "$case->[0] with $case->[1]");
	cmp_ok($grown, '<', 24 * 1024, "peak memory grew by $grown kB");
}
is(answer('/three', 'verdict problem', '"max_body_bytes":68'), 'too_large|Maximum file size exceeded', 'an announced body');
like(answer('/close/whole', 'verdict problem', '"max_body_bytes":79'), qr/^too_large\|.*over the size limit/, 'an unannounced one');
is(answer('/close/whole', 'verdict', '"max_body_bytes":80'), 'complete', 'a body of just the limit');
is(answer('/gzip/ok', 'verdict', '"max_inflated_bytes":10102'), 'too_large', 'over the inflated limit by one');
is(answer('/gzip/ok', 'verdict', '"max_inflated_bytes":10103'), 'complete', 'just the inflated limit');

# Inflating, pushed in pieces of any size

my $member = "dataops._test_gzip(convert_to(repeat('abc', 50000), 'UTF8'))";
for my $push (0, 1, 2, 7, 1000)
{
	is($node->safe_psql('postgres', "SELECT r->>'status', r->>'length' FROM dataops._test_inflate($member || $member, '{\"push\":$push}') r"),
		'done|300000', "two members in pushes of $push");
}
my %deflate = (zlib => '\x789c4b4c4a0600024d0127', raw => '\x4b4c4a0600');
for my $form (sort keys %deflate)
{
	is($node->safe_psql('postgres', "SELECT r->>'status', r->>'head' FROM dataops._test_inflate('$deflate{$form}', '{\"deflate\":true,\"push\":$_}') r"),
		'done|abc', "deflate, $form, pushes of $_") for 0, 1;
}
is($node->safe_psql('postgres', "SELECT DISTINCT r->>'status' FROM generate_series(1, length($member) - 1) n, dataops._test_inflate(substr($member, 1, n)) r"),
	'truncated', 'every proper prefix is truncated');
is($node->safe_psql('postgres', "SELECT r->>'status', r->>'problem' FROM dataops._test_inflate('\\x') r"),
	'truncated|compressed data ends too early', 'nothing is not gzip');
is($node->safe_psql('postgres', "SELECT r->>'status' FROM dataops._test_inflate($member || '\\x00') r"), 'corrupt', 'one byte more');
is($node->safe_psql('postgres', "SELECT r->>'status' FROM dataops._test_inflate($member || '\\x1f') r"), 'truncated', 'the first byte of another member');
is($node->safe_psql('postgres', "SELECT r->>'status', r->>'length' FROM dataops._test_inflate(dataops._test_gzip('')) r"), 'done|0', 'an empty member');

# Spools, in memory and beyond

for my $case ([ 0, 1 ], [ 1, 1 ], [ 8192, 100 ], [ 4194304, 8192 ], [ 4194305, 8192 ], [ 20000000, 777 ], [ 20000000, 3000000 ])
{
	is($node->safe_psql('postgres', "SELECT dataops._test_spool($case->[0], $case->[1], 2)"), $case->[0],
		"a spool of $case->[0] bytes, written by $case->[1], read twice");
}
my ($code, $out, $err) = $node->psql('postgres', 'SELECT dataops._test_spool(30000000, 100000, 1, 10)');
like($err, qr/could not store more than 10 MB in temporary files/, 'over the limit of spools');
is($node->safe_psql('postgres', 'SELECT dataops._test_spool(9000000, 100000, 1, 10); SELECT dataops._test_spool(9000000, 100000, 1, 10)'),
	"9000000\n9000000", 'a released spool no longer counts');
my ($grown) = peak_after('SELECT dataops._test_spool(300000000, 100000, 1)');
cmp_ok($grown, '<', 16 * 1024, "300 MB spooled: peak memory grew by $grown kB");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), '0', 'no temporary file is left');

$node->stop;
$server->kill_kill;
done_testing();
