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
#include "core/crypto.h"
#include "core/error.h"
#include "google/endpoint.h"
#include "net/google_auth.h"
#include "net/retry.h"
#include "net/transfer.h"
#include "net/wait.h"
#include "remote/reach.h"

#define REPLY_BYTES		(64 * 1024 * 1024)	/* of a reply that is read as JSON */

/* "Retry strategy" of Cloud Storage: exponential, doubling, at most a minute, some two minutes. */
static const RetryPolicy policy = {
	.attempts = 8, .first_delay_ms = 1000, .max_delay_ms = 60000, .max_total_ms = 120000,
	.jitter = true
};

static const StatusRule server_errors[] = {{500, 599, STATUS_RETRY}};
static const StatusTable statuses = {lengthof(server_errors), server_errors};

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
	HttpPool   *auth_pool;		/* where tokens come from */
};

/* ---- opening ---- */

static const char *
read_subject_token(const char *path, void *arg)
{
	return secret_file(path, CurrentMemoryContext);
}

/*
 * The metadata server answers inside of the machine's host, over http at an address that nothing
 * else of ours may reach: its gate knows that address only.
 */
static void
open_metadata(GoogleClient *client, GoogleAuthOptions *options)
{
	static const char *const addresses[] = {"169.254.169.254", "fd20:ce::254"};
	GoogleEndpoint *endpoint = google_endpoint("metadata");
	const char **hosts = palloc(sizeof(char *));
	GateRange  *ranges = palloc(sizeof(GateRange) * lengthof(addresses));
	PoolOptions pool = {.gate = &client->auth_gate};

	hosts[0] = endpoint->url.host;
	for (int i = 0; i < lengthof(addresses); i++)
		if (!gate_range_parse(endpoint->is_local ? endpoint->url.host : addresses[i], &ranges[i]))
			elog(ERROR, "\"%s\" is no address", endpoint->url.host);
	client->auth_gate = (GatePolicy) {
		.hosts = hosts, .nhosts = 1, .allow_http = true,
		.ranges = ranges, .nranges = lengthof(addresses),
		.limit_ranges = ranges, .nlimit_ranges = lengthof(addresses)
	};
	client->auth_pool = pool_create(client->memory, &pool);
	options->metadata_host = endpoint->url.origin + strlen("http://");
	client->auth = google_auth_create(client->memory, options);
}

/* Lets requests of "connection" go where these credentials are exchanged, within the limits. */
static void
allow_addresses(Connection *connection, const GoogleAuth *auth)
{
	ListCell   *cell;
	List	   *addresses = google_auth_addresses(auth);

	foreach(cell, addresses)
	{
		Url		   *url = palloc(sizeof(Url));
		const char *problem;

		if (!url_parse(lfirst(cell), url, &problem))
			elog(ERROR, "an address of credentials is not usable: %s", problem);
		connection_allow(connection, url);
	}
}

static void
open_exchange(GoogleClient *client, GoogleAuthOptions *options)
{
	/* its reach is another one than that of the service's requests */
	Connection *connection = connection_find(client->connection->server, client->connection->owner);
	PoolOptions pool;

	options->oauth2_endpoint = google_endpoint("oauth2")->url.origin;
	options->sts_endpoint = google_endpoint("sts")->url.origin;
	options->iamcredentials_endpoint = google_endpoint("iamcredentials")->url.origin;
	client->auth = google_auth_create(client->memory, options);
	allow_addresses(connection, client->auth);
	client->auth_gate = reach_gate(connection);
	pool = reach_pool_options(connection, &client->auth_gate);
	client->auth_pool = pool_create(client->memory, &pool);
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
	{
		GoogleAuthOptions auth = {
			.role = connection->owner,
			.credentials = credentials,
			.scopes = services[service].scope,
			.subject_token = read_subject_token
		};

		if (credentials == NULL)
			open_metadata(client, &auth);
		else
			open_exchange(client, &auth);
	}
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

static char *
bearer(const char *token)
{
	char	   *value = psprintf("Bearer %s", token);

	crypto_wipe_with(CurrentMemoryContext, value, strlen(value));
	return value;
}

static HttpResponse *
send_call(GoogleClient *client, const GoogleCall *call, const char *token)
{
	HttpHeader	authorization = {"Authorization", token != NULL ? bearer(token) : NULL};
	HttpHeader *headers = palloc(sizeof(HttpHeader) * (call->nheaders + 1));
	HttpRequest request = {
		.method = call->method,
		.url = url_of(client, call),
		.headers = headers,
		.nheaders = call->nheaders,
		.secret_headers = &authorization,
		.nsecret_headers = token != NULL ? 1 : 0,
		.body = call->body,
		.body_length = call->body_length,
		.once = !call->repeatable
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

		if (reason != NULL && error_is_code(reason))
			return pstrdup(reason);
	}
	return NULL;
}

/* What passes by itself is told by the reason, too: some limits come with status 403. */
static bool
passes(const GoogleReply *reply)
{
	static const char *const passing[] = {
		"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError", "badGateway"
	};

	for (int i = 0; reply->reason != NULL && i < lengthof(passing); i++)
		if (strcmp(reply->reason, passing[i]) == 0)
			return true;
	return status_action(&statuses, reply->status) == STATUS_RETRY;
}

/* The service's own words never hold a token of ours, but who knows what is between us and it. */
static char *
words_of(const StringInfo body, const char *token)
{
	char	   *message;

	if (token != NULL && error_mentions(body->data, token))
		return NULL;
	message = json_error_message(body->data, body->len);
	return message != NULL && token != NULL && error_mentions(message, token) ? NULL : message;
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
		reply->retry = attempt_outcome(response->verdict) != ATTEMPT_REFUSED;
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
	RetryAttempt attempt = {
		.number = number,
		.outcome = attempt_outcome(reply->response->verdict),
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

bool
google_has_token(GoogleClient *client, bool *needed, char **problem)
{
	GoogleToken token = {.token = ""};

	*needed = client->auth != NULL;
	if (*needed)
		token = google_auth_token(client->auth, client->auth_pool, false);
	*problem = token.problem;
	return token.token != NULL;
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
			token = google_auth_token(client->auth, client->auth_pool, renew);
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
		{
			reply->not_before = decision.at;
			return reply;
		}
	}
}
