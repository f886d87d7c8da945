# Waiting for a server that hangs: deadlines of our own, cancel, termination, statement_timeout and
# fast shutdown, in every phase of a request; and nothing is held meanwhile that would stop vacuum.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $shim = "$PostgreSQL::Test::Utils::tmp_check/hang_resolver.so";
system('cc', '-shared', '-fPIC', '-o', $shim, "$FindBin::Bin/hang_resolver.c") == 0
  or BAIL_OUT('could not build the resolver that hangs');
$ENV{LD_PRELOAD} = $shim;
my $node = start_cluster('wait');
delete $ENV{LD_PRELOAD};
my ($fake, $server) = start_fake('--traps');
my $open = '"hosts":["127.0.0.1","x.blackhole","x.nowhere"],"ranges":["127.0.0.0/8"],"limit_ranges":["127.0.0.0/8"],"allow_http":true';

my %hanging = (
	'name look-up' => 'http://x.blackhole/',
	'connect' => "http://127.0.0.1:$fake->{full}/",
	'TLS handshake' => "https://127.0.0.1:$fake->{silent}/",
	'first byte' => "http://127.0.0.1:$fake->{port}/hang",
	'body' => "http://127.0.0.1:$fake->{port}/hang/body");

sub http
{
	my ($url, $options) = @_;
	return "SELECT concat_ws('|', r->>'verdict', r->>'problem') FROM dataops._test_http('$url', '{$open$options}') r";
}

# A preview waits for as long as it may, which is seen at the end
$node->safe_psql('postgres', "CREATE SERVER hanging FOREIGN DATA WRAPPER dataops_http OPTIONS (url 'http://127.0.0.1:$fake->{port}');
	SELECT dataops.create_http_source('hanging', 'hanging', '/hang', params => '{\"key\": \"hidden\"}')");
my $preview_began = time;
my $preview = session_start($node, 'preview', q{SELECT * FROM dataops.preview('hanging')});

# Our own deadlines

for my $case (
	[ 'name look-up', '"connect_ms":500', qr/^timeout\|timed out resolving the host name/ ],
	[ 'connect', '"connect_ms":500', qr/^timeout\|timed out connecting/ ],
	[ 'TLS handshake', '"connect_ms":500', qr/^timeout\|timed out connecting.*SSL/ ],
	[ 'first byte', '"first_byte_ms":500', qr/^timeout\|no answer within the time limit for the first byte/ ],
	[ 'body', '"stall_s":1', qr/^timeout\|timed out receiving the body.*too slow/ ],
	[ 'name look-up', '"total_ms":500', qr/^timeout\|timed out resolving the host name/ ],
	[ 'connect', '"total_ms":500', qr/^timeout\|timed out connecting/ ],
	[ 'first byte', '"total_ms":500', qr/^timeout\|timed out waiting for the answer/ ],
	[ 'body', '"total_ms":500', qr/^timeout\|timed out receiving the body/ ])
{
	my ($phase, $limit, $expected) = @$case;
	my $out;
	my $seconds = seconds_of(sub { $out = $node->safe_psql('postgres', http($hanging{$phase}, ",$limit")) });

	like($out, $expected, "$phase: $limit");
	# the speed that stalls is a mean of some seconds
	cmp_ok($seconds, '<', $limit =~ /stall/ ? 9 : 3, sprintf('… after %.1f s', $seconds));
}
like($node->safe_psql('postgres', http('http://x.nowhere/', '')), qr/^dns_failed\|.*x\.nowhere/, 'a name that does not exist');
for my $route ('/slow?ms=20000', '/slow/headers?ms=20000')
{
	my $out;
	my $seconds = seconds_of(sub { $out = $node->safe_psql('postgres',
		http("http://127.0.0.1:$fake->{port}$route", ',"total_ms":700')) });

	like($out, qr/^timeout\|/, "the total limit ends what trickles: $route");
	cmp_ok($seconds, '<', 2, sprintf('… after %.1f s', $seconds));
}
like($node->safe_psql('postgres', http("http://127.0.0.1:$fake->{port}/slow?ms=20000&bytes=100", ',"stall_s":1,"stall_bytes":1000')),
	qr/^timeout\|.*too slow/, 'the stall limit counts bytes, not silence');
my ($code, $out, $err) = $node->psql('postgres', http($hanging{'first byte'}, ',"interactive_ms":400'));
like($err, qr/could not finish a test within 0\.4 s, the time for interactive use/, 'interactive waiting is capped');

# From outside, in every phase

my $waiting = "state = 'active' AND wait_event_type = 'Extension'";

sub victim
{
	my ($phase, $name, $before) = @_;
	my $session = session_start($node, $name, ($before // '') . http($hanging{$phase}, ''));

	wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND $waiting",
		"$name to wait in $phase");
	return $session;
}

my $number = 0;
for my $phase (sort keys %hanging)
{
	for my $how ('cancel', 'terminate')
	{
		my $name = 'victim' . ++$number;
		my $session = victim($phase, $name);
		my $error;
		my $seconds = seconds_of(sub {
			$node->safe_psql('postgres', "SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'");
			wait_for($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = '$name'", "the end of $name");
			$error = session_end($session);
		});

		like($error, $how eq 'cancel' ? qr/canceling statement due to user request/ : qr/terminating connection/, "$phase: $how");
		cmp_ok($seconds, '<', 1, sprintf('… after %.2f s', $seconds));
	}
	my $seconds = seconds_of(sub { ($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = 500;" . http($hanging{$phase}, '')) });

	like($err, qr/canceling statement due to statement timeout/, "$phase: statement_timeout");
	cmp_ok($seconds, '<', 1.5, sprintf('… after %.2f s', $seconds));
}
# the backend is well after a cancel, with a look-up of its still hanging
is($node->safe_psql('postgres', "SET statement_timeout = 300; \\set ON_ERROR_STOP 0\n"
	. http($hanging{'name look-up'}, '') . ";\nRESET statement_timeout;\n"
	. http("http://127.0.0.1:$fake->{port}/three", ''), on_error_stop => 0), 'complete', 'the next request works');

# What a waiting backend holds

sub held
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT backend_xmin IS NULL, backend_xid IS NULL FROM pg_stat_activity WHERE application_name = '$name'");
}

my $session = victim('first byte', 'select');
is(held('select'), 'f|t', 'inside a statement, interactively: a snapshot is held');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'select'");
session_end($session);
for my $case ([ 'http', "'http://127.0.0.1:$fake->{port}/slow?ms=2500'", "{$open}" ], [ 'sleep', "''", '{"sleep_ms":2500}' ])
{
	my ($name, $url, $options) = @$case;

	$session = session_start($node, $name, "CALL dataops._test_http_call($url, '$options')");
	wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND $waiting", "$name to wait");
	is(held($name), 't|t', "CALL, $name: neither snapshot nor transaction id while it waits");
	like(session_end($session), $name eq 'http' ? qr/NOTICE:.*"verdict":"complete"/ : qr/^$/, '… and it ends well');
}
$session = session_start($node, 'sleeper', "CALL dataops._test_http_call('', '{\"sleep_ms\":60000}')");
wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'sleeper' AND $waiting", 'the sleeper');
cmp_ok(seconds_of(sub {
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'sleeper'");
	session_end($session) }), '<', 1, 'a sleep is cancelled at once');

# A body that is spooled to a file after a commit, in a session that goes on
is($node->safe_psql('postgres', "SET client_min_messages = error;
	CALL dataops._test_http_call('http://127.0.0.1:$fake->{port}/big?mb=20', '{$open}');
	SELECT count(*) FROM pg_ls_tmpdir()"), '0', 'a spooled body leaves no file');

# Sockets are given back: a thousand broken-off requests in one session
is($node->safe_psql('postgres', "SELECT sum((r->>'complete')::int) FROM generate_series(1, 30) g,
	dataops._test_http_many('http://127.0.0.1:$fake->{port}/three?n=' || g, 40, '{$open,\"connections\":20,\"abandon\":35}') r
	WHERE true"), 150, 'many pools, broken off');
is($node->safe_psql('postgres', "SELECT count(*) FROM generate_series(1, 60) g, dataops._test_http('http://127.0.0.1:$fake->{port}/three?n=' || g, '{$open}') r;
	SELECT count(*) < 60 FROM pg_ls_dir('/proc/self/fd')"), "60\nt", 'descriptors are closed');

# The preview
like(session_end($preview),
	qr{could not finish the preview of source "hanging" \(http://127\.0\.0\.1:\d+/hang\?key=…\) within 30 s, the time for interactive use},
	'what a preview could not finish is named');
cmp_ok(time - $preview_began, '>=', 30, '… when its time was over');

# Fast shutdown with a victim in each phase
my @victims = map { victim($_, 'last' . ++$number) } sort keys %hanging;
push @victims, session_start($node, 'last_sleeper', "CALL dataops._test_http_call('', '{\"sleep_ms\":60000}')");
wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'last_sleeper' AND $waiting", 'the last sleeper');
my $seconds = seconds_of(sub { $node->stop('fast') });
cmp_ok($seconds, '<', 2, sprintf('fast shutdown took %.2f s, its checkpoint included', $seconds));
like(session_end($_), qr/terminating connection due to administrator command/, "$_->{name} was told") for @victims;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|FATAL:.*crash/, 'no crash');

$server->kill_kill;
done_testing();
