/*
 * wait.c
 *	  Waiting without harm to others: nothing held that stops vacuum, interrupts served.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/wait.h"

#include "core/compat.h"

#include <time.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* clock value at which interactive waiting ends; 0 = not interactive */
static int64 interactive_until = 0;
static long interactive_limit_ms;
static const char *interactive_what;

int64
wait_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long
wait_begin(long timeout_ms)
{
	int64		left;

	if (interactive_until == 0)
	{
		InvalidateCatalogSnapshot();
		Assert(!HaveRegisteredOrActiveSnapshot());
		Assert(!TransactionIdIsValid(GetTopTransactionIdIfAny()));
		return timeout_ms;
	}
	left = interactive_until - wait_clock_ms();
	if (left <= 0)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("could not finish %s within %g s, the time for interactive use",
					   interactive_what, interactive_limit_ms / 1000.0),
				errhint("Run it as a step of a pipeline, which may wait as long as it needs."));
	return timeout_ms < 0 ? left : Min(timeout_ms, left);
}

static uint32
wait_event_sleep(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = compat_wait_event("DataopsSleep");
	return event;
}

void
latch_sleep(long ms)
{
	int64		until = wait_clock_ms() + ms;

	for (;;)
	{
		int64		left = until - wait_clock_ms();

		CHECK_FOR_INTERRUPTS();
		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 wait_begin(left), wait_event_sleep());
		ResetLatch(MyLatch);
	}
}

static void
wait_interactive_end(void *arg)
{
	interactive_until = 0;
}

void
wait_interactive(MemoryContext scope, long limit_ms, const char *what)
{
	MemoryContextCallback *end = MemoryContextAllocZero(scope, sizeof(MemoryContextCallback));

	end->func = wait_interactive_end;
	MemoryContextRegisterResetCallback(scope, end);
	interactive_what = MemoryContextStrdup(scope, what);
	interactive_limit_ms = limit_ms;
	interactive_until = wait_clock_ms() + limit_ms;
}
