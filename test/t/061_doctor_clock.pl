# doctor() about pg_cron: absent, in another database, not yet usable, without and with the job.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $library = `pg_config --pkglibdir`);
plan skip_all => 'pg_cron is not installed for this server' unless -f "$library/pg_cron.so";

my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
for my $database ('clock', 'other')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER owner TEMPLATE template0");
	$node->safe_psql($database, 'CREATE EXTENSION dataops', extra_params => [ '-U', 'owner' ]);
}

# The row about the clock, as the database's owner sees it.
sub clock
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SELECT coalesce(ok::text, 'unknown'), fix, who FROM dataops.doctor() WHERE item ~ 'pg_cron'},
		extra_params => [ '-U', 'owner' ]);
}

like(clock('clock'), qr/^false\|.*shared_preload_libraries = 'pg_cron'.*\|administrator of the server$/, 'not loaded');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'clock'");
$node->restart;
like(clock('other'), qr/^unknown\|SELECT cron\.schedule_in_database\('dataops tick other'.*'other', 'owner'\)\|administrator of database clock$/,
	'in another database: the statement for its administrator');
like(clock('clock'), qr/^false\|CREATE EXTENSION pg_cron\|/, 'not created');
$node->safe_psql('clock', 'CREATE EXTENSION pg_cron');
like(clock('clock'), qr/^false\|GRANT USAGE ON SCHEMA cron TO owner\|/, 'not granted');
$node->safe_psql('clock', 'GRANT USAGE ON SCHEMA cron TO owner');
like(clock('clock'), qr/^unknown\|SELECT cron\.schedule\(/, 'no job that the owner may see');

# What doctor() tells the owner to run mends it.
my ($fix) = clock('clock') =~ /\|(SELECT cron\.schedule\(.*?\));/;
$node->safe_psql('clock', $fix, extra_params => [ '-U', 'owner' ]);
is(clock('clock'), 'true||', 'the job is there');

# So does schedule(), once for each role.
$node->safe_psql('clock', q{SELECT cron.unschedule(jobid) FROM cron.job}, extra_params => [ '-U', 'owner' ]);
$node->safe_psql('clock', q{SELECT dataops.create_pipeline('often', schedule => '* * * * *')}, extra_params => [ '-U', 'owner' ]);
for my $time (1, 2)
{
	$node->safe_psql('clock', q{SELECT dataops.schedule('often')}, extra_params => [ '-U', 'owner' ]);
	is($node->safe_psql('clock', q{SELECT count(*), min(command), min(username) FROM cron.job}),
		'1|CALL dataops.tick()|owner', "one job of its owner after schedule(), time $time");
}

$node->stop;
done_testing();
