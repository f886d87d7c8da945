/*
 * client.c
 *	  Calls of Google's services with token, retries and errors as Google tells them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "google/client.h"

#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/option.h"
#include "catalog/secret.h"
#include "core/error.h"
#include "google/endpoint.h"
#include "net/google_auth.h"
#include "net/retry.h"
#include "net/transfer.h"
#include "net/wait.h"
#include "remote/reach.h"

#define REPLY_BYTES		(64 * 1024 * 1024)	/* of a reply that is read as JSON */
#define REASON_BYTES	100
#define PROBLEM_BYTES	1000
#define METADATA_ADDRESS "169.254.169.254"
#define METADATA_MS		3000

/* "Retry strategy" of Cloud Storage: exponential, doubling, at most a minute, some two minutes. */
static const RetryPolicy policy = {
	.attempts = 8, .first_delay_ms = 1000, .max_delay_ms = 60000, .max_total_ms = 120000,
	.jitter = true
};

static const struct
{
	const char *name;
	const char *scope;
}			services[] = {
	[GOOGLE_STORAGE] = {"storage", "https://www.googleapis.com/auth/devstorage.read_write"},
	[GOOGLE_BIGQUERY] = {"bigquery", "https://www.googleapis.com/auth/bigquery "
						 "https://www.googleapis.com/auth/devstorage.read_write"}
};

struct GoogleClient
{
	MemoryContext memory;
	Connection *connection;
	GatePolicy	gate;
	HttpPool   *pool;
	Url			origin;			/* of the service */
	GoogleAuth *auth;			/* NULL: without credentials, to a counterpart on this machine */
	GatePolicy	auth_gate;
	GatePolicy	metadata_gate;
};

/* ---- opening ---- */

static const char *
read_subject_token(const char *path, void *arg)
{
	return secret_file(path, CurrentMemoryContext);
}

/* Lets requests of "connection" go to an endpoint, within the limits, and returns its origin. */
static const char *
allow(Connection *connection, const char *service)
{
	GoogleEndpoint *endpoint = google_endpoint(service);

	connection_allow(connection, &endpoint->url);
	return endpoint->url.origin;
}

/*
 * The metadata server answers inside of the machine's host, over http at a link-local address that
 * nothing else of ours may reach: it has a gate and connections of its own.
 */
static HttpPool *
metadata_pool(GoogleClient *client, const char **host)
{
	GoogleEndpoint *endpoint = google_endpoint("metadata");
	const char **hosts = palloc(sizeof(char *));
	GateRange  *range = palloc(sizeof(GateRange));
	PoolOptions options = {.gate = &client->metadata_gate, .limits = {.total_ms = METADATA_MS}};

	hosts[0] = endpoint->url.host;
	if (!gate_range_parse(endpoint->is_local ? endpoint->url.host : METADATA_ADDRESS, range))
		elog(ERROR, "\"%s\" is no address", endpoint->url.host);
	client->metadata_gate = (GatePolicy) {
		.hosts = hosts, .nhosts = 1, .ranges = range, .nranges = 1, .limit_ranges = range,
		.nlimit_ranges = 1, .allow_http = true
	};
	*host = endpoint->url.origin + strlen("http://");
	return pool_create(client->memory, &options);
}

static GoogleAuth *
open_auth(GoogleClient *client, GoogleService service, char *credentials)
{
	Connection *connection = connection_find(client->connection->server, client->connection->owner);
	GoogleAuthOptions options = {
		.credentials = credentials,
		.scopes = services[service].scope,
		.subject_token = read_subject_token
	};
	PoolOptions pool;

	if (credentials == NULL)
		options.pool = metadata_pool(client, &options.metadata_host);
	else
	{
		options.oauth2_endpoint = allow(connection, "oauth2");
		options.sts_endpoint = allow(connection, "sts");
		options.iamcredentials_endpoint = allow(connection, "iamcredentials");
		client->auth_gate = reach_gate(connection);
		pool = reach_pool_options(connection, &client->auth_gate);
		options.pool = pool_create(client->memory, &pool);
	}
	return google_auth_create(client->memory, &options);
}

GoogleClient *
google_client_open(Connection *connection, GoogleService service, MemoryContext owner)
{
	MemoryContext previous = MemoryContextSwitchTo(owner);
	GoogleClient *client = palloc0(sizeof(GoogleClient));
	GoogleEndpoint *endpoint = google_endpoint(services[service].name);
	PoolOptions options;
	char	   *credentials;

	client->memory = owner;
	client->connection = connection;
	client->origin = endpoint->url;
	connection_allow(connection, &endpoint->url);
	client->gate = reach_gate(connection);
	options = reach_pool_options(connection, &client->gate);
	client->pool = pool_create(owner, &options);
	if (connection_google_credentials(connection, endpoint->url.host, !endpoint->is_local, owner,
									  &credentials))
		client->auth = open_auth(client, service, credentials);
	MemoryContextSwitchTo(previous);
	return client;
}

/* ---- one attempt ---- */

static const char *
url_of(GoogleClient *client, const GoogleCall *call)
{
	Url			url;
	const char *problem;

	if (call->url == NULL)
		return psprintf("%s%s", client->origin.origin, call->path);
	if (!url_parse(call->url, &url, &problem) || url.tls != client->origin.tls ||
		strcmp(url.host, client->origin.host) != 0 || url.port != client->origin.port)
		ereport(ERROR,
				errcode(ERRCODE_MALFORMED_REPLY),
				errmsg("the service behind connection \"%s\" names a session on another host",
					   client->connection->server));
	return call->url;
}

static HttpResponse *
send_call(GoogleClient *client, const GoogleCall *call, const char *token)
{
	HttpHeader	authorization = {"Authorization", token ? psprintf("Bearer %s", token) : NULL};
	HttpHeader *headers = palloc(sizeof(HttpHeader) * (call->nheaders + 1));
	HttpRequest request = {
		.method = call->method,
		.url = url_of(client, call),
		.headers = headers,
		.nheaders = call->nheaders,
		.secret_headers = &authorization,
		.nsecret_headers = token != NULL ? 1 : 0,
		.body = call->body,
		.body_length = call->body_length
	};

	if (call->nheaders > 0)
		memcpy(headers, call->headers, sizeof(HttpHeader) * call->nheaders);
	/* without one libcurl would name a form */
	if (call->content_type != NULL)
		headers[request.nheaders++] = (HttpHeader) {"Content-Type", call->content_type};
	return http_perform(client->pool, &request);
}

/* ---- the answer ---- */

static StringInfo
read_body(HttpResponse *response)
{
	StringInfo	text = makeStringInfo();
	HttpBody   *body = http_body_open(response);
	const char *chunk;
	size_t		length;

	while (text->len < REPLY_BYTES && http_body_read(body, &chunk, &length))
		appendBinaryStringInfo(text, chunk, Min(length, REPLY_BYTES - text->len));
	return text;
}

static bool
is_json(const HttpResponse *response)
{
	const char *type = http_header(response, "Content-Type");

	return type != NULL && pg_strncasecmp(type, "application/json", 16) == 0;
}

static char *
reason_of(const JsonReply *json)
{
	static const char *const places[] = {
		"$.error.errors[0].reason", "$.error.status", "$.error"
	};

	for (int i = 0; json != NULL && i < lengthof(places); i++)
	{
		const char *reason = json_reply_text(json, places[i]);

		if (reason != NULL)
			return error_clean(reason, strlen(reason), REASON_BYTES);
	}
	return NULL;
}

/* Limits that pass by themselves come as 403 too. */
static bool
passes(const GoogleReply *reply)
{
	return status_action(NULL, reply->status) == STATUS_RETRY ||
		(reply->status == 403 && reply->reason != NULL &&
		 (strcmp(reply->reason, "rateLimitExceeded") == 0 ||
		  strcmp(reply->reason, "userRateLimitExceeded") == 0));
}

/* The service's own words never hold a token of ours, but who knows what is between us and it. */
static char *
words_of(const StringInfo body, const char *token)
{
	char	   *message;

	if (token != NULL && strstr(body->data, token) != NULL)
		return NULL;
	message = json_error_message(body->data, body->len);
	return message != NULL && token != NULL && strstr(message, token) != NULL ? NULL : message;
}

static void
read_refusal(GoogleReply *reply, const GoogleCall *call, const StringInfo body, const char *token)
{
	char	   *words = words_of(body, token);

	reply->reason = reason_of(reply->json);
	reply->retry = passes(reply);
	reply->sqlstate = reply->status == 401 || reply->status == 403 ?
		ERRCODE_INSUFFICIENT_PRIVILEGE : ERRCODE_REMOTE_REFUSED;
	if (call->quiet_404 && reply->status == 404)
		return;
	reply->problem = words == NULL ?
		psprintf("the service answered with status %d", reply->status) :
		psprintf("the service answered with status %d: %s", reply->status, words);
}

static GoogleReply *
read_reply(HttpResponse *response, const GoogleCall *call, const char *token)
{
	GoogleReply *reply = palloc0(sizeof(GoogleReply));
	StringInfo	body = NULL;
	const char *why;

	reply->response = response;
	if (response->verdict == HTTP_COMPLETE &&
		(response->status >= 400 || (is_json(response) && !call->media)))
		body = read_body(response);
	/* reading may have shown that the body is broken */
	if (response->verdict != HTTP_COMPLETE)
	{
		reply->problem = pstrdup(response->problem);
		reply->retry = response->verdict != HTTP_BLOCKED && response->verdict != HTTP_TLS_FAILED;
		reply->sqlstate = response->verdict == HTTP_BLOCKED ? ERRCODE_INSUFFICIENT_PRIVILEGE :
			ERRCODE_CONNECTION_LOST;
		return reply;
	}
	reply->status = response->status;
	if (body != NULL && body->len > 0)
		reply->json = json_reply_parse(CurrentMemoryContext, body->data, body->len, &why);
	if (reply->status >= 400)
		read_refusal(reply, call, body, token);
	return reply;
}

/* ---- calls ---- */

static RetryDecision
decide(const GoogleReply *reply, const GoogleCall *call, int number, bool can_refresh,
	   int64 elapsed_ms)
{
	HttpVerdict verdict = reply->response->verdict;
	RetryAttempt attempt = {
		.number = number,
		.outcome = reply->status != 0 ? ATTEMPT_STATUS :
		verdict == HTTP_DNS_FAILED || verdict == HTTP_CONNECT_FAILED ? ATTEMPT_UNSENT :
		reply->retry ? ATTEMPT_BROKEN : ATTEMPT_REFUSED,
		.status = reply->status,
		.action = reply->retry ? STATUS_RETRY : STATUS_FAIL,
		.idempotent = call->repeatable,
		.can_refresh = can_refresh,
		.retry_after = http_header(reply->response, "Retry-After"),
		.elapsed_ms = elapsed_ms,
		.now = GetCurrentTimestamp(),
		.random = pg_prng_uint64(&pg_global_prng_state)
	};

	return retry_decide(&policy, &attempt);
}

static GoogleReply *
without_token(const GoogleToken *token)
{
	GoogleReply *reply = palloc0(sizeof(GoogleReply));

	reply->problem = psprintf("no access token: %s", token->problem);
	reply->retry = token->retry;
	reply->sqlstate = token->sqlstate;
	return reply;
}

GoogleReply *
google_call(GoogleClient *client, const GoogleCall *call)
{
	int64		began = wait_clock_ms();
	bool		renew = false;	/* the token that was sent last was refused */
	bool		renewed = false;

	for (int number = 1;; number++)
	{
		GoogleToken token = {0};
		GoogleReply *reply;
		RetryDecision decision;

		if (client->auth != NULL)
		{
			token = google_auth_token(client->auth, renew);
			if (token.token == NULL)
				return without_token(&token);
		}
		reply = read_reply(send_call(client, call, token.token), call, token.token);
		if (reply->status != 0 && reply->status < 400)
			return reply;
		decision = decide(reply, call, number, client->auth != NULL && !renewed,
						  wait_clock_ms() - began);
		renew = decision.action == RETRY_REFRESHED;
		renewed = renewed || renew;
		if (decision.action == RETRY_AFTER)
			latch_sleep(decision.delay_ms);
		else if (decision.action != RETRY_REFRESHED)
			return reply;
	}
}
