# Objects between us and Google's own client of storage, through fake-gcs-server: what one writes the other reads.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Test::More;

my $MB = 1 << 20;
my $node = start_pointed('storage', storage => $ENV{DATAOPS_TEST_STORAGE});

client('bucket', 'exchange');
as_app($node, "CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'exchange', prefix 'production', staging_prefix 'staging')");

sub operate
{
	my ($operation, $name, %option) = @_;
	my $more = join '', map { ", $_ => '$option{$_}'" } sort keys %option;

	return decode_json(as_app($node, "SELECT row_to_json(r) FROM dataops._test_store('lake', '$operation', '$name'$more) r"));
}

# Size, checksum and type of an object, as Google's client lists it.
sub seen
{
	my ($name) = @_;
	my ($found) = grep { $_->[0] eq $name } @{ client('objects', 'exchange', '') };

	return $found ? join ' ', @$found[1 .. 3] : 'absent';
}

is(as_app($node, q{SELECT count(*) FILTER (WHERE NOT ok) FROM dataops.test_connection('lake')}), '0', 'the connection is good');

for my $size (0, 1, 100_000, 8 * $MB + 1, 20 * $MB + 7)
{
	my $name = "ours/created_at=2026-11-21:10:00:00:000/part $size+%&#é.gz";
	my $put = operate('put', $name, size => $size);

	is($put->{outcome}, 'done', "$size bytes are put");
	utf8::decode(my $object = "production/$name");
	is(seen($object), "$size $put->{crc32c} application/gzip", 'Google\'s client sees size, checksum and type');
	is(length fetched('exchange', $object), $size, 'and gets all bytes, whose checksum it compares');
	is(operate('put', $name, size => $size)->{outcome}, 'same', 'the same again changes nothing');
	is(operate('put', $name, size => $size + 1)->{outcome}, 'other', 'other contents neither');
	is(seen($object), "$size $put->{crc32c} application/gzip", 'as the client sees');
}

for my $size (0, 1, 12 * $MB + 5)
{
	my $bytes = join '', map { chr(($_ * 7 + $size) % 256) } 1 .. 997;

	store('exchange', "production/theirs/$size", 'text/csv', substr($bytes x (1 + $size / 997), 0, $size));
	my $got = operate('get', "theirs/$size");
	is("$got->{outcome} $got->{bytes} $got->{crc32c} text/csv", 'done ' . seen("production/theirs/$size"),
		"what Google's client put, $size bytes, is got");
	is($got->{bytes}, $size, 'all of it');
}

for my $size (10, 9 * $MB)
{
	my $put = operate('put', "copied/$size", size => $size, area => 'staging');
	is($put->{outcome}, 'done', "$size bytes are put into staging");
	is(seen("production/copied/$size"), 'absent', 'they are not in production');
	my $copy = operate('copy', "copied/$size");
	is("$copy->{outcome} $copy->{bytes} $copy->{crc32c}", "done $size $put->{crc32c}", 'they are copied') or diag($copy->{reason});
	is(seen("production/copied/$size"), seen("staging/copied/$size"), 'with the same contents');
	# Google answers 412, as the scripted server does; this one copies again
	like(operate('copy', "copied/$size")->{outcome}, qr/^(same|done)$/, 'the same again');
	is(operate('remove', "copied/$size", area => 'staging')->{outcome}, 'done', 'and taken out of staging');
	is(seen("staging/copied/$size"), 'absent', 'where they are no more');
}

store('exchange', "production/many/$_", 'text/plain', 'x') for 1 .. 5;
is(as_app($node, q{SELECT string_agg(name || ' ' || bytes, ',' ORDER BY name) FROM dataops.list_objects('lake', 'many')}),
	join(',', map { "many/$_ 1" } 1 .. 5), 'what Google\'s client put is listed');

done_testing();
