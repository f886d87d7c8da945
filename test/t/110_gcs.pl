# The object store in Google Cloud Storage, against the scripted face of test/fake/gcs.py: every fault at the first, a middle and
# the last request of a kind ends in exactly one object of the right bytes, or in a failure that says why and leaves nothing.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $MB = 1 << 20;
my $soon = 1.5;    # a second, and what a busy machine needs to start psql
my %size = (small => 100_000, large => 25 * $MB + 123);    # the large one takes four chunks

my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
my $node = start_cluster('gcs', <<CONF);
dataops.google_endpoints = 'storage=$url, metadata=$url'
dataops.env_allowed = 'metadata'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
restart_after_crash = on
$talkative
CONF
my $dbname = 'work';
my @reasons;

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER app");
as_app('CREATE EXTENSION dataops');
as_app("CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', prefix 'production', staging_prefix 'staging')");
# with a token, which a 401 makes new; the archives below go without one
as_app("CREATE USER MAPPING FOR app SERVER lake OPTIONS (credentials 'metadata')");
as_app("SELECT dataops.grant_reference('metadata', 'app', 'dataops_gcs', '127.0.0.1')");

sub as_app
{
	my ($sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', 'app' ]);
}

# What the scripted server's own pages answer.
sub ask
{
	return ask_fake($url, @_);
}

# One operation of the driver; its outcome, or all that it gave.
sub operation_sql
{
	my ($operation, $name, %option) = @_;
	my @more = map { "$_ => '$option{$_}'" } grep { defined $option{$_} } qw(size seed area);

	return join(', ', "SELECT row_to_json(r) FROM dataops._test_store('lake', '$operation', '$name'", @more) . ') r';
}

sub operate
{
	my $result = decode_json(as_app(operation_sql(@_)));

	push @reasons, $result->{reason} // '';
	return $result;
}

sub outcome
{
	return operate(@_)->{outcome};
}

# The objects whose names end so, as "bytes crc32c", without asking the driver.
sub objects
{
	my ($name) = @_;

	return join ', ', map { "$_->{bytes} $_->{crc32c}" } grep { $_->{name} =~ /\Q$name\E$/ } @{ ask('/gcs/objects?bucket=acme') };
}

sub contents
{
	my ($result) = @_;

	return "$result->{bytes} $result->{crc32c}";
}

# Performs an operation under faults, each "kind fault options": all must have struck.
sub under
{
	my ($faults, @operation) = @_;
	my $result;

	for my $fault (@$faults)
	{
		my ($on, $do, $more) = split ' ', $fault, 3;

		# what has no answer is waited for at length; what has one says itself how long
		ask("/gcs/fault?on=$on&do=$do" . ($do =~ /^\d/ ? '&retry_after=0' : '') . ($more ? "&$more" : ''));
	}
	$result = operate(@operation);
	for my $fault (@{ ask('/gcs/faults?clear') })
	{
		$fault->{struck} > 0 or fail("fault $fault->{do} of $fault->{on} number $fault->{nth} struck");
	}
	return $result;
}

my %whole = map { $_ => operate('put', "whole/$_", size => $size{$_}) } keys %size;

subtest 'objects of all sizes' => sub {
	for my $bytes (0, 1, 8 * $MB, 8 * $MB + 1, 16 * $MB, 16 * $MB + 1)
	{
		my $put = operate('put', "size/$bytes", size => $bytes);
		my $get = operate('get', "size/$bytes");

		is("$put->{outcome} $put->{bytes}", "done $bytes", "$bytes bytes are put");
		cmp_ok($put->{generation}, '>', 0, 'with the generation');
		is(objects("size/$bytes"), contents($put), 'and are there');
		is($get->{outcome} . ' ' . contents($get), 'done ' . contents($put), 'and are got');
	}
	is(contents($whole{large}), objects('whole/large'), 'so are several chunks');
	is((join ' ', map { $_->{name} =~ m{size/(\d+)} } @{ ask('/gcs/requests?kind=start') }), join(' ', 8 * $MB + 1, 16 * $MB, 16 * $MB + 1), 'what is larger than a chunk goes by a session');
	is((grep { $_->{name} eq 'production/whole/large' } @{ ask('/gcs/objects') })[0]{content_type}, 'application/gzip', 'the content type is kept');
};

subtest 'names' => sub {
	my $name = "market/candle/created_at=2026-11-21:10:00:00:000/part 00000+%2F&?#é.gz";

	is(outcome('put', $name, size => 10), 'done', 'an object of a strange name is put');
	ok((grep { $_->{name} eq "production/$name" } map { utf8::encode($_->{name}); $_ } @{ ask('/gcs/objects') }) == 1, 'under that name');
	is(outcome('get', $name), 'done', 'it is got');
	is(as_app("SELECT name FROM dataops.list_objects('lake', 'market')"), $name, 'it is listed');
	is(outcome('remove', $name), 'done', 'it is removed');
	is(outcome('put', "$name.large", size => $size{large}), 'done', 'so is a large one put');
	is(outcome('remove', "$name.large"), 'done', 'and removed');
};

subtest 'an object is written only if absent' => sub {
	for my $kind ('small', 'large')
	{
		is(outcome('put', "whole/$kind", size => $size{$kind}), 'same', "$kind: the same again");
		is(outcome('put', "whole/$kind", size => $size{$kind}, seed => 2), 'other', "$kind: other bytes");
		is(outcome('put', "whole/$kind", size => $size{$kind} + 1), 'other', "$kind: another size");
		is(objects("whole/$kind"), contents($whole{$kind}), "$kind: it has not changed");
	}
	is(outcome($_, 'whole/none'), 'absent', "$_ of what is not there") for 'get', 'stat', 'remove', 'copy';
};

subtest 'copies' => sub {
	for my $kind ('small', 'large')
	{
		is(outcome('put', "copied/$kind", size => $size{$kind}, area => 'staging'), 'done', "$kind: put into staging");
		is(outcome('stat', "copied/$kind"), 'absent', "$kind: production knows nothing of it");
		my $copy = operate('copy', "copied/$kind");
		is($copy->{outcome} . ' ' . contents($copy), 'done ' . contents($whole{$kind}), "$kind: copied");
		is(outcome('copy', "copied/$kind"), 'same', "$kind: the same again");
		is(outcome('remove', "copied/$kind", area => 'staging'), 'done', "$kind: taken out of staging");
		is(outcome('put', "copied/$kind", size => 5, area => 'staging'), 'done', "$kind: something else is in staging");
		is(outcome('copy', "copied/$kind"), 'other', "$kind: it does not replace what is in production");
	}
	cmp_ok(scalar @{ ask('/gcs/requests?kind=rewrite') }, '>=', 1 + 4 + 4, 'a large one takes several calls');
};

subtest 'what other programs put there' => sub {
	my $http = HTTP::Tiny->new;
	my $zipped = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";

	for my $name ('production%2Fforeign%2F', 'production%2Fforeign%2F..%2Fx', 'production%2Fforeign%2Fhello')
	{
		$http->post("$url/upload/storage/v1/b/acme/o?uploadType=media&contentEncoding=gzip&name=$name",
			{ content => $zipped, headers => { 'Content-Type' => 'text/plain' } })->{success} or die $name;
	}
	is(as_app("SELECT string_agg(name, ' ') FROM dataops.list_objects('lake', 'foreign')"), 'foreign/hello', 'names that are none of a store are left out');
	is(operate('get', 'foreign/hello')->{bytes}, length $zipped, 'bytes come as they are stored, whatever their encoding');
};

# Transient faults of a request that is simply repeated.
my @passing = ('401', '429', '500', '503', 'drop');
# nth=1 is the first, the last one of four chunks, or of three parts, has its number
sub matrix
{
	my ($kinds, $faults, $expected, $outcomes, @operation) = @_;

	for my $kind (@$kinds)
	{
		for my $fault (@$faults)
		{
			my ($do, $more) = split ' ', $fault, 2;
			my ($on, $nth) = split /:/, $kind;
			my $result = under([ "$on $do nth=$nth" . ($more ? "&$more" : '') ], @operation);

			like($result->{outcome}, qr/^($outcomes)$/, "$operation[0]: $fault at $kind") or diag($result->{reason});
			$expected->("$operation[0]: $fault at $kind", $result);
		}
	}
	return;
}

sub is_whole
{
	my ($kind, $name) = @_;

	return sub {
		my ($what) = @_;

		is(objects("production/$name"), contents($whole{$kind}), "$what: one object of the right bytes");
		operate('remove', $name);
	};
}

sub has_failed
{
	my ($name, $reason, $retry) = @_;

	return sub {
		my ($what, $result) = @_;

		like($result->{reason}, $reason, "$what: says why");
		is($result->{retry} ? 'retry' : 'no retry', $retry ? 'retry' : 'no retry', "$what: and whether it may pass");
		is(objects("production/$name"), '', "$what: nothing is there");
	};
}

# put: somebody waits for it; pump: moved on in passing, as while rows are read, until it has ended by itself.
for my $way ('put', 'pump')
{

subtest "faults of a small upload: $way" => sub {
	my @put = ($way, 'fault/small', size => $size{small});

	matrix([ 'upload:1' ], [ @passing, 'lose', '503 times=2' ], is_whole('small', 'fault/small'), 'done|same', @put);
	matrix([ 'upload:1' ], [ '403', '400' ], has_failed('fault/small', qr/40[03]/, 0), 'failed', @put);
	matrix([ 'upload:1' ], [ 'nonsense' ], has_failed('fault/small', qr/does not describe an object/, 1), 'failed', @put);
	matrix([ 'upload:1' ], [ 'corrupt' ], has_failed('fault/small', qr/damaged on their way, and taken away/, 1), 'failed', @put);
	is(under([ 'upload corrupt', 'delete 403' ], @put)->{reason} =~ /damaged on their way, and are still there/, 1, 'what cannot be taken away is told');
	is(outcome('remove', 'fault/small'), 'done', 'and is removed by the next attempt');
	is(under([ 'upload lose', 'stat 503', 'stat drop nth=2' ], @put)->{outcome}, 'same', 'a lost answer, and trouble when asking what is there');
	operate('remove', 'fault/small');
};

subtest "faults of a resumable upload: $way" => sub {
	my @put = ($way, 'fault/large', size => $size{large});
	my @chunks = ('chunk:1', 'chunk:2', 'chunk:4');

	matrix([ 'start:1' ], [ @passing, 'lose' ], is_whole('large', 'fault/large'), 'done', @put);
	matrix(\@chunks,
		[ @passing, 'lose', 'keep bytes=262144', 'keep bytes=300001', 'partial bytes=262144', 'partial bytes=0', 'forget', '404', '410', '503 times=3' ],
		is_whole('large', 'fault/large'), 'done', @put);
	# the question itself meets something
	for my $fault (@passing, 'lose', 'forget', '404', '410', '503 times=3')
	{
		my ($do, $more) = split ' ', $fault, 2;

		is(under([ 'chunk keep nth=3&bytes=1000000', "status $do" . ($more ? " $more" : '') ], @put)->{outcome}, 'done', "$way: $fault at the question");
		is_whole('large', 'fault/large')->("$way: $fault at the question");
	}
	# the last answer is lost, and so is that to the question
	is(under([ 'chunk lose nth=4', 'status lose', 'status 500 nth=2' ], @put)->{outcome}, 'done', 'the end of it is asked for until it is known');
	is_whole('large', 'fault/large')->('the end');

	matrix([ 'start:1', @chunks ], [ '403', '400' ], has_failed('fault/large', qr/40[03]/, 0), 'failed', @put);
	matrix([ 'chunk:1', 'chunk:4' ], [ 'corrupt' ], has_failed('fault/large', qr/damaged on their way, and taken away/, 1), 'failed', @put);
	matrix([ 'start:1' ], [ 'nonsense' ], has_failed('fault/large', qr/names no upload session/, 1), 'failed', @put);
	matrix([ 'chunk:1', 'chunk:4' ], [ 'nonsense' ], has_failed('fault/large', qr/does not describe an object/, 1), 'failed', @put);
	matrix([ 'chunk:2' ], [ '410 times=100' ], has_failed('fault/large', qr/loses what it was sent/, 1), 'failed', @put);
};

subtest "a token that expires: $way" => sub {
	my @put = ($way, 'fault/token', size => $size{large});
	my @tokens;

	ask('/gcs/requests?clear');
	is(under([ 'chunk 401 nth=3' ], @put)->{outcome}, 'done', 'the upload goes on');
	@tokens = map { $_->{token} } @{ ask('/gcs/requests?kind=chunk') };
	is("@tokens", join(' ', @tokens[0, 0, 0, 3, 3]), 'with the old token before and another one after it');
	isnt($tokens[0], $tokens[3], 'which is new');
	is_whole('large', 'fault/token')->('a token that expires');
	matrix([ 'start:1', 'chunk:1', 'chunk:4' ], [ '401 times=100' ], has_failed('fault/token', qr/401/, 0), 'failed', @put);
};

}

subtest 'faults that do not pass' => sub {
	for my $way ('put', 'pump some')
	{
		for my $kind (qw(small large))
		{
			my @put = ($way, "fault/$kind", size => $size{$kind});
			my @kinds = $kind eq 'small' ? ('upload:1') : ('start:1', 'chunk:1', 'chunk:4');

			matrix(\@kinds, [ '503 retry_after=3600' ], has_failed("fault/$kind", qr/503/, 1), 'failed', @put);
			is(under([ 'any 503 times=1000' ], @put)->{outcome}, 'failed', "$way: $kind: what never passes is given up");
			is(objects("fault/$kind"), '', "$way: $kind: nothing is there");
		}
	}
	matrix([ 'chunk:2' ], [ 'forget times=100' ], has_failed('fault/large', qr/loses what it was sent|keeps nothing/, 1), 'failed',
		'put', 'fault/large', size => $size{large});
	is(under([ 'chunk 503 nth=2&times=100', 'status 503 times=100' ], 'put', 'fault/large', size => $size{large})->{outcome}, 'failed',
		'put: what never passes at the question is given up');
};

subtest 'what a mark tells' => sub {
	my $http = HTTP::Tiny->new;

	for my $name ('mine', 'others', 'folder/mine')
	{
		my $mark = $name =~ /mine/ ? '0198-mark' : '0198-other';

		$http->post("$url/upload/storage/v1/b/acme/o?uploadType=multipart",
			{ content => qq(--b\r\nContent-Type: application/json\r\n\r\n{"name":"production/marked/$name","metadata":{"dataops":"$mark"}}\r\n)
				  . "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", headers => { 'Content-Type' => 'multipart/related; boundary=b' } })->{success} or die $name;
	}
	operate('put', 'marked/mine_without', size => 5);
	ask('/set?maxResults=1');
	is(as_app(q{SELECT dataops._test_remove_marked('lake', 'marked/m', '0198-mark')}), 'done', 'what has the mark is removed');
	is(as_app(q{SELECT string_agg(name, ' ' ORDER BY name) FROM dataops.list_objects('lake', 'marked')}), 'marked/folder/mine marked/mine_without marked/others',
		'if its name begins so, and nothing else is');
	ask('/gcs/fault?on=delete&do=403');
	is(as_app(q{SELECT dataops._test_remove_marked('lake', 'marked/', '0198-mark')}), 'failed', 'a refusal is told');
	ask('/gcs/faults?clear');
	ask('/gcs/fault?on=list&do=503&nth=2&retry_after=0');
	is(as_app(q{SELECT dataops._test_remove_marked('lake', 'marked/', '0198-mark')}), 'done', 'all pages are looked through');
	is(ask('/gcs/faults?clear')->[0]{struck}, 1, 'and asked for again');
	is(as_app(q{SELECT count(*) FROM dataops.list_objects('lake', 'marked')}), '2', 'the other two stay');
	ask('/set?maxResults=1000');
};

subtest 'faults of a copy' => sub {
	my @copy = ('copy', 'fault/copy');
	my $expected = is_whole('large', 'fault/copy');

	is(outcome('put', 'fault/copy', size => $size{large}, area => 'staging'), 'done', 'something to copy');
	matrix([ 'rewrite:1', 'rewrite:2', 'rewrite:4' ], [ @passing, 'lose' ], $expected, 'done|same', @copy);
	matrix([ 'stat:1' ], [ @passing ], $expected, 'done', @copy);
	matrix([ 'rewrite:1', 'rewrite:2', 'rewrite:4' ], [ '403', '400' ], has_failed('fault/copy', qr/40[03]/, 0), 'failed', @copy);
};

subtest 'faults when getting' => sub {
	my $expected = sub { my ($what, $result) = @_; is(contents($result), contents($whole{large}), "$what: the right bytes") };

	matrix([ 'media:1', 'media:2', 'media:4' ], [ @passing, 'lose', 'cut' ], $expected, 'done', 'get', 'whole/large');
	matrix([ 'media:1', 'media:4' ], [ 'corrupt' ], sub { like($_[1]{reason}, qr/damaged on their way/, $_[0]) }, 'failed', 'get', 'whole/large');
	matrix([ 'media:2' ], [ '403' ], sub { like($_[1]{reason}, qr/403/, $_[0]) }, 'failed', 'get', 'whole/large');
};

subtest 'faults when removing' => sub {
	for my $fault (map { ("stat $_", "delete $_") } @passing, 'lose')
	{
		operate('put', 'fault/remove', size => 10);
		is(under([ $fault ], 'remove', 'fault/remove')->{outcome}, 'done', "remove: $fault");
		is(objects('fault/remove'), '', "remove: $fault: it has gone");
	}
	operate('put', 'fault/remove', size => 10);
	is(under([ 'delete 403' ], 'remove', 'fault/remove')->{outcome}, 'failed', 'what may not be removed stays');
};

subtest 'faults when listing' => sub {
	my $list = "SELECT string_agg(name || ' ' || bytes || ' ' || crc32c, ',' ORDER BY name) FROM dataops.list_objects('lake', 'list')";
	my $expected;

	operate('put', "list/$_", size => $_) for 1 .. 5;
	operate('put', 'list1/x', size => 1);
	ask('/set?maxResults=2');
	$expected = as_app($list);
	is(scalar(split /,/, $expected), 5, 'all pages are read, and nothing of other folders');
	for my $nth (1, 2, 3)
	{
		for my $fault (@passing, 'lose', 'cut')
		{
			ask("/gcs/fault?on=list&do=$fault&nth=$nth&retry_after=0");
			is(as_app($list), $expected, "$fault at page $nth");
			is(ask('/gcs/faults?clear')->[0]{struck}, 1, 'has struck');
		}
		ask("/gcs/fault?on=list&do=403&nth=$nth");
		like(($node->psql($dbname, $list, extra_params => [ '-U', 'app' ]))[2], qr/could not list the objects of connection "lake"/, "403 at page $nth");
		ask('/gcs/faults?clear');
	}
	ask('/set?maxResults=1000');
};

subtest 'test_connection' => sub {
	is(as_app("SELECT count(*) FILTER (WHERE ok) || ' of ' || count(*) FROM dataops.test_connection('lake')"), '8 of 8', 'all steps pass');
	as_app("CREATE SERVER gone FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'missing-bucket')");
	like(as_app("SELECT detail FROM dataops.test_connection('gone') WHERE NOT ok"), qr/404/, 'a bucket that is not there');
};

subtest 'a drop in the middle of a big object' => sub {
	my $bytes = 200 * $MB;
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]};
	my ($put, $hwm);

	ask('/gcs/requests?clear');
	ask('/gcs/fault?on=chunk&do=keep&nth=13&bytes=' . 4 * $MB);
	($put, $hwm) = split /\n/, $node->safe_psql($dbname,
		'SET ROLE app; ' . operation_sql('put', 'big', size => $bytes) . "; RESET ROLE; $peak");
	$put = decode_json($put);
	is($put->{outcome} . ' ' . objects('production/big'), "done $bytes $put->{crc32c}", 'the upload goes on and ends');
	is(ask('/gcs/faults?clear')->[0]{struck}, 1, 'after a drop at a half of it');
	my $sent = 0;
	$sent += $_->{bytes} for @{ ask('/gcs/requests?kind=chunk') };
	cmp_ok($sent, '<=', $bytes + 4 * $MB, 'no byte that was kept is sent again');
	cmp_ok($hwm, '<=', 64 * 1024, 'the backend never takes more than 64 MB');
	($put, $hwm) = split /\n/, $node->safe_psql($dbname,
		'SET ROLE app; ' . operation_sql('get', 'big') . "; RESET ROLE; $peak");
	is(decode_json($put)->{bytes}, $bytes, 'it is got');
	cmp_ok($hwm, '<=', 64 * 1024, 'within the same memory');
	is(outcome('remove', 'big'), 'done', 'and removed');
};

subtest 'kill -9' => sub {
	for my $point ('gcs_before_chunk:1', 'gcs_before_chunk:3', 'gcs_after_effect:1')
	{
		my ($name, $nth) = split /:/, $point;

		through_crash($node, sub {
			$node->psql($dbname, "SET dataops.fault = '$name:kill9:$nth'; " . operation_sql('put', 'killed', size => $size{large}),
				extra_params => [ '-U', 'app' ]);
		});
		is(objects('production/killed'), $name eq 'gcs_after_effect' ? contents($whole{large}) : '', "killed at $point: whole, or not there");
		is(outcome('put', 'killed', size => $size{large}), $name eq 'gcs_after_effect' ? 'same' : 'done', "the next attempt after $point");
		is_whole('large', 'killed')->($point);
	}
	operate('put', 'killed', size => $size{large}, area => 'staging');
	for my $point ('gcs_before_rewrite:2', 'gcs_after_effect:1')
	{
		my ($name, $nth) = split /:/, $point;

		through_crash($node, sub {
			$node->psql($dbname, "SET dataops.fault = '$name:kill9:$nth'; " . operation_sql('copy', 'killed'),
				extra_params => [ '-U', 'app' ]);
		});
		is(outcome('copy', 'killed'), $name eq 'gcs_after_effect' ? 'same' : 'done', "the next copy after $point");
		is_whole('large', 'killed')->($point);
	}
};

subtest 'cancel' => sub {
	for my $place ('upload', 'start', 'chunk nth=1', 'chunk nth=3', 'status', 'media', 'rewrite')
	{
		my ($on, $more) = split ' ', $place, 2;
		my %operation = (upload => [ 'put', 'cancel', size => 100 ], media => [ 'get', 'whole/large' ], rewrite => [ 'copy', 'fault/copy' ]);
		my $sql = operation_sql(@{ $operation{$on} // [ 'put', 'cancel', size => $size{large} ] });
		my ($session, $took, $err);

		ask('/gcs/fault?on=chunk&do=drop') if $on eq 'status';
		ask("/gcs/fault?on=$on&do=hang" . ($more ? "&$more" : ''));
		$session = session_start($node, 'uploader', $sql, database => $dbname, user => 'app');
		for (1 .. 600)
		{
			last if grep { $_->{do} eq 'hang' && $_->{struck} } @{ ask('/gcs/faults') };
			select undef, undef, undef, 0.1;
		}
		$took = seconds_of(sub {
			$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'uploader'});
			$err = session_end($session);
		});
		like($err, qr/canceling statement due to user request/, "$place: cancelled");
		cmp_ok($took, '<', $soon, "$place: within a second");
		is(objects('production/cancel'), '', "$place: nothing is there");
		ask('/gcs/faults?clear');
	}
};

# The archive of a fetch: 2,600 records in 260 pages, so in three batches.
my $define = <<SQL;
CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url '$url');
SELECT dataops.create_http_source('items', 'api', '/items', params => '{"total": "2600", "per_page": "10"}',
    paginate => '{"type": "page", "param": "page", "limit": 10}');
SELECT dataops.create_pipeline('job', every => '1 day', start_at => '2026-01-01+00');
SELECT dataops.add_fetch('job', 'items', archive => 'lake');
SQL

# What must be equal whatever happened on the way.
my $fingerprint = <<'SQL';
SELECT 'raw', count(*), count(DISTINCT record) FROM raw.items
UNION ALL SELECT 'batches', count(*), count(*) FROM dataops.batch
UNION ALL SELECT 'objects of batches', count(*), count(*) FROM dataops.batch b
    JOIN dataops.list_objects('lake', 'raw') o ON o.name = b.object AND o.bytes = b.object_bytes AND o.crc32c = b.crc32c
UNION ALL SELECT 'objects', count(*), count(*) FROM dataops.list_objects('lake', 'raw')
UNION ALL SELECT 'open intents', count(*), 0 FROM dataops.intent WHERE state = 'open'
SQL

# The archive has the objects of all batches, and no others.
my $whole_archive = <<'SQL';
SELECT count(b.id) = count(*) AND count(o.name) = count(*) AND count(*) >= 3 AND NOT EXISTS (SELECT FROM dataops.intent WHERE state = 'open')
FROM dataops.batch b FULL JOIN dataops.list_objects('lake', 'raw') o ON o.name = b.object AND o.bytes = b.object_bytes AND o.crc32c = b.crc32c
SQL

my $tries = 0;

# A database and a bucket of their own, and a run of the job in them; its errors.
sub fresh_job
{
	my ($name) = @_;
	my @app = (extra_params => [ '-U', 'app' ]);

	$tries++;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER app");
	$node->safe_psql($name, 'CREATE EXTENSION dataops', @app);
	$node->safe_psql($name, "CREATE SERVER lake FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'try$tries'); $define", @app);
	return;
}

sub run_job
{
	my ($name, $before, $day) = @_;
	my $range = sprintf "from_ts => '2026-01-%02d+00', to_ts => '2026-01-%02d+00'", $day // 1, ($day // 1) + 1;

	return ($node->psql($name, ($before // '') . "\nCALL dataops.run('job', $range);", extra_params => [ '-U', 'app' ]))[2] // '';
}

subtest 'the archive of a fetch' => sub {
	my ($expected, $session, $took);

	fresh_job('undisturbed');
	unlike(run_job('undisturbed'), qr/ERROR/, 'a fetch with an archive runs');
	$expected = $node->safe_psql('undisturbed', $fingerprint);
	is($expected, "raw|2600|2600\nbatches|3|3\nobjects of batches|3|3\nobjects|3|3\nopen intents|0|0", 'each batch has its object');
	like($node->safe_psql('undisturbed', "SELECT name FROM dataops.list_objects('lake') LIMIT 1"),
		qr{^raw/items/created_at=\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:\d{3}/[0-9a-f-]{36}-00000\.ndjson\.gz$}, 'under the usual name');

	for my $fault ('429', '503', 'drop', 'lose')
	{
		fresh_job('victim');
		ask("/gcs/fault?on=upload&do=$fault&nth=$_&retry_after=0") for 1, 2;
		unlike(run_job('victim'), qr/ERROR/, "archive: $fault is got over");
		is($node->safe_psql('victim', $fingerprint), $expected, "archive: $fault: everything is there once");
		ask('/gcs/faults?clear');
		$node->safe_psql('postgres', 'DROP DATABASE victim WITH (FORCE)');
	}
	for my $point ('archive_before_put:1', 'gcs_after_effect:1', 'gcs_after_effect:3', 'archive_after_put:2', 'land_before_commit:2')
	{
		my ($name, $nth) = split /:/, $point;

		fresh_job('victim');
		like(through_crash($node, sub { run_job('victim', "SET dataops.fault = '$name:kill9:$nth';") }),
			qr/server closed the connection|terminat/, "archive: kill -9 at $point");
		run_job('victim');
		is($node->safe_psql('victim', $fingerprint), $expected, "archive: the next run repairs $point");
		$node->safe_psql('postgres', 'DROP DATABASE victim WITH (FORCE)');
	}
	# an object that cannot be removed now stays known, and is removed later
	fresh_job('victim');
	through_crash($node, sub { run_job('victim', "SET dataops.fault = 'archive_after_put:kill9:1';") });
	ask('/gcs/fault?on=delete&do=403&times=100');
	run_job('victim');
	is($node->safe_psql('victim', "SELECT count(*) FROM dataops.intent WHERE state = 'open'"), '1', 'archive: what could not be removed is still known');
	ask('/gcs/faults?clear');
	run_job('victim', '', 2);
	is($node->safe_psql('victim', $whole_archive), 't', 'archive: and is removed by a later run');
	$node->safe_psql('postgres', 'DROP DATABASE victim WITH (FORCE)');

	# waiting for the store holds nothing, and a cancel is obeyed
	fresh_job('victim');
	ask('/gcs/fault?on=upload&do=hang&nth=2');
	$session = session_start($node, 'archiver', "CALL dataops.run('job')", database => 'victim', user => 'app');
	for (1 .. 600)
	{
		last if ask('/gcs/faults')->[0]{struck};
		select undef, undef, undef, 0.1;
	}
	is($node->safe_psql('postgres', q{SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE application_name = 'archiver'}),
		't', 'archive: a run that waits for the store holds neither a snapshot nor a transaction id');
	$took = seconds_of(sub {
		$node->safe_psql('victim', "SELECT dataops.cancel(run_id) FROM dataops.runs WHERE state = 'running'");
		session_end($session);
	});
	cmp_ok($took, '<', $soon, 'archive: dataops.cancel() is obeyed within a second');
	ask('/gcs/faults?clear');
	run_job('victim');
	is($node->safe_psql('victim', $whole_archive), 't', 'archive: the next run leaves nothing of the cancelled batch');
};

# The address of an upload session is a credential, too.
assert_no_secret($node, { session => 'canary-session', 'part of its address' => 'upload_id=', token => 'ya29.canary' }, reasons => join("\n", @reasons));
assert_sent(ask('/gcs/requests'), 'Bearer ya29.canary-machine-#');
$node->stop;

done_testing();
