/*
 * json_scan.c
 *	  The lexing of JSON text that the record cutter and the jsonb writer share.
 *
 * It takes exactly the strings and numbers that the server's own JSON lexer takes in a UTF8
 * database.  Whether the bytes are valid UTF-8 is the caller's business.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/json_scan.h"

#include "mb/pg_wchar.h"

const char *
json_refuse(JsonRefusal *why, const char *text, const char *at, int sqlstate, const char *reason)
{
	why->sqlstate = sqlstate;
	why->reason = reason;
	why->offset = at - text;
	return NULL;
}

static inline bool
is_digit(const char *at, const char *end)
{
	return at < end && (unsigned char) (*at - '0') < 10;
}

const char *
json_number_scan(const char *at, const char *end, JsonNumber *number)
{
	bool		negative_exponent;

	number->nfractions = 0;
	number->fraction = NULL;
	number->exponent = 0;
	number->negative = at < end && *at == '-';
	if (number->negative)
		at++;

	number->integer = at;
	if (!is_digit(at, end))
		return NULL;
	if (*at == '0')
		at++;
	else
		while (is_digit(at, end))
			at++;
	number->nintegers = at - number->integer;

	if (at < end && *at == '.')
	{
		number->fraction = ++at;
		while (is_digit(at, end))
			at++;
		number->nfractions = at - number->fraction;
		if (number->nfractions == 0)
			return NULL;
	}
	if (at == end || (*at != 'e' && *at != 'E'))
		return at;

	at++;
	negative_exponent = at < end && *at == '-';
	if (at < end && (*at == '+' || *at == '-'))
		at++;
	if (!is_digit(at, end))
		return NULL;
	for (; is_digit(at, end); at++)
		number->exponent = Min(number->exponent * 10 + (*at - '0'), JSON_EXPONENT_MAX);
	if (negative_exponent)
		number->exponent = -number->exponent;
	return at;
}

/* The value of four hexadecimal digits, or -1. */
static int
hex_quad(const char *at, const char *end)
{
	int			value = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char		c = at[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/*
 * Decodes the escape of four hex digits at "at", together with the one after it when they are a
 * surrogate pair; *to moves behind what it gave.  Returns the byte after, or NULL with *why filled.
 */
static const char *
decode_unicode(const char *text, const char *at, const char *end, char **to, JsonRefusal *why)
{
	static const char four_digits[] = "\"\\u\" must be followed by four hexadecimal digits";
	int			first = hex_quad(at + 2, end);
	pg_wchar	character;

	if (first < 0)
		return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION, four_digits);
	character = first;
	if (is_utf16_surrogate_second(character))
		return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
						   "a low surrogate must follow a high surrogate");
	if (character == 0)
		return json_refuse(why, text, at, ERRCODE_UNTRANSLATABLE_CHARACTER,
						   "\\u0000 cannot be converted to text");
	at += 6;
	if (is_utf16_surrogate_first(character))
	{
		int			second = -1;

		if (end - at >= 6 && at[0] == '\\' && at[1] == 'u')
			second = hex_quad(at + 2, end);
		if (second < 0 || !is_utf16_surrogate_second(second))
			return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "a high surrogate must be followed by a low surrogate");
		character = surrogate_pair_to_codepoint(character, second);
		at += 6;
	}
	unicode_to_utf8(character, (unsigned char *) *to);
	*to += pg_utf_mblen((unsigned char *) *to);
	return at;
}

/* Decodes the escape at "at"; as decode_unicode(). */
static const char *
decode_escape(const char *text, const char *at, const char *end, char **to, JsonRefusal *why)
{
	char		c;

	if (end - at < 2)
		return json_refuse(why, text, end, ERRCODE_INVALID_TEXT_REPRESENTATION,
						   "the text ends within a string");
	switch (at[1])
	{
		case 'u':
			return decode_unicode(text, at, end, to, why);
		case '"':
		case '\\':
		case '/':
			c = at[1];
			break;
		case 'b':
			c = '\b';
			break;
		case 'f':
			c = '\f';
			break;
		case 'n':
			c = '\n';
			break;
		case 'r':
			c = '\r';
			break;
		case 't':
			c = '\t';
			break;
		default:
			return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "invalid escape sequence in a string");
	}
	*(*to)++ = c;
	return at + 2;
}

const char *
json_string_decode(const char *text, const char *at, const char *end, char *to, size_t *length,
				   JsonRefusal *why)
{
	char	   *start = to;

	while (at != NULL)
	{
		const char *stop = json_string_stop(at, end);

		memcpy(to, at, stop - at);
		to += stop - at;
		at = stop;
		if (at == end)
			return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "the text ends within a string");
		if (*at == '"')
		{
			*length = to - start;
			return at + 1;
		}
		if (*at != '\\')
			return json_refuse(why, text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
							   "a control character in a string must be escaped");
		at = decode_escape(text, at, end, &to, why);
	}
	return NULL;
}

#ifdef __SSE2__

#define BLOCK	64

/* A bit for each byte of a block. */
typedef struct BlockBits
{
	uint64		quotes;
	uint64		backslashes;
	uint64		opens;
	uint64		closes;
} BlockBits;

/* Setting bit 5 maps "[" and "]" onto "{" and "}" and nothing else onto them. */
static inline void
block_read(const char *at, BlockBits *bits)
{
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i open = _mm_set1_epi8('{');
	const __m128i close = _mm_set1_epi8('}');
	const __m128i bit = _mm_set1_epi8(0x20);

	memset(bits, 0, sizeof(BlockBits));
	for (int i = 0; i < BLOCK; i += sizeof(__m128i))
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) (at + i));
		__m128i		folded = _mm_or_si128(bytes, bit);

		bits->quotes |= (uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)) << i;
		bits->backslashes |= (uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash)) << i;
		bits->opens |= (uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(folded, open)) << i;
		bits->closes |= (uint64) _mm_movemask_epi8(_mm_cmpeq_epi8(folded, close)) << i;
	}
}

/* The bytes behind a backslash that is not itself behind one. */
static uint64
block_escaped(JsonExtent *extent, uint64 backslashes)
{
	uint64		escaped = extent->escaped ? 1 : 0;

	extent->escaped = false;
	for (backslashes &= ~escaped; backslashes != 0;)
	{
		uint64		lowest = backslashes & -backslashes;

		escaped |= lowest << 1;
		if (lowest == UINT64CONST(1) << 63)
			extent->escaped = true;
		backslashes &= ~(lowest | lowest << 1);
	}
	return escaped;
}

/* Bit i of the result: the parity of the bits up to i. */
static inline uint64
parity_up_to(uint64 bits)
{
	for (int shift = 1; shift < 64; shift *= 2)
		bits ^= bits << shift;
	return bits;
}

/*
 * Goes on through as many whole blocks as there are, in a value that began with a bracket.  A
 * block with fewer closing brackets than are open cannot hold the value's end, so its brackets
 * are merely counted.
 */
static const char *
blocks_scan(JsonExtent *extent, const char *at, const char *end)
{
	for (; end - at >= BLOCK; at += BLOCK)
	{
		BlockBits	bits;
		uint64		strings;

		block_read(at, &bits);
		if (bits.backslashes != 0 || extent->escaped)
		{
			uint64		hidden = block_escaped(extent, bits.backslashes);

			bits.quotes &= ~hidden;
			bits.opens &= ~hidden;
			bits.closes &= ~hidden;
		}
		strings = parity_up_to(bits.quotes) ^ (extent->in_string ? ~UINT64CONST(0) : 0);
		extent->in_string = strings >> 63 != 0;
		bits.opens &= ~strings;
		bits.closes &= ~strings;
		if ((uint64) __builtin_popcountll(bits.closes) < extent->depth)
		{
			extent->depth += __builtin_popcountll(bits.opens);
			extent->depth -= __builtin_popcountll(bits.closes);
			continue;
		}
		for (uint64 left = bits.opens | bits.closes; left != 0; left &= left - 1)
		{
			int			i = __builtin_ctzll(left);

			extent->depth += (bits.opens >> i & 1) != 0 ? 1 : -1;
			if (extent->depth == 0)
			{
				extent->done = true;
				extent->in_string = false;
				extent->escaped = false;
				return at + i + 1;
			}
		}
	}
	return at;
}

#endif

/*
 * Goes on byte by byte.  A backslash hides the byte behind it, also outside of strings, where only
 * a bad value has one.
 */
static const char *
bytes_scan(JsonExtent *extent, const char *at, const char *end)
{
	while (at < end && !extent->done)
	{
		char		c = *at++;

		if (extent->escaped)
			extent->escaped = false;
		else if (c == '\\')
			extent->escaped = true;
		else if (c == '"')
		{
			extent->in_string = !extent->in_string;
			extent->done = extent->depth == 0 && !extent->in_string;
		}
		else if (!extent->in_string && (c | 0x20) == '{')
			extent->depth++;
		else if (!extent->in_string && (c | 0x20) == '}')
			extent->done = --extent->depth == 0;
	}
	return at;
}

/* A bare word goes to the next delimiter; *at is not one when the word begins. */
static const char *
word_skip(JsonExtent *extent, const char *at, const char *end)
{
	while (at < end && !json_is_delimiter(*at))
		at++;
	extent->done = at < end;
	return at;
}

const char *
json_extent_scan(JsonExtent *extent, const char *at, const char *end)
{
	if (!extent->begun && at < end)
	{
		extent->begun = true;
		if (*at != '"' && *at != '{' && *at != '[')
			return word_skip(extent, at, end);
	}
	else if (extent->depth == 0 && !extent->in_string)
		return word_skip(extent, at, end);

#ifdef __SSE2__
	if (extent->depth > 0 || (at < end && !extent->in_string && *at != '"'))
		at = blocks_scan(extent, at, end);
#endif
	return bytes_scan(extent, at, end);
}
