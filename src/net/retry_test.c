/*
 * retry_test.c
 *	  SQL access to retry and rate decisions, for the regression tests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "net/rate.h"
#include "net/retry.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(dataops_test_retry);
PG_FUNCTION_INFO_V1(dataops_test_retry_after);
PG_FUNCTION_INFO_V1(dataops_test_status);
PG_FUNCTION_INFO_V1(dataops_test_rate);

static AttemptOutcome
outcome_named(const char *name)
{
	static const char *const names[] = {"status", "unsent", "broken", "refused"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return (AttemptOutcome) i;
	}
	elog(ERROR, "no such outcome: %s", name);
}

static char *
decision_text(const RetryDecision *decision, TimestampTz now)
{
	switch (decision->action)
	{
		case RETRY_GIVE_UP:
			return psprintf("give up: %s", decision->why);
		case RETRY_AFTER:
			return psprintf("after " INT64_FORMAT " ms: %s", decision->delay_ms, decision->why);
		case RETRY_REFRESHED:
			return psprintf("refreshed: %s", decision->why);
		case RETRY_LATER:
			return psprintf("later by " INT64_FORMAT " ms: %s",
							(decision->at - now) / 1000, decision->why);
	}
	return NULL;
}

/*
 * (number, outcome, status, retry_after, idempotent, can_refresh, elapsed_ms, now, random, jitter,
 * max_total_ms) → what is decided, with the default policy otherwise. random -1 is the greatest.
 */
Datum
dataops_test_retry(PG_FUNCTION_ARGS)
{
	RetryPolicy policy = RETRY_POLICY_DEFAULT;
	RetryAttempt attempt = {
		.number = PG_GETARG_INT32(0),
		.outcome = outcome_named(text_to_cstring(PG_GETARG_TEXT_PP(1))),
		.status = PG_GETARG_INT32(2),
		.action = status_action(NULL, PG_GETARG_INT32(2)),
		.retry_after = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)),
		.idempotent = PG_GETARG_BOOL(4),
		.can_refresh = PG_GETARG_BOOL(5),
		.elapsed_ms = PG_GETARG_INT64(6),
		.now = PG_GETARG_TIMESTAMPTZ(7),
		.random = (uint64) PG_GETARG_INT64(8),
	};
	RetryDecision decision;

	policy.jitter = PG_GETARG_BOOL(9);
	policy.max_total_ms = PG_GETARG_INT64(10);
	decision = retry_decide(&policy, &attempt);
	PG_RETURN_TEXT_P(cstring_to_text(decision_text(&decision, attempt.now)));
}

/* (value, now) → milliseconds, or null when the value is not believed */
Datum
dataops_test_retry_after(PG_FUNCTION_ARGS)
{
	int64		delay_ms;

	if (!retry_after_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_TIMESTAMPTZ(1),
						   &delay_ms))
		PG_RETURN_NULL();
	PG_RETURN_INT64(delay_ms);
}

/* (codes text[], actions text[], status) → the action's name, or what was not understood */
Datum
dataops_test_status(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"accept", "fail", "retry", "skip", "stop"};
	Datum	   *codes;
	Datum	   *actions;
	StatusRule	rules[16];
	StatusTable table = {.rules = rules};

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT,
					  &codes, NULL, &table.nrules);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &actions, NULL, &table.nrules);
	if (table.nrules > (int) lengthof(rules))
		elog(ERROR, "too many rules");
	for (int i = 0; i < table.nrules; i++)
	{
		if (!status_rule_parse(&rules[i], TextDatumGetCString(codes[i]),
							   TextDatumGetCString(actions[i])))
			PG_RETURN_TEXT_P(cstring_to_text("not understood"));
	}
	PG_RETURN_TEXT_P(cstring_to_text(names[status_action(&table, PG_GETARG_INT32(2))]));
}

/* The numbers of a float8[] argument. */
static int
float_array(ArrayType *array, Datum **values, bool **nulls)
{
	int			count;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  values, nulls, &count);
	return count;
}

/*
 * (per_second, burst, times_ms[], costs[], used[]) → the wait that each event gets. Where used is
 * not null, a report of that much of 100 units in 10 seconds is observed before.
 */
Datum
dataops_test_rate(PG_FUNCTION_ARGS)
{
	Datum	   *times,
			   *costs,
			   *used;
	bool	   *nulls;
	int			count = float_array(PG_GETARG_ARRAYTYPE_P(2), &times, &nulls);
	Datum	   *waits = palloc(sizeof(Datum) * count);
	RateLimiter limiter;

	if (float_array(PG_GETARG_ARRAYTYPE_P(3), &costs, &nulls) != count ||
		float_array(PG_GETARG_ARRAYTYPE_P(4), &used, &nulls) != count)
		elog(ERROR, "arrays of different lengths");
	rate_init(&limiter, PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1), 0);
	for (int i = 0; i < count; i++)
	{
		double		now_ms = DatumGetFloat8(times[i]);

		if (!nulls[i])
			rate_observe(&limiter, DatumGetFloat8(used[i]), 100, 10000, now_ms);
		waits[i] = Int64GetDatum(rate_wait_ms(&limiter, now_ms, DatumGetFloat8(costs[i])));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(waits, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

#endif
