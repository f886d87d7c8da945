/*
 * json_scan.h
 *	  The lexing of JSON text that the record cutter and the jsonb writer share.
 *
 * Nothing here allocates or throws: refusals are values.  "end" is one past the last byte and is
 * never read.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSON_SCAN_H
#define DATAOPS_JSON_SCAN_H

#include "postgres.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Why a JSON text was not taken. */
typedef struct JsonRefusal
{
	int			sqlstate;		/* as the server's own jsonb input would report it */
	const char *reason;			/* one line, a constant: no full stop, nothing of the text in it */
	size_t		offset;			/* of the offending byte, from 0 */
} JsonRefusal;

/* A number's parts, pointing into its text. */
typedef struct JsonNumber
{
	const char *integer;		/* "0", or digits that do not begin with 0 */
	size_t		nintegers;
	const char *fraction;		/* just behind the point; meaningless when nfractions is 0 */
	size_t		nfractions;
	int64		exponent;		/* held at JSON_EXPONENT_MAX (either sign) when it is beyond */
	bool		negative;
} JsonNumber;

#define JSON_EXPONENT_MAX	(INT64CONST(1) << 40)

/* Where a value whose inside is not looked at ends; see json_extent_scan(). All zero to begin. */
typedef struct JsonExtent
{
	uint64		depth;			/* open brackets of either kind */
	bool		begun;
	bool		in_string;
	bool		escaped;		/* the byte before was a backslash that hides the next one */
	bool		done;
} JsonExtent;

/*
 * Fills *why and returns NULL, so that a reader can "return json_refuse(…)".
 */
extern const char *json_refuse(JsonRefusal *why, const char *text, const char *at, int sqlstate,
							   const char *reason);

/*
 * Reads one number that begins at "at".  Returns the byte after it, or NULL when there is none.
 */
extern const char *json_number_scan(const char *at, const char *end, JsonNumber *number);

/*
 * Decodes a string's content from "at" (behind its opening quote) to its closing quote into "to",
 * which has room for as many bytes as the content.  Returns the byte after the closing quote, or
 * NULL with *why filled (offsets counted from "text").
 */
extern const char *json_string_decode(const char *text, const char *at, const char *end, char *to,
									  size_t *length, JsonRefusal *why);

/*
 * Goes on through one value of any depth, in as many pieces as it comes in, following strings and
 * brackets only.  Returns the byte after the value with extent->done set, or "end".  A value that
 * is a bare word (number, literal) ends before the next delimiter, so it is not done at "end".
 */
extern const char *json_extent_scan(JsonExtent *extent, const char *at, const char *end);

static inline bool
json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *
json_space_skip(const char *at, const char *end)
{
	while (at < end && json_is_space(*at))
		at++;
	return at;
}

/* Does a number or literal end before this byte? */
static inline bool
json_is_delimiter(char c)
{
	return json_is_space(c) || c == ',' || c == ':' || c == '"' ||
		c == '[' || c == ']' || c == '{' || c == '}';
}

/*
 * The first quote, backslash or control character from "at" on, or "end".
 */
static inline const char *
json_string_stop(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	for (; end - at >= (ptrdiff_t) sizeof(__m128i); at += sizeof(__m128i))
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) at);
		__m128i		hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
													 _mm_cmpeq_epi8(bytes, backslash)),
										_mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
		int			mask = _mm_movemask_epi8(hits);

		if (mask != 0)
			return at + __builtin_ctz(mask);
	}
#endif
	while (at < end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20)
		at++;
	return at;
}

#endif
