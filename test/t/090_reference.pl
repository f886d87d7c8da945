# The reference is what the catalogue says, the catalogue says something about everything, and the other pages
# name nothing that does not exist.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use File::Basename;
use FindBin;
use lib $FindBin::Bin;
use Dataops;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = "$FindBin::Bin/../../docs";
my $node = start_cluster('reference');

# ---- nothing is without a comment ----

my $silent = $node->safe_psql('postgres', <<'SQL');
SELECT 'routine ' || p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname !~ '^_test_' AND obj_description(p.oid, 'pg_proc') IS NULL
UNION ALL
SELECT 'relation ' || c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT 'type ' || t.oid::regtype FROM pg_type t
WHERE t.typnamespace = 'dataops'::regnamespace AND t.typrelid = 0 AND t.typelem = 0 AND obj_description(t.oid, 'pg_type') IS NULL
UNION ALL
SELECT 'wrapper ' || w.fdwname FROM pg_foreign_data_wrapper w
WHERE w.fdwname LIKE 'dataops\_%' AND obj_description(w.oid, 'pg_foreign_data_wrapper') IS NULL
ORDER BY 1
SQL
is($silent, '', 'every routine, relation, type and wrapper has a comment');

my $terse = $node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
SELECT dataops._library_version() \g /dev/null
SELECT name FROM pg_settings WHERE name LIKE 'dataops.%' AND coalesce(short_desc, '') = '' ORDER BY 1
SQL
is($terse, '', 'every setting has a description');

my $anybody = $node->safe_psql('postgres', <<'SQL');
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname !~ '^_' AND p.proname !~ '_validator$'
  AND dataops._level_of(p.proname) IS NULL
ORDER BY 1
SQL
is($anybody, '', 'grant_role() has a level for every public function');

# ---- the page is current ----

my ($made, $stderr) = ('', '');
$node->psql('postgres', scalar(slurp_file("$docs/reference.sql")), stdout => \$made, stderr => \$stderr);
is($stderr, '', 'docs/reference.sql runs without a complaint');

my @made = split /\n/, $made;
my @kept = split /\n/, slurp_file("$docs/reference.md");
my $line = 0;
$line++ while $line < @made && $line < @kept && $made[$line] eq $kept[$line];
ok($line == @made && $line == @kept, 'docs/reference.md is current')
  or diag(sprintf("Run make reference. First difference in line %d:\n  page:      %s\n  catalogue: %s", $line + 1,
		$kept[$line] // '(end)', $made[$line] // '(end)'));

# ---- the other pages ----

my @pages = ("$docs/../README.md", sort glob("$docs/*.md"));
my %known = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT proname FROM pg_proc WHERE pronamespace = 'dataops'::regnamespace
UNION SELECT relname FROM pg_class WHERE relnamespace = 'dataops'::regnamespace
UNION SELECT substr(name, 9) FROM pg_settings WHERE name LIKE 'dataops.%' AND dataops._library_version() <> ''
SQL

# The anchors that a page's headings have.
sub anchors
{
	my ($text) = @_;
	my %anchors;

	foreach my $heading ($text =~ /^#+ +(.+)$/mg)
	{
		my $anchor = lc $heading;
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

my (@unknown, @dangling);
foreach my $page (@pages)
{
	my $text = slurp_file($page);
	my $name = basename($page);

	push @unknown, map { "$name: dataops.$_" } grep { !$known{$_} } $text =~ m{(?<![\w/])dataops\.([a-z_]+)}g;
	foreach my $link ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my ($path, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
		my $file = $path eq '' ? $page : dirname($page) . "/$path";

		push @dangling, "$name: $link"
		  if $path !~ /^https?:/ && (!-e $file || ($anchor ne '' && !anchors(scalar slurp_file($file))->{$anchor}));
	}
}
is(join(', ', @unknown), '', 'the pages name only what exists');
is(join(', ', @dangling), '', 'links between pages lead somewhere');

done_testing();
