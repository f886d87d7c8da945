# Uploads through a connection that breaks, to gcp-storage-emulator, which keeps what has arrived as Google does: each goes
# on where it was, and Google's client reads the whole.  So it is whatever fails in a session, and when the process is killed.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Dataops;
use Test::More;

my $MB = 1 << 20;
my $chunk = 8 * $MB;
my ($ports) = start_server("$FindBin::Bin/../proxy.py", "storage=$ENV{DATAOPS_TEST_STORAGE_RESUME}");
my $url = "http://127.0.0.1:$ports->{port}";
my $node = start_pointed('resume', storage => $url, metadata => $url);

$ENV{DATAOPS_TEST_STORAGE} = $ENV{DATAOPS_TEST_STORAGE_RESUME};
client('bucket', 'resumed');
$node->append_conf('postgresql.conf', "dataops.env_allowed = 'metadata'");
$node->reload;
as_app($node, <<'SQL');
CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'resumed');
CREATE USER MAPPING FOR app SERVER lake OPTIONS (credentials 'metadata');
SELECT dataops.grant_reference('metadata', 'app', 'dataops_gcs', '127.0.0.1');
SQL
ask('/google-guard/set?on=1');

sub ask
{
	return ask_fake($url, @_);
}

sub put_sql
{
	my ($size) = @_;

	return "SELECT row_to_json(r) FROM dataops._test_store('lake', 'put', 'large.gz', $size) r";
}

sub put_under
{
	my ($size, @faults) = @_;

	return under_faults($url, \@faults, sub { decode_json(as_app($node, put_sql($size))) });
}

# One object of those bytes is there; it is taken away.
sub is_whole
{
	my ($size, $put, $what) = @_;

	is_deeply(client('objects', 'resumed', ''), [ [ 'large.gz', $size, $put->{crc32c}, 'application/gzip' ] ], $what) or diag($put->{reason});
	as_app($node, q{SELECT dataops._test_store('lake', 'remove', 'large.gz')});
	return;
}

# ---- a connection that breaks three times ----

my $size = 40 * $MB + 11;
my $put = put_under($size, "chunk 2 part&bytes=" . 4 * $MB, 'chunk 4 part&bytes=77777', 'chunk 6 part&bytes=1');
my $sent = 0;

$sent += $_->{fault} ? 0 : $_->{bytes} for @{ ask('/proxy/requests?kind=chunk') };
is($put->{outcome}, 'done', 'an upload that broke three times is done') or diag($put->{reason});
is($sent, $size - (4 * $MB + 77777 + 1), 'what had arrived was not sent again');
is(length fetched('resumed', 'large.gz'), $size, 'Google\'s client gets all of it');
my $got = decode_json(as_app($node, "SELECT row_to_json(r) FROM dataops._test_store('lake', 'get', 'large.gz') r"));
is("$got->{outcome} $got->{bytes} $got->{crc32c}", "done $size $put->{crc32c}", 'it is read back');
is_whole($size, $put, 'and there is one object');

# ---- each fault at each request of a session: its start, the first, a middle and the last chunk, the question in between ----

$size = 2 * $chunk + 11;
my $undisturbed = put_under($size);
is_whole($size, $undisturbed, 'undisturbed');
for my $fault ('401', '403', '429&retry_after=1', '500', '503', 'drop', 'lose', 'cut')
{
	# a 401 is renewed without a question, so there is none to disturb
	for my $places ([ 'start 1' ], [ map { "chunk $_" } 1, 3, 5 ], $fault eq '401' ? () : [ 'chunk 2 drop', 'status 1' ])
	{
		my @faults = map { /drop/ ? $_ : "$_ $fault" } @$places;

		is_whole($size, put_under($size, @faults), join ', ', @faults);
	}
}
put_under($size);
ask('/proxy/requests?clear');
is(put_under($size)->{crc32c}, $undisturbed->{crc32c}, 'the same bytes each time');
is(scalar(grep { $_->{code} == 200 || $_->{code} == 308 } @{ ask('/proxy/requests?kind=chunk') }), 3, 'in three chunks');
is_whole($size, $undisturbed, 'once');

# ---- kill -9 while a request is under way ----

for my $place ('start 1', map { "chunk $_" } 1 .. 3)
{
	for my $effect ('', '&effect')
	{
		kill_at($node, $url, "$place$effect", put_sql($size));
		is_whole($size, put_under($size), 'killed ' . ($effect ? 'after' : 'before') . " the effect of $place");
	}
}
assert_sent(ask('/proxy/requests'), 'Bearer ya29.canary-machine-#');
assert_no_secret($node, { token => 'ya29.canary', session => 'upload_id=' });

done_testing();
