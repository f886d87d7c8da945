# Connections of Google Cloud with their credentials: rights, limits and endpoints; how a token that is refused is made new; what
# test_connection() shows; and that no secret is left behind by statements and runs.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $port = $ports->{port};
my $url = "http://127.0.0.1:$port";
my $folder = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical;
my $dbname = 'work';
my @shown;    # details and errors that were seen

# ---- credentials, with a key made now ----

my %account = %{ google_account($url) };
my %user = (
	type => 'authorized_user', client_id => 'client.apps.example', client_secret => 'canary-client-secret-4d81',
	refresh_token => '1//canary-refresh-token-0b7e');
my %external = (
	type => 'external_account',
	audience => '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
	subject_token_type => 'urn:ietf:params:oauth:token-type:jwt');
my %source = (
	file => { file => "$folder/subject" },
	unlisted => { file => "$folder/unlisted" },
	address => {
		url => "$url/google-auth/subject", headers => { 'X-Subject-Key' => 'canary-subject-key-3f2d' },
		format => { type => 'json', subject_token_field_name => 'the.token' } },
	elsewhere => { url => "http://127.0.0.2:$port/google-auth/subject" });

append_to_file("$folder/subject", 'canary-subject-token-c96a52');
append_to_file("$folder/unlisted", 'canary-subject-token-c96a52');
append_to_file("$folder/account.json", $json->encode(\%account));
$ENV{DATAOPS_GOOGLE_BASE64} = encode_base64($json->encode(\%account));

# ---- the server ----

my $endpoints = join ', ', (map { "$_=$url" } qw(storage bigquery oauth2 sts iamcredentials)), "metadata=127.0.0.1:$port";
my $node = start_cluster('google_client', <<CONF);
dataops.google_endpoints = '$endpoints'
dataops.network_limit = 'http://127.0.0.1, 127.0.0.0/8'
dataops.env_allowed = 'DATAOPS_GOOGLE_BASE64, file:$folder/account.json, file:$folder/subject, metadata'
dataops.secret_key_file = '$folder/seal'
$talkative
CONF

append_to_file("$folder/seal", 'c3' x 32);
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(dbo alice bob);
$node->safe_psql('postgres', "CREATE DATABASE $dbname OWNER dbo");
as('dbo', 'CREATE EXTENSION dataops');
as('dbo', "GRANT CREATE ON DATABASE $dbname TO alice; SELECT dataops.grant_role(r, 'developer') FROM unnest('{alice,bob}'::regrole[]) r");

sub as
{
	my ($role, $sql) = @_;

	return $node->safe_psql($dbname, $sql, extra_params => [ '-U', $role ]);
}

# What statements in one session fail with; empty when they do not.
sub error_of
{
	my ($role, $sql) = @_;
	my ($code, $out, $err) = $node->psql($dbname, $sql, extra_params => [ '-U', $role ]);

	push @shown, $err // '';
	return $err // '';
}

sub ask
{
	return ask_fake($url, @_);
}

# Requests for tokens since it was asked last.
sub calls
{
	my $calls = ask('/google-auth/calls?clear=1');

	return join(', ', map { "$_ $calls->{$_}" } sort keys %$calls);
}

# What a test of the connection shows first that is not well; else the steps that are.
sub tested
{
	my ($role, $server, $setting) = @_;
	my $query = "SELECT step || CASE WHEN ok THEN '' ELSE ': ' || detail END FROM dataops.test_connection('$server')";
	my @steps = split /\n/, $setting ? $node->safe_psql($dbname, "$setting; SET ROLE $role; $query") : as($role, $query);

	push @shown, @steps;
	return (grep { /: / } @steps)[0] // join ', ', @steps;
}

my $all = 'usable, credentials, token, bucket, opened, written, read back, removed';
my $servers = 0;

# A bucket of a role, with credentials; returns its name.
sub bucket
{
	my ($role, $reference, $options) = @_;
	my $name = 'lake' . ++$servers;

	as($role, "CREATE SERVER $name FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme'" . ($options ? ", $options" : '') . ')');
	as($role, "CREATE USER MAPPING FOR $role SERVER $name OPTIONS (credentials '$reference')") if $reference;
	return $name;
}

# The same with credentials that are sealed in the database.
sub sealed_bucket
{
	my ($role, $content) = @_;
	my $name = 'sealed' . ($servers + 1);

	as($role, "SELECT dataops.set_secret('$name', \$\$" . (ref $content ? $json->encode($content) : $content) . '$$)');
	return bucket($role, "secret:$name");
}

my $open = bucket('alice');
is(tested('alice', $open), $all, 'a counterpart on this machine takes no credentials');
like(as('alice', "SELECT detail FROM dataops.test_connection('$open') WHERE step = 'token'"), qr/not needed/, 'and the test says so');
is(calls(), '', 'nobody was asked for a token');
ask('/google-guard/set?on=1');
like(tested('alice', $open), qr/^bucket: .*status 401/, 'one that wants them says so');

subtest 'every kind of credentials' => sub {
	my %reference = ('env:DATAOPS_GOOGLE_BASE64' => 'token 1', "file:$folder/account.json" => 'token 1', metadata => 'metadata 1');
	my %sealed = (
		account => [ \%account, 'token 1' ], base64 => [ encode_base64($json->encode(\%account), ''), 'token 1' ], user => [ \%user, 'token 1' ],
		file => [ { %external, credential_source => $source{file} }, 'sts 1' ],
		address => [ { %external, credential_source => $source{address} }, 'sts 1, subject 1' ],
		impersonated => [
			{
				%external, credential_source => $source{file},
				service_account_impersonation_url =>
				  'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/loader@test-project.iam.gserviceaccount.com:generateAccessToken'
			}, 'iam 1, sts 1' ]);

	for my $reference (sort keys %reference)
	{
		my $name = bucket('alice', $reference);

		like(tested('alice', $name), qr/^credentials: role "alice" may not send "\Q$reference\E" to host "127.0.0.1"/, "$reference: not granted");
		as('dbo', "SELECT dataops.grant_reference('$reference', 'alice', 'dataops_gcs', '127.0.0.1')");
		is(calls(), '', 'and nobody was asked');
		is(tested('alice', $name), $all, 'granted');
		is(calls(), $reference{$reference}, 'one token for both clients of the session');
	}
	for my $kind (sort keys %sealed)
	{
		my $name = sealed_bucket('alice', $sealed{$kind}[0]);

		is(tested('alice', $name), $all, "$kind");
		is(calls(), $sealed{$kind}[1], 'one token');
		like(tested('bob', $name), qr/^usable: role "bob" may not use connection/, 'not for others');
	}
};

my $lake = sealed_bucket('alice', \%account);

subtest 'an identity that several connections name' => sub {
	my $names = q{CREATE SERVER identity FOREIGN DATA WRAPPER dataops_google};

	as('bob', $names);
	as('bob', 'CREATE SERVER mine FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket \'acme\', auth_server \'identity\')');
	like(tested('bob', 'identity'), qr/^credentials: There is no user mapping/, 'without a mapping');
	as('bob', "CREATE USER MAPPING FOR bob SERVER identity OPTIONS (credentials 'env:DATAOPS_GOOGLE_BASE64')");
	is(tested('bob', 'identity'), 'usable, credentials', 'with one');
	like(tested('bob', 'mine'), qr/may not send "env:DATAOPS_GOOGLE_BASE64" .* 'dataops_google', '127.0.0.1'/, 'it is granted for the wrapper of the identity');
	as('dbo', "SELECT dataops.grant_reference('env:DATAOPS_GOOGLE_BASE64', 'bob', 'dataops_google', '127.0.0.1')");
	is(tested('bob', 'mine'), $all, 'and used by its connections');

	as('bob', 'GRANT USAGE ON FOREIGN SERVER mine TO alice');
	like(tested('alice', 'mine'), qr/^credentials: role "alice" may not use connection "identity"/, 'the right on it is that of the user');
	as('bob', 'GRANT USAGE ON FOREIGN SERVER identity TO alice');
	like(tested('alice', 'mine'), qr/^credentials: connection "identity" has no credentials for role "alice"|^bucket/, 'and so is the mapping');
	like(tested('alice', bucket('alice', undef, "auth_server '$lake'")), qr/^credentials: auth_server "$lake" .* holds no credentials of Google/, 'not any server');
	like(tested('alice', bucket('alice', undef, "auth_server 'nowhere'")), qr/^credentials: connection "nowhere" does not exist/, 'nor none');
	calls();
};

# Listings of the bucket by a role in one session, with more between them.
sub listings
{
	my ($name, @between) = @_;
	my $list = "SELECT count(*) FROM dataops.list_objects('$name')";

	return join '; ', $list, map { $_, $list } @between;
}

subtest 'tokens are kept, and made new in time' => sub {
	is(error_of('alice', listings($lake, ('SELECT 1') x 5)), '', 'six calls');
	is(calls(), 'token 1', 'one token');
	ask('/google-auth/fault?on=token&do=short&seconds=200&times=9');
	is(error_of('alice', listings($lake, 'SELECT 1', 'SELECT 1')), '', 'tokens of a few minutes');
	is(calls(), 'token 3', 'are not kept');

	my $both = 'SELECT * FROM dataops.test_connection(\'bq\')';
	as('alice', "CREATE SERVER bq FOREIGN DATA WRAPPER dataops_bigquery OPTIONS (project 'acme', dataset 'missing_market', auth_server 'gcp')");
	as('alice', 'CREATE SERVER gcp FOREIGN DATA WRAPPER dataops_google');
	as('alice', "CREATE USER MAPPING FOR alice SERVER gcp OPTIONS (credentials 'secret:" . ($lake =~ s/lake/sealed/r) . "')");
	is(error_of('alice', listings($lake, $both, $both)), '', 'two services');
	is(calls(), 'token 2', 'a token for each');
	calls();
};

subtest 'a warehouse, step by step' => sub {
	my $make = sub { ask("/bigquery/v2/projects/acme/datasets", { datasetReference => { projectId => 'acme', datasetId => $_[0] }, location => $_[1] }) };

	ask('/google-guard/set');
	like(tested('alice', 'bq'), qr/^dataset: could not find dataset "missing_market": the service answered with status 404/, 'a dataset that is not there');
	$make->('missing_market', 'US');
	like(tested('alice', 'bq'), qr/^staging dataset: could not find dataset "missing_market_staging": .* status 404/, 'nor that of the other side');
	$make->('missing_market_staging', 'EU');
	like(tested('alice', 'bq'), qr/^staging dataset: dataset "missing_market_staging" is in location "EU", connection "bq" says "US"/, 'one that is elsewhere');
	as('alice', q{ALTER SERVER bq OPTIONS (ADD staging_dataset 'missing_checked')});
	$make->('missing_checked', 'US');
	ask('/bq/fault?on=job.insert&do=403&reason=accessDenied');
	like(tested('alice', 'bq'), qr/^job: could not run a job: .* status 403/, 'without the right to run jobs');
	ask('/google-guard/set?on=1');
	is(tested('alice', 'bq'), 'usable, credentials, token, opened, dataset, staging dataset, job', 'all that a load needs');
	as('alice', q{ALTER SERVER bq OPTIONS (SET staging_dataset 'missing_market')});
	like(tested('alice', 'bq'), qr/^opened: connection "bq" has the same dataset and staging_dataset/, 'settings that cannot be');
	calls();
};

subtest 'a token that is refused is made new once' => sub {
	my $get = sub { return qq{SELECT dataops._test_http('$url$_[0]', '{"hosts": ["127.0.0.1"], "ranges": ["127.0.0.1"], "limit_ranges": ["127.0.0.1"], "allow_http": true}')} };

	$node->safe_psql($dbname, 'GRANT EXECUTE ON FUNCTION dataops._test_http TO alice');
	is(error_of('alice', listings($lake, $get->('/google-guard/revoke'))), '', 'a token that was revoked in between');
	is(calls(), 'token 2', 'a new one is got');
	for my $echo ('', '&echo=1', '&echo=cut')
	{
		ask("/google-guard/set?on=nobody$echo");
		like(error_of('alice', listings($lake)), qr/status 401/, 'no token is good' . $echo);
		is(calls(), 'token 2', 'it is tried once again');
	}
	ask('/google-guard/set?on=1');
	ask('/google-auth/fault?on=token&do=400&reason=invalid_grant&nth=2');
	like(error_of('alice', listings($lake, $get->('/google-guard/revoke'))), qr/no access token: .*\(invalid_grant\)/, 'a token that cannot be made new');
	calls();
};

subtest 'faults of the token services' => sub {
	for my $fault ('500', '503', '429', 'drop', 'nonsense', 'empty')
	{
		ask("/google-auth/fault?on=token&do=$fault");
		is(error_of('alice', listings($lake)), '', "$fault, then a token");
		is(calls(), 'token 2', 'at the second time');
	}
	for my $fault ('400&reason=invalid_grant', '401&reason=invalid_client', 'echo', 'with&value=' . '%7B%22token_type%22%3A%22mac%22%7D')
	{
		ask("/google-auth/fault?on=token&do=$fault&times=9");
		like(error_of('alice', listings($lake)), qr/no access token: /, "$fault: none");
		is(calls(), 'token 1', 'and it is not tried again');
	}
	ask('/google-auth/fault?on=token&do=echo');
	like(tested('alice', $lake), qr/^token: Google's token endpoint answered with status 400/, 'the test shows what was wrong');
	calls();
};

subtest 'faults of the service' => sub {
	for my $fault ('500', '502', '503', '429', '408', 'drop')
	{
		ask("/gcs/fault?on=list&do=$fault&retry_after=0");
		is(error_of('alice', listings($lake)), '', "$fault, then an answer");
		is(ask('/gcs/faults?clear')->[0]{struck}, 1, 'has struck');
	}
	ask('/gcs/fault?on=list&do=403&reason=rateLimitExceeded&retry_after=0');
	is(error_of('alice', listings($lake)), '', 'a limit that passes');
	for my $fault ('403&reason=forbidden', '403&reason=quotaExceeded', '400&reason=invalid')
	{
		ask("/gcs/fault?on=list&do=$fault&times=9");
		like(error_of('alice', listings($lake)), qr/status 40\d/, "$fault: not tried again");
		is(ask('/gcs/faults?clear')->[-1]{struck}, 1, 'once');
	}
	is(calls(), 'token 10', 'a token for each session');
};

subtest 'the machine\'s own identity' => sub {
	my $name = bucket('alice', 'metadata');

	ask('/google-auth/fault?on=metadata&do=stranger');
	like(tested('alice', $name), qr/^token: .*is none of Google's/, 'an answer without Google\'s mark');
	calls();
	like(tested('alice', $name, "SET dataops.env_allowed = 'DATAOPS_GOOGLE_BASE64'"), qr/^credentials: reference "metadata" is not allowed on this server/, 'a superuser has to allow it');
	is(calls(), '', 'else it is not asked');
	like(error_of('alice', "CREATE SERVER api FOREIGN DATA WRAPPER dataops_http OPTIONS (url '$url', auth 'bearer');
		CREATE USER MAPPING FOR alice SERVER api OPTIONS (credentials 'metadata')"), qr/cannot use the machine's own identity/, 'it is for Google alone');
};

subtest 'endpoints' => sub {
	like(error_of('alice', "SELECT count(*) FROM dataops.test_connection('$lake');
		SET dataops.google_endpoints = 'storage=http://127.0.0.2:1'"), qr/permission denied to set parameter/, 'are the superuser\'s');
	like(error_of('alice', "SET dataops.google_endpoints = 'storage=http://127.0.0.2:1';
		DO 'BEGIN IF EXISTS (SELECT FROM dataops.test_connection(''$lake'') WHERE NOT ok) THEN RAISE ''it counts''; END IF; END'"),
		qr/\A(?!.*it counts).*permission denied to set parameter/s, 'also before the library is loaded');
	is(calls(), 'token 2', 'so both go the usual way');
	my %refused = (
		'storage=http://10.1.2.3' => qr/would send credentials over http to another machine/,
		'storage=http://localhost:1' => qr/would send credentials over http to another machine/,
		'storage=http://127.0.0.1.example.com' => qr/would send credentials over http to another machine/,
		"storage=$url,oauth2=http://example.com" => qr/would send credentials over http to another machine/,
		"storage=$url/v1" => qr/has a path/,
		'storage=127.0.0.1' => qr/is no address/,
		'storrage=http://127.0.0.1:1' => qr/names no service; perhaps "storage" is meant/,
		'http://127.0.0.1:1' => qr/names no service/);
	for my $setting (sort keys %refused)
	{
		like(tested('alice', $lake, "SET dataops.google_endpoints = '$setting'"), $refused{$setting}, $setting);
	}
	for my $metadata ('10.1.2.3', 'example.com:80', 'https://metadata.google.internal')
	{
		as('alice', "CREATE SERVER IF NOT EXISTS machine FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme');
			CREATE USER MAPPING IF NOT EXISTS FOR alice SERVER machine OPTIONS (credentials 'metadata')");
		like(tested('alice', 'machine', "SET dataops.google_endpoints = 'storage=$url, metadata=$metadata'"), qr/is no metadata server/, "metadata=$metadata");
	}
	is(calls(), '', 'and nobody was asked');
};

subtest 'the network\'s limit holds for Google as well' => sub {
	my $limit = sub { return "SET dataops.network_limit = '$_[0]'" };
	my $other = sub { return "SET dataops.google_endpoints = '" . ($endpoints =~ s/(\Q$_[0]\E=http:..127\.0\.0)\.1/$1.2/r) . "'" };
	my $federated = sealed_bucket('alice', { %external, credential_source => $source{file} });

	like(tested('alice', $lake, $limit->('*.example.com')), qr/^credentials: host "127.0.0.1" of connection "$lake" is not allowed/, 'the host of the service');
	like(tested('alice', $lake, $limit->('127.0.0.1, 127.0.0.0/8')), qr/^credentials: connection "$lake" must use https/, 'plain http');
	like(tested('alice', $lake, $limit->('http://127.0.0.1')), qr/^token: .*loopback/, 'its address');
	like(tested('alice', $lake, $other->('oauth2')), qr/^credentials: host "127.0.0.2" of connection "$lake" is not allowed/, 'the host of tokens');
	is(tested('alice', $lake, $other->('sts')), $all, 'only where these credentials go');
	like(tested('alice', $federated, $other->('sts')), qr/^credentials: host "127.0.0.2"/, 'which is elsewhere for others');
	as('dbo', "SELECT dataops.grant_role('dbo', 'admin'); SELECT dataops.set_setting('allowed_hosts', 'api.example.com')");
	like(tested('alice', $lake), qr/^credentials: host "127.0.0.1" .* is not allowed/, 'the administrator\'s, too');
	as('dbo', "SELECT dataops.set_setting('allowed_hosts', NULL)");

	like(tested('alice', sealed_bucket('alice', { %external, credential_source => $source{elsewhere} })), qr/^credentials: host "127.0.0.2"/, 'and the source of a subject token');
	like(tested('alice', sealed_bucket('alice', { %external, credential_source => $source{unlisted} })),
		qr/^token: reference "file:.*unlisted" is not allowed on this server/, 'a file of one has to be allowed');
	calls();
};

subtest 'runs' => sub {
	my $archive = sub {
		my ($name, $server) = @_;

		as('alice', "SELECT dataops.create_pipeline('$name'); SELECT dataops.create_http_source('$name', 'shop', '/items'); SELECT dataops.add_fetch('$name', '$name', archive => '$server')");
		my $error = error_of('alice', "CALL dataops.run('$name')");
		my $hint = as('alice', "SELECT hint FROM dataops.step_runs WHERE pipeline = '$name'");

		push @shown, $hint;
		return "$error $hint";
	};

	as('alice', "CREATE SERVER shop FOREIGN DATA WRAPPER dataops_http OPTIONS (url '$url')");
	unlike($archive->('kept', $lake), qr/ERROR/, 'an archive in a bucket');
	is(calls(), 'token 1', 'with one token');
	ask('/google-auth/fault?on=token&do=echo&times=9');
	like($archive->('unkept', $lake), qr/no access token: .*status 400/, 'one for which there is no token');
	calls();
	ask('/google-guard/set?on=nobody&echo=1');
	like($archive->('refused', $lake), qr/status 401/, 'one that takes no token');
	calls();
	ask('/google-guard/set?on=1');
};

subtest 'what a restored database lacks' => sub {
	as('alice', "CREATE SERVER late FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'acme', auth_server 'late_identity');
		CREATE SERVER late_identity FOREIGN DATA WRAPPER dataops_google;
		SELECT dataops.create_pipeline('late'); SELECT dataops.create_http_source('late', 'shop', '/items'); SELECT dataops.add_fetch('late', 'late', archive => 'late')");
	like(as('dbo', 'SELECT missing FROM dataops.check_restore() WHERE item = \'user mapping\''), qr/^of alice for server late_identity$/m, 'the mapping of the identity');
};

subtest 'no secret is left behind' => sub {
	assert_no_secret($node,
		{
			'the key' => $account{private_key}, 'a client\'s secret' => 'canary-client-secret', 'a refresh token' => 'canary-refresh',
			'a subject token' => 'canary-subject-token', 'the key of its source' => 'canary-subject-key', 'a token' => 'ya29.canary',
			'an assertion' => 'eyJhbGciOi', 'base64 of credentials' => substr($ENV{DATAOPS_GOOGLE_BASE64}, 0, 60)
		}, errors => join("\n", @shown));
	like(slurp_file($node->logfile), qr/no access token/, 'the log has the errors');
	assert_sent(ask('/gcs/requests'), "Bearer ya29.canary-$_-#") for qw(account user external impersonated machine);
};

$node->stop;
done_testing();
