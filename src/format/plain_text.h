/*
 * plain_text.h
 *	  Most texts have none of the few bytes that a format cannot hold as they are: they are copied
 *	  and looked at in one go.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_PLAIN_TEXT_H
#define DATAOPS_PLAIN_TEXT_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What may not be in a plain text: one of four bytes, or with "controls" one below the space. */
typedef struct SpecialBytes
{
	char		four[4];
	bool		controls;
} SpecialBytes;

static pg_attribute_always_inline bool
special_byte(char byte, const SpecialBytes special)
{
	return byte == special.four[0] || byte == special.four[1] ||
		byte == special.four[2] || byte == special.four[3] ||
		(special.controls && (unsigned char) byte < ' ');
}

/* For short texts, and where there are no vectors. */
static pg_attribute_always_inline bool
plain_copy_bytes(char *to, const char *from, size_t length, const SpecialBytes special)
{
	for (size_t i = 0; i < length; i++)
	{
		if (special_byte(from[i], special))
			return false;
		if (to != NULL)
			to[i] = from[i];
	}
	return true;
}

#ifdef __SSE2__

static pg_attribute_always_inline bool
has_special(__m128i block, const SpecialBytes special)
{
	__m128i		hits = _mm_setzero_si128();

	for (int i = 0; i < 4; i++)
		hits = _mm_or_si128(hits, _mm_cmpeq_epi8(block, _mm_set1_epi8(special.four[i])));
	if (special.controls)
		hits = _mm_or_si128(hits, _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block));
	return _mm_movemask_epi8(hits) != 0;
}

static pg_attribute_always_inline bool
plain_copy_block(char *to, const char *from, const SpecialBytes special)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) from);

	if (to != NULL)
		_mm_storeu_si128((__m128i *) to, block);
	return !has_special(block, special);
}

/* 4 to 15 bytes, by two halves that may overlap. */
static pg_attribute_always_inline bool
plain_copy_halves(char *to, const char *from, size_t length, const SpecialBytes special)
{
	size_t		half = length >= sizeof(uint64) ? sizeof(uint64) : sizeof(uint32);
	uint64		first = UINT64CONST(0x2020202020202020);
	uint64		last = first;

	if (half == sizeof(uint64))
	{
		memcpy(&first, from, sizeof(uint64));
		memcpy(&last, from + length - sizeof(uint64), sizeof(uint64));
		if (to != NULL)
		{
			memcpy(to, &first, sizeof(uint64));
			memcpy(to + length - sizeof(uint64), &last, sizeof(uint64));
		}
	}
	else
	{
		memcpy(&first, from, sizeof(uint32));
		memcpy(&last, from + length - sizeof(uint32), sizeof(uint32));
		if (to != NULL)
		{
			memcpy(to, &first, sizeof(uint32));
			memcpy(to + length - sizeof(uint32), &last, sizeof(uint32));
		}
	}
	return !has_special(_mm_set_epi64x(last, first), special);
}

/*
 * Copies the text unless "to" is NULL; false when it is not plain, and what was copied is not
 * whole.  With constant arguments only what is asked for remains.
 */
static pg_attribute_always_inline bool
plain_copy(char *to, const char *from, size_t length, const SpecialBytes special)
{
	size_t		at = 0;

	if (length < sizeof(uint32))
		return plain_copy_bytes(to, from, length, special);
	if (length < sizeof(__m128i))
		return plain_copy_halves(to, from, length, special);
	for (; at + sizeof(__m128i) < length; at += sizeof(__m128i))
		if (unlikely(!plain_copy_block(to == NULL ? NULL : to + at, from + at, special)))
			return false;
	at = length - sizeof(__m128i);
	return plain_copy_block(to == NULL ? NULL : to + at, from + at, special);
}

#else

#define plain_copy	plain_copy_bytes

#endif

static pg_attribute_always_inline bool
plain_text(const char *bytes, size_t length, const SpecialBytes special)
{
	return plain_copy(NULL, bytes, length, special);
}

#endif
