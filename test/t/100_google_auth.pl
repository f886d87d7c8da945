# Tokens for Google's services: every kind of credentials against the scripted faces of test/fake/google_auth.py, which check
# signatures and claims; the cache; faults; and that no secret is left behind anywhere.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;

my ($ports, $fake) = start_fake();
my $url = "http://127.0.0.1:$ports->{port}";
my $node = start_cluster('google_auth', $talkative);
my $folder = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->canonical;
my @shown;          # everything that a statement gave back, apart from tokens

my $email = 'export@test-project.iam.gserviceaccount.com';
my $scope = 'https://www.googleapis.com/auth/devstorage.read_write';
my $two_scopes = "$scope https://www.googleapis.com/auth/bigquery";
my %secret = (
	client => 'canary-client-secret-4d81',
	refresh => '1//canary-refresh-token-0b7e',
	subject => 'canary-subject-token-c96a52',
	subject_key => 'canary-subject-key-3f2d',
	token => 'ya29.canary-',
);

# Files

sub written
{
	my ($name, $content) = @_;

	open(my $file, '>', "$folder/$name") or die "$name: $!";
	print $file ref $content ? $json->encode($content) : $content;
	close $file;
	return "$folder/$name";
}

sub openssl
{
	my (@arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ 'openssl', @arguments ], '>', \$out, '2>', \$err) or die "openssl @arguments: $err";
	return $out;
}

# A key of the kind in PEM, and its public part.
sub made_key
{
	my ($name, @kind) = @_;
	my $path = "$folder/$name.pem";

	openssl('genpkey', '-out', $path, @kind);
	return (slurp_file($path), openssl('pkey', '-in', $path, '-pubout'));
}

my @rsa = ('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
my ($key, $public) = made_key('good', @rsa);
my ($other_key) = made_key('other', @rsa);
my ($curve_key) = made_key('curve', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
my $encrypted_key = openssl('pkcs8', '-topk8', '-in', "$folder/good.pem", '-passout', 'pass:canary-passphrase');
my $old_form_key = openssl('rsa', '-in', "$folder/good.pem", '-traditional');

my %account = (
	type => 'service_account', project_id => 'test-project', private_key_id => 'key-1', private_key => $key,
	client_email => $email, client_id => '1', universe_domain => 'googleapis.com',
	# not asked: nothing listens there
	token_uri => 'http://127.0.0.1:9/token', auth_uri => 'http://127.0.0.1:9/auth');
my %user = (
	type => 'authorized_user', client_id => 'client.apps.example', client_secret => $secret{client},
	refresh_token => $secret{refresh}, token_uri => 'http://127.0.0.1:9/token');
my $subject_file = written('subject', "$secret{subject}\n");
my %external = (
	type => 'external_account',
	audience => '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
	subject_token_type => 'urn:ietf:params:oauth:token-type:jwt',
	token_url => 'http://127.0.0.1:9/v1/token',
	credential_source => { file => $subject_file });
my $impersonation = 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/';
my %impersonating = (
	%external, service_account_impersonation_url => $impersonation . 'loader@test-project.iam.gserviceaccount.com:generateAccessToken');

# The scripted server

sub ask
{
	return ask_fake($url, @_);
}

sub accept_key
{
	my ($id, $pem) = @_;

	return ask('/google-auth/accept', { email => $email, kid => $id, public_key => $pem });
}

# The requests since it was asked last, such as "sts 1, iam 1"; takes the faults away.
sub calls
{
	my $calls = ask('/google-auth/calls?clear=1');

	return join(', ', map { "$_ $calls->{$_}" } sort keys %$calls);
}

# The server

sub quoted
{
	my ($text) = @_;

	return 'NULL' unless defined $text;
	return "'" . $text =~ s/'/''/gr . "'";
}

sub tokens_sql
{
	my ($file, $steps, %option) = @_;

	return sprintf("SELECT unnest(dataops._test_google_tokens(%s, '%s', '%s', '{%s}', %s))", quoted($file), $url,
		$option{scopes} // $scope, $steps, $option{files} // 'true');
}

# What a statement, or several in one session, gave; its error, if it is one.
sub result
{
	my (@sql) = @_;
	my ($code, $out, $err) = $node->psql('postgres', join(";\n", @sql));

	$out = $code == 0 ? $out : $err =~ s/^psql:\S+ //r;
	push @shown, $out;
	return $out;
}

sub tokens { return result(tokens_sql(@_)) }

# The same with the numbers of tokens counted from one.
sub numbered
{
	my ($lines) = @_;
	my (%number, @result);

	for my $line (split /\n/, $lines)
	{
		my ($kind, $id) = $line =~ /^ya29\.canary-(\w+)-(\d+)$/ or return $lines;

		$number{$id} = 1 + keys %number unless exists $number{$id};
		push @result, "$kind-$number{$id}";
	}
	return join(' ', @result);
}

sub credentials
{
	my ($name, $content) = @_;

	return written("$name.json", $content);
}

accept_key('key-1', $public);
my $account_file = credentials('account', \%account);
my $user_file = credentials('user', \%user);

# The kinds

is(numbered(tokens($account_file, 'get,get')), 'account-1 account-1', 'a service account, asked twice');
is(calls(), 'token 1', 'one request for both');
is(result("SELECT dataops._test_google_project('$account_file')"), 'test-project', 'its project');
is(result("SELECT dataops._test_google_project('$user_file') IS NULL"), 't', 'a user has none');
is_deeply(ask('/google-auth/scopes?token=' . tokens($account_file, 'get', scopes => $two_scopes)), [ split / /, $two_scopes ],
	'the scopes are those asked for');
like(tokens(credentials('old_form', { %account, private_key => $old_form_key }), 'get'), qr/^ya29\.canary-account-\d+$/,
	'a key in the older form');
like(tokens($user_file, 'get'), qr/^ya29\.canary-user-\d+$/, 'an authorized user');
calls();
my $machine = tokens(undef, 'get', scopes => $two_scopes);
like($machine, qr/^ya29\.canary-machine-\d+$/, 'the metadata server');
is_deeply(ask("/google-auth/scopes?token=$machine"), [ split / /, $two_scopes ], 'with these scopes');
is(calls(), 'metadata 1', 'by one request');

my %source = (
	'a file' => { file => $subject_file },
	'a file with JSON' => {
		file => written('subject.json', { 'the.token' => $secret{subject} }),
		format => { type => 'json', subject_token_field_name => 'the.token' } },
	'an address' => {
		url => "$url/google-auth/subject?text=1", headers => { 'X-Subject-Key' => $secret{subject_key} },
		format => { type => 'text' } },
	'an address with JSON' => {
		url => "$url/google-auth/subject", headers => { 'X-Subject-Key' => $secret{subject_key} },
		format => { type => 'json', subject_token_field_name => 'the.token' } });
for my $kind (sort keys %source)
{
	my $file = credentials('external', { %external, credential_source => $source{$kind} });

	like(tokens($file, 'get'), qr/^ya29\.canary-external-\d+$/, "an external account, its token from $kind");
	is(calls(), $source{$kind}{url} ? 'sts 1, subject 1' : 'sts 1', '… by these requests');
}
my $impersonating_file = credentials('impersonating', \%impersonating);
my $impersonated = tokens($impersonating_file, 'get', scopes => $two_scopes);
like($impersonated, qr/^ya29\.canary-impersonated-\d+$/, 'a service account impersonated');
is_deeply(ask("/google-auth/scopes?token=$impersonated"), [ split / /, $two_scopes ], 'with the scopes asked for');
is(calls(), 'iam 1, sts 1', 'by an exchange and a call');
my ($exchange) = grep { $_->{path} eq '/v1/token' } reverse @{ ask('/requests') };
like($exchange->{body}, qr/scope=https%3A%2F%2Fwww\.googleapis\.com%2Fauth%2Fiam&/, 'the exchanged token is for that alone');

# Where they are asked for

for my $kind (
	[ 'a service account', $account_file, $url ], [ 'a user', $user_file, $url ], [ 'the metadata server', undef, $url ],
	[ 'an external account', credentials('external', \%external), $url ],
	[ 'one that is impersonated', $impersonating_file, "$url $url" ],
	[ 'one with an address', credentials('asking', { %impersonating, credential_source => { url => 'https://id.example/t' } }),
		"$url $url https://id.example/t" ])
{
	is(result('SELECT dataops._test_google_addresses(' . quoted($kind->[1]) . ", '$url')"), $kind->[2],
		"addresses that tokens of $kind->[0] take");
}

# base64

for my $form (
	[ 'one line', encode_base64($json->encode(\%account), '') ],
	[ 'wrapped', encode_base64($json->encode(\%account)) ],
	[ 'for URLs, without padding', encode_base64url($json->encode(\%account)) ])
{
	like(tokens(credentials('encoded', $form->[1]), 'get'), qr/^ya29\.canary-account-\d+$/, "base64: $form->[0]");
}
like(tokens(credentials('spaced', "\n\t " . $json->encode(\%account) . "\n"), 'get'), qr/^ya29\.canary-account-\d+$/,
	'white space around JSON');

# The cache

calls();
is(numbered(result(map { tokens_sql($_, 'get') } $account_file, $user_file, $account_file, $user_file)),
	'account-1 user-2 account-1 user-2', 'a process keeps a token for each of its credentials');
is(calls(), 'token 2', 'with one request each');
is(numbered(result(tokens_sql($account_file, 'get'), tokens_sql($account_file, 'get', scopes => $two_scopes))),
	'account-1 account-2', 'other scopes, another token');
is(numbered(result(tokens_sql($account_file, 'get'), tokens_sql($account_file, 'get') =~ s/127\.0\.0\.1:/127.0.0.1:0/r)),
	'account-1 account-2', 'another endpoint, another token');
is(numbered(tokens($account_file, 'get,renew,get')), 'account-1 account-2 account-2', 'a refused token is renewed');
is(numbered(tokens($account_file, 'look,renew_look,look,get')), 'account-1 account-2 account-2 account-2', 'also when nobody waits for it');
is(numbered(tokens($account_file, 'renew,get')), 'account-1 account-1', 'what was never handed out was not refused');
is(numbered(result(tokens_sql($account_file, 'get'), tokens_sql($account_file, 'renew'))), 'account-1 account-1',
	'nor was what another user of the cache got');
$node->safe_psql('postgres', q{
	CREATE ROLE second;
	GRANT USAGE ON SCHEMA dataops TO second;
	GRANT EXECUTE ON FUNCTION dataops._test_google_tokens TO second});
is(numbered(result(tokens_sql($account_file, 'get'), 'SET ROLE second', tokens_sql($account_file, 'get'))), 'account-1 account-2',
	'another role, another token');
calls();
ask('/google-auth/fault?on=token&do=short&seconds=224&times=2');
is(numbered(tokens($account_file, 'get,get,get,get')), 'account-1 account-2 account-3 account-3',
	'a token in its last minutes is not used again');
is(calls(), 'token 3', 'so many requests');
ask('/google-auth/fault?on=iam&do=short&seconds=100');
is(numbered(tokens($impersonating_file, 'get,get,get')), 'impersonated-1 impersonated-2 impersonated-2',
	'nor is that of an impersonated account');
is(calls(), 'iam 2, sts 2', 'so many requests');
is(numbered(result(map { tokens_sql($account_file, 'get', scopes => "$scope/$_") } (1 .. 40), 1, 40)),
	join(' ', map { "account-$_" } 1 .. 41, 40), 'the cache has an end: the oldest goes first');
is(calls(), 'token 41', 'and is then asked for again');

# Faults that pass

for my $fault (
	[ token => '500' ], [ token => '503' ], [ token => '429' ], [ token => '408' ], [ token => 'drop' ], [ token => 'nonsense' ],
	[ token => 'empty' ], [ token => '400&reason=temporarily_unavailable' ], [ sts => '500' ], [ sts => 'drop' ],
	[ iam => '500' ], [ iam => 'nonsense' ], [ metadata => '503' ], [ metadata => 'drop' ], [ subject => '500' ])
{
	my ($on, $do) = @$fault;
	my $file = $on eq 'token' ? $account_file : $on eq 'metadata' ? undef : $on eq 'subject'
	  ? credentials('external', { %external, credential_source => $source{'an address'} }) : $impersonating_file;

	# waited for, and looked in for as while rows are read
	for my $step ('get', 'look')
	{
		calls();
		ask("/google-auth/fault?on=$on&do=$do&times=2");
		like(tokens($file, $step), qr/^ya29\.canary-\w+-\d+$/, "$on: $do twice, then good, by $step");
		like(calls(), qr/\b$on 3\b/, 'third time lucky');
	}
}
ask('/google-auth/fault?on=token&do=503&times=9');
is(tokens($account_file, 'get,get'), join("\n",
		q{38000, may pass: Google's token endpoint answered with status 503 (scripted): scripted fault (after 4 attempts)},
		q{38000, may pass: Google's token endpoint answered with status 503 (scripted): scripted fault (after 4 attempts)}),
	'a failure that lasts is told, and not kept');
is(calls(), 'token 8', 'four attempts each');
ask('/google-auth/fault?on=token&do=503&times=4');
like(tokens($account_file, 'look,look'), qr/^38000, may pass: .* \(after 4 attempts\)\nya29\.canary-account-\d+$/, 'nor when nobody waits');
calls();
ask('/google-auth/fault?on=token&do=nonsense&times=9');
like(tokens($account_file, 'get'), qr/^08P01, may pass: the answer of Google's token endpoint is not JSON: .* \(after 4 attempts\)$/,
	'an answer that is not JSON');
calls();
ask('/google-auth/fault?on=iam&do=empty&times=9');
like(tokens($impersonating_file, 'get'), qr/^08P01, may pass: .* IAM credentials service has no "accessToken" \(after 4 attempts\)$/,
	'an answer without a token');
calls();

# Answers that are not what they should be

for my $wrong (
	[ '{"token_type":"mac"}', qr/holds no bearer token/ ], [ '{"token_type":null}', qr/holds no bearer token/ ],
	[ '{"access_token":"ya29.canary-two\r\nlines"}', qr/holds a token that is none/ ],
	[ '{"access_token":"ya29.canary-\u00e4"}', qr/holds a token that is none/ ],
	[ '{"expires_in":null}', qr/does not say how long/ ], [ '{"expires_in":-1}', qr/does not say how long/ ],
	[ '{"expires_in":99999999999}', qr/does not say how long/ ])
{
	ask('/google-auth/fault?on=token&do=with&value=' . $wrong->[0] =~ s/([^\w.-])/sprintf('%%%02X', ord $1)/ger);
	like(tokens($account_file, 'get'), qr/^08P01, may pass: the answer of Google's token endpoint .*$wrong->[1]/,
		"not accepted: $wrong->[0]");
}
ask('/google-auth/fault?on=token&do=with&value=%7B%22expires_in%22%3A%223599%22%7D');
like(tokens($account_file, 'get'), qr/^ya29/, 'seconds as a text are understood');
for my $moment ('"tomorrow"', 'null', '"2001-01-01T00:00:00Z"', '"2999-13-01T00:00:00Z"', '"2999-01-01T00:00:00+01:00"')
{
	ask('/google-auth/fault?on=iam&do=with&value={"expireTime":' . $moment =~ s/\+/%2B/r . '}');
	like(tokens($impersonating_file, 'get'), qr/^08P01, may pass: .*does not say how long/, "no time to expire: $moment");
}
ask('/google-auth/fault?on=iam&do=with&value={"expireTime":"2999-01-01T00:00:00.123456Z"}');
like(tokens($impersonating_file, 'get'), qr/^ya29/, 'a time with a fraction');
calls();

# Refusals

ask('/google-auth/fault?on=metadata&do=stranger&times=9');
is(tokens(undef, 'get'), q{08P01, final: what answered in place of the metadata server is none of Google's},
	'a metadata server that does not say so is none');
is(calls(), 'metadata 1', 'and is not asked again');
for my $refused (
	[ { %account, private_key => $other_key }, qr/38000, final: Google's token endpoint answered with status 400 \(invalid_grant\): Invalid JWT Signature\.$/ ],
	[ { %account, private_key_id => 'key-2' }, qr/\(invalid_grant\): Invalid JWT Signature\.$/ ],
	[ { %account, client_email => 'nobody@example.com' }, qr/\(invalid_grant\): Invalid grant: account not found$/ ],
	[ { %user, refresh_token => 'canary-revoked' }, qr/38000, final: .* status 400 \(invalid_grant\): Token has been expired or revoked\.$/ ],
	[ { %user, client_secret => 'canary-wrong' }, qr/38000, final: .* status 401 \(invalid_client\): The OAuth client was not found\.$/ ],
	[ { %external, credential_source => { file => written('wrong', 'canary-no-token') } },
		qr/38000, final: Google's Security Token Service answered with status 400 \(invalid_grant\): The subject token is not valid\.$/ ],
	[ { %impersonating, service_account_impersonation_url => $impersonation . '12345:generateAccessToken' },
		qr/38000, final: Google's IAM credentials service answered with status 403 \(PERMISSION_DENIED\): Permission 'iam\.serviceAccounts/ ],
	[ { %external, credential_source => { url => "$url/google-auth/subject" } },
		qr/38000, final: the subject token's source answered with status 403 \(forbidden\): no key$/ ],
	[ { %external, credential_source => { url => 'http://198.51.100.7/token' } },
		qr/^42501, final: could not ask the subject token's source: the host is not allowed/ ],
	[ { %external, credential_source => { file => written('empty', " \n") } }, qr/^08P01, may pass: the subject token is empty$/ ],
	[ { %external, credential_source => { file => $subject_file, format => { type => 'json', subject_token_field_name => 'x' } } },
		qr/^08P01, may pass: the subject token's source is not JSON$/ ],
	[ { %external, credential_source => { file => written('other.json', '{"y":"canary-other"}'), format => { type => 'json', subject_token_field_name => 'x' } } },
		qr/^08P01, may pass: the subject token's source lacks the member that "subject_token_field_name" names$/ ])
{
	like(tokens(credentials('refused', $refused->[0]), 'get'), $refused->[1], "refused: $refused->[1]");
}
like(tokens(credentials('kidless', { map { $_ eq 'private_key_id' ? () : ($_ => $account{$_}) } keys %account }), 'get'),
	qr/Invalid JWT Signature/, 'without the name of a key, none is named');
calls();
for my $kind ([ $account_file => 'token' ], [ $user_file => 'token' ], [ credentials('external', \%external) => 'sts' ],
	[ $impersonating_file => 'iam' ],
	[ credentials('asking', { %external, credential_source => $source{'an address'} }) => 'subject' ])
{
	ask("/google-auth/fault?on=$kind->[1]&do=echo");
	like(tokens($kind->[0], 'get'), qr/^38000, final: .* answered with status 400 \(invalid_grant\)$/,
		"$kind->[1]: a refusal that repeats what it was sent is not shown");
}
calls();

# Files of an external account are the caller's to allow

like(tokens(credentials('forbidden', { %external, credential_source => { file => "$folder/forbidden" } }), 'get'),
	qr/ERROR: .*the test does not allow this file/, 'a file that the caller refuses');
like(tokens(credentials('external', \%external), 'get', files => 'false'), qr/They name a file, and files are not read here/,
	'a caller who reads no files');
is(calls(), '', 'nothing was asked');

# Credentials that are none

sub changed
{
	my ($base, %change) = @_;
	my %result = (%$base, %change);

	delete @result{ grep { !defined $result{$_} } keys %result };
	return \%result;
}

for my $wrong (
	[ '', 'They are empty.' ],
	[ " \n", 'They are empty.' ],
	[ '/etc/canary-path.json', 'They are neither JSON nor the base64 form of it.' ],
	[ encode_base64('canary-not-json'), 'They are neither JSON nor the base64 form of it.' ],
	[ '"canary"', 'They are neither JSON nor the base64 form of it.' ],
	[ '{"type":"service_account","private_key":"canary-half', qr/^They are not JSON: .* at byte \d+\.$/ ],
	[ '{}' . ' ' x 70000, 'They are longer than any that Google makes.' ],
	[ '{}', '"type" is missing, or not a text.' ],
	[ { type => 'canary-type' }, '"type" is none of service_account, authorized_user and external_account.' ],
	[ changed(\%account, client_email => undef), '"client_email" is missing, or not a text.' ],
	[ changed(\%account, client_email => [ 'canary' ]), '"client_email" is missing, or not a text.' ],
	[ changed(\%account, private_key => ''), '"private_key" is missing, or not a text.' ],
	[ changed(\%account, private_key => 'canary-key'), '"private_key" is no private key in PEM form, or is encrypted.' ],
	[ changed(\%account, private_key => $public), '"private_key" is no private key in PEM form, or is encrypted.' ],
	[ changed(\%account, private_key => $key =~ s/\n/\\n/gr), '"private_key" is no private key in PEM form, or is encrypted.' ],
	[ changed(\%account, private_key => $encrypted_key), '"private_key" is no private key in PEM form, or is encrypted.' ],
	[ changed(\%account, private_key => $curve_key), '"private_key" is not an RSA key.' ],
	[ changed(\%account, private_key => (made_key('short', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:512'))[0]),
		'"private_key" is an RSA key of a size that is not in use.' ],
	[ changed(\%account, universe_domain => 'canary.example'), '"universe_domain" is another one than googleapis.com.' ],
	[ changed(\%user, client_id => undef), '"client_id" is missing, or not a text.' ],
	[ changed(\%user, client_secret => undef), '"client_secret" is missing, or not a text.' ],
	[ changed(\%user, refresh_token => undef), '"refresh_token" is missing, or not a text.' ],
	[ changed(\%external, audience => undef), '"audience" is missing, or not a text.' ],
	[ changed(\%external, subject_token_type => undef), '"subject_token_type" is missing, or not a text.' ],
	[ changed(\%external, credential_source => undef), '"credential_source" needs either "file" or "url", as a text.' ],
	[ changed(\%external, credential_source => { file => '/a', url => 'https://b' }), '"credential_source" needs either "file" or "url", as a text.' ],
	[ changed(\%external, credential_source => { url => 'canary:' }), qr/^"credential_source\.url" is no address: .*\.$/ ],
	[ changed(\%external, credential_source => { environment_id => 'aws1', url => 'https://b' }), 'A subject token that AWS would sign is not supported.' ],
	[ changed(\%external, credential_source => { url => 'https://b', headers => { A => 1 } }), '"credential_source.headers" holds something other than texts.' ],
	[ changed(\%external, credential_source => { file => '/a', format => { type => 'canary' } }), '"credential_source.format.type" is neither text nor json.' ],
	[ changed(\%external, credential_source => { file => '/a', format => { type => 'json' } }),
		'"credential_source.format.subject_token_field_name" is missing, or not a text.' ],
	[ changed(\%external, client_id => 'canary'), 'They are of a workforce pool; only workload identity pools are supported.' ],
	[ changed(\%external, workforce_pool_user_project => 'canary'), 'They are of a workforce pool; only workload identity pools are supported.' ],
	(map { [ changed(\%external, service_account_impersonation_url => $_),
			'"service_account_impersonation_url" does not end in /serviceAccounts/EMAIL:generateAccessToken.' ] }
		'https://canary.example/', $impersonation . 'canary', $impersonation . 'a/../b:generateAccessToken', $impersonation . ':generateAccessToken'),
	(map { [ changed(\%impersonating, service_account_impersonation => { token_lifetime_seconds => $_ }),
			'"service_account_impersonation.token_lifetime_seconds" is not between 600 and 43200.' ] } 599, 43201))
{
	my $err = result("\\set VERBOSITY verbose\nSELECT dataops._test_google_project(" . quoted(credentials('wrong', $wrong->[0])) . ')');
	my ($detail) = $err =~ /^DETAIL:  (.*)$/m;

	like($err, qr/ERROR:  22023: could not use the credentials for Google/, "refused: $wrong->[1]");
	ref $wrong->[1] ? like($detail, $wrong->[1], 'and says why') : is($detail, $wrong->[1], 'and says why');
}
like(result('SELECT dataops._test_google_project(' . quoted(credentials('wrong', { %external,
	credential_source => { url => 'https://b', headers => { 'X-A' => "canary\r\nX-B: 1" } } })) . ')'),
	qr/could not send header "X-A": its value contains a line break/, 'no header is smuggled in');
is(calls(), '', 'nothing was asked');

# A cancel ends the wait

ask('/google-auth/fault?on=token&do=hang');
my $session = session_start($node, 'waiting', tokens_sql($account_file, 'get'));
wait_for($node, q{SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE application_name = 'waiting'}, 'the wait for a token');
wait_for($node, q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiting'}, 'the cancel');
my $cancelled = session_end($session);
like($cancelled, qr/canceling statement due to user request/, 'a wait for a token is cancelled');
push @shown, $cancelled;

# Google's own verifier

my $now = time;
my $assertion = $node->safe_psql('postgres', "SELECT dataops._test_google_assertion('$account_file', '$two_scopes', $now)");
my ($head, $claims, $signature) = split /\./, $assertion;
is_deeply($json->decode(decode_base64url($head)), { alg => 'RS256', typ => 'JWT', kid => 'key-1' }, 'the header of an assertion');
is_deeply($json->decode(decode_base64url($claims)),
	{ iss => $email, scope => $two_scopes, aud => 'https://oauth2.googleapis.com/token', iat => $now, exp => $now + 3600 },
	'its claims');
SKIP: {
	my $verifier = <<'PYTHON';
import sys
from google.auth import jwt
claims = jwt.decode(sys.argv[1], certs={"key-1": open(sys.argv[2]).read()}, audience="https://oauth2.googleapis.com/token")
print(claims["iss"], claims["scope"], claims["exp"] - claims["iat"])
PYTHON
	my ($out, $err);

	IPC::Run::run([ '/usr/bin/python3', '-c', 'import google.auth.jwt, google.auth.crypt.rsa' ], '>', \$out, '2>', \$err)
	  or skip "Google's Python package google-auth is not here", 2;
	ok(IPC::Run::run([ '/usr/bin/python3', '-c', $verifier, $assertion, written('public', $public) ], '>', \$out, '2>', \$err),
		"Google's own verifier accepts it") or diag($err);
	is($out, "$email $two_scopes 3600\n", 'and reads the same');
}

# Nothing is left behind

assert_no_secret($node, { %secret, 'anything' => 'canary', 'a key' => $key, 'another key' => $other_key, 'a key in its old form' => $old_form_key, 'an assertion' => $assertion =~ s/\..*//r },
	'what was given back' => join("\n", grep { !/^(ya29\.canary-[a-z]+-\d+\s*)+$/ } map { split /\n/ } @shown));
assert_sent(ask('/requests?path=/v1/projects/-/serviceAccounts/loader@test-project.iam.gserviceaccount.com:generateAccessToken'),
	'Bearer ya29.canary-external-#');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE proname = '_test_google_tokens' AND has_function_privilege('public', oid, 'EXECUTE')}),
	'0', 'the functions of this test are not for everybody');

$node->stop;
$fake->kill_kill;
done_testing();
