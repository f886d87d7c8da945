/*
 * request.c
 *	  Building of requests.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/request.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "catalog/option.h"
#include "catalog/spec.h"
#include "core/compat.h"
#include "fetch/watermark.h"

#define MAX_FIELDS	100			/* header fields and parameters of a source */

/* ---- templates ---- */

static bool
lookup_time(TimestampTz time, TemplateValue *value)
{
	value->type = TEMPLATE_TIMESTAMPTZ;
	value->time = time;
	return !TIMESTAMP_NOT_FINITE(time);
}

static bool
lookup_text(const char *text, TemplateValue *value)
{
	value->type = TEMPLATE_TEXT;
	value->text = text;
	return text != NULL;
}

static bool
lookup(const char *name, TemplateValue *value, void *arg)
{
	const RequestScope *scope = arg;

	if (strcmp(name, "start") == 0)
		return lookup_time(scope->start, value);
	if (strcmp(name, "end") == 0)
		return lookup_time(scope->end, value);
	if (strcmp(name, "item") == 0)
		return lookup_text(scope->item, value);
	if (strcmp(name, "cursor") == 0)
		return lookup_text(scope->cursor, value);
	if (strcmp(name, "env") == 0)
		return lookup_text(scope->env, value);
	return lookup_text(scope->run, value);
}

static TemplateScope
template_scope(const RequestScope *scope)
{
	return (TemplateScope) {source_variables, source_variable_count, lookup, (void *) scope};
}

/* ---- the URL ---- */

typedef struct UrlBuilding
{
	StringInfoData url;
	bool		has_query;
	TemplateScope scope;
	const QueryParam *extra;
	int			nextra;
} UrlBuilding;

static void
add_param(UrlBuilding *building, const char *name, const char *value)
{
	appendStringInfoChar(&building->url, building->has_query ? '&' : '?');
	building->has_query = true;
	url_encode(&building->url, name);
	appendStringInfoChar(&building->url, '=');
	url_encode(&building->url, value);
}

/* A parameter of the source, unless paging gives it. */
static void
add_source_param(const char *key, JsonbValue *value, void *arg)
{
	UrlBuilding *building = arg;

	if (value->type == jbvNull)
		return;
	for (int i = 0; i < building->nextra; i++)
		if (strcmp(building->extra[i].name, key) == 0)
			return;
	add_param(building, key,
			  template_expand(spec_value_text(value), TEMPLATE_PLAIN, &building->scope));
}

char *
request_url(const Connection *connection, const SourceSpec *source, const RequestScope *scope,
			const QueryParam *extra, int nextra)
{
	UrlBuilding building = {.scope = template_scope(scope), .extra = extra, .nextra = nextra};
	const char *base = connection->url.path;
	size_t		base_length = strlen(base);

	/* https://host/v1/ and /items make https://host/v1/items */
	if (base_length > 0 && base[base_length - 1] == '/' && *source->path == '/')
		base_length--;
	initStringInfo(&building.url);
	appendStringInfoString(&building.url, connection->url.origin);
	appendBinaryStringInfo(&building.url, base, base_length);
	appendStringInfoString(&building.url,
						   template_expand(source->path, TEMPLATE_URL, &building.scope));
	if (source->params != NULL)
		spec_each(source->params, add_source_param, &building);
	for (int i = 0; i < nextra; i++)
		add_param(&building, extra[i].name, extra[i].value);
	return building.url.data;
}

char *
request_with_secret(const char *url, const RequestParts *parts)
{
	UrlBuilding building = {0};

	if (parts->query_param == NULL)
		return pstrdup(url);
	initStringInfo(&building.url);
	appendStringInfoString(&building.url, url_without_param(url, parts->query_param));
	building.has_query = strchr(building.url.data, '?') != NULL;
	add_param(&building, parts->query_param, parts->secret);
	return building.url.data;
}

const char *
request_secret_param(const Connection *connection)
{
	if (connection->auth != AUTH_API_KEY ||
		strcmp(option_text(connection->options, "auth_in", "header"), "query") != 0)
		return NULL;
	return option_text(connection->options, "auth_param", "api_key");
}

/* ---- header fields and body ---- */

typedef struct HeaderBuilding
{
	RequestParts *parts;
	TemplateScope scope;
} HeaderBuilding;

static void
add_header(RequestParts *parts, const char *name, const char *value)
{
	if (parts->nheaders == MAX_FIELDS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a source cannot have more than %d header fields", MAX_FIELDS - 2));
	parts->headers[parts->nheaders++] = (HttpHeader) {pstrdup(name), value};
}

static bool
has_header(const RequestParts *parts, const char *name)
{
	for (int i = 0; i < parts->nheaders; i++)
		if (pg_strcasecmp(parts->headers[i].name, name) == 0)
			return true;
	return false;
}

static void
add_source_header(const char *key, JsonbValue *value, void *arg)
{
	HeaderBuilding *building = arg;

	if (value->type != jbvNull)
		add_header(building->parts, key,
				   template_expand(spec_value_text(value), TEMPLATE_PLAIN, &building->scope));
}

/* "format" with the secret in place of {secret}. */
static char *
format_secret(const char *format, const char *secret)
{
	const char *place = strstr(format, "{secret}");

	return psprintf("%.*s%s%s", (int) (place - format), format, secret, place + strlen("{secret}"));
}

static char *
basic_credentials(const char *user, const char *secret)
{
	char	   *pair = psprintf("%s:%s", user, secret);

	return psprintf("Basic %s", compat_base64(pair, strlen(pair)));
}

static void
add_credentials(RequestParts *parts, const Connection *connection, char *secret)
{
	List	   *options = connection->options;
	bool		is_key = connection->auth == AUTH_API_KEY;
	const char *name = option_text(options, "auth_header", is_key ? "X-Api-Key" : "Authorization");
	const char *format = option_text(options, "auth_format",
									 is_key ? "{secret}" : "Bearer {secret}");
	char	   *value;

	if (connection->auth == AUTH_NONE)
		return;
	parts->secret = secret;
	parts->query_param = request_secret_param(connection);
	if (parts->query_param != NULL)
		return;
	value = connection->auth == AUTH_BASIC ?
		basic_credentials(option_text(options, "user", ""), secret) : format_secret(format, secret);
	parts->secret_headers = palloc(sizeof(HttpHeader));
	parts->secret_headers[0] = (HttpHeader) {pstrdup(name), value};
	parts->nsecret_headers = 1;
}

/* The body with its templates' values in place; only texts hold templates. */
static char *
expand_body(Jsonb *body, const TemplateScope *scope)
{
	JsonbIterator *iterator = JsonbIteratorInit(&body->root);
	JsonbIteratorToken token;
	JsonbParseState *state = NULL;
	JsonbValue	value;
	JsonbValue *result = NULL;
	Jsonb	   *expanded;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		bool		is_value = token == WJB_VALUE || token == WJB_ELEM;

		if (is_value && value.type == jbvString)
		{
			value.val.string.val = template_expand(pnstrdup(value.val.string.val,
															value.val.string.len),
												   TEMPLATE_PLAIN, scope);
			value.val.string.len = strlen(value.val.string.val);
		}
		result = pushJsonbValue(&state, token, is_value || token == WJB_KEY ? &value : NULL);
	}
	expanded = JsonbValueToJsonb(result);
	return JsonbToCString(NULL, &expanded->root, VARSIZE(expanded));
}

RequestParts *
request_parts(const Connection *connection, const SourceSpec *source, const RequestScope *scope,
			  char *secret)
{
	RequestParts *parts = palloc0(sizeof(RequestParts));
	HeaderBuilding building = {parts, template_scope(scope)};

	parts->headers = palloc(sizeof(HttpHeader) * MAX_FIELDS);
	if (source->headers != NULL)
		spec_each(source->headers, add_source_header, &building);
	if (!has_header(parts, "Accept"))
		add_header(parts, "Accept", "application/json");
	if (source->body != NULL)
	{
		parts->body = expand_body(source->body, &building.scope);
		if (!has_header(parts, "Content-Type"))
			add_header(parts, "Content-Type", "application/json");
	}
	add_credentials(parts, connection, secret);
	return parts;
}
