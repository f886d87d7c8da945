# kill -9 while a request of an export, a load or a publication is under way, before it has an effect and after it: the next
# run leaves what an undisturbed one leaves, and readers of production see the old rows or the new ones.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../../t";
use List::Util qw(uniq);
use Pipeline;
use Test::More;

my $pipeline = Pipeline->new('crash');
my $node = $pipeline->{node};
my %count;

# Of these each one is tried, and it matters whether it has had its effect; of the others the first, a middle and the last.
my %changes = map { $_ => 1 } qw(upload rewrite delete table.insert table.patch table.delete job.insert);

$count{$_}++ for @{ $pipeline->{requests} };
note("$_: $count{$_}") for sort keys %count;

my $kills = 0;

for my $kind (sort keys %count)
{
	for my $nth ($changes{$kind} ? 1 .. $count{$kind} : uniq 1, int(($count{$kind} + 1) / 2), $count{$kind})
	{
		for my $effect ('', $changes{$kind} ? '&effect' : ())
		{
			$pipeline->next_round;
			$pipeline->kill_at("$kind $nth$effect");
			is($pipeline->run, '', 'killed ' . ($effect ? 'after' : 'before') . " the effect of $kind $nth of $count{$kind}");
			$pipeline->is_undisturbed('and the next run makes it whole');
			$kills++;
		}
	}
}
cmp_ok($kills, '>=', 20, "$kills points");
$pipeline->finish($kills);

$node->stop;
done_testing();
