# Every fault of a service at the first, a middle and the last of its requests of each kind: one that passes disturbs nobody,
# one that lasts fails the run, and after the next one everything is as an undisturbed run leaves it.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use List::Util qw(uniq);
use Pipeline;
use Test::More;

my $pipeline = Pipeline->new('faults');
my $requests = @{ $pipeline->{requests} };
my %count;
my $rounds = 0;

$count{$_}++ for @{ $pipeline->{requests} };

# One round under faults, each "kind nth fault&options"; what its run fails with.
sub disturbed
{
	my (@faults) = @_;

	$pipeline->next_round;
	$rounds++;
	return $pipeline->run_under(@faults);
}

# The numbers of first, middle and last: each fault before has made one request more.
sub places
{
	my ($count) = @_;
	my $before = 0;

	return map { $_ + $before++ } uniq 1, int(($count + 1) / 2), $count;
}

# ---- faults that pass: all of a kind in one round ----

for my $fault ('401', '403', '429&retry_after=1', '500', '503', 'drop', 'lose', 'cut')
{
	my @places = $fault =~ /^\d+$/ ? (map { my $kind = $_; map { "$kind $_" } places($count{$kind}) } sort keys %count)
	  # these are waited for
	  : map { "any $_" } places($requests);

	is(disturbed(map { "$_ $fault" } @places), '', "$fault at " . join(', ', @places));
	$pipeline->is_undisturbed('disturbs nothing');
}

# ---- lost answers of whatever changes something: what is asked again counts, too ----

for my $fault (qw(lose cut))
{
	my @places = map { my $kind = $_; map { "$kind " . (2 * $_ - 1) } 1 .. $count{$kind} } qw(upload rewrite table.insert job.insert);

	is(disturbed(map { "$_ $fault" } @places, 'delete 1', 'delete 3', 'table.delete 1'), '', "$fault at each of them");
	$pipeline->is_undisturbed('disturbs nothing');
}

# ---- faults that last: the run fails, and the next one makes it whole ----

# A right that is taken away, at once; a service that is not there, after some tries.  Left out is what is no failure: a job
# is asked for as long as it may take; a merge's own table that could not be deleted expires, though not in this emulator; and
# after the last job only files of the load are deleted, which the next run does as well.
my $last = (grep { $pipeline->{requests}[ $_ - 1 ] eq 'job.insert' } 1 .. $requests)[-1];
my %lasting = (
	'403&reason=forbidden' => [ map { "any $_" } uniq 1, map { int($last * $_ / 8) } 1 .. 8 ],
	'503' => [ map { "$_ 1" } grep { $_ !~ /^(job\.get|table\.delete)$/ } sort keys %count ]);

for my $fault (sort keys %lasting)
{
	for my $place (@{ $lasting{$fault} })
	{
		like(disturbed("$place $fault&times=1000"), qr/failed at step ".*@(lake|bq)"/, "$fault from $place on");
		is($pipeline->run, '', 'and no more');
		$pipeline->is_undisturbed('is made whole');
	}
}
$pipeline->finish($rounds);

$pipeline->{node}->stop;
done_testing();
