/*
 * rate.c
 *	  A token bucket with a second brake: the quota that the server itself reports.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/rate.h"

#include <math.h>

#include "portability/instr_time.h"

#define QUOTA_SLOW_FROM		0.5		/* share of the limit from which requests are spread out */
#define QUOTA_STOP_FROM		0.9		/* the rest is for requests on their way, and for others */

double
rate_clock_ms(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

void
rate_init(RateLimiter *limiter, double per_second, double burst, double now_ms)
{
	memset(limiter, 0, sizeof(*limiter));
	limiter->per_second = per_second;
	limiter->burst = Max(burst, 1.0);
	limiter->tokens = limiter->burst;
	limiter->refilled_ms = now_ms;
}

static void
refill(RateLimiter *limiter, double now_ms)
{
	double		gained = (now_ms - limiter->refilled_ms) / 1000.0 * limiter->per_second;

	limiter->tokens = Min(limiter->tokens + Max(gained, 0.0), limiter->burst);
	limiter->refilled_ms = now_ms;
}

/* How long until the bucket holds what this cost needs. */
static double
bucket_wait(const RateLimiter *limiter, double cost)
{
	double		missing = Min(cost, limiter->burst) - limiter->tokens;

	/* sums of fractions: a token that lacks a billionth is a token */
	return missing > 1e-9 ? missing / limiter->per_second * 1000.0 : 0.0;
}

long
rate_wait_ms(RateLimiter *limiter, double now_ms, double cost)
{
	double		wait = limiter->not_before_ms - now_ms;

	if (limiter->per_second > 0)
	{
		refill(limiter, now_ms);
		wait = Max(wait, bucket_wait(limiter, cost));
	}
	if (wait > 0)
		return Max((long) ceil(wait), 1);

	if (limiter->per_second > 0)
		limiter->tokens -= cost;
	if (now_ms < limiter->quota_until_ms)
		limiter->not_before_ms = Min(now_ms + limiter->unit_pause_ms * cost,
									 limiter->quota_until_ms);
	return 0;
}

void
rate_observe(RateLimiter *limiter, double used, double limit, double window_ms, double now_ms)
{
	double		left = limit * QUOTA_STOP_FROM - used;

	if (!(limit > 0 && window_ms > 0 && used >= 0))
		return;
	limiter->unit_pause_ms = 0;
	limiter->quota_until_ms = now_ms + window_ms;
	if (left <= 0)
		limiter->not_before_ms = now_ms + window_ms;
	else if (used > limit * QUOTA_SLOW_FROM)
		limiter->unit_pause_ms = window_ms / left;
}
