/*
 * retry.c
 *	  Decides after each attempt at a request whether, and when, there is another one.
 *
 * A request that may have had its effect is sent again only when that does no harm; what the server
 * asks for (Retry-After) goes before our own backoff as far as it can be believed.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/retry.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#define LONGEST_BELIEVED_MS	(INT64CONST(7) * 24 * 3600 * 1000)

const char *const status_action_names[] = {"fail", "retry", "skip", "stop"};
const int	status_action_count = lengthof(status_action_names);
static const StatusAction named_actions[] = {STATUS_FAIL, STATUS_RETRY, STATUS_SKIP, STATUS_STOP};

StaticAssertDecl(lengthof(named_actions) == lengthof(status_action_names),
				 "every name has its action");

static bool
status_codes_parse(StatusRule *rule, const char *codes)
{
	if (strlen(codes) != 3 || codes[0] < '1' || codes[0] > '5')
		return false;
	rule->first = rule->last = (codes[0] - '0') * 100;
	if (strcmp(codes + 1, "xx") == 0)
	{
		rule->last += 99;
		return true;
	}
	if (codes[1] < '0' || codes[1] > '9' || codes[2] < '0' || codes[2] > '9')
		return false;
	rule->first += (codes[1] - '0') * 10 + (codes[2] - '0');
	rule->last = rule->first;
	return true;
}

bool
status_rule_parse(StatusRule *rule, const char *codes, const char *action)
{
	if (!status_codes_parse(rule, codes))
		return false;
	for (int i = 0; i < status_action_count; i++)
	{
		if (strcmp(action, status_action_names[i]) == 0)
		{
			rule->action = named_actions[i];
			return true;
		}
	}
	return false;
}

static StatusAction
usual_action(int status)
{
	switch (status)
	{
		case 304:
			return STATUS_ACCEPT;
		case 408:
		case 425:
		case 429:
		case 500:
		case 502:
		case 503:
		case 504:
			return STATUS_RETRY;
		default:
			return status >= 200 && status <= 299 ? STATUS_ACCEPT : STATUS_FAIL;
	}
}

StatusAction
status_action(const StatusTable *table, int status)
{
	const StatusRule *narrowest = NULL;

	for (int i = 0; table != NULL && i < table->nrules; i++)
	{
		const StatusRule *rule = &table->rules[i];

		if (status < rule->first || status > rule->last)
			continue;
		if (narrowest == NULL || rule->last - rule->first < narrowest->last - narrowest->first)
			narrowest = rule;
	}
	return narrowest != NULL ? narrowest->action : usual_action(status);
}

/* The month that a date's three letters name, from 1; 0 when they name none. */
static int
month_number(const char *name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int month = 1; month <= 12; month++)
	{
		if (strncmp(name, names + (month - 1) * 3, 3) == 0)
			return month;
	}
	return 0;
}

/* A two-digit year is the one at most 50 years ahead of now (RFC 9110 §5.6.7). */
static int
full_year(int digits, TimestampTz now)
{
	int			this_year,
				month,
				day;
	int			year;

	j2date((int) (now / USECS_PER_DAY) + POSTGRES_EPOCH_JDATE, &this_year, &month, &day);
	year = this_year - this_year % 100 + digits;
	if (year > this_year + 50)
		return year - 100;
	return year <= this_year - 50 ? year + 100 : year;
}

/*
 * The fields of a date in one of the three forms of RFC 9110 §5.6.7, as they stand there; false
 * when the text is not one of these forms from beginning to end.
 */
static bool
http_date_scan(const char *text, TimestampTz now, struct pg_tm *tm)
{
	char		month[4];
	int			end = 0;		/* set by %n, so only where everything before it was there */

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &tm->tm_mday, month,
			   &tm->tm_year, &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &end) < 6 || end == 0)
	{
		if (sscanf(text, "%*[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &tm->tm_mday, month,
				   &tm->tm_year, &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &end) == 6 && end > 0)
			tm->tm_year = full_year(tm->tm_year, now);
		else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", month, &tm->tm_mday,
						&tm->tm_hour, &tm->tm_min, &tm->tm_sec, &tm->tm_year, &end) < 6)
			return false;
	}
	tm->tm_mon = month_number(month);
	return text[end] == '\0';
}

static bool
http_date_parse(const char *text, TimestampTz now, TimestampTz *moment)
{
	struct pg_tm tm = {0};

	if (!http_date_scan(text, now, &tm) || tm.tm_mon == 0 || tm.tm_year < 1970 ||
		tm.tm_mday < 1 || tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1] ||
		tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
		tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	*moment = (date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY +
		((tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec) * USECS_PER_SEC;
	return true;
}

bool
retry_after_parse(const char *value, TimestampTz now, int64 *delay_ms)
{
	size_t		digits = strspn(value, "0123456789");
	TimestampTz moment;

	if (digits > 0)
	{
		/* more than nine digits are beyond belief, and would not fit */
		if (value[digits] != '\0' || digits > 9)
			return false;
		*delay_ms = strtoll(value, NULL, 10) * 1000;
	}
	else
	{
		if (!http_date_parse(value, now, &moment) || moment < now)
			return false;
		*delay_ms = (moment - now + 999) / 1000;
	}
	return *delay_ms <= LONGEST_BELIEVED_MS;
}

AttemptOutcome
attempt_outcome(HttpVerdict verdict)
{
	switch (verdict)
	{
		case HTTP_COMPLETE:
			return ATTEMPT_STATUS;
		case HTTP_DNS_FAILED:
		case HTTP_CONNECT_FAILED:
			return ATTEMPT_UNSENT;
		case HTTP_BLOCKED:
		case HTTP_TLS_FAILED:
		case HTTP_TOO_LARGE:
			return ATTEMPT_REFUSED;
		case HTTP_TIMEOUT:
		case HTTP_RESET:
		case HTTP_TRUNCATED:
		case HTTP_BAD_ENCODING:
		case HTTP_MALFORMED:
		case HTTP_FAILED:
			break;
	}
	return ATTEMPT_BROKEN;
}

/* Exponential with full jitter: clients that failed together do not come back together. */
static int64
own_delay(const RetryPolicy *policy, const RetryAttempt *attempt)
{
	int64		bound = Min(policy->first_delay_ms, policy->max_delay_ms);

	for (int i = 1; i < attempt->number && bound < policy->max_delay_ms; i++)
		bound = Min(bound * 2, policy->max_delay_ms);
	return policy->jitter ? (int64) (attempt->random % ((uint64) bound + 1)) : bound;
}

/* NULL when the attempt's way of failing allows another attempt, else why not. */
static const char *
reason_against(const RetryAttempt *attempt)
{
	switch (attempt->outcome)
	{
		case ATTEMPT_UNSENT:
			return NULL;
		case ATTEMPT_BROKEN:
			return attempt->idempotent ? NULL :
				"the reply was lost, and sending the request twice could do harm";
		case ATTEMPT_REFUSED:
			return "another attempt would end the same way";
		case ATTEMPT_STATUS:
			break;
	}
	if (attempt->action != STATUS_RETRY)
		return "the status is not one to retry";
	/* with 425 and 429 the server says that it did not begin to work on the request */
	if (!attempt->idempotent && attempt->status != 425 && attempt->status != 429)
		return "the request may have had its effect, and sending it twice could do harm";
	return NULL;
}

static RetryDecision
give_up(const char *why)
{
	return (RetryDecision) {.action = RETRY_GIVE_UP, .why = why};
}

RetryDecision
retry_decide(const RetryPolicy *policy, const RetryAttempt *attempt)
{
	RetryDecision decision = {.action = RETRY_AFTER};
	const char *against;
	bool		asked;

	/* costs none of the attempts: an expired token says nothing about the server's health */
	if (attempt->outcome == ATTEMPT_STATUS && attempt->status == 401 && attempt->can_refresh)
		return (RetryDecision) {.action = RETRY_REFRESHED, .why = "the credential is made new"};

	against = reason_against(attempt);
	if (against != NULL)
		return give_up(against);

	asked = attempt->outcome == ATTEMPT_STATUS && attempt->retry_after != NULL &&
		retry_after_parse(attempt->retry_after, attempt->now, &decision.delay_ms);
	if (asked && decision.delay_ms > policy->max_delay_ms)
		return (RetryDecision) {.action = RETRY_LATER,
			.at = attempt->now + decision.delay_ms * 1000,
			.why = "the server asked for a longer pause than a run waits"};
	if (attempt->number >= policy->attempts)
		return give_up("all attempts are used up");

	if (!asked)
		decision.delay_ms = own_delay(policy, attempt);
	if (policy->max_total_ms > 0 && attempt->elapsed_ms + decision.delay_ms > policy->max_total_ms)
		return give_up("the time for all attempts is used up");
	decision.why = asked ? "the server asked for this pause" : "own backoff";
	return decision;
}
