/*
 * client.c
 *	  Asking, waiting, trying again.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/client.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "catalog/option.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/json.h"
#include "net/wait.h"
#include "remote/reach.h"

#define ERROR_BODY_BYTES	16384	/* of an error's body that is looked at for its message */

/* ---- the connection's limits ---- */

/* The tighter of the source's and the connection's rate. */
static void
init_rate(Client *client, const Connection *connection)
{
	const RateSpec *spec = &client->source->rate;
	double		per_second = spec->per_second;
	const char *text = option_text(connection->options, "rate", NULL);
	double		count;
	int			period_ms;

	if (text != NULL && option_rate_parse(text, &count, &period_ms) &&
		(per_second == 0 || count * 1000 / period_ms < per_second))
		per_second = count * 1000 / period_ms;
	rate_init(&client->rate, per_second, spec->burst, rate_clock_ms());
}

Client *
client_create(MemoryContext memory, const Connection *connection, const SourceSpec *source)
{
	MemoryContext previous = MemoryContextSwitchTo(memory);
	Client	   *client = palloc0(sizeof(Client));
	PoolOptions options;

	client->memory = memory;
	client->source = source;
	client->gate = reach_gate(connection);
	options = reach_pool_options(connection, &client->gate);
	client->pool = pool_create(memory, &options);
	client->connections = options.connections;
	dlist_init(&client->waiting);
	init_rate(client, connection);
	MemoryContextSwitchTo(previous);
	return client;
}

/* ---- sending ---- */

static void
send_request(Client *client, Ask *ask)
{
	MemoryContext previous = MemoryContextSwitchTo(ask->memory);
	const RequestParts *parts = ask->parts;
	HttpHeader *headers = palloc(sizeof(HttpHeader) * (parts->nheaders + 2));
	HttpRequest request = {.method = client->source->method, .url = ask->url};

	memcpy(headers, parts->headers, sizeof(HttpHeader) * parts->nheaders);
	request.headers = headers;
	request.nheaders = parts->nheaders;
	if (ask->if_none_match != NULL)
		headers[request.nheaders++] = (HttpHeader) {"If-None-Match", ask->if_none_match};
	if (ask->if_modified_since != NULL)
		headers[request.nheaders++] = (HttpHeader) {"If-Modified-Since", ask->if_modified_since};
	request.secret_headers = parts->secret_headers;
	request.nsecret_headers = parts->nsecret_headers;
	request.body = parts->body;
	request.body_length = parts->body != NULL ? strlen(parts->body) : 0;
	FAULT_POINT("fetch_before_request");
	if (ask->attempt++ == 0)
		ask->first_ms = wait_clock_ms();
	ask->started_at = GetCurrentTimestamp();
	ask->transfer = transfer_start(client->pool, &request, ask);
	MemoryContextSwitchTo(previous);
}

/*
 * Sends what may go now, in the order in which it was asked for.  Returns the milliseconds after
 * which more may go, -1 when nothing is left to be sent.
 */
static long
send_due(Client *client)
{
	int64		now = wait_clock_ms();
	int64		next = -1;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &client->waiting)
	{
		Ask		   *ask = dlist_container(Ask, node, iter.cur);
		long		pause = ask->send_ms > now ? 0 :
			rate_wait_ms(&client->rate, rate_clock_ms(), client->source->rate.cost);

		if (ask->send_ms <= now && pause == 0)
		{
			dlist_delete(&ask->node);
			send_request(client, ask);
			continue;
		}
		if (next < 0 || Max(ask->send_ms, now + pause) < next)
			next = Max(ask->send_ms, now + pause);
		if (pause > 0)
			break;				/* the rate is one for all */
	}
	return next < 0 ? -1 : Max(next - now, 1);
}

static void
send_later(Client *client, Ask *ask, int64 pause_ms)
{
	ask->transfer = NULL;
	ask->send_ms = wait_clock_ms() + pause_ms;
	dlist_push_tail(&client->waiting, &ask->node);
}

Ask *
client_ask(Client *client, const PageRequest *page, const RequestParts *parts, void *owner)
{
	Ask		   *ask = palloc0(sizeof(Ask));

	ask->memory = CurrentMemoryContext;
	ask->page = page;
	ask->parts = parts;
	ask->owner = owner;
	ask->url = request_with_secret(page->url, parts);
	ask->shown = url_shown(page->url);
	send_later(client, ask, 0);
	return ask;
}

/* ---- judging ---- */

/* Does the text repeat the secret: as it is, percent-encoded, or as the header field had it? */
static bool
mentions_secret(const RequestParts *parts, const char *text)
{
	StringInfoData encoded;

	if (parts->secret == NULL || *parts->secret == '\0')
		return false;
	initStringInfo(&encoded);
	url_encode(&encoded, parts->secret);
	if (strstr(text, parts->secret) != NULL || strstr(text, encoded.data) != NULL)
		return true;
	for (int i = 0; i < parts->nsecret_headers; i++)
	{
		const char *value = parts->secret_headers[i].value;
		const char *word = strrchr(value, ' ');

		if (strstr(text, word != NULL ? word + 1 : value) != NULL)
			return true;
	}
	return false;
}

/* What a service's error body says, or NULL; without the secret, should it be repeated there. */
static char *
error_message(const Ask *ask, HttpResponse *response)
{
	StringInfoData text;
	HttpBody   *body = http_body_open(response);
	const char *chunk;
	size_t		length;
	char	   *message;

	initStringInfo(&text);
	while (text.len < ERROR_BODY_BYTES && http_body_read(body, &chunk, &length))
		appendBinaryStringInfo(&text, chunk, Min(length, ERROR_BODY_BYTES - text.len));
	/* looked for before the text is cut, which could leave a part of it, and after it is read */
	if (mentions_secret(ask->parts, text.data))
		return NULL;
	message = json_error_message(text.data, text.len);
	return message != NULL && mentions_secret(ask->parts, message) ? NULL : message;
}

static void
log_request(Client *client, Ask *ask, const char *problem)
{
	HttpResponse *response = transfer_response(ask->transfer);
	RequestLog	log = {
		.method = client->source->method,
		.url = ask->shown,
		.status = response->status,
		.problem = problem,
		.bytes = response->bytes,
		.took_ms = response->took_ms,
		.attempt = ask->attempt,
		.started_at = ask->started_at
	};

	if (client->observer != NULL)
		client->observer(&log, client->observer_arg);
}

static void
observe_quota(Client *client, HttpResponse *response)
{
	const RateSpec *rate = &client->source->rate;
	const char *used;

	if (rate->quota_header == NULL || (used = http_header(response, rate->quota_header)) == NULL)
		return;
	rate_observe(&client->rate, strtod(used, NULL), rate->quota, rate->quota_window_ms,
				 rate_clock_ms());
}

static const char *
hint_for(const HttpResponse *response)
{
	if (response->verdict == HTTP_COMPLETE)
		return response->status == 401 || response->status == 403 ?
			"Check the connection's auth and the credentials of its user mapping." : NULL;
	if (response->verdict == HTTP_BLOCKED)
		return "Run dataops.test_connection() for the connection to see what is allowed.";
	if (response->verdict == HTTP_TOO_LARGE)
		return "Ask for smaller pages, or raise the option max_body of the connection.";
	return NULL;
}

/* What the response in hand failed with, as a sentence's rest. */
static char *
problem_of(const Ask *ask, HttpResponse *response)
{
	char	   *message;

	if (response->verdict != HTTP_COMPLETE)
		return pstrdup(response->problem);
	message = error_message(ask, response);
	return message == NULL ? psprintf("the server answered with status %d", response->status) :
		psprintf("the server answered with status %d: %s", response->status, message);
}

static Answer
failed(const Ask *ask, char *problem, bool retry)
{
	HttpResponse *response = transfer_response(ask->transfer);
	const char *hint = hint_for(response);

	return (Answer) {
		.kind = ANSWER_FAILED,
		.response = response,
		.problem = ask->attempt == 1 ? problem :
		psprintf("%s (after %d attempts)", problem, ask->attempt),
		.hint = hint != NULL ? pstrdup(hint) : NULL,
		.sqlstate = response->verdict == HTTP_COMPLETE ? ERRCODE_REMOTE_REFUSED :
		response->verdict == HTTP_TOO_LARGE ? ERRCODE_PROGRAM_LIMIT_EXCEEDED :
		response->verdict == HTTP_BLOCKED ? ERRCODE_INSUFFICIENT_PRIVILEGE :
		ERRCODE_CONNECTION_LOST,
		.retry = retry
	};
}

/*
 * The attempt in hand failed.  True when the page is asked for again, after a pause; else the ask
 * is answered by that.
 */
static bool
try_again(Client *client, Ask *ask, AttemptOutcome outcome, char *problem)
{
	HttpResponse *response = transfer_response(ask->transfer);
	RetryAttempt attempt = {
		.number = ask->attempt,
		.outcome = outcome,
		.status = response->status,
		.idempotent = client->source->idempotent,
		.retry_after = http_header(response, "Retry-After"),
		.elapsed_ms = wait_clock_ms() - ask->first_ms,
		.now = GetCurrentTimestamp(),
		.random = pg_prng_uint64(&pg_global_prng_state)
	};
	RetryDecision decision;

	attempt.action = outcome != ATTEMPT_STATUS ? STATUS_RETRY :
		status_action(&client->source->status, response->status);
	decision = retry_decide(&client->source->retry, &attempt);
	if (decision.action == RETRY_AFTER && client->deadline != 0 &&
		attempt.now + decision.delay_ms * 1000 > client->deadline)
		decision.action = RETRY_GIVE_UP;
	ask->answered = decision.action != RETRY_AFTER;
	if (!ask->answered)
	{
		/* a server that says when is not pressed by other pages meanwhile */
		if (attempt.retry_after != NULL)
			client->rate.not_before_ms = Max(client->rate.not_before_ms,
											 rate_clock_ms() + decision.delay_ms);
		transfer_release(ask->transfer);
		send_later(client, ask, decision.delay_ms);
		return true;
	}
	ask->answer = failed(ask, problem, outcome != ATTEMPT_REFUSED &&
						 (outcome != ATTEMPT_STATUS || attempt.action == STATUS_RETRY));
	ask->answer.not_before = decision.at;
	return false;
}

/* What a whole answer with an accepted status is. */
static AnswerKind
kind_of(const HttpResponse *response, StatusAction action)
{
	if (action == STATUS_SKIP)
		return ANSWER_SKIP;
	if (action == STATUS_STOP)
		return ANSWER_STOP;
	return response->status == 304 ? ANSWER_UNCHANGED : ANSWER_PAGE;
}

/* Takes in the response that has come; false when the page is asked for again. */
static bool
judge(Client *client, Ask *ask)
{
	HttpResponse *response = transfer_response(ask->transfer);
	StatusAction action = status_action(&client->source->status, response->status);
	char	   *problem;

	observe_quota(client, response);
	if (response->verdict == HTTP_COMPLETE && action != STATUS_FAIL && action != STATUS_RETRY)
	{
		log_request(client, ask, NULL);
		ask->answered = true;
		ask->answer = (Answer) {.kind = kind_of(response, action), .response = response};
		return true;
	}
	problem = problem_of(ask, response);
	log_request(client, ask, problem);
	return !try_again(client, ask, attempt_outcome(response->verdict), problem);
}

/* ---- waiting ---- */

Ask *
client_next(Client *client)
{
	for (;;)
	{
		long		pause = send_due(client);
		bool		pending = pool_pending(client->pool) > 0;
		HttpTransfer *transfer = pending ? transfer_wait(client->pool, pause) : NULL;

		if (transfer != NULL)
		{
			Ask		   *ask = transfer_tag(transfer);
			MemoryContext previous = MemoryContextSwitchTo(ask->memory);
			bool		answered = judge(client, ask);

			MemoryContextSwitchTo(previous);
			if (answered)
				return ask;
		}
		else if (!pending && pause < 0)
			return NULL;
		else if (!pending)
			latch_sleep(pause);
	}
}

bool
client_again(Client *client, Ask *ask, const char *problem)
{
	HttpVerdict verdict = transfer_response(ask->transfer)->verdict;
	MemoryContext previous = MemoryContextSwitchTo(ask->memory);
	bool		again = try_again(client, ask,
								  verdict == HTTP_TOO_LARGE ? ATTEMPT_REFUSED : ATTEMPT_BROKEN,
								  pstrdup(problem));

	MemoryContextSwitchTo(previous);
	return again;
}
