/*
 * client.c
 *	  Calls of Google's services with token, retries and errors as Google tells them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "google/client.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "catalog/option.h"
#include "catalog/secret.h"
#include "core/crypto.h"
#include "core/error.h"
#include "google/endpoint.h"
#include "net/attempts.h"
#include "net/google_auth.h"
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

struct GoogleExchange
{
	MemoryContext memory;
	GoogleClient *client;
	GoogleCall	call;
	HttpAttempts attempts;
	bool		renew;			/* the token that was sent last was refused */
	bool		renewed;
	const char *token;			/* that was sent last, or NULL */
};

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

static void
send_call(GoogleExchange *exchange, const char *token)
{
	const GoogleCall *call = &exchange->call;
	char	   *bearer = token != NULL ? psprintf("Bearer %s", token) : NULL;
	HttpHeader	authorization = {"Authorization", bearer};
	HttpHeader *headers = palloc(sizeof(HttpHeader) * (call->nheaders + 1));
	HttpRequest request = {
		.method = call->method,
		.url = url_of(exchange->client, call),
		.headers = headers,
		.nheaders = call->nheaders,
		.secret_headers = &authorization,
		.nsecret_headers = bearer != NULL ? 1 : 0,
		.body = call->body,
		.body_length = call->body_length,
		.once = !call->repeatable
	};

	if (bearer != NULL)
		crypto_wipe_with(CurrentMemoryContext, bearer, strlen(bearer));
	exchange->token = bearer != NULL ? bearer + strlen("Bearer ") : NULL;
	if (call->nheaders > 0)
		memcpy(headers, call->headers, sizeof(HttpHeader) * call->nheaders);
	/* without one libcurl would name a form */
	if (call->content_type != NULL)
		headers[request.nheaders++] = (HttpHeader) {"Content-Type", call->content_type};
	attempts_send(&exchange->attempts, &request);
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

/* After an attempt without success: is there to be another one? */
static bool
try_again(GoogleExchange *exchange, GoogleReply *reply)
{
	RetryAttempt attempt = {
		.outcome = attempt_outcome(reply->response->verdict),
		.status = reply->status,
		.action = reply->retry ? STATUS_RETRY : STATUS_FAIL,
		.idempotent = exchange->call.repeatable,
		.can_refresh = exchange->client->auth != NULL && !exchange->renewed,
		.retry_after = http_header(reply->response, "Retry-After")
	};
	RetryDecision decision = attempts_decide(&exchange->attempts, &policy, &attempt);

	exchange->renew = decision.action == RETRY_REFRESHED;
	exchange->renewed = exchange->renewed || exchange->renew;
	reply->not_before = decision.at;
	return decision.action == RETRY_REFRESHED || decision.action == RETRY_AFTER;
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
		(void) google_auth_token(client->auth, client->auth_pool, false, true, &token);
	*problem = token.problem;
	return token.token != NULL;
}

GoogleExchange *
google_begin(GoogleClient *client, const GoogleCall *call)
{
	GoogleExchange *exchange = palloc0(sizeof(GoogleExchange));

	exchange->memory = CurrentMemoryContext;
	exchange->client = client;
	exchange->call = *call;
	exchange->attempts = attempts_begin(client->pool);
	return exchange;
}

/* Sends the next attempt when its time has come; false: not yet, or *refused is the reply. */
static bool
send_next(GoogleExchange *exchange, bool wait, GoogleReply **refused)
{
	GoogleClient *client = exchange->client;
	GoogleToken token = {0};

	if (!attempts_are_due(&exchange->attempts, wait))
		return false;
	if (client->auth != NULL)
	{
		if (!google_auth_token(client->auth, client->auth_pool, exchange->renew, wait, &token))
			return false;
		exchange->renew = false;
		if (token.token == NULL)
		{
			*refused = without_token(&token);
			return false;
		}
	}
	send_call(exchange, token.token);
	return true;
}

static GoogleReply *
move_on(GoogleExchange *exchange, bool wait)
{
	for (;;)
	{
		GoogleReply *reply = NULL;
		HttpResponse *response;

		if (!exchange->attempts.under_way && !send_next(exchange, wait, &reply))
			return reply;
		response = attempts_receive(&exchange->attempts, wait);
		if (response == NULL)
			return NULL;
		reply = read_reply(response, &exchange->call, exchange->token);
		if ((reply->status != 0 && reply->status < 400) || !try_again(exchange, reply))
			return reply;
	}
}

GoogleReply *
google_receive(GoogleExchange *exchange, bool wait)
{
	MemoryContext caller = MemoryContextSwitchTo(exchange->memory);
	GoogleReply *reply = move_on(exchange, wait);

	MemoryContextSwitchTo(caller);
	return reply;
}

GoogleReply *
google_call(GoogleClient *client, const GoogleCall *call)
{
	return google_receive(google_begin(client, call), true);
}
