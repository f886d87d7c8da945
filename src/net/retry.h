/*
 * retry.h
 *	  What to do after an attempt at a request: decisions only, nothing here waits or throws
 *	  (status_rule_parse included).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RETRY_H
#define DATAOPS_RETRY_H

#include "postgres.h"
#include "datatype/timestamp.h"

#include "net/http.h"

typedef struct RetryPolicy
{
	int			attempts;		/* at most so many in all, the first included */
	int64		first_delay_ms; /* upper bound of the first own delay; it doubles each time */
	int64		max_delay_ms;	/* the longest delay inside a run */
	int64		max_total_ms;	/* from the first attempt to the start of the last; 0: no bound */
	bool		jitter;			/* delays are drawn from 0 to their bound; else the bound */
} RetryPolicy;

#define RETRY_POLICY_DEFAULT \
	((RetryPolicy) {.attempts = 5, .first_delay_ms = 500, .max_delay_ms = 60000, .jitter = true})

typedef enum AttemptOutcome
{
	ATTEMPT_STATUS,				/* a whole reply arrived, with a status */
	ATTEMPT_UNSENT,				/* no name, connection or handshake: no request was seen */
	ATTEMPT_BROKEN,				/* the request was sent; its reply is missing, late or damaged */
	ATTEMPT_REFUSED				/* a certificate, the gate or a limit: would end the same */
} AttemptOutcome;

extern AttemptOutcome attempt_outcome(HttpVerdict verdict);

typedef enum StatusAction
{
	STATUS_ACCEPT,				/* the reply is what was asked for */
	STATUS_FAIL,
	STATUS_RETRY,
	STATUS_SKIP,				/* no records here, go on with the next request */
	STATUS_STOP					/* no records here, and the end of the pages */
} StatusAction;

/* One user's rule: what the statuses first … last mean. */
typedef struct StatusRule
{
	int			first;
	int			last;
	StatusAction action;
} StatusRule;

typedef struct StatusTable
{
	int			nrules;
	const StatusRule *rules;
} StatusTable;

/* The words for actions in a source's "status", for messages that name the nearest one. */
extern const char *const status_action_names[];
extern const int status_action_count;

/*
 * Fill "rule" from codes ("404", or "5xx" for a class) and the name of an action; false when either
 * is not understood. Statuses from 100 to 599; accepting is not among the names.
 */
extern bool status_rule_parse(StatusRule *rule, const char *codes, const char *action);

/*
 * What a status means: the table's narrowest rule for it (table may be NULL), else the usual:
 * 2xx and 304 are accepted; 408, 425, 429, 500, 502, 503 and 504 retried; all others fail.
 */
extern StatusAction status_action(const StatusTable *table, int status);

typedef struct RetryAttempt
{
	int			number;			/* of this attempt, from 1 */
	AttemptOutcome outcome;
	int			status;			/* ATTEMPT_STATUS only */
	StatusAction action;		/* ATTEMPT_STATUS only: STATUS_FAIL or STATUS_RETRY */
	bool		idempotent;		/* sending it twice does no harm */
	bool		can_refresh;	/* a new credential can be had, and none was tried yet */
	const char *retry_after;	/* value of the header field, or NULL */
	int64		elapsed_ms;		/* since the first attempt began */
	TimestampTz now;
	uint64		random;
} RetryAttempt;

typedef enum RetryAction
{
	RETRY_GIVE_UP,
	RETRY_AFTER,				/* again, delay_ms from now */
	RETRY_REFRESHED,			/* again at once, with a new credential */
	RETRY_LATER					/* not in this run: not before "at" */
} RetryAction;

typedef struct RetryDecision
{
	RetryAction action;
	int64		delay_ms;		/* RETRY_AFTER */
	TimestampTz at;				/* RETRY_LATER; else 0 */
	const char *why;			/* constant text, for the ledger and the log */
} RetryDecision;

extern RetryDecision retry_decide(const RetryPolicy *policy, const RetryAttempt *attempt);

/*
 * The delay that a Retry-After value (RFC 9110 §10.2.3: seconds, or a date in one of three forms)
 * asks for; false when there is none to believe: not of these forms, in the past, over a week away.
 */
extern bool retry_after_parse(const char *value, TimestampTz now, int64 *delay_ms);

#endif
