# Every request that the scripted server's faces of Google got in the tests before this one, checked against Google's
# descriptions of its interfaces; and the checker itself, which must find what is wrong on purpose.  The last test.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $program = "$FindBin::Bin/../google/discovery.py";
my $wheel = $ENV{DATAOPS_GOOGLE_WHEEL};
my $folder = $ENV{DATAOPS_GOOGLE_REQUESTS};
my @recorded = $folder ? glob("$folder/*.jsonl") : ();

plan skip_all => "Google's descriptions are not here, and nothing was recorded: \"make check-tap\" gets them"
  if !$wheel && !@recorded;
BAIL_OUT("requests were recorded, but Google's descriptions are not here: test/package.sh could not get them") if !$wheel;

sub findings
{
	my $out = '';

	IPC::Run::run([ '/usr/bin/python3', $program, $wheel, @_ ], '>', \$out);
	my @lines = split /\n/, $out;
	return @lines;
}

# The checker finds what is wrong in this request, once.
sub finds
{
	my ($finding, $verb, $target, $body) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/requests';
	my $quoted = $body =~ s/"/\\"/gr;

	append_to_file($file,
		qq({"method": "$verb", "target": "$target", "type": "application/json", "bytes": ) . length($body) . qq(, "body": "$quoted"}\n));
	my @lines = findings($file);
	is($lines[0], $finding, "found: $finding");
	is(scalar @lines, $finding =~ /^1 request/ ? 1 : 2, 'and nothing else');
}

my $jobs = '/bigquery/v2/projects/p/jobs';
my $objects = '/storage/v1/b/bucket/o';

finds('bigquery.jobs.insert: body.configuration.load.maxBadRecord is no property',
	'POST', $jobs, '{"configuration":{"load":{"maxBadRecord":1}}}');
finds('bigquery.jobs.insert: body.jobReference.jobId is of type int, not string', 'POST', $jobs, '{"jobReference":{"jobId":7}}');
finds('bigquery.jobs.query: body.maximumBytesBilled is no int64',
	'POST', '/bigquery/v2/projects/p/queries', '{"query":"SELECT 1","maximumBytesBilled":"1.5"}');
finds('bigquery.jobs.insert: a body that is no JSON', 'POST', $jobs, '{');
finds('bigquery.jobs.insert: no body', 'POST', $jobs, '');
finds('bigquery.jobs.get: a body, where none is taken', 'GET', "$jobs/j", '{}');
finds('bigquery.tables.get: parameter view is \'ALL\', none of TABLE_METADATA_VIEW_UNSPECIFIED, BASIC, STORAGE_STATS, FULL',
	'GET', '/bigquery/v2/projects/p/datasets/d/tables/t?view=ALL', '');
finds('GET /bigquery/v2/projects/p/job: there is no such method', 'GET', '/bigquery/v2/projects/p/job', '');
finds('storage.objects.insert: body.contentTyp is no property',
	'POST', "/upload$objects?uploadType=resumable&name=x", '{"contentTyp":"text/csv"}');
finds('storage.objects.list: parameter maxResult is unknown', 'GET', "$objects?maxResult=10", '');
finds('storage.objects.list: parameter maxResults is \'many\', no integer', 'GET', "$objects?maxResults=many", '');
finds('storage.objects.get: parameter ifGenerationMatch is given more than once',
	'GET', "$objects/x?ifGenerationMatch=1&ifGenerationMatch=2", '');
finds('storage.objects.get: the path is not percent-encoded', 'GET', "$objects/a b", '');
finds('GET /storage/v1/b/bucket/o/a/b: there is no such method', 'GET', "$objects/a/b", '');
finds('storage.objects.delete: parameter alt is media, where there is none', 'DELETE', "$objects/x?alt=media", '');
finds('1 requests, 0 findings', 'POST', "$objects/a%2Fb/rewriteTo/b/bucket/o/c%3Dd?ifGenerationMatch=0", '{}');

SKIP:
{
	skip 'no request to Google\'s faces was recorded', 1 if !@recorded;
	my @lines = findings(@recorded);
	my $count = pop @lines;

	like($count, qr/^[1-9]\d* requests, 0 findings$/, 'every recorded request is as Google describes it')
	  or diag(join("\n", @lines, $count // 'no answer'));
	note($count);
}

done_testing();
