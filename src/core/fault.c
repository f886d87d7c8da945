/*
 * fault.c
 *	  Fault points of test builds: dataops.fault = 'name:kill9|error|sleep[:nth]' strikes when the
 *	  point "name" is passed for the nth time (the first unless given) since the setting changed.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/fault.h"

#ifdef DATAOPS_TEST

#include <signal.h>
#include <unistd.h>

#include "core/compat.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

static char *fault_setting = "";
static int	passes;				/* of the point that the setting names */

static void
fault_assign(const char *value, void *extra)
{
	passes = 0;
}

void
fault_define(void)
{
	DefineCustomStringVariable("dataops.fault", "What happens at which fault point (test builds).",
							   "name:kill9, name:error or name:sleep, each with :nth",
							   &fault_setting, "",
							   PGC_USERSET, 0, NULL, fault_assign, NULL);
}

static void
fault_sleep(void)
{
	for (;;)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, WAIT_EVENT_PG_SLEEP);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
fault_point(const char *name)
{
	size_t		length = strlen(name);
	const char *action = fault_setting + length;
	const char *nth;

	if (strncmp(fault_setting, name, length) != 0 || *action++ != ':')
		return;
	nth = strchr(action, ':');
	if (++passes != (nth != NULL ? atoi(nth + 1) : 1))
		return;
	if (strncmp(action, "kill9", 5) == 0)
		kill(getpid(), SIGKILL);
	else if (strncmp(action, "sleep", 5) == 0)
		fault_sleep();
	else
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("fault point \"%s\"", name));
}

#endif
