/*
 * json_mutator.c
 *	  Beside the fuzzer's own mutations: new documents of the corpus, its changes to them, and values
 *	  in the place of other values.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "core/json_scan.h"
#include "test/json_corpus.h"

size_t		LLVMFuzzerMutate(uint8 *data, size_t size, size_t max_size);
size_t		LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed);

/* A number from 0 to n - 1. */
static size_t
below(pg_prng_state *random, size_t n)
{
	return pg_prng_uint64_range(random, 0, n - 1);
}

/* Some value of the text: from a bracket or a quote to its end. False when none was met. */
static bool
find_value(pg_prng_state *random, StringInfo text, size_t *begin, size_t *length)
{
	JsonExtent	extent = {0};
	size_t		start = text->len == 0 ? 0 : below(random, text->len);

	*begin = start + strcspn(text->data + start, "[{\"");
	if (*begin >= text->len)
		return false;
	*length = json_extent_scan(&extent, text->data + *begin, text->data + text->len) -
		(text->data + *begin);
	return true;
}

/* Puts one value of the text, or a small one, into the place of another. */
static void
replace_value(pg_prng_state *random, StringInfo text)
{
	static const char *const small[] = {"[]", "{}", "\"\"", "null", "true", "-1.5e3", "[\"v\"]"};
	const char *given = small[below(random, lengthof(small))];
	size_t		from;
	size_t		to;
	size_t		from_length;
	size_t		to_length;
	StringInfoData result;

	if (!find_value(random, text, &to, &to_length))
		return;
	initStringInfo(&result);
	appendBinaryStringInfo(&result, text->data, to);
	if (below(random, 2) == 0 && find_value(random, text, &from, &from_length))
		appendBinaryStringInfo(&result, text->data + from, from_length);
	else
		appendStringInfoString(&result, given);
	appendBinaryStringInfo(&result, text->data + to + to_length, text->len - to - to_length);
	pfree(text->data);
	*text = result;
}

size_t
LLVMFuzzerCustomMutator(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	pg_prng_state random;
	StringInfoData text;
	unsigned int way = seed % 8;

	if (way > 4 || size < fuzz_prefix)
		return LLVMFuzzerMutate(data, size, max_size);
	pg_prng_seed(&random, seed);
	initStringInfo(&text);
	appendBinaryStringInfo(&text, (char *) data + fuzz_prefix, size - fuzz_prefix);
	if (way == 0)
		corpus_document(&random, seed / 8 % CORPUS_KINDS, &text);
	else if (way < 3)
		corpus_mutate(&random, &text);
	else
		replace_value(&random, &text);
	text.len = Min((size_t) text.len, max_size - fuzz_prefix);
	memcpy(data + fuzz_prefix, text.data, text.len);
	size = fuzz_prefix + text.len;
	pfree(text.data);
	return size;
}
