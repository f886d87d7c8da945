/*
 * pager.c
 *	  Paging by window, page, offset, cursor and links.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "fetch/pager.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "catalog/spec.h"
#include "core/crypto.h"
#include "core/error.h"
#include "fetch/watermark.h"

struct Pager
{
	MemoryContext memory;
	const Connection *connection;
	const SourceSpec *source;
	RequestScope scope;
	PagingType	type;
	bool		ended;			/* nothing after the pages taken in */
	bool		capped;
	int			taken;
	int			advanced;
	TimestampTz next_start;		/* window: of the next request to be taken */
	TimestampTz done_to;		/* window: end of the pages taken in */
	int64		number;			/* page or offset of the next request */
	char	   *token;			/* cursor; NULL for the first page */
	char	   *url;			/* of a linked page; NULL for the first page */
	HTAB	   *seen;			/* digests of tokens and links that were followed */
};

static HTAB *
create_seen(void)
{
	HASHCTL		control = {
		.keysize = CRYPTO_SHA256_LENGTH, .entrysize = CRYPTO_SHA256_LENGTH,
		.hcxt = CurrentMemoryContext
	};

	return hash_create("dataops pages", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Notes a token or link; false when it was followed before. */
static bool
note_seen(Pager *pager, const char *text)
{
	uint8		digest[CRYPTO_SHA256_LENGTH];
	bool		found;

	crypto_sha256((CryptoBytes) {(const uint8 *) text, strlen(text)}, digest);
	(void) hash_search(pager->seen, digest, HASH_ENTER, &found);
	return !found;
}

static void
restore_position(Pager *pager, Jsonb *position)
{
	static const char what[] = "the stored position";

	pager->taken = pager->advanced = spec_integer(position, "pages", 0, what);
	pager->next_start = pager->done_to = spec_integer(position, "next_start", pager->scope.start,
													  what);
	pager->number = spec_integer(position, "number", pager->number, what);
	pager->token = spec_text(position, "token", what);
	pager->url = spec_text(position, "url", what);
}

Pager *
pager_create(const Connection *connection, const SourceSpec *source, const RequestScope *scope,
			 Jsonb *position)
{
	Pager	   *pager = palloc0(sizeof(Pager));

	pager->memory = CurrentMemoryContext;
	pager->connection = connection;
	pager->source = source;
	pager->scope = *scope;
	pager->type = source->paging.type;
	pager->next_start = pager->done_to = scope->start;
	pager->number = pager->type == PAGING_PAGE ? source->paging.first : 0;
	pager->seen = create_seen();
	if (position != NULL)
		restore_position(pager, position);
	pager->ended = pager->type == PAGING_WINDOW && pager->next_start >= scope->end;
	return pager;
}

/* ---- asking ---- */

/* The end of the window that starts at "start": as many steps on as one request can bring. */
static TimestampTz
window_end(const Pager *pager, TimestampTz start)
{
	const PagingSpec *paging = &pager->source->paging;
	int64		step_us = paging->step->time + paging->step->day * USECS_PER_DAY;

	return Min(start + step_us * paging->limit, pager->scope.end);
}

/* The smallest difference that the format of times can tell. */
static int64
format_unit(const char *format)
{
	if (strcmp(format, "us") == 0)
		return 1;
	if (strcmp(format, "ms") == 0 || strstr(format, "MS") != NULL)
		return 1000;
	return strcmp(format, "date") == 0 ? USECS_PER_DAY : USECS_PER_SEC;
}

static int
add_param(QueryParam *params, int count, const char *name, const char *value)
{
	params[count].name = name;
	params[count].value = value;
	return count + 1;
}

static int
add_window(Pager *pager, PageRequest *request, QueryParam *params, int count)
{
	const PagingSpec *paging = &pager->source->paging;
	TimestampTz end = window_end(pager, pager->next_start);
	TimestampTz sent_end = paging->end_included ? end - format_unit(paging->format) : end;

	pager->scope.start = pager->next_start;
	request->after = end;
	pager->next_start = end;
	count = add_param(params, count, paging->start_param,
					  watermark_time_text(pager->scope.start, paging->format));
	return add_param(params, count, paging->end_param,
					 watermark_time_text(sent_end, paging->format));
}

/* The parameters that paging adds to the source's own. */
static int
paging_params(Pager *pager, PageRequest *request, QueryParam *params)
{
	const PagingSpec *paging = &pager->source->paging;
	const WatermarkSpec *watermark = pager->source->watermark;
	int			count = 0;

	if (watermark != NULL && watermark->param != NULL && pager->scope.cursor != NULL)
		count = add_param(params, count, watermark->param, pager->scope.cursor);
	if (pager->type == PAGING_WINDOW)
		count = add_window(pager, request, params, count);
	else if (pager->type == PAGING_PAGE || pager->type == PAGING_OFFSET)
		count = add_param(params, count, paging->param, psprintf(INT64_FORMAT, pager->number));
	else if (pager->type == PAGING_CURSOR && pager->token != NULL)
		count = add_param(params, count, paging->param, pager->token);
	if (paging->limit_param != NULL && paging->limit > 0)
		count = add_param(params, count, paging->limit_param, psprintf("%d", paging->limit));
	return count;
}

PageRequest *
pager_take(Pager *pager)
{
	PageRequest *request;
	QueryParam	params[8];
	int			count;

	if (!pager_has_more(pager) || (pager->type != PAGING_WINDOW && pager->taken > pager->advanced))
		return NULL;
	if (pager->taken >= pager->source->paging.max_pages)
	{
		/* where the windows after it lie is known: somebody goes on with them */
		pager->capped = true;
		pager->ended = pager->type != PAGING_WINDOW;
		return NULL;
	}
	request = palloc0(sizeof(PageRequest));
	request->number = ++pager->taken;
	count = paging_params(pager, request, params);
	request->url = pager->url != NULL ? pstrdup(pager->url) :
		request_url(pager->connection, pager->source, &pager->scope, params, count);
	return request;
}

bool
pager_has_more(const Pager *pager)
{
	if (pager->ended)
		return false;
	return pager->type != PAGING_WINDOW || pager->next_start < pager->scope.end;
}

/* ---- going on ---- */

static void
keep_text(Pager *pager, char **kept, const char *text)
{
	if (*kept != NULL)
		pfree(*kept);
	*kept = MemoryContextStrdup(pager->memory, text);
}

/*
 * Follows a link: relative ones too, but never to another origin, where credentials have no
 * business.  A secret that the server repeats in it is left out: positions are stored.
 */
static bool
follow_link(Pager *pager, const PageRequest *request, const char *link, char **why)
{
	const char *secret_param = request_secret_param(pager->connection);
	Url			here;
	Url			there;
	const char *problem;
	char	   *resolved;

	if (!url_parse(request->url, &here, &problem))
		elog(ERROR, "a page's own URL is not usable: %s", problem);
	resolved = url_resolve(&here, link);
	if (resolved == NULL || !url_parse(resolved, &there, &problem))
	{
		*why = pstrdup("the link to the next page is not a URL");
		return false;
	}
	if (there.tls != here.tls || there.port != here.port || strcmp(there.host, here.host) != 0)
	{
		*why = psprintf("the link to the next page leads to another server, \"%s\"",
						error_clean(there.origin, strlen(there.origin), 200));
		return false;
	}
	if (secret_param != NULL)
		resolved = url_without_param(resolved, secret_param);
	if (strcmp(resolved, request->url) == 0 || !note_seen(pager, resolved))
	{
		*why = pstrdup("the pages run in a circle: a link to the next page came a second time");
		return false;
	}
	keep_text(pager, &pager->url, resolved);
	return true;
}

static bool
follow_token(Pager *pager, const char *token, char **why)
{
	if (!note_seen(pager, token))
	{
		*why = pstrdup("the pages run in a circle: a cursor came a second time");
		return false;
	}
	keep_text(pager, &pager->token, token);
	return true;
}

static bool
has_text(const char *text)
{
	return text != NULL && *text != '\0';
}

bool
pager_advance(Pager *pager, const PageRequest *request, const PageFacts *facts, char **why)
{
	const PagingSpec *paging = &pager->source->paging;

	pager->advanced++;
	if (facts->last)
	{
		pager->ended = true;
		pager->capped = false;
		return true;
	}
	switch (pager->type)
	{
		case PAGING_WINDOW:
			pager->done_to = request->after;
			return true;
		case PAGING_PAGE:
		case PAGING_OFFSET:
			pager->ended = !facts->skipped &&
				(facts->records == 0 || (paging->limit > 0 && facts->records < paging->limit));
			pager->number += pager->type == PAGING_PAGE ? 1 :
				facts->skipped ? paging->limit : facts->records;
			return true;
		case PAGING_CURSOR:
			pager->ended = !has_text(facts->next);
			return pager->ended || follow_token(pager, facts->next, why);
		case PAGING_NEXT_LINK:
			pager->ended = !has_text(facts->next);
			return pager->ended || follow_link(pager, request, facts->next, why);
		case PAGING_LINK_HEADER:
		case PAGING_FOUND:
			pager->ended = !has_text(facts->link);
			return pager->ended || follow_link(pager, request, facts->link, why);
		case PAGING_NONE:
			break;
	}
	pager->ended = true;
	return true;
}

/* ---- position ---- */

static JsonbValue
text_value(const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = (char *) text;
	value.val.string.len = strlen(text);
	return value;
}

static void
put_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	name = text_value(key);
	JsonbValue	value = text_value(text);

	pushJsonbValue(state, WJB_KEY, &name);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
put_number(JsonbParseState **state, const char *key, int64 number)
{
	JsonbValue	name = text_value(key);
	JsonbValue	value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, WJB_KEY, &name);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static bool
has_arrived(const Pager *pager)
{
	return pager->ended || (pager->type == PAGING_WINDOW && pager->done_to >= pager->scope.end);
}

static bool
at_cap(const Pager *pager)
{
	return pager->capped && pager->advanced == pager->taken;
}

Jsonb *
pager_position(const Pager *pager, const char *highest)
{
	JsonbParseState *state = NULL;

	if (has_arrived(pager))
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	/* who goes on behind the cap has as many pages before him again */
	put_number(&state, "pages", at_cap(pager) ? 0 : pager->advanced);
	if (has_text(highest))
		put_text(&state, "highest", highest);
	if (pager->type == PAGING_WINDOW)
		put_number(&state, "next_start", pager->done_to);
	if (pager->type == PAGING_PAGE || pager->type == PAGING_OFFSET)
		put_number(&state, "number", pager->number);
	if (pager->token != NULL)
		put_text(&state, "token", pager->token);
	if (pager->url != NULL)
		put_text(&state, "url", pager->url);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

char *
pager_position_highest(Jsonb *position)
{
	return position == NULL ? NULL : spec_text(position, "highest", "the stored position");
}

bool
pager_was_capped(const Pager *pager)
{
	return pager->capped;
}

TimestampTz
pager_done_to(const Pager *pager)
{
	return has_arrived(pager) ? pager->scope.end : pager->done_to;
}
