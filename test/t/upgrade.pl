# Each version that can be upgraded ends with the same catalogue as a fresh installation.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $catalogue = slurp_file(dirname(__FILE__) . '/../upgrade/catalog.sql');

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

# Runs the statements as the ordinary owner of a database of its own, and returns what the extension then consists of.
sub catalogue_after
{
	my ($database, @statements) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER app");
	$node->safe_psql($database, $_, extra_params => [ '-U', 'app' ]) for @statements;
	return $node->safe_psql($database, $catalogue);
}

# The lines that only one of two catalogues has.
sub differences
{
	my ($have, $want) = @_;
	my %have = map { $_ => 1 } split /\n/, $have;
	my %want = map { $_ => 1 } split /\n/, $want;

	return join "\n", (map { "- $_" } grep { !$have{$_} } sort keys %want),
	  (map { "+ $_" } grep { !$want{$_} } sort keys %have);
}

# The installed files tell the versions: the server does not list what it finds in a staging root.
my $directory = $ENV{DATAOPS_EXTENSION_DIR} or BAIL_OUT('DATAOPS_EXTENSION_DIR is not set: run this by "make check-tap"');
my ($version) = slurp_file("$directory/dataops.control") =~ /^default_version\s*=\s*'(.*)'/m;
my $fresh = catalogue_after('fresh', 'CREATE EXTENSION dataops');
like($fresh, qr/^member \| \(schema,,dataops,dataops\)/m, 'the catalogue lists members');
like($fresh, qr/^schema \| .* \| owner /m, 'the catalogue shows definitions');

# A version is tested from its frozen installation script, which the tests' stage has for each release.
my @old = sort grep { -f "$directory/dataops--$_.sql" }
  map { m{/dataops--(.+)--\Q$version\E\.sql$} } glob "$directory/dataops--*--$version.sql";
cmp_ok(scalar(@old), '>=', 1, 'there are versions to upgrade from');

for my $old (@old)
{
	(my $database = "from_$old") =~ s/\W/_/g;
	my $upgraded = catalogue_after($database,
		"CREATE EXTENSION dataops VERSION '$old'", "ALTER EXTENSION dataops UPDATE TO '$version'");
	is(differences($upgraded, $fresh), '', "an upgrade from $old equals a fresh installation");
}

# An upgrade runs the whole API again, on top of an older one: that must change nothing by itself.
my $again = catalogue_after('again',
	'CREATE EXTENSION dataops', "ALTER EXTENSION dataops UPDATE TO '$version.again'");
is(differences($again, $fresh), '', 'running the API again changes nothing');

$node->stop;
done_testing();
