/*
 * google_credential.c
 *	  Reading of credentials.
 *
 *	  Everything is checked here, before anything is sent: a wrong file is an error of whoever gave
 *	  it, and not a service's refusal. Messages have names of members, never their values.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/google_credential.h"

#include <ctype.h>

#include "utils/memutils.h"

#include "core/base64.h"
#include "core/compat.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/url.h"

#define CREDENTIALS_MAX		(64 * 1024)
#define LIFETIME_DEFAULT	3600	/* seconds */
#define LIFETIME_MIN		600
#define LIFETIME_MAX		43200
#define UNIVERSE			"googleapis.com"
#define ACCOUNT_BEGIN		"/serviceAccounts/"
#define ACCOUNT_END			":generateAccessToken"

pg_noreturn static void refuse(const char *why);

static void
refuse(const char *why)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("could not use the credentials for Google"),
			errdetail("%s", why));
}

/* The text of a member, at a path behind "$."; refuses credentials without it. */
static const char *
needed(const JsonReply *json, const char *member)
{
	const char *text = json_reply_text(json, psprintf("$.%s", member));

	if (text == NULL || *text == '\0')
		refuse(psprintf("\"%s\" is missing, or not a text.", member));
	return text;
}

/* ---- the kinds ---- */

static void
read_service_account(GoogleCredential *credential, const JsonReply *json)
{
	const char *why;

	credential->email = needed(json, "client_email");
	credential->key = needed(json, "private_key");
	credential->key_id = json_reply_text(json, "$.private_key_id");
	if (!crypto_rsa_key_check(credential->key, &why))
		refuse(psprintf("\"private_key\" %s.", why));
}

static void
read_authorized_user(GoogleCredential *credential, const JsonReply *json)
{
	credential->client_id = needed(json, "client_id");
	credential->client_secret = needed(json, "client_secret");
	credential->refresh_token = needed(json, "refresh_token");
}

static void
read_headers(GoogleCredential *credential, const JsonReply *json)
{
	HttpRequest request = {0};
	const char *name;
	const char *value;
	int			count = 0;

	while (json_reply_member(json, "$.credential_source.headers", count, &name, &value))
	{
		if (value == NULL)
			refuse("\"credential_source.headers\" holds something other than texts.");
		count++;
	}
	credential->headers = palloc0(sizeof(HttpHeader) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		json_reply_member(json, "$.credential_source.headers", i, &name, &value);
		credential->headers[i] = (HttpHeader) {name, value};
	}
	credential->nheaders = count;
	request.secret_headers = credential->headers;
	request.nsecret_headers = count;
	http_request_check(&request);
}

/* Where the subject token comes from, and in which form. */
static void
read_source(GoogleCredential *credential, const JsonReply *json)
{
	const char *format = json_reply_text(json, "$.credential_source.format.type");
	const char *problem;
	Url			url;

	credential->file = json_reply_text(json, "$.credential_source.file");
	credential->url = json_reply_text(json, "$.credential_source.url");
	if (json_reply_text(json, "$.credential_source.environment_id") != NULL)
		refuse("A subject token that AWS would sign is not supported.");
	if ((credential->file == NULL) == (credential->url == NULL))
		refuse("\"credential_source\" needs either \"file\" or \"url\", as a text.");
	if (credential->url != NULL && !url_parse(credential->url, &url, &problem))
		refuse(psprintf("\"credential_source.url\" is no address: %s.", problem));
	read_headers(credential, json);
	if (format == NULL || strcmp(format, "text") == 0)
		return;
	if (strcmp(format, "json") != 0)
		refuse("\"credential_source.format.type\" is neither text nor json.");
	credential->field = needed(json, "credential_source.format.subject_token_field_name");
}

/*
 * The account named at the end of the path, as in "…/serviceAccounts/EMAIL:generateAccessToken".
 * The host in front is not asked.
 */
static const char *
read_account(const char *url)
{
	const char *begin = strstr(url, ACCOUNT_BEGIN);
	size_t		length;

	if (begin != NULL)
	{
		begin += strlen(ACCOUNT_BEGIN);
		length = strspn(begin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
						"@.-_");
		if (length > 0 && strcmp(begin + length, ACCOUNT_END) == 0)
			return pnstrdup(begin, length);
	}
	refuse("\"service_account_impersonation_url\" does not end in "
		   "/serviceAccounts/EMAIL:generateAccessToken.");
}

static void
read_external_account(GoogleCredential *credential, const JsonReply *json)
{
	const char *url = json_reply_text(json, "$.service_account_impersonation_url");
	int64		lifetime = LIFETIME_DEFAULT;

	/* people's own identities, which sign in at a browser */
	if (json_reply_text(json, "$.workforce_pool_user_project") != NULL ||
		json_reply_text(json, "$.client_id") != NULL)
		refuse("They are of a workforce pool; only workload identity pools are supported.");
	credential->audience = needed(json, "audience");
	credential->subject_type = needed(json, "subject_token_type");
	read_source(credential, json);
	if (url == NULL)
		return;
	credential->impersonated = read_account(url);
	json_reply_int64(json, "$.service_account_impersonation.token_lifetime_seconds", &lifetime);
	if (lifetime < LIFETIME_MIN || lifetime > LIFETIME_MAX)
		refuse(psprintf("\"service_account_impersonation.token_lifetime_seconds\" is not between "
						"%d and %d.", LIFETIME_MIN, LIFETIME_MAX));
	credential->lifetime_s = lifetime;
}

/* ---- all of it ---- */

static JsonReply *
open_json(MemoryContext owner, const char *text)
{
	size_t		length = strlen(text);
	const char *why;
	JsonReply  *json;

	if (length > CREDENTIALS_MAX)
		refuse("They are longer than any that Google makes.");
	while (isspace((unsigned char) *text))
		text++, length--;
	if (length == 0)
		refuse("They are empty.");
	if (*text != '{')
	{
		text = base64_open(owner, text, &length);
		if (text == NULL || length == 0 || text[strspn(text, " \t\r\n")] != '{')
			refuse("They are neither JSON nor the base64 form of it.");
	}
	json = json_reply_parse(owner, text, length, &why);
	if (json == NULL)
		refuse(psprintf("They are not JSON: %s.", why));
	return json;
}

static GoogleCredential *
read_kind(const JsonReply *json)
{
	static const struct
	{
		const char *name;
		GoogleCredentialKind kind;
		void		(*read) (GoogleCredential *credential, const JsonReply *json);
	}			kinds[] = {
		{"service_account", CREDENTIAL_SERVICE_ACCOUNT, read_service_account},
		{"authorized_user", CREDENTIAL_AUTHORIZED_USER, read_authorized_user},
		{"external_account", CREDENTIAL_EXTERNAL_ACCOUNT, read_external_account}
	};
	GoogleCredential *credential = palloc0(sizeof(GoogleCredential));
	const char *name = needed(json, "type");
	const char *universe = json_reply_text(json, "$.universe_domain");

	if (universe != NULL && strcmp(universe, UNIVERSE) != 0)
		refuse("\"universe_domain\" is another one than " UNIVERSE ".");
	credential->project = json_reply_text(json, "$.project_id");
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
		{
			credential->kind = kinds[i].kind;
			kinds[i].read(credential, json);
			return credential;
		}
	refuse("\"type\" is none of service_account, authorized_user and external_account.");
}

const GoogleCredential *
google_credential_parse(MemoryContext owner, const char *text)
{
	MemoryContext caller = MemoryContextSwitchTo(owner);
	GoogleCredential *credential;

	if (text == NULL)
		credential = palloc0(sizeof(GoogleCredential));
	else
		credential = read_kind(open_json(owner, text));
	MemoryContextSwitchTo(caller);
	return credential;
}
