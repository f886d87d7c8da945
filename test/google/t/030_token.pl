# The assertion of a service account, verified by Google's own library before there is a token.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use HTTP::Tiny;
use JSON::PP;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use Counterparts;
use Dataops;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = PostgreSQL::Test::Utils::tempdir;
my ($ports, $verifier) = do {
	local $ENV{PYTHONPATH} = $ENV{DATAOPS_TEST_CLIENTS};
	start_server("$FindBin::Bin/../token_verifier.py", $keys);
};
my $oauth2 = "http://127.0.0.1:$ports->{port}";
my $node = start_pointed('token', storage => $ENV{DATAOPS_TEST_STORAGE}, oauth2 => $oauth2);

client('bucket', 'guarded');
$node->append_conf('postgresql.conf', "dataops.env_allowed = 'file:$keys/service_account.json, file:$keys/stranger.json'");
$node->reload;
for my $account ('service_account', 'stranger')
{
	as_app($node, <<SQL);
CREATE SERVER $account FOREIGN DATA WRAPPER dataops_gcs OPTIONS (bucket 'guarded', prefix '$account');
CREATE USER MAPPING FOR app SERVER $account OPTIONS (credentials 'file:$keys/$account.json');
SELECT dataops.grant_reference('file:$keys/$account.json', 'app', 'dataops_gcs', '127.0.0.1');
SQL
}

sub put_in
{
	my ($server) = @_;

	return decode_json(as_app($node, "SELECT row_to_json(r) FROM dataops._test_store('$server', 'put', 'x', 10) r"));
}

sub verdicts
{
	return decode_json(HTTP::Tiny->new->get("$oauth2/verdicts")->{content});
}

is(put_in('service_account')->{outcome}, 'done', 'with its own key the account may write');
is_deeply(verdicts(), ['accepted'], 'Google\'s library accepts its assertion, and one token does for all requests');
is_deeply([ map { $_->[0] } @{ client('objects', 'guarded', '') } ], ['service_account/x'], 'the object is there');

my $refused = put_in('stranger');
is($refused->{outcome}, 'failed', 'with a stranger\'s key it may not');
like($refused->{reason}, qr/Invalid JWT/, 'and Google\'s words are passed on');
like(verdicts()->[1], qr/Could not verify token signature/, 'because of the signature');
is(scalar @{ client('objects', 'guarded', 'stranger') }, 0, 'nothing was written');

assert_no_secret($node,
	{ token => 'ya29.test-', assertion => 'eyJhbGciOi', map { $_ => decode_json(slurp_file("$keys/$_.json"))->{private_key} } qw(service_account stranger) });

done_testing();
