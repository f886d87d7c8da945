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

#define ASSERTION_S		3600	/* the longest that Google accepts */
#define METADATA_MS		3000	/* it is on the same machine, or not there at all */

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

/* The answer of RFC 6749, section 5.1. */
static GoogleGrant
oauth_grant(HttpPool *pool, TokenRequest *request)
{
	int64		asked_ms = wait_clock_ms();
	TokenReply	reply;
	const char *type;
	int64		seconds = 0;

	request->wanted = "$.access_token";
	reply = token_request(pool, request);
	if (reply.problem != NULL)
		return no_grant(&reply);
	type = json_reply_text(reply.json, "$.token_type");
	if (type == NULL || pg_strcasecmp(type, "Bearer") != 0)
		return malformed(request, "holds no bearer token");
	json_reply_int64(reply.json, "$.expires_in", &seconds);
	return granted(request, &reply, asked_ms, seconds);
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

static GoogleGrant
service_account_grant(HttpPool *pool, const GoogleCredential *credential,
					  const GoogleAuthOptions *options)
{
	char	   *assertion = google_assertion(credential, options->scopes, (int64) time(NULL));
	FormField	form[] = {
		{"grant_type", OAUTH "grant-type:jwt-bearer"},
		{"assertion", assertion}
	};
	TokenRequest request = {
		.http = token_form(psprintf("%s/token", options->oauth2_endpoint), form, lengthof(form)),
		.place = "Google's token endpoint",
		.secrets = {assertion}
	};

	return oauth_grant(pool, &request);
}

/* ---- authorized user ---- */

static GoogleGrant
user_grant(HttpPool *pool, const GoogleCredential *credential, const GoogleAuthOptions *options)
{
	FormField	form[] = {
		{"grant_type", "refresh_token"},
		{"client_id", credential->client_id},
		{"client_secret", credential->client_secret},
		{"refresh_token", credential->refresh_token}
	};
	TokenRequest request = {
		.http = token_form(psprintf("%s/token", options->oauth2_endpoint), form, lengthof(form)),
		.place = "Google's token endpoint",
		.secrets = {credential->client_secret, credential->refresh_token}
	};

	/* scopes are those that the person agreed to: asking for others would be refused */
	return oauth_grant(pool, &request);
}

/* ---- external account ---- */

/* What the source says, or false and *grant with the reason. */
static bool
read_source(HttpPool *pool, const GoogleCredential *credential, const GoogleAuthOptions *options,
			const char **text, GoogleGrant *grant)
{
	TokenRequest request = {
		.http = {
			.url = credential->url,
			.secret_headers = credential->headers,
			.nsecret_headers = credential->nheaders
		},
		.place = "the subject token's source"
	};
	TokenReply	reply;

	if (credential->file != NULL)
	{
		*text = options->subject_token(credential->file, options->arg);
		return true;
	}
	for (int i = 0; i < credential->nheaders && i < TOKEN_SECRETS; i++)
		request.secrets[i] = credential->headers[i].value;
	reply = token_request(pool, &request);
	*text = reply.text;
	*grant = no_grant(&reply);
	return reply.problem == NULL;
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

/* The subject token, or NULL and *grant with the reason. */
static const char *
subject_token(HttpPool *pool, const GoogleCredential *credential,
			  const GoogleAuthOptions *options, GoogleGrant *grant)
{
	const char *text;
	const char *why;
	size_t		length;

	if (!read_source(pool, credential, options, &text, grant))
		return NULL;
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

static GoogleGrant
exchange_grant(HttpPool *pool, const GoogleCredential *credential,
			   const GoogleAuthOptions *options, const char *subject)
{
	FormField	form[] = {
		{"grant_type", OAUTH "grant-type:token-exchange"},
		{"audience", credential->audience},
		{"scope", credential->impersonated != NULL ? IAM_SCOPE : options->scopes},
		{"requested_token_type", OAUTH "token-type:access_token"},
		{"subject_token_type", credential->subject_type},
		{"subject_token", subject}
	};
	TokenRequest request = {
		.http = token_form(psprintf("%s/v1/token", options->sts_endpoint), form, lengthof(form)),
		.place = "Google's Security Token Service",
		.secrets = {subject}
	};

	return oauth_grant(pool, &request);
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

static GoogleGrant
impersonated_grant(HttpPool *pool, const GoogleCredential *credential,
				   const GoogleAuthOptions *options, const char *token)
{
	char	   *bearer = psprintf("Bearer %s", token);
	char	   *body = impersonation_body(credential, options->scopes);
	HttpHeader	type = {"Content-Type", "application/json"};
	HttpHeader	authorization = {"Authorization", bearer};
	TokenRequest request = {
		.http = {
			.method = "POST",
			.url = psprintf("%s/v1/projects/-/serviceAccounts/%s:generateAccessToken",
							options->iamcredentials_endpoint, credential->impersonated),
			.headers = &type,
			.nheaders = 1,
			.secret_headers = &authorization,
			.nsecret_headers = 1,
			.body = body,
			.body_length = strlen(body)
		},
		.place = "Google's IAM credentials service",
		.wanted = "$.accessToken",
		.secrets = {token}
	};
	int64		asked_ms = wait_clock_ms();
	TokenReply	reply;

	crypto_wipe_with(CurrentMemoryContext, bearer, strlen(bearer));
	reply = token_request(pool, &request);
	if (reply.problem != NULL)
		return no_grant(&reply);
	/* by a clock that is behind it would seem to live longer than it was made to */
	return granted(&request, &reply, asked_ms,
				   Min(seconds_until(json_reply_text(reply.json, "$.expireTime")),
					   credential->lifetime_s));
}

static GoogleGrant
external_grant(HttpPool *pool, const GoogleCredential *credential,
			   const GoogleAuthOptions *options)
{
	GoogleGrant grant;
	const char *subject = subject_token(pool, credential, options, &grant);

	if (subject == NULL)
		return grant;
	grant = exchange_grant(pool, credential, options, subject);
	if (grant.token == NULL || credential->impersonated == NULL)
		return grant;
	return impersonated_grant(pool, credential, options, grant.token);
}

/* ---- the machine's own ---- */

static GoogleGrant
metadata_grant(HttpPool *pool, const GoogleAuthOptions *options)
{
	static const HttpHeader flavor[] = {{"Metadata-Flavor", "Google"}};
	char	   *scopes = pstrdup(options->scopes);
	StringInfoData url;
	TokenRequest request = {
		.http = {
			.headers = flavor,
			.nheaders = lengthof(flavor),
			.limits = {.total_ms = METADATA_MS}
		},
		.place = "the metadata server",
		.metadata = true
	};

	for (char *at = scopes; *at != '\0'; at++)
		if (*at == ' ')
			*at = ',';
	initStringInfo(&url);
	appendStringInfo(&url, "http://%s" METADATA_PATH "?scopes=", options->metadata_host);
	url_encode(&url, scopes);
	request.http.url = url.data;
	return oauth_grant(pool, &request);
}

GoogleGrant
google_grant(HttpPool *pool, const GoogleCredential *credential, const GoogleAuthOptions *options)
{
	switch (credential->kind)
	{
		case CREDENTIAL_SERVICE_ACCOUNT:
			return service_account_grant(pool, credential, options);
		case CREDENTIAL_AUTHORIZED_USER:
			return user_grant(pool, credential, options);
		case CREDENTIAL_EXTERNAL_ACCOUNT:
			return external_grant(pool, credential, options);
		case CREDENTIAL_METADATA:
			break;
	}
	return metadata_grant(pool, options);
}
