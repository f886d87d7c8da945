/*
 * attempts.c
 *	  Sending again, without standing still for it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/attempts.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "net/wait.h"

HttpAttempts
attempts_begin(HttpPool *pool)
{
	return (HttpAttempts) {.pool = pool, .began_ms = wait_clock_ms()};
}

bool
attempts_are_due(const HttpAttempts *attempts, bool wait)
{
	int64		left = attempts->due_ms - wait_clock_ms();

	if (left > 0 && wait)
		latch_sleep(left);
	return left <= 0 || wait;
}

void
attempts_send(HttpAttempts *attempts, const HttpRequest *request)
{
	if (attempts->transfer != NULL)
		transfer_release(attempts->transfer);
	attempts->transfer = NULL;
	attempts->transfer = transfer_start(attempts->pool, request, NULL);
	attempts->under_way = true;
	attempts->number++;
}

HttpResponse *
attempts_receive(HttpAttempts *attempts, bool wait)
{
	if (!transfer_finish(attempts->transfer, wait))
		return NULL;
	attempts->under_way = false;
	return transfer_response(attempts->transfer);
}

RetryDecision
attempts_decide(HttpAttempts *attempts, const RetryPolicy *policy, RetryAttempt *attempt)
{
	RetryDecision decision;

	attempt->number = attempts->number;
	attempt->elapsed_ms = wait_clock_ms() - attempts->began_ms;
	attempt->now = GetCurrentTimestamp();
	attempt->random = pg_prng_uint64(&pg_global_prng_state);
	decision = retry_decide(policy, attempt);
	if (decision.action == RETRY_AFTER)
		attempts->due_ms = wait_clock_ms() + decision.delay_ms;
	return decision;
}
