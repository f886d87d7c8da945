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
 * Decodes the escape "\uXXXX" at "at", together with the one after it when they are a surrogate
 * pair; *to moves behind what it gave.  Returns the byte after, or NULL with *why filled.
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

/*
 * The first quote or bracket from "at" on, or "end".  Setting bit 5 maps "[" and "]" onto "{" and
 * "}" and nothing else onto them.
 */
static inline const char *
structure_stop(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i open = _mm_set1_epi8('{');
	const __m128i close = _mm_set1_epi8('}');
	const __m128i bit = _mm_set1_epi8(0x20);

	for (; end - at >= (ptrdiff_t) sizeof(__m128i); at += sizeof(__m128i))
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) at);
		__m128i		folded = _mm_or_si128(bytes, bit);
		__m128i		hits = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
										_mm_or_si128(_mm_cmpeq_epi8(folded, open),
													 _mm_cmpeq_epi8(folded, close)));
		int			mask = _mm_movemask_epi8(hits);

		if (mask != 0)
			return at + __builtin_ctz(mask);
	}
#endif
	while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
		at++;
	return at;
}

/* Goes on within a string; returns the byte after its closing quote, or "end". */
static inline const char *
string_skip(JsonExtent *extent, const char *at, const char *end)
{
	if (extent->escaped && at < end)
	{
		extent->escaped = false;
		at++;
	}
	while ((at = json_string_stop(at, end)) < end)
	{
		if (*at == '"')
		{
			extent->in_string = false;
			return at + 1;
		}
		/* a control character is passed over here: the reader of the value refuses it */
		if (*at == '\\')
		{
			if (end - at < 2)
			{
				extent->escaped = true;
				return end;
			}
			at++;
		}
		at++;
	}
	return end;
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

	while (at < end)
	{
		if (!extent->in_string)
		{
			at = structure_stop(at, end);
			if (at == end)
				break;
			extent->in_string = *at == '"';
			if (!extent->in_string)
				extent->depth += (*at | 0x20) == '{' ? 1 : -1;
			at++;
		}
		if (extent->in_string)
			at = string_skip(extent, at, end);
		if (extent->depth == 0 && !extent->in_string)
		{
			extent->done = true;
			break;
		}
	}
	return at;
}
