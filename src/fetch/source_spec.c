/*
 * source_spec.c
 *	  Reading and checking of an HTTP source's definition.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/source_spec.h"

#include <ctype.h>

#include "utils/builtins.h"

#include "catalog/spec.h"
#include "core/compat.h"
#include "core/error.h"

#define MAX_PAGES		10000
#define MAX_DELAY_MS	30000		/* a longer pause ends the run's work until then */

const TemplateVariable source_variables[] = {
	{"start", TEMPLATE_TIMESTAMPTZ}, {"end", TEMPLATE_TIMESTAMPTZ}, {"item", TEMPLATE_TEXT},
	{"cursor", TEMPLATE_TEXT}, {"env", TEMPLATE_TEXT}, {"run", TEMPLATE_TEXT}
};
const int	source_variable_count = lengthof(source_variables);

static const TemplateScope check_scope = {source_variables, lengthof(source_variables), NULL, NULL};

pg_noreturn static void refuse_path(const char *key, const char *what, const char *text,
									int position,
									const char *why);

static void
refuse_path(const char *key, const char *what, const char *text, int position, const char *why)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%s\" of %s is not a path: %s", key, what, why),
			errdetail("Character %d of \"%s\".", position, error_clean(text, strlen(text), 200)));
}

pg_noreturn static void refuse_value(const char *key, const char *what, const char *wanted);

static void
refuse_value(const char *key, const char *what, const char *wanted)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%s\" of %s must be %s", key, what, wanted));
}

static MemberPath *
read_member_path(Jsonb *spec, const char *key, const char *missing, const char *what)
{
	char	   *text = spec_text(spec, key, what);
	MemberPath *path;
	int			position;
	const char *why;

	if (text == NULL && missing == NULL)
		text = spec_text_required(spec, key, what);
	if (!member_path_parse(text != NULL ? text : missing, CurrentMemoryContext, &path, &position,
						   &why))
		refuse_path(key, what, text, position, why);
	return path;
}

static int64
interval_ms(const Interval *interval)
{
	return interval->time / 1000 + (interval->day + INT64CONST(30) * interval->month) * 86400000;
}

static int64
read_ms(Jsonb *spec, const char *key, int64 missing, const char *what)
{
	Interval   *interval = spec_interval(spec, key, what);

	if (interval == NULL)
		return missing;
	if (interval_ms(interval) <= 0)
		refuse_value(key, what, "longer than nothing");
	return interval_ms(interval);
}

/* A format of times is checked by the templates' own rules. */
static char *
read_format(Jsonb *spec, const char *key, const char *missing, const char *what)
{
	char	   *format = spec_text(spec, key, what);

	if (format == NULL)
		return missing != NULL ? pstrdup(missing) : NULL;
	template_check(psprintf("{start:%s}", format), &check_scope);
	return format;
}

/* ---- paginate ---- */

static void
read_window(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {
		"type", "start", "end", "format", "bounds", "step", "limit", "limit_param", "max_pages"
	};
	static const char *const bounds[] = {"[]", "[)"};

	spec_check_keys(spec, keys, lengthof(keys), what);
	paging->start_param = spec_text_required(spec, "start", what);
	paging->end_param = spec_text_required(spec, "end", what);
	paging->format = read_format(spec, "format", "iso", what);
	paging->end_included = strcmp(spec_choice(spec, "bounds", bounds, lengthof(bounds), "[)", what),
								  "[]") == 0;
	paging->step = spec_interval(spec, "step", what);
	if (paging->step == NULL || interval_ms(paging->step) <= 0 || paging->step->month != 0)
		refuse_value("step", what, "what one record spans, as \"15 minutes\"");
	paging->limit = spec_integer(spec, "limit", 0, what);
	if (paging->limit < 1 || paging->limit > 1000000)
		refuse_value("limit", what, "how many records one request can bring, from 1");
	paging->limit_param = spec_text(spec, "limit_param", what);
	if (paging->limit_param == NULL)
		paging->limit_param = pstrdup("limit");
}

/* How many records a full page has, where that may be left out. */
static void
read_limit(Jsonb *spec, PagingSpec *paging, const char *what)
{
	paging->limit = spec_integer(spec, "limit", 0, what);
	paging->limit_param = spec_text(spec, "limit_param", what);
	if (paging->limit < (paging->limit_param != NULL || spec_has(spec, "limit")))
		refuse_value("limit", what, "the number of records of a full page, from 1");
}

static void
read_page(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {
		"type", "param", "first", "limit", "limit_param", "max_pages"
	};

	spec_check_keys(spec, keys, lengthof(keys), what);
	paging->param = spec_text(spec, "param", what);
	paging->param = paging->param != NULL ? paging->param : pstrdup("page");
	paging->first = spec_integer(spec, "first", 1, what);
	read_limit(spec, paging, what);
}

static void
read_offset(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {"type", "param", "limit", "limit_param", "max_pages"};

	spec_check_keys(spec, keys, lengthof(keys), what);
	paging->param = spec_text(spec, "param", what);
	paging->param = paging->param != NULL ? paging->param : pstrdup("offset");
	paging->limit = spec_integer(spec, "limit", 0, what);
	paging->limit_param = spec_text(spec, "limit_param", what);
	if (paging->limit_param == NULL)
		paging->limit_param = pstrdup("limit");
	if (paging->limit < 1)
		refuse_value("limit", what, "the number of records of a full page, from 1");
}

static void
read_token(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {
		"type", "param", "path", "limit", "limit_param", "max_pages"
	};

	spec_check_keys(spec, keys, lengthof(keys), what);
	paging->param = spec_text_required(spec, "param", what);
	paging->path = read_member_path(spec, "path", NULL, what);
	read_limit(spec, paging, what);
}

static void
read_next_link(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {"type", "path", "max_pages"};

	spec_check_keys(spec, keys, lengthof(keys), what);
	paging->path = read_member_path(spec, "path", NULL, what);
}

static void
read_bare(Jsonb *spec, PagingSpec *paging, const char *what)
{
	static const char *const keys[] = {"type", "max_pages"};

	spec_check_keys(spec, keys, lengthof(keys), what);
}

static void
read_paging(SourceSpec *source, Jsonb *spec)
{
	static const char *const names[] = {
		"none", "window", "page", "offset", "cursor", "next_link", "link_header"
	};
	static void (*const readers[]) (Jsonb *, PagingSpec *, const char *) = {
		read_bare, read_window, read_page, read_offset, read_token, read_next_link, read_bare
	};
	Jsonb	   *paginate = spec_object(spec, "paginate", source->what);
	char	   *what = psprintf("paginate of %s", source->what);
	PagingSpec *paging = &source->paging;
	const char *type;

	paging->type = PAGING_FOUND;
	paging->max_pages = MAX_PAGES;
	if (paginate == NULL)
		return;
	(void) spec_text_required(paginate, "type", what);
	type = spec_choice(paginate, "type", names, lengthof(names), NULL, what);
	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(type, names[i]) == 0)
		{
			paging->type = PAGING_NONE + i;
			readers[i] (paginate, paging, what);
		}
	paging->max_pages = spec_integer(paginate, "max_pages", MAX_PAGES, what);
	if (paging->max_pages < 1)
		refuse_value("max_pages", what, "at least 1");
}

/* Paging that counts records needs a list of them: one object is none. */
static bool
counts_records(const PagingSpec *paging)
{
	return paging->type == PAGING_WINDOW || paging->type == PAGING_PAGE ||
		paging->type == PAGING_OFFSET;
}

/* ---- cursor ---- */

static RecordPath *
read_record_path(Jsonb *spec, const char *key, const char *what)
{
	char	   *text = spec_text_required(spec, key, what);
	int			position;
	const char *why;
	RecordPath *path = record_path_parse(text, &position, &why);

	if (path == NULL)
		refuse_path(key, what, text, position, why);
	return path;
}

static void
read_watermark(SourceSpec *source, Jsonb *spec)
{
	static const char *const keys[] = {"path", "param", "type", "format", "lookback", "initial"};
	static const char *const types[] = {"number", "timestamp", "text"};
	Jsonb	   *cursor = spec_object(spec, "cursor", source->what);
	char	   *what = psprintf("cursor of %s", source->what);
	WatermarkSpec *watermark;
	const char *type;

	if (cursor == NULL)
		return;
	spec_check_keys(cursor, keys, lengthof(keys), what);
	watermark = palloc0(sizeof(WatermarkSpec));
	watermark->path = read_record_path(cursor, "path", what);
	watermark->param = spec_text(cursor, "param", what);
	type = spec_choice(cursor, "type", types, lengthof(types), NULL, what);
	for (int i = 0; type != NULL && i < lengthof(types); i++)
		if (strcmp(type, types[i]) == 0)
			watermark->type = WATERMARK_NUMBER + i;
	watermark->format = read_format(cursor, "format", NULL, what);
	watermark->lookback = spec_interval_from(cursor, "lookback", INTERVAL_NOT_NEGATIVE, what);
	if (watermark->lookback != NULL && watermark->type == WATERMARK_TEXT)
		refuse_value("lookback", what, "left out for a cursor of type text");
	watermark->initial = spec_text(cursor, "initial", what);
	source->watermark = watermark;
}

/* ---- rate, retry, status ---- */

static void
read_rate(SourceSpec *source, Jsonb *spec)
{
	static const char *const keys[] = {
		"requests", "per", "burst", "cost", "quota_header", "quota", "quota_window"
	};
	Jsonb	   *rate = spec_object(spec, "rate_limit", source->what);
	char	   *what = psprintf("rate_limit of %s", source->what);
	double		requests;

	source->rate.cost = 1;
	if (rate == NULL)
		return;
	spec_check_keys(rate, keys, lengthof(keys), what);
	requests = spec_number(rate, "requests", 0, what);
	if (requests < 0 || (requests == 0 && spec_has(rate, "per")))
		refuse_value("requests", what, "a number above 0");
	source->rate.per_second = requests * 1000 / read_ms(rate, "per", 1000, what);
	source->rate.burst = spec_number(rate, "burst", 1, what);
	source->rate.cost = spec_number(rate, "cost", 1, what);
	source->rate.quota_header = spec_text(rate, "quota_header", what);
	source->rate.quota = spec_number(rate, "quota", 0, what);
	source->rate.quota_window_ms = read_ms(rate, "quota_window", 60000, what);
	if (source->rate.cost <= 0)
		refuse_value("cost", what, "a number above 0");
	if (source->rate.quota_header != NULL && source->rate.quota <= 0)
		refuse_value("quota", what, "the limit that quota_header counts up to");
}

static void
read_retry(SourceSpec *source, Jsonb *spec)
{
	static const char *const keys[] = {
		"attempts", "first_delay", "max_delay", "max_total", "idempotent"
	};
	Jsonb	   *retry = spec_object(spec, "retry", source->what);
	char	   *what = psprintf("retry of %s", source->what);

	source->retry = RETRY_POLICY_DEFAULT;
	source->retry.max_delay_ms = MAX_DELAY_MS;
	source->idempotent = strcmp(source->method, "GET") == 0;
	if (retry == NULL)
		return;
	spec_check_keys(retry, keys, lengthof(keys), what);
	source->retry.attempts = spec_integer(retry, "attempts", source->retry.attempts, what);
	if (source->retry.attempts < 1 || source->retry.attempts > 100)
		refuse_value("attempts", what, "from 1 to 100");
	source->retry.first_delay_ms = read_ms(retry, "first_delay", source->retry.first_delay_ms,
										   what);
	source->retry.max_delay_ms = read_ms(retry, "max_delay", source->retry.max_delay_ms, what);
	source->retry.max_total_ms = read_ms(retry, "max_total", 0, what);
	source->idempotent = spec_bool(retry, "idempotent", source->idempotent, what);
}

typedef struct StatusReading
{
	StatusRule *rules;
	int			count;
	const char *what;
} StatusReading;

static void
read_status_rule(const char *key, JsonbValue *value, void *arg)
{
	StatusReading *reading = arg;
	char	   *action = spec_value_text(value);
	bool		known = false;

	if (status_rule_parse(&reading->rules[reading->count], key, action))
	{
		reading->count++;
		return;
	}
	for (int i = 0; i < status_action_count; i++)
		known |= strcmp(action, status_action_names[i]) == 0;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s has a rule that is not understood: \"%s\": \"%s\"", reading->what,
				   error_clean(key, strlen(key), 50), error_clean(action, strlen(action), 50)),
			known ? errhint("A rule begins with a status or a class of them, as \"404\" or "
							"\"4xx\".") :
			errhint("Known actions are %s.",
					values_list(status_action_names, status_action_count)));
}

static void
read_status(SourceSpec *source, Jsonb *spec)
{
	Jsonb	   *status = spec_object(spec, "status", source->what);
	StatusReading reading = {.what = psprintf("status of %s", source->what)};

	if (status == NULL)
		return;
	reading.rules = palloc(sizeof(StatusRule) * (JB_ROOT_COUNT(status) + 1));
	spec_each(status, read_status_rule, &reading);
	source->status.rules = reading.rules;
	source->status.nrules = reading.count;
}

/* ---- what is sent ---- */

static void
check_template_value(const char *key, JsonbValue *value, void *arg)
{
	if (value->type == jbvString)
		template_check(pnstrdup(value->val.string.val, value->val.string.len), &check_scope);
	else if (value->type == jbvBinary)
		refuse_value(key, arg, "a text, a number or a boolean");
}

static void
check_header(const char *key, JsonbValue *value, void *arg)
{
	static const char *const secret[] = {"authorization", "proxy-authorization", "cookie"};
	const char *what = arg;

	for (const char *at = key; *at != '\0'; at++)
		if (!isalnum((unsigned char) *at) && strchr("!#$%&'*+-.^_`|~", *at) == NULL)
			refuse_value(error_clean(key, strlen(key), 50), what, "named by letters, digits and -");
	for (int i = 0; i < lengthof(secret); i++)
		if (pg_strcasecmp(key, secret[i]) == 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s cannot hold \"%s\"", what, key),
					errhint("Credentials belong to the connection: its option auth and a user "
							"mapping."),
					errhidestmt(true));
	check_template_value(key, value, arg);
}

static void
check_strings(Jsonb *document)
{
	JsonbIterator *iterator = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
		if ((token == WJB_VALUE || token == WJB_ELEM) && value.type == jbvString)
			template_check(pnstrdup(value.val.string.val, value.val.string.len), &check_scope);
}

/* Does a text say where in time, or after which record, to read? */
static bool
names_position(const char *text)
{
	return template_names(text, "start") || template_names(text, "end") ||
		template_names(text, "cursor");
}

static bool
any_names_position(Jsonb *document)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (document == NULL)
		return false;
	iterator = JsonbIteratorInit(&document->root);
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
		if ((token == WJB_VALUE || token == WJB_ELEM) && value.type == jbvString &&
			names_position(pnstrdup(value.val.string.val, value.val.string.len)))
			return true;
	return false;
}

/* Is the first page asked for in the same words by each run? */
static bool
asks_alike(const SourceSpec *source)
{
	return source->paging.type != PAGING_WINDOW &&
		(source->watermark == NULL || source->watermark->param == NULL) &&
		!names_position(source->path) && !any_names_position(source->params) &&
		!any_names_position(source->headers) && !any_names_position(source->body);
}

static void
read_request(SourceSpec *source, Jsonb *spec)
{
	static const char *const methods[] = {"GET", "POST"};
	static const char *const conditions[] = {"auto", "off"};

	source->server = spec_text_required(spec, "server", source->what);
	source->path = spec_text(spec, "path", source->what);
	source->path = source->path != NULL ? source->path : pstrdup("");
	if (*source->path != '\0' && *source->path != '/')
		refuse_value("path", source->what, "empty or begin with /");
	if (strpbrk(source->path, "?#") != NULL)
		refuse_value("path", source->what, "without ? and #; parameters go to params");
	template_check(source->path, &check_scope);
	source->method = pstrdup(spec_choice(spec, "method", methods, lengthof(methods), "GET",
										 source->what));
	source->params = spec_object(spec, "params", source->what);
	if (source->params != NULL)
		spec_each(source->params, check_template_value, psprintf("params of %s", source->what));
	source->headers = spec_object(spec, "headers", source->what);
	if (source->headers != NULL)
		spec_each(source->headers, check_header, psprintf("headers of %s", source->what));
	source->body = spec_object(spec, "body", source->what);
	if (source->body != NULL)
		check_strings(source->body);
	if (source->body != NULL && strcmp(source->method, "GET") == 0)
		refuse_value("body", source->what, "left out with method GET");
	source->conditional = strcmp(spec_choice(spec, "conditional", conditions, lengthof(conditions),
											 "auto",
											 source->what), "auto") == 0;
}

SourceSpec *
source_spec_read(const char *name, Jsonb *spec)
{
	static const char *const keys[] = {
		"server", "path", "params", "paginate", "records", "key", "cursor", "method", "headers",
		"body", "for_each", "rate_limit", "retry", "status", "conditional"
	};
	SourceSpec *source = palloc0(sizeof(SourceSpec));

	source->name = pstrdup(name);
	source->what = psprintf("source \"%s\"", name);
	spec_check_keys(spec, keys, lengthof(keys), source->what);
	read_request(source, spec);
	source->records = read_member_path(spec, "records", "$", source->what);
	(void) spec_texts(spec, "key", source->what);
	source->for_each = spec_text(spec, "for_each", source->what);
	read_paging(source, spec);
	source->records->elements |= counts_records(&source->paging);
	read_watermark(source, spec);
	read_rate(source, spec);
	read_retry(source, spec);
	read_status(source, spec);
	source->conditional = source->conditional && asks_alike(source);
	return source;
}
