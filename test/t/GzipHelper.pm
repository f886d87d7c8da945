# What the tests of the process that helps to compress share: who is there, how many were asked for, what happens to them.
#
# Copyright (c) 2026, dataops authors; PostgreSQL License
package GzipHelper;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(logged_since helpers wait_for_helpers set_helper_fault helpers_registered_by);

sub logged_since
{
	my ($node, $offset) = @_;

	return substr(slurp_file($node->logfile), $offset);
}

# What the system tells about a process; nothing of one that has ended.
sub told
{
	my ($process, $what) = @_;

	open my $file, '<', "/proc/$process/$what" or return '';
	return join('', <$file>);
}

# Children of the server by that title; the helper has no session, so no view shows it.
sub helpers
{
	my ($node) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

	return grep { told($_, 'cmdline') =~ /dataops gzip helper/ && told($_, 'stat') =~ /\) \S $postmaster / }
	  map { m{/(\d+)$} ? $1 : () } glob '/proc/*';
}

sub wait_for_helpers
{
	my ($node, $wanted, $what) = @_;

	for (1 .. 1200)
	{
		my @found = helpers($node);

		return @found if @found == $wanted;
		select(undef, undef, undef, 0.05);
	}
	BAIL_OUT("waited in vain for: $what");
}

# What happens to helpers from now on; they read the configuration when they start.
sub set_helper_fault
{
	my ($node, $fault) = @_;

	$node->safe_psql('postgres', "LOAD 'dataops'; ALTER SYSTEM SET dataops.fault = '$fault'");
	$node->reload;
	return;
}

# How many helpers the code asked the server for, and got registered; the postmaster tells about them from debug1 on.
sub helpers_registered_by
{
	my ($node, $code) = @_;
	my $began = -s $node->logfile;

	$code->();
	wait_for_helpers($node, 0, 'the helpers to have gone');
	return () = logged_since($node, $began) =~ /DEBUG:  registering background worker "dataops gzip helper"/g;
}

1;
