/*
 * rate.h
 *	  How fast one process may ask one server: a token bucket, slowed by what the server reports.
 *
 * Pure: "now_ms" is a monotonic clock's time, of rate_clock_ms() outside tests. Nothing throws.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RATE_H
#define DATAOPS_RATE_H

#include "postgres.h"

typedef struct RateLimiter
{
	double		per_second;		/* tokens that come in; 0: no limit of our own */
	double		burst;			/* tokens that the bucket holds, at least 1 */
	double		tokens;
	double		refilled_ms;	/* when "tokens" was true */
	double		unit_pause_ms;	/* asked by the quota: pause after each unit of cost */
	double		quota_until_ms; /* when the quota's report is out of date */
	double		not_before_ms;	/* asked by the quota: nothing goes before */
} RateLimiter;

/* Milliseconds of the monotonic clock. */
extern double rate_clock_ms(void);

/*
 * A full bucket. per_second may be a fraction (20 a minute: 20 / 60.0); zero means unlimited, and
 * then only a quota report slows. A burst below 1 counts as 1.
 */
extern void rate_init(RateLimiter *limiter, double per_second, double burst, double now_ms);

/*
 * May a request of this cost (1 for most) go now? 0: yes, and its tokens are taken. Otherwise wait
 * so many milliseconds (at least 1) and ask again: nothing is reserved. A cost above the burst goes
 * when the bucket is full, and leaves a debt.
 */
extern long rate_wait_ms(RateLimiter *limiter, double now_ms, double cost);

/*
 * A reply told that "used" of "limit" units are used up in the server's window of window_ms. Above
 * half of the limit the rest is spread over the window; from nine tenths on, nothing goes for one.
 */
extern void rate_observe(RateLimiter *limiter, double used, double limit, double window_ms,
						 double now_ms);

#endif
