# Uploads through a connection that breaks, to gcp-storage-emulator, which keeps what has arrived as Google does: each goes
# on where it was, and Google's client reads the whole.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Dataops;
use PostgreSQL::Test::Utils;
use Test::More;

my $MB = 1 << 20;
my $size = 40 * $MB + 11;
my $chunk = 8 * $MB;
my $log = PostgreSQL::Test::Utils::tempdir . '/connections';
my ($address) = $ENV{DATAOPS_TEST_STORAGE_RESUME} =~ m{^http://(.*)$};
my @cuts = (12 * $MB, 20 * $MB, 30 * $MB + 77777);
my ($ports, $proxy) = start_server("$FindBin::Bin/../cutting_proxy.py", $address, $log, @cuts);
my $node = start_pointed('resume', storage => "http://127.0.0.1:$ports->{port}");

$ENV{DATAOPS_TEST_STORAGE} = $ENV{DATAOPS_TEST_STORAGE_RESUME};
client('bucket', 'resumed');
as_app($node, "CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'resumed')");

my $put = decode_json(as_app($node, "SELECT row_to_json(r) FROM dataops._test_store('lake', 'put', 'large.gz', $size) r"));
is($put->{outcome}, 'done', 'an upload that broke three times is done') or diag($put->{reason});
is_deeply(client('objects', 'resumed', ''), [ [ 'large.gz', $size, $put->{crc32c}, 'application/gzip' ] ],
	'Google\'s client sees one object, whole');
is(length fetched('resumed', 'large.gz'), $size, 'and gets all of it');

my ($sent, $cut) = (0, 0);
for my $line (split /\n/, slurp_file($log))
{
	my ($bytes, $end) = split / /, $line;

	$sent += $bytes;
	$cut++ if $end eq 'cut';
}
is($cut, 3, 'three connections were cut');
cmp_ok($sent, '<', $size + $chunk, 'what had arrived was not sent again');
note("$sent bytes sent for $size");

my $got = decode_json(as_app($node, "SELECT row_to_json(r) FROM dataops._test_store('lake', 'get', 'large.gz') r"));
is("$got->{outcome} $got->{bytes} $got->{crc32c}", "done $size $put->{crc32c}", 'it is read back');

done_testing();
