/*
 * bigquery_json.c
 *	  The guard of JSON values.
 *
 * Readers of JSON, BigQuery among them, may keep numbers as doubles and one of two members of the
 * same name.  So a number passes only if the shortest text of its double is the same number.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/bigquery_json.h"

#include <math.h>

#include "common/shortest_dec.h"

#define DEPTH_LIMIT		500		/* of BigQuery, the root counted */
#define DOUBLE_DIGITS	17		/* no shortest text of a double has more */

/* A number without its sign as 0.DIGITS times a power of ten. */
typedef struct Decimal
{
	int			ndigits;
	char		digits[DOUBLE_DIGITS];	/* no zero at either end */
	int64		exponent;
} Decimal;

void
bigquery_json_init(JsonTape *tape, MemoryContext memory)
{
	json_tape_init(tape, memory);
	tape->depth_limit = DEPTH_LIMIT;
}

/* Adds digits; leading zeros only move the exponent.  False when there are too many. */
static bool
decimal_add(Decimal *decimal, const char *digits, size_t count, int *zeros)
{
	for (size_t i = 0; i < count; i++)
	{
		if (digits[i] == '0')
		{
			(*zeros)++;
			continue;
		}
		if (decimal->ndigits == 0)
			decimal->exponent -= *zeros;
		else if (decimal->ndigits + *zeros < DOUBLE_DIGITS)
			for (int zero = 0; zero < *zeros; zero++)
				decimal->digits[decimal->ndigits++] = '0';
		else
			return false;
		*zeros = 0;
		if (decimal->ndigits == DOUBLE_DIGITS)
			return false;
		decimal->digits[decimal->ndigits++] = digits[i];
	}
	return true;
}

/* False when the number has more digits than the text of any double. */
static bool
decimal_read(const char *text, const char *end, Decimal *decimal)
{
	JsonNumber	number;
	int			zeros = 0;

	memset(decimal, 0, sizeof(Decimal));
	if (json_number_scan(text, end, &number) == NULL)
		return false;
	decimal->exponent = number.exponent + number.nintegers;
	if (!decimal_add(decimal, number.integer, number.nintegers, &zeros) ||
		!decimal_add(decimal, number.fraction, number.nfractions, &zeros))
		return false;
	if (decimal->ndigits == 0)
		decimal->exponent = 0;
	return true;
}

static bool
number_is_kept(const char *text, const char *end)
{
	double		value = strtod(text, NULL);
	char		shortest[DOUBLE_SHORTEST_DECIMAL_LEN];
	Decimal		given,
				kept;

	if (isinf(value) || !decimal_read(text, end, &given))
		return false;
	double_to_shortest_decimal_buf(value, shortest);
	return decimal_read(shortest, shortest + strlen(shortest), &kept) &&
		given.ndigits == kept.ndigits && given.exponent == kept.exponent &&
		memcmp(given.digits, kept.digits, given.ndigits) == 0;
}

typedef struct Key
{
	const char *bytes;
	uint32		length;
} Key;

static int
key_compare(const void *a, const void *b)
{
	const Key  *one = a;
	const Key  *other = b;

	if (one->length != other->length)
		return one->length < other->length ? -1 : 1;
	return memcmp(one->bytes, other->bytes, one->length);
}

static bool
has_key_twice(const JsonTape *tape, uint32 object)
{
	uint32		count = tape_length(tape->entries[object]);
	uint32		index = object + 1;
	Key		   *keys;
	bool		twice = false;

	if (count < 2)
		return false;
	keys = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(Key));
	for (uint32 i = 0; i < count; i++)
	{
		keys[i].bytes = tape_bytes(tape, tape->entries[index]);
		keys[i].length = tape_length(tape->entries[index]);
		index = tape_next(tape, index + 1);
	}
	qsort(keys, count, sizeof(Key), key_compare);
	for (uint32 i = 1; i < count && !twice; i++)
		twice = key_compare(&keys[i - 1], &keys[i]) == 0;
	pfree(keys);
	return twice;
}

const char *
bigquery_json_check(JsonTape *tape, const char *text, size_t length)
{
	JsonRefusal why;

	json_tape_trim(tape);
	if (!json_tape_read(tape, text, length, &why))
		return psprintf("is JSON that BigQuery does not take: %s", why.reason);
	if (tape_kind(tape->entries[0]) == TAPE_NULL)
		return "is the JSON value null, which BigQuery would take for no value";
	for (uint32 i = 0; i < tape->nentries; i++)
	{
		TapeEntry	entry = tape->entries[i];

		if (tape_kind(entry) == TAPE_NUMBER &&
			!number_is_kept(tape_bytes(tape, entry), text + length))
			return "holds a JSON number with more digits than a double keeps";
		if (tape_kind(entry) == TAPE_OBJECT && has_key_twice(tape, i))
			return "holds a JSON object with the same key twice";
	}
	return NULL;
}
