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
	init_rate(client, connection);
	MemoryContextSwitchTo(previous);
	return client;
}

/* ---- sending ---- */

/* Waits while the others' transfers go on. */
static void
client_pause(Client *client, int64 ms)
{
	int64		until = wait_clock_ms() + ms;

	while (ms > 0)
	{
		HttpTransfer *transfer = pool_pending(client->pool) == 0 ? NULL :
			transfer_wait(client->pool, ms);

		if (transfer != NULL)
			((Ask *) transfer_tag(transfer))->finished = true;
		else if (pool_pending(client->pool) == 0)
			latch_sleep(Max(until - wait_clock_ms(), 0));
		ms = until - wait_clock_ms();
	}
}

static void
send_request(Client *client, Ask *ask)
{
	RequestParts *parts = client->parts;
	HttpHeader *headers = palloc(sizeof(HttpHeader) * (parts->nheaders + 2));
	HttpRequest request = {.method = client->source->method, .url = ask->url};
	long		wait_ms;

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
	while ((wait_ms = rate_wait_ms(&client->rate, rate_clock_ms(), client->source->rate.cost)) > 0)
		client_pause(client, wait_ms);
	FAULT_POINT("fetch_before_request");
	ask->attempt++;
	ask->finished = false;
	ask->started_at = GetCurrentTimestamp();
	ask->transfer = transfer_start(client->pool, &request, ask);
}

Ask *
client_ask(Client *client, const PageRequest *page, const char *etag, const char *last_modified)
{
	Ask		   *ask = palloc0(sizeof(Ask));

	ask->page = page;
	ask->url = request_with_secret(page->url, client->parts);
	ask->shown = url_shown(page->url);
	ask->if_none_match = etag;
	ask->if_modified_since = etag == NULL ? last_modified : NULL;
	ask->first_ms = wait_clock_ms();
	send_request(client, ask);
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
error_message(Client *client, HttpResponse *response)
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
	if (mentions_secret(client->parts, text.data))
		return NULL;
	message = json_error_message(text.data, text.len);
	return message != NULL && mentions_secret(client->parts, message) ? NULL : message;
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
problem_of(Client *client, HttpResponse *response)
{
	char	   *message;

	if (response->verdict != HTTP_COMPLETE)
		return pstrdup(response->problem);
	message = error_message(client, response);
	return message == NULL ? psprintf("the server answered with status %d", response->status) :
		psprintf("the server answered with status %d: %s", response->status, message);
}

static Answer
failed(Client *client, Ask *ask, char *problem, bool retry)
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
 * The attempt in hand failed: sends the request again after a pause and returns true, or fills
 * *answer and returns false.
 */
static bool
try_again(Client *client, Ask *ask, AttemptOutcome outcome, char *problem, Answer *answer)
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
	if (decision.action == RETRY_AFTER)
	{
		transfer_release(ask->transfer);
		ask->transfer = NULL;
		client_pause(client, decision.delay_ms);
		send_request(client, ask);
		return true;
	}
	*answer = failed(client, ask, problem, outcome != ATTEMPT_REFUSED &&
					 (outcome != ATTEMPT_STATUS || attempt.action == STATUS_RETRY));
	answer->not_before = decision.at;
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

static void
await(Client *client, Ask *ask)
{
	while (!ask->finished)
	{
		HttpTransfer *transfer = transfer_wait(client->pool, -1);

		if (transfer == NULL)
			elog(ERROR, "a request was lost");
		((Ask *) transfer_tag(transfer))->finished = true;
	}
}

Answer
client_answer(Client *client, Ask *ask)
{
	Answer		answer = {0};

	for (;;)
	{
		HttpResponse *response;
		StatusAction action;
		char	   *problem;

		await(client, ask);
		response = transfer_response(ask->transfer);
		observe_quota(client, response);
		action = status_action(&client->source->status, response->status);
		if (response->verdict == HTTP_COMPLETE && action != STATUS_FAIL && action != STATUS_RETRY)
		{
			log_request(client, ask, NULL);
			answer.kind = kind_of(response, action);
			answer.response = response;
			return answer;
		}
		problem = problem_of(client, response);
		log_request(client, ask, problem);
		if (!try_again(client, ask, attempt_outcome(response->verdict), problem, &answer))
			return answer;
	}
}

Answer
client_again(Client *client, Ask *ask, const char *problem)
{
	HttpVerdict verdict = transfer_response(ask->transfer)->verdict;
	Answer		answer;

	if (try_again(client, ask, verdict == HTTP_TOO_LARGE ? ATTEMPT_REFUSED : ATTEMPT_BROKEN,
				  pstrdup(problem), &answer))
		return client_answer(client, ask);
	return answer;
}
