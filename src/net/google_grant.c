/*
 * google_grant.c
 *	  Grants: "Using OAuth 2.0 for Server to Server Applications", RFC 6749 section 6, RFC 7523,
 *	  RFC 8693, and Google's IAM credentials and metadata interfaces.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/google_grant.h"

#include <ctype.h>
#include <time.h>

#include "datatype/timestamp.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "core/base64.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/url.h"
#include "net/token_request.h"
#include "net/wait.h"

#define OAUTH		"urn:ietf:params:oauth:"
/* Google's own name for its token endpoint, wherever that is asked. */
#define AUDIENCE	"https://oauth2.googleapis.com/token"
/* All that a token for the impersonation of an account is good for. */
#define IAM_SCOPE	"https://www.googleapis.com/auth/iam"
#define METADATA_PATH	"/computeMetadata/v1/instance/service-accounts/default/token"

#define OAUTH_TOKEN	"$.access_token"	/* where RFC 6749 has it in an answer */
#define ASSERTION_S		3600	/* the longest that Google accepts */
#define METADATA_MS		3000	/* it is on the same machine, or not there at all */

/* What the question in hand is about; the last two give the token that was wanted. */
typedef enum GrantStep
{
	GRANT_SUBJECT,				/* an external account's subject token, at its source */
	GRANT_FEDERATED,			/* a token that only impersonates the account */
	GRANT_TOKEN,
	GRANT_IMPERSONATED,
	GRANT_KNOWN					/* nothing is asked any more */
} GrantStep;

struct GoogleGranting
{
	MemoryContext memory;
	HttpPool   *pool;
	const GoogleCredential *credential;
	const GoogleAuthOptions *options;
	GrantStep	step;
	TokenRequest request;
	TokenQuestion *question;
	int64		asked_ms;
	GoogleGrant grant;			/* GRANT_KNOWN */
};

/* ---- answers ---- */

static GoogleGrant
no_grant(const TokenReply *reply)
{
	return (GoogleGrant) {
		.problem = reply->problem, .retry = reply->retry, .sqlstate = reply->sqlstate
	};
}

static GoogleGrant
malformed(const TokenRequest *request, const char *why)
{
	return (GoogleGrant) {
		.problem = psprintf("the answer of %s %s", request->place, why),
		.retry = true,
		.sqlstate = ERRCODE_MALFORMED_REPLY
	};
}

/* Can it stand in a header field? */
static bool
is_token(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f)
			return false;
	return true;
}

/* The grant in an answer; "seconds" of life are counted from when it was asked for. */
static GoogleGrant
granted(const TokenRequest *request, const TokenReply *reply, int64 asked_ms, int64 seconds)
{
	const char *token = json_reply_text(reply->json, request->wanted);

	if (!is_token(token))
		return malformed(request, "holds a token that is none");
	if (seconds <= 0 || seconds > PG_INT32_MAX)
		return malformed(request, "does not say how long the token is good");
	return (GoogleGrant) {.token = token, .expires_ms = asked_ms + seconds * 1000};
}

/* The grant in the answer of RFC 6749, section 5.1. */
static GoogleGrant
oauth_grant(const GoogleGranting *granting, const TokenReply *reply)
{
	const TokenRequest *request = &granting->request;
	const char *type;
	int64		seconds = 0;

	if (reply->problem != NULL)
		return no_grant(reply);
	type = json_reply_text(reply->json, "$.token_type");
	if (type == NULL || pg_strcasecmp(type, "Bearer") != 0)
		return malformed(request, "holds no bearer token");
	json_reply_int64(reply->json, "$.expires_in", &seconds);
	return granted(request, reply, granting->asked_ms, seconds);
}

/* ---- service account ---- */

char *
google_assertion(const GoogleCredential *credential, const char *scopes, int64 now)
{
	StringInfoData part;
	StringInfoData assertion;
	uint8	   *signature;
	size_t		length;

	initStringInfo(&assertion);
	initStringInfo(&part);
	appendStringInfoString(&part, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
	if (credential->key_id != NULL)
	{
		appendStringInfoString(&part, ",\"kid\":");
		escape_json(&part, credential->key_id);
	}
	appendStringInfoChar(&part, '}');
	base64_append_url(&assertion, part.data, part.len);

	resetStringInfo(&part);
	appendStringInfoString(&part, "{\"iss\":");
	escape_json(&part, credential->email);
	appendStringInfoString(&part, ",\"scope\":");
	escape_json(&part, scopes);
	appendStringInfo(&part, ",\"aud\":\"%s\",\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT "}",
					 AUDIENCE, now, now + ASSERTION_S);
	appendStringInfoChar(&assertion, '.');
	base64_append_url(&assertion, part.data, part.len);

	signature = crypto_sign_rs256(credential->key, (CryptoBytes) {(uint8 *) assertion.data,
																  assertion.len}, &length);
	appendStringInfoChar(&assertion, '.');
	base64_append_url(&assertion, signature, length);
	crypto_wipe_with(CurrentMemoryContext, assertion.data, assertion.len);
	return assertion.data;
}

static TokenRequest
service_account_request(const GoogleCredential *credential, const GoogleAuthOptions *options)
{
	char	   *assertion = google_assertion(credential, options->scopes, (int64) time(NULL));
	FormField	form[] = {
		{"grant_type", OAUTH "grant-type:jwt-bearer"},
		{"assertion", assertion}
	};

	return (TokenRequest) {
		.http = token_form(psprintf("%s/token", options->oauth2_endpoint), form, lengthof(form)),
		.place = "Google's token endpoint",
		.wanted = OAUTH_TOKEN,
		.secrets = {assertion}
	};
}

/* ---- authorized user ---- */

static TokenRequest
user_request(const GoogleCredential *credential, const GoogleAuthOptions *options)
{
	FormField	form[] = {
		{"grant_type", "refresh_token"},
		{"client_id", credential->client_id},
		{"client_secret", credential->client_secret},
		{"refresh_token", credential->refresh_token}
	};

	/* scopes are those that the person agreed to: asking for others would be refused */
	return (TokenRequest) {
		.http = token_form(psprintf("%s/token", options->oauth2_endpoint), form, lengthof(form)),
		.place = "Google's token endpoint",
		.wanted = OAUTH_TOKEN,
		.secrets = {credential->client_secret, credential->refresh_token}
	};
}

/* ---- external account ---- */

/* What its source is asked for a subject token. */
static TokenRequest
source_request(const GoogleCredential *credential)
{
	TokenRequest request = {
		.http = {
			.url = credential->url,
			.secret_headers = credential->headers,
			.nsecret_headers = credential->nheaders
		},
		.place = "the subject token's source"
	};

	for (int i = 0; i < credential->nheaders && i < TOKEN_SECRETS; i++)
		request.secrets[i] = credential->headers[i].value;
	return request;
}

/* The member of that name, which may hold any characters. */
static const char *
member_text(const JsonReply *json, const char *wanted)
{
	const char *name;
	const char *text;

	for (int i = 0; json_reply_member(json, "$", i, &name, &text); i++)
		if (strcmp(name, wanted) == 0)
			return text;
	return NULL;
}

/* The subject token in what the source says, or NULL and *grant with the reason. */
static const char *
subject_token(const GoogleCredential *credential, const char *text, GoogleGrant *grant)
{
	const char *why;
	size_t		length;

	*grant = (GoogleGrant) {.retry = true, .sqlstate = ERRCODE_MALFORMED_REPLY};
	if (credential->field != NULL)
	{
		JsonReply  *json = json_reply_parse(CurrentMemoryContext, text, strlen(text), &why);

		text = json != NULL ? member_text(json, credential->field) : NULL;
		if (text == NULL)
		{
			grant->problem = pstrdup(json == NULL ? "the subject token's source is not JSON" :
									 "the subject token's source lacks the member that "
									 "\"subject_token_field_name\" names");
			return NULL;
		}
	}
	/* as editors leave them */
	while (isspace((unsigned char) *text))
		text++;
	length = strlen(text);
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	if (length > 0)
		return crypto_copy_secret(CurrentMemoryContext, text, length);
	grant->problem = pstrdup("the subject token is empty");
	return NULL;
}

static TokenRequest
exchange_request(const GoogleCredential *credential, const GoogleAuthOptions *options,
				 const char *subject)
{
	FormField	form[] = {
		{"grant_type", OAUTH "grant-type:token-exchange"},
		{"audience", credential->audience},
		{"scope", credential->impersonated != NULL ? IAM_SCOPE : options->scopes},
		{"requested_token_type", OAUTH "token-type:access_token"},
		{"subject_token_type", credential->subject_type},
		{"subject_token", subject}
	};

	return (TokenRequest) {
		.http = token_form(psprintf("%s/v1/token", options->sts_endpoint), form, lengthof(form)),
		.place = "Google's Security Token Service",
		.wanted = OAUTH_TOKEN,
		.secrets = {subject}
	};
}

/* Seconds until a moment such as "2030-01-01T00:00:00Z"; 0 when it is none. */
static int64
seconds_until(const char *moment)
{
	int			year,
				month,
				day,
				hour,
				minute,
				second,
				used = 0;

	if (moment == NULL ||
		sscanf(moment, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
			   &used) != 6)
		return 0;
	if (moment[used] == '.')
		used += 1 + strspn(moment + used + 1, "0123456789");
	if (strcmp(moment + used, "Z") != 0 || month < 1 || month > 12)
		return 0;
	return (int64) (date2j(year, month, day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second - (int64) time(NULL);
}

static char *
impersonation_body(const GoogleCredential *credential, const char *scopes)
{
	StringInfoData body;
	char	   *list = pstrdup(scopes);
	char	   *rest;
	const char *separator = "";

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"scope\":[");
	for (char *scope = strtok_r(list, " ", &rest); scope != NULL;
		 scope = strtok_r(NULL, " ", &rest))
	{
		appendStringInfoString(&body, separator);
		escape_json(&body, scope);
		separator = ",";
	}
	appendStringInfo(&body, "],\"lifetime\":\"%ds\"}", credential->lifetime_s);
	return body.data;
}

static TokenRequest
impersonation_request(const GoogleCredential *credential, const GoogleAuthOptions *options,
					  const char *token)
{
	static const HttpHeader type[] = {{"Content-Type", "application/json"}};
	char	   *bearer = psprintf("Bearer %s", token);
	char	   *body = impersonation_body(credential, options->scopes);
	HttpHeader *authorization = palloc(sizeof(HttpHeader));

	crypto_wipe_with(CurrentMemoryContext, bearer, strlen(bearer));
	*authorization = (HttpHeader) {"Authorization", bearer};
	return (TokenRequest) {
		.http = {
			.method = "POST",
			.url = psprintf("%s/v1/projects/-/serviceAccounts/%s:generateAccessToken",
							options->iamcredentials_endpoint, credential->impersonated),
			.headers = type,
			.nheaders = lengthof(type),
			.secret_headers = authorization,
			.nsecret_headers = 1,
			.body = body,
			.body_length = strlen(body)
		},
		.place = "Google's IAM credentials service",
		.wanted = "$.accessToken",
		.secrets = {token}
	};
}

static GoogleGrant
impersonated_grant(const GoogleGranting *granting, const TokenReply *reply)
{
	const char *until;

	if (reply->problem != NULL)
		return no_grant(reply);
	until = json_reply_text(reply->json, "$.expireTime");
	/* by a clock that is behind it would seem to live longer than it was made to */
	return granted(&granting->request, reply, granting->asked_ms,
				   Min(seconds_until(until), granting->credential->lifetime_s));
}

/* ---- the machine's own ---- */

static TokenRequest
metadata_request(const GoogleAuthOptions *options)
{
	static const HttpHeader flavor[] = {{"Metadata-Flavor", "Google"}};
	char	   *scopes = pstrdup(options->scopes);
	StringInfoData url;

	for (char *at = scopes; *at != '\0'; at++)
		if (*at == ' ')
			*at = ',';
	initStringInfo(&url);
	appendStringInfo(&url, "http://%s" METADATA_PATH "?scopes=", options->metadata_host);
	url_encode(&url, scopes);
	return (TokenRequest) {
		.http = {
			.url = url.data,
			.headers = flavor,
			.nheaders = lengthof(flavor),
			.limits = {.total_ms = METADATA_MS}
		},
		.place = "the metadata server",
		.wanted = OAUTH_TOKEN,
		.metadata = true
	};
}

/* ---- the way ---- */

static void
ask(GoogleGranting *granting, GrantStep step, TokenRequest request)
{
	granting->step = step;
	granting->request = request;
	granting->asked_ms = wait_clock_ms();
	granting->question = token_ask(granting->pool, &granting->request);
}

static void
conclude(GoogleGranting *granting, GoogleGrant grant)
{
	granting->step = GRANT_KNOWN;
	granting->grant = grant;
}

/* With what the source of subject tokens said. */
static void
ask_exchange(GoogleGranting *granting, const char *text)
{
	const GoogleCredential *credential = granting->credential;
	GoogleGrant failure;
	const char *subject = subject_token(credential, text, &failure);

	if (subject == NULL)
		conclude(granting, failure);
	else
		ask(granting, credential->impersonated != NULL ? GRANT_FEDERATED : GRANT_TOKEN,
			exchange_request(credential, granting->options, subject));
}

GoogleGranting *
google_grant_begin(HttpPool *pool, const GoogleCredential *credential,
				   const GoogleAuthOptions *options)
{
	GoogleGranting *granting = palloc0(sizeof(GoogleGranting));

	granting->memory = CurrentMemoryContext;
	granting->pool = pool;
	granting->credential = credential;
	granting->options = options;
	switch (credential->kind)
	{
		case CREDENTIAL_SERVICE_ACCOUNT:
			ask(granting, GRANT_TOKEN, service_account_request(credential, options));
			break;
		case CREDENTIAL_AUTHORIZED_USER:
			ask(granting, GRANT_TOKEN, user_request(credential, options));
			break;
		case CREDENTIAL_EXTERNAL_ACCOUNT:
			if (credential->file != NULL)
				ask_exchange(granting, options->subject_token(credential->file, options->arg));
			else
				ask(granting, GRANT_SUBJECT, source_request(credential));
			break;
		case CREDENTIAL_METADATA:
			ask(granting, GRANT_TOKEN, metadata_request(options));
			break;
	}
	return granting;
}

static void
take_answer(GoogleGranting *granting, const TokenReply *reply)
{
	GoogleGrant grant;

	switch (granting->step)
	{
		case GRANT_SUBJECT:
			if (reply->problem != NULL)
				conclude(granting, no_grant(reply));
			else
				ask_exchange(granting, reply->text);
			break;
		case GRANT_FEDERATED:
			grant = oauth_grant(granting, reply);
			if (grant.token == NULL)
				conclude(granting, grant);
			else
				ask(granting, GRANT_IMPERSONATED,
					impersonation_request(granting->credential, granting->options, grant.token));
			break;
		case GRANT_TOKEN:
			conclude(granting, oauth_grant(granting, reply));
			break;
		case GRANT_IMPERSONATED:
			conclude(granting, impersonated_grant(granting, reply));
			break;
		case GRANT_KNOWN:
			break;
	}
}

bool
google_grant_end(GoogleGranting *granting, bool wait, GoogleGrant *grant)
{
	MemoryContext caller = MemoryContextSwitchTo(granting->memory);
	TokenReply	reply;

	while (granting->step != GRANT_KNOWN && token_answer(granting->question, wait, &reply))
		take_answer(granting, &reply);
	MemoryContextSwitchTo(caller);
	*grant = granting->grant;
	return granting->step == GRANT_KNOWN;
}
