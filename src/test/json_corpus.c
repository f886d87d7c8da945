/*
 * json_corpus.c
 *	  Random JSON texts, good and bad, for the differential test of the jsonb writer.
 *
 * The same seed gives the same texts everywhere.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifdef DATAOPS_TEST

#include "test/json_corpus.h"

const char *const corpus_kind_names[CORPUS_KINDS] = {
	"records", "strings", "numbers", "keys", "nested", "space", "bytes", "mutated"
};

typedef struct Corpus
{
	pg_prng_state *random;
	CorpusKind	kind;
	StringInfo	text;
	int			budget;			/* values that may still be made, so that texts stay small */
} Corpus;

#define VALUES_MAX	150

static void put_value(Corpus *corpus, int depth);

/* A number from 0 to n - 1. */
static int
below(Corpus *corpus, int n)
{
	return (int) pg_prng_uint64_range(corpus->random, 0, n - 1);
}

static void
put_space(Corpus *corpus)
{
	static const char spaces[] = {' ', '\n', '\r', '\t'};

	if (corpus->kind == CORPUS_SPACE)
		for (int n = below(corpus, 4); n > 0; n--)
			appendStringInfoChar(corpus->text, spaces[below(corpus, lengthof(spaces))]);
}

static void
put_unicode_escape(Corpus *corpus)
{
	static const char *const edges[] = {
		"\\u0001", "\\u001f", "\\u007F", "\\u0080", "\\u07ff", "\\u0800", "\\ud7FF", "\\uE000",
		"\\uFFFE", "\\uffff", "\\ud800\\udc00", "\\uDBFF\\uDFFF", "\\u0022", "\\u005c",
		"\\ud83d\\ude04"
	};
	static const char *const bad[] = {
		"\\u0000", "\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800\\u0041", "\\ud800\\n",
		"\\ud800x", "\\u12g4", "\\u12", "\\x41", "\\'", "\\", "\\ud83d\\u", "\\ud83d\\u0000"
	};

	if (below(corpus, corpus->kind == CORPUS_STRINGS ? 200 : 2000) == 0)
		appendStringInfoString(corpus->text, bad[below(corpus, lengthof(bad))]);
	else if (below(corpus, 2) == 0)
		appendStringInfoString(corpus->text, edges[below(corpus, lengthof(edges))]);
	else if (below(corpus, 4) == 0)
		appendStringInfo(corpus->text, "\\u%04x\\u%04X", 0xd800 + below(corpus, 0x400),
						 0xdc00 + below(corpus, 0x400));
	else
		appendStringInfo(corpus->text, "\\u%04x", below(corpus, 0xd800 - 1) + 1);
}

static void
put_string(Corpus *corpus, int longest)
{
	static const char *const characters[] = {
		"\xc3\xa9", "\xdf\xbf", "\xe0\xa0\x80", "\xe6\x97\xa5", "\xef\xbf\xbd", "\xf0\x9f\x98\x80",
		"\xf4\x8f\xbf\xbf", "\x7f", "/", "'"
	};
	static const char escapes[] = "\"\\/bfnrt";
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz ABCXYZ0123456789{}[]:,.-+_%$#";

	appendStringInfoChar(corpus->text, '"');
	for (int n = below(corpus, longest + 1); n > 0; n--)
	{
		int			what = below(corpus, corpus->kind == CORPUS_STRINGS ? 20 : 200);

		if (what < 4)
			put_unicode_escape(corpus);
		else if (what < 8)
		{
			appendStringInfoChar(corpus->text, '\\');
			appendStringInfoChar(corpus->text, escapes[below(corpus, lengthof(escapes) - 1)]);
		}
		else if (what < 12)
			appendStringInfoString(corpus->text, characters[below(corpus, lengthof(characters))]);
		else
			appendStringInfoChar(corpus->text, letters[below(corpus, lengthof(letters) - 1)]);
	}
	appendStringInfoChar(corpus->text, '"');
}

static void
put_digits(Corpus *corpus, int ndigits, bool no_zero_first)
{
	int			zeros = below(corpus, 4);	/* often long runs of them */

	for (int i = 0; i < ndigits; i++)
	{
		if (zeros == 0 && !(i == 0 && no_zero_first) && below(corpus, 8) != 0)
			appendStringInfoChar(corpus->text, '0');
		else
			appendStringInfoChar(corpus->text, '0' + (i == 0 && no_zero_first ?
													  below(corpus, 9) + 1 : below(corpus, 10)));
	}
}

/* A number of digits: mostly few, seldom many, and at times at the limit of type numeric. */
static int
some_digits(Corpus *corpus, int limit)
{
	if (corpus->kind != CORPUS_NUMBERS)
		return below(corpus, 12) + 1;
	switch (below(corpus, 2000))
	{
		case 0:
			return limit - 2 + below(corpus, 5);
		case 1:
			return below(corpus, 2000) + 1;
		default:
			return below(corpus, below(corpus, 20) == 0 ? 120 : 40) + 1;
	}
}

/* Exponents at the limits of type numeric, of its reader and of a machine word. */
static void
put_extreme_exponent(Corpus *corpus)
{
	static const char *const exponents[] = {
		"131071", "131072", "131073", "16382", "16383", "16384", "400", "63", "64", "65", "255",
		"256", "257", "131000", "1073741822", "1073741823", "1073741824", "2147483647",
		"2147483648", "4294967296", "9223372036854775808", "99999999999999999999",
		"0000000000000000000000005"
	};

	appendStringInfoString(corpus->text, exponents[below(corpus, lengthof(exponents))]);
}

/* What is nearly a number. */
static void
put_bad_number(Corpus *corpus)
{
	static const char *const bad[] = {
		"01", "-01", "00", "-", "+1", "1.", ".5", "-.5", "1.e5", "1e", "1E+", "1e-", "1e5.5",
		"0x10", "1_000", "1 000", "1,5", "--1", "NaN", "-Infinity", "1f", "\xd9\xa1"
	};

	appendStringInfoString(corpus->text, bad[below(corpus, lengthof(bad))]);
}

static void
put_number(Corpus *corpus)
{
	if (corpus->kind == CORPUS_NUMBERS && below(corpus, 400) == 0)
	{
		put_bad_number(corpus);
		return;
	}
	if (below(corpus, 3) == 0)
		appendStringInfoChar(corpus->text, '-');
	if (below(corpus, 4) == 0)
		appendStringInfoChar(corpus->text, '0');
	else
		put_digits(corpus, some_digits(corpus, 131072), true);
	if (below(corpus, 2) == 0)
	{
		appendStringInfoChar(corpus->text, '.');
		put_digits(corpus, some_digits(corpus, 16383), false);
	}
	if (below(corpus, corpus->kind == CORPUS_NUMBERS ? 2 : 20) == 0)
	{
		appendStringInfoString(corpus->text, below(corpus, 2) == 0 ? "e" : "E");
		if (below(corpus, 2) == 0)
			appendStringInfoChar(corpus->text, below(corpus, 2) == 0 ? '-' : '+');
		if (below(corpus, 10) == 0)
			put_extreme_exponent(corpus);
		else
			appendStringInfo(corpus->text, "%0*d", below(corpus, 3) + 1, below(corpus, 320));
	}
}

/* A key around the lengths at which something could change. */
static void
put_long_key(Corpus *corpus)
{
	static const int lengths[] = {0, 1, 127, 255, 256, 65535, 65536, 65537, 70000};
	int			length = lengths[below(corpus, lengthof(lengths))];

	appendStringInfoChar(corpus->text, '"');
	enlargeStringInfo(corpus->text, length);
	memset(corpus->text->data + corpus->text->len, 'k', length);
	corpus->text->len += length;
	appendStringInfoChar(corpus->text, '"');
}

static void
put_key(Corpus *corpus)
{
	if (corpus->kind != CORPUS_KEYS)
		put_string(corpus, 12);
	else if (below(corpus, 1000) == 0)
		put_long_key(corpus);
	else if (below(corpus, 3) == 0)
		appendStringInfo(corpus->text, "\"k%d\"", below(corpus, 30));
	else if (below(corpus, 10) == 0)
		appendStringInfo(corpus->text, "\"\\u006b%d\"", below(corpus, 30));
	else
		put_string(corpus, below(corpus, 50) == 0 ? 2000 : 5);
}

static void
put_container(Corpus *corpus, int depth, bool object)
{
	int			widest = corpus->kind == CORPUS_KEYS || below(corpus, 30) == 0 ? 100 : 6;
	int			nchildren = below(corpus, widest);

	appendStringInfoChar(corpus->text, object ? '{' : '[');
	for (int i = 0; i < nchildren && corpus->budget > 0; i++)
	{
		if (i > 0)
			appendStringInfoChar(corpus->text, ',');
		put_space(corpus);
		if (object)
		{
			put_key(corpus);
			put_space(corpus);
			appendStringInfoChar(corpus->text, ':');
		}
		put_space(corpus);
		put_value(corpus, depth + 1);
		put_space(corpus);
	}
	put_space(corpus);
	appendStringInfoChar(corpus->text, object ? '}' : ']');
}

/* A chain of containers, one in the other. */
static void
put_chain(Corpus *corpus)
{
	int			depth = below(corpus, below(corpus, 100) == 0 ? 2000 : 100);
	StringInfoData close;

	initStringInfo(&close);
	for (int i = 0; i < depth; i++)
	{
		bool		object = below(corpus, 2) == 0;

		appendStringInfoString(corpus->text, object ? "{\"a\":" : "[");
		appendStringInfoChar(&close, object ? '}' : ']');
	}
	put_number(corpus);
	for (int i = close.len - 1; i >= 0; i--)
		appendStringInfoChar(corpus->text, close.data[i]);
	pfree(close.data);
}

static void
put_scalar(Corpus *corpus)
{
	static const char *const literals[] = {"true", "false", "null"};
	int			what = below(corpus, 8);

	if (corpus->kind == CORPUS_NUMBERS || what < 3)
		put_number(corpus);
	else if (corpus->kind == CORPUS_STRINGS || what < 6)
		put_string(corpus, below(corpus, 20) == 0 ? 300 : 25);
	else
		appendStringInfoString(corpus->text, literals[below(corpus, lengthof(literals))]);
}

static void
put_value(Corpus *corpus, int depth)
{
	int			deepest = corpus->kind == CORPUS_NESTED ? 12 : 3;

	corpus->budget--;
	if (depth < deepest && below(corpus, depth + 2) <= (depth == 0 ? 1 : 0))
		put_container(corpus, depth, below(corpus, 2) == 0);
	else
		put_scalar(corpus);
}

static void
put_record(Corpus *corpus)
{
	appendStringInfo(corpus->text, "{\"id\":%d%09d,\"symbol\":\"%s\",\"user\":{\"name\":",
					 below(corpus, 999999999) + 1, below(corpus, 999999999),
					 below(corpus, 2) == 0 ? "BTCUSDT" : "ETHUSDT");
	put_string(corpus, 40);
	appendStringInfo(corpus->text, ",\"verified\":%s},\"price\":\"%d.%08d\",\"change\":",
					 below(corpus, 2) == 0 ? "true" : "false", below(corpus, 100000),
					 below(corpus, 100000000));
	put_number(corpus);
	appendStringInfoString(corpus->text, ",\"text\":");
	put_string(corpus, 140);
	appendStringInfoString(corpus->text, ",\"reply_to\":null,\"tags\":[");
	put_string(corpus, 10);
	appendStringInfoString(corpus->text, "],\"places\":[]}");
}

void
corpus_mutate(pg_prng_state *random, StringInfo text)
{
	static const char bytes[] = "\"\"\\{}[],:0129.-+eEtfnul \n\t\x01\x1f\x80\xc3\xff/u";
	Corpus		corpus = {.random = random, .text = text};

	for (int n = below(&corpus, 4) + 1; n > 0 && text->len > 0; n--)
	{
		int			at = below(&corpus, text->len);
		int			some = below(&corpus, 8) + 1;
		int			length = Min(some, text->len - at);
		char		byte = bytes[below(&corpus, lengthof(bytes))];

		switch (below(&corpus, 5))
		{
			case 0:				/* another byte */
				text->data[at] = byte;
				break;
			case 1:				/* some bytes less */
				memmove(text->data + at, text->data + at + length, text->len - at - length);
				text->len -= length;
				break;
			case 2:				/* a byte more */
				enlargeStringInfo(text, 1);
				memmove(text->data + at + 1, text->data + at, text->len - at);
				text->data[at] = byte;
				text->len++;
				break;
			case 3:				/* some bytes twice */
				enlargeStringInfo(text, length);
				memmove(text->data + at + length, text->data + at, text->len - at);
				text->len += length;
				break;
			default:			/* the end cut off, seldom */
				if (below(&corpus, 4) == 0)
					text->len = at;
				break;
		}
		text->data[text->len] = '\0';
	}
}

/* Puts bytes that are no JSON at a place, or behind the end. */
static void
put_bad_bytes(Corpus *corpus)
{
	static const struct
	{
		const char *bytes;
		int			length;
	}			bad[] = {
		{"\xef\xbb\xbf", 3}, {"\xff\xfe", 2}, {"\0", 1}, {"\x80", 1}, {"\xc3", 1}, {"\xc0\xaf", 2},
		{"\xe0\x80\x80", 3}, {"\xe6\x97", 2}, {"\xed\xa0\x80", 3}, {"\xed\xbf\xbf", 3},
		{"\xf0\x80\x80\x80", 4}, {"\xf0\x9f\x98", 3}, {"\xf4\x90\x80\x80", 4},
		{"\xf8\x88\x80\x80\x80", 5}, {"\xfe", 1}, {"\x0b", 1}, {"\x0c", 1}, {"\xc2\xa0", 2},
		{"\xe2\x80\xa8", 3}, {"\x7f", 1}, {"\x1f", 1}, {"]", 1}, {"}", 1}, {",", 1}, {"x", 1},
		{" 1", 2}, {"//", 2}, {"null", 4}, {"\"", 1}, {"\\", 1}
	};
	StringInfo	text = corpus->text;
	int			which = below(corpus, lengthof(bad));
	int			length = bad[which].length;
	int			at;

	switch (below(corpus, 4))
	{
		case 0:
			at = 0;
			break;
		case 1:
			at = text->len;
			break;
		default:
			at = below(corpus, text->len + 1);
			break;
	}
	enlargeStringInfo(text, length);
	memmove(text->data + at + length, text->data + at, text->len - at + 1);
	memcpy(text->data + at, bad[which].bytes, length);
	text->len += length;
}

void
corpus_document(pg_prng_state *random, CorpusKind kind, StringInfo text)
{
	Corpus		corpus = {.random = random, .kind = kind, .text = text,
	.budget = VALUES_MAX};

	if (kind >= CORPUS_BYTES)
		corpus.kind = below(&corpus, CORPUS_BYTES);
	resetStringInfo(text);
	put_space(&corpus);
	if (corpus.kind == CORPUS_RECORDS)
		put_record(&corpus);
	else if (corpus.kind == CORPUS_NESTED && below(&corpus, 4) == 0)
		put_chain(&corpus);
	else
		put_value(&corpus, 0);
	put_space(&corpus);
	if (kind == CORPUS_BYTES)
		put_bad_bytes(&corpus);
	if (kind == CORPUS_MUTATED)
		corpus_mutate(random, text);
}

#endif
