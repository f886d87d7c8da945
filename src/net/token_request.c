/*
 * token_request.c
 *	  Asking for tokens, and understanding why there is none.
 *
 *	  A token too many does no harm, so every such request may be sent again. What a server says
 *	  about a refusal is shown only if it repeats nothing of what it was sent.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/token_request.h"

#include "core/crypto.h"
#include "core/error.h"
#include "core/url.h"
#include "net/attempts.h"

#define ANSWER_BYTES	(64 * 1024)
#define TOTAL_MS		(30 * 1000)

static const RetryPolicy policy = {
	.attempts = 4, .first_delay_ms = 500, .max_delay_ms = 10000, .max_total_ms = 60000,
	.jitter = true
};

static const StatusRule server_errors[] = {{500, 599, STATUS_RETRY}};
static const StatusTable statuses = {lengthof(server_errors), server_errors};

struct TokenQuestion
{
	TokenRequest request;
	HttpAttempts attempts;
};

HttpRequest
token_form(const char *url, const FormField *fields, int nfields)
{
	StringInfoData body;
	static const HttpHeader type[] = {{"Content-Type", "application/x-www-form-urlencoded"}};
	int			size = 64;

	for (int i = 0; i < nfields; i++)
		if (fields[i].value != NULL)
			size += strlen(fields[i].name) + 3 * strlen(fields[i].value) + 2;
	initStringInfo(&body);
	enlargeStringInfo(&body, size);	/* never moved after: there is one copy to wipe */
	crypto_wipe_with(CurrentMemoryContext, body.data, body.maxlen);
	for (int i = 0; i < nfields; i++)
	{
		if (fields[i].value == NULL)
			continue;
		appendStringInfo(&body, "%s%s=", body.len > 0 ? "&" : "", fields[i].name);
		url_encode(&body, fields[i].value);
	}
	return (HttpRequest) {
		.method = "POST", .url = url, .headers = type, .nheaders = lengthof(type),
		.body = body.data, .body_length = body.len
	};
}

/* ---- the answer ---- */

/* Reads the body into memory that is wiped. It may show that the answer is broken. */
static const char *
read_text(HttpResponse *response, size_t *length)
{
	char	   *text = palloc0(ANSWER_BYTES + 1);
	HttpBody   *body = http_body_open(response);
	const char *chunk;
	size_t		chunk_length;

	crypto_wipe_with(CurrentMemoryContext, text, ANSWER_BYTES + 1);
	*length = 0;
	while (http_body_read(body, &chunk, &chunk_length))
	{
		size_t		fits = Min(chunk_length, ANSWER_BYTES - *length);

		memcpy(text + *length, chunk, fits);
		*length += fits;
		/* read once: nobody else looks at the answer */
		crypto_wipe(unconstify(char *, chunk), chunk_length);
	}
	return text;
}

static bool
mentions_any(const TokenRequest *request, const char *text)
{
	for (int i = 0; i < TOKEN_SECRETS && request->secrets[i] != NULL; i++)
		if (error_mentions(text, request->secrets[i]))
			return true;
	return false;
}

/* OAuth's or Google's word for the error, such as "invalid_grant"; NULL without one. */
static const char *
error_code(const char *text, size_t length)
{
	static const char *const places[] = {"$.error.status", "$.error"};
	const char *why;
	JsonReply  *json = json_reply_parse(CurrentMemoryContext, text, length, &why);

	for (int i = 0; json != NULL && i < lengthof(places); i++)
	{
		const char *code = json_reply_text(json, places[i]);

		if (code != NULL && error_is_code(code))
			return code;
	}
	return NULL;
}

/* Codes of failures that pass by themselves, whatever the status. */
static bool
code_passes(const char *code)
{
	static const char *const passing[] = {
		"internal_failure", "server_error", "temporarily_unavailable"
	};

	for (int i = 0; code != NULL && i < lengthof(passing); i++)
		if (strcmp(code, passing[i]) == 0)
			return true;
	return false;
}

/* "…answered with status 400 (invalid_grant): Token has been expired or revoked." */
static char *
refusal(const TokenRequest *request, int status, const char *code, const char *text, size_t length)
{
	char	   *message = mentions_any(request, text) ? NULL : json_error_message(text, length);

	if (message != NULL && (mentions_any(request, message) ||
							(code != NULL && strcmp(message, code) == 0)))
		message = NULL;
	return psprintf("%s answered with status %d%s%s%s%s%s", request->place, status,
					code != NULL ? " (" : "", code != NULL ? code : "", code != NULL ? ")" : "",
					message != NULL ? ": " : "", message != NULL ? message : "");
}

/* ---- one attempt ---- */

static TokenReply
failed(RetryAttempt *attempt, AttemptOutcome outcome, int sqlstate, char *problem)
{
	attempt->outcome = outcome;
	return (TokenReply) {
		.problem = problem,
		.sqlstate = sqlstate,
		.retry = outcome == ATTEMPT_STATUS ? attempt->action == STATUS_RETRY :
		outcome != ATTEMPT_REFUSED
	};
}

static TokenReply
not_answered(const TokenRequest *request, const HttpResponse *response, RetryAttempt *attempt)
{
	return failed(attempt, attempt_outcome(response->verdict),
				  response->verdict == HTTP_BLOCKED ? ERRCODE_INSUFFICIENT_PRIVILEGE :
				  ERRCODE_CONNECTION_LOST,
				  psprintf("could not ask %s: %s", request->place, response->problem));
}

/* An answer with status 200 is whole and what was wanted, or it counts as damaged. */
static TokenReply
accepted(const TokenRequest *request, const char *text, size_t length, RetryAttempt *attempt)
{
	TokenReply	reply = {.text = text};
	const char *why = NULL;

	if (strlen(text) != length || length >= ANSWER_BYTES)
		why = "is no text, or too long";
	else if (request->wanted != NULL)
	{
		const char *found;

		reply.json = json_reply_parse(CurrentMemoryContext, text, length, &why);
		if (reply.json == NULL)
			why = psprintf("is not JSON: %s", why);
		else if ((found = json_reply_text(reply.json, request->wanted)) == NULL || *found == '\0')
			why = psprintf("has no \"%s\"", request->wanted + strlen("$."));
	}
	if (why == NULL)
		return reply;
	return failed(attempt, ATTEMPT_BROKEN, ERRCODE_MALFORMED_REPLY,
				  psprintf("the answer of %s %s", request->place, why));
}

static bool
is_metadata(const HttpResponse *response)
{
	const char *flavor = http_header(response, "Metadata-Flavor");

	return flavor != NULL && strcmp(flavor, "Google") == 0;
}

static TokenReply
understand(const TokenRequest *request, HttpResponse *response, RetryAttempt *attempt)
{
	size_t		length = 0;
	const char *text = NULL;
	const char *code;

	attempt->status = response->status;
	attempt->retry_after = http_header(response, "Retry-After");
	if (response->verdict == HTTP_COMPLETE)
		text = read_text(response, &length);
	if (response->verdict != HTTP_COMPLETE)
		return not_answered(request, response, attempt);
	if (request->metadata && !is_metadata(response))
		return failed(attempt, ATTEMPT_REFUSED, ERRCODE_MALFORMED_REPLY,
					  psprintf("what answered in place of %s is none of Google's",
							   request->place));
	if (response->status == 200)
		return accepted(request, text, length, attempt);
	code = error_code(text, length);
	attempt->action = code_passes(code) ? STATUS_RETRY :
		status_action(&statuses, response->status) == STATUS_RETRY ? STATUS_RETRY : STATUS_FAIL;
	return failed(attempt, ATTEMPT_STATUS, ERRCODE_REMOTE_REFUSED,
				  refusal(request, response->status, code, text, length));
}

TokenQuestion *
token_ask(HttpPool *pool, const TokenRequest *request)
{
	TokenQuestion *question = palloc(sizeof(TokenQuestion));
	HttpLimits *limits = &question->request.http.limits;

	question->request = *request;
	question->attempts = attempts_begin(pool);
	if (limits->total_ms == 0)
		limits->total_ms = TOTAL_MS;
	limits->max_body_bytes = ANSWER_BYTES;
	limits->max_inflated_bytes = ANSWER_BYTES;
	return question;
}

bool
token_answer(TokenQuestion *question, bool wait, TokenReply *reply)
{
	HttpAttempts *attempts = &question->attempts;

	for (;;)
	{
		RetryAttempt attempt = {.idempotent = true};
		HttpResponse *response;

		if (!attempts->under_way)
		{
			if (!attempts_are_due(attempts, wait))
				return false;
			attempts_send(attempts, &question->request.http);
		}
		response = attempts_receive(attempts, wait);
		if (response == NULL)
			return false;
		*reply = understand(&question->request, response, &attempt);
		if (reply->problem == NULL)
			return true;
		if (attempts_decide(attempts, &policy, &attempt).action == RETRY_AFTER)
			continue;
		if (attempts->number > 1)
			reply->problem = psprintf("%s (after %d attempts)", reply->problem, attempts->number);
		return true;
	}
}
