/*
 * records.c
 *	  Generator of posts (nested objects with text, escapes and UTF-8) and candles (arrays of quoted
 *	  decimals).
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SEED			UINT64_C(20260101)
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define PRICE_UNIT		UINT64_C(100000000)	/* prices have eight decimals */
#define FIRST_POST_S	INT64_C(1700000000)
#define FIRST_CANDLE_MS	UINT64_C(1600000000000)
#define CANDLE_MS		UINT64_C(60000)

typedef struct Out
{
	char	   *at;
	uint64_t	random;
} Out;

/* splitmix64: good enough for shapes, and its whole state is one number */
static uint64_t
below(Out *out, uint64_t limit)
{
	uint64_t	z = (out->random += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (z ^ (z >> 31)) % limit;
}

static void
put(Out *out, const char *text)
{
	size_t		length = strlen(text);

	memcpy(out->at, text, length);
	out->at += length;
}

static void
put_number(Out *out, const char *before, uint64_t number)
{
	put(out, before);
	out->at += sprintf(out->at, "%" PRIu64, number);
}

static void
put_price(Out *out, uint64_t price)
{
	out->at += sprintf(out->at, ",\"%" PRIu64 ".%08" PRIu64 "\"", price / PRICE_UNIT,
					   price % PRICE_UNIT);
}

static void
put_words(Out *out)
{
	static const char *const words[] = {
		"market", "bitcoin", "pipeline", "postgres", "query", "hello", "the", "a", "of", "price",
		"is", "rising", "falling", "today", "caf\xC3\xA9", "Z\xC3\xBCrich", "\xF0\x9F\x9A\x80",
		"\\\"quoted\\\"", "line\\nbreak", "C:\\\\path", "\\u00e9t\\u00e9",
		"https:\\/\\/example.com\\/post", "open", "source", "window", "join", "batch", "late",
		"event", "stream", "clean", "check"
	};
	uint64_t	nwords = 8 + below(out, 12);

	for (uint64_t i = 0; i < nwords; i++)
	{
		if (i > 0)
			*out->at++ = ' ';
		put(out, words[below(out, COUNT(words))]);
	}
}

static void
put_user(Out *out)
{
	uint64_t	user = below(out, 50000);

	put_number(out, "\",\"user\":{\"id\":", 1000 + user);
	out->at += sprintf(out->at, ",\"screen_name\":\"user_%" PRIx64 "\"", user);
	put_number(out, ",\"followers_count\":", below(out, 1000000));
	put(out, below(out, 20) == 0 ? ",\"verified\":true}" : ",\"verified\":false}");
}

static void
put_tags(Out *out)
{
	static const char *const tags[] = {"\"btc\"", "\"news\"", "\"market\"", "\"data\"", "\"sql\""};
	uint64_t	ntags = below(out, 4);

	put(out, ",\"entities\":{\"hashtags\":[");
	for (uint64_t i = 0; i < ntags; i++)
	{
		if (i > 0)
			*out->at++ = ',';
		put(out, tags[below(out, COUNT(tags))]);
	}
	put(out, "]}}");
}

static size_t
write_post(char *to, uint64_t number)
{
	static const char *const languages[] = {"en", "fr", "es", "de", "ja", "pt"};
	static const char *const clients[] = {"web", "android", "ios", "api"};
	Out			out = {to, SEED + number * UINT64_C(0xD1342543DE82EF95)};
	uint64_t	id = UINT64_C(1500000000000000000) + number * 7919;
	time_t		moment = (time_t) (FIRST_POST_S + (int64_t) (number / 10));
	struct tm	tm;

	put_number(&out, "{\"id\":", id);
	put_number(&out, ",\"id_str\":\"", id);
	gmtime_r(&moment, &tm);
	out.at += strftime(out.at, 64, "\",\"created_at\":\"%Y-%m-%dT%H:%M:%SZ\",\"text\":\"", &tm);
	put_words(&out);
	put(&out, "\",\"lang\":\"");
	put(&out, languages[below(&out, COUNT(languages))]);
	put(&out, "\",\"source\":\"");
	put(&out, clients[below(&out, COUNT(clients))]);
	put_user(&out);
	put_number(&out, ",\"retweet_count\":", below(&out, 5000));
	put_number(&out, ",\"favorite_count\":", below(&out, 20000));
	out.at += sprintf(out.at, ",\"sentiment\":%.6f", (double) below(&out, 2000001) / 1e6 - 1);
	if (below(&out, 3) == 0)
		put_number(&out, ",\"in_reply_to\":", id - below(&out, 100000));
	else
		put(&out, ",\"in_reply_to\":null");
	put_tags(&out);
	return out.at - to;
}

static size_t
write_candle(char *to, uint64_t number)
{
	Out			out = {to, SEED + number * UINT64_C(0xA0761D6478BD642F)};
	uint64_t	opened = FIRST_CANDLE_MS + number * CANDLE_MS;
	uint64_t	open = 30000 * PRICE_UNIT + below(&out, 10000 * PRICE_UNIT);

	put_number(&out, "[", opened);
	put_price(&out, open);
	put_price(&out, open + below(&out, 100 * PRICE_UNIT));
	put_price(&out, open - below(&out, 100 * PRICE_UNIT));
	put_price(&out, open + below(&out, 50 * PRICE_UNIT));
	put_price(&out, below(&out, 1000 * PRICE_UNIT));
	put_number(&out, ",", opened + CANDLE_MS - 1);
	put_price(&out, below(&out, 10000000 * PRICE_UNIT));
	put_number(&out, ",", below(&out, 5000));
	put_price(&out, below(&out, 1000 * PRICE_UNIT));
	put_price(&out, below(&out, 10000000 * PRICE_UNIT));
	put(&out, ",\"0\"]");
	return out.at - to;
}

const RecordShape *
record_shape(const char *name)
{
	static const RecordShape shapes[] = {{"tweets", write_post}, {"klines", write_candle}};

	for (size_t i = 0; i < COUNT(shapes); i++)
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	return NULL;
}
