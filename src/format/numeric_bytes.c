/*
 * numeric_bytes.c
 *	  A decimal number's text as the bytes of a numeric datum.
 *
 * The format is the one of tables on disk, the same in all versions: a varlena header; one or two
 * 16-bit words with sign, display scale and weight; digits to the base of 10000, the first and
 * the last of them not zero, each two bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/numeric_bytes.h"

#include "core/compat.h"

#define BASE_DIGITS			4	/* decimal digits in a digit to the base of 10000 */

#define LONG_NEGATIVE		0x4000
#define LONG_SCALE_MAX		0x3FFF

#define SHORT_FORM			0x8000
#define SHORT_NEGATIVE		0x2000
#define SHORT_SCALE_SHIFT	7
#define SHORT_SCALE_MAX		63
#define SHORT_WEIGHT_MAX	63
#define SHORT_WEIGHT_MIN	(-64)
#define SHORT_WEIGHT_MASK	0x007F	/* seven bits, two's complement */

/* The significant digits of a number: from its first to its last digit that is not zero. */
typedef struct Significant
{
	const char *first;			/* a decimal point may stand between the digits */
	size_t		ndigits;		/* 0 when the number is zero */
	int64		weight;			/* decimal exponent of the first digit */
} Significant;

static void
find_significant(const JsonNumber *number, Significant *found)
{
	const char *integer = number->integer;
	const char *fraction = number->fraction;
	size_t		nintegers = number->nintegers;
	size_t		nfractions = number->nfractions;

	/* JSON has no superfluous zeros in front: the integer part is either "0" or begins with 1-9 */
	if (*integer == '0')
		nintegers = 0;
	while (nfractions > 0 && fraction[nfractions - 1] == '0')
		nfractions--;
	if (nfractions == 0)
		while (nintegers > 0 && integer[nintegers - 1] == '0')
			nintegers--;
	found->first = integer;
	found->weight = number->exponent + (int64) number->nintegers - 1;
	if (*integer == '0')
	{
		const char *first = fraction;

		while (nfractions > 0 && *first == '0')
		{
			first++;
			nfractions--;
		}
		found->first = first;
		found->weight = number->exponent - (first - fraction) - 1;
	}
	found->ndigits = nintegers + nfractions;
}

static int64
display_scale(const JsonNumber *number)
{
	return Max((int64) number->nfractions - number->exponent, 0);
}

bool
numeric_bytes_fit(const JsonNumber *number)
{
	Significant significant;

	/* the common case: shorter than any limit */
	if (number->exponent == 0 && number->nintegers + number->nfractions <= LONG_SCALE_MAX)
		return true;
	if (number->exponent > COMPAT_NUMERIC_EXPONENT_MAX ||
		number->exponent < -COMPAT_NUMERIC_EXPONENT_MAX ||
		display_scale(number) > LONG_SCALE_MAX)
		return false;
	find_significant(number, &significant);
	return significant.ndigits == 0 ||
		significant.weight < (int64) (PG_INT16_MAX + 1) * BASE_DIGITS;
}

/* Writes the header and returns its size, that of the length word included. */
static inline size_t
write_header(char *to, bool negative, int scale, int weight)
{
	uint16		words[2];

	if (scale <= SHORT_SCALE_MAX && weight <= SHORT_WEIGHT_MAX && weight >= SHORT_WEIGHT_MIN)
	{
		words[0] = SHORT_FORM | (negative ? SHORT_NEGATIVE : 0) | scale << SHORT_SCALE_SHIFT |
			(weight & SHORT_WEIGHT_MASK);
		memcpy(to + VARHDRSZ, words, sizeof(uint16));
		return VARHDRSZ + sizeof(uint16);
	}
	words[0] = (negative ? LONG_NEGATIVE : 0) | scale;
	words[1] = (uint16) weight;
	memcpy(to + VARHDRSZ, words, sizeof(words));
	return VARHDRSZ + sizeof(words);
}

static inline char *
write_digit(char *to, int digit)
{
	int16		bytes = (int16) digit;

	memcpy(to, &bytes, sizeof(bytes));
	return to + sizeof(bytes);
}

static inline int
next_decimal(const char **at)
{
	char		c = *(*at)++;

	if (c == '.')
		c = *(*at)++;
	return c - '0';
}

/* The base digits of "significant", whose first one holds "head" decimal digits. */
static char *
write_digits(char *to, const Significant *significant, int head)
{
	const char *at = significant->first;
	size_t		left = significant->ndigits;
	int			room = head;
	int			digit = 0;

	while (left > 0)
	{
		if (room == BASE_DIGITS && left >= BASE_DIGITS)
		{
			digit = next_decimal(&at) * 1000;
			digit += next_decimal(&at) * 100;
			digit += next_decimal(&at) * 10;
			digit += next_decimal(&at);
			left -= BASE_DIGITS;
			to = write_digit(to, digit);
			continue;
		}
		digit = 0;
		for (; room > 0; room--)
		{
			digit *= 10;
			if (left > 0)
			{
				digit += next_decimal(&at);
				left--;
			}
		}
		to = write_digit(to, digit);
		room = BASE_DIGITS;
	}
	return to;
}

size_t
numeric_bytes_write(char *to, const JsonNumber *number)
{
	Significant significant;
	int			weight = 0;
	int			head = 0;
	char	   *at = to;
	bool		negative;

	find_significant(number, &significant);
	if (significant.ndigits > 0)
	{
		int			decimal = (int) significant.weight;

		weight = decimal >= 0 ? decimal / BASE_DIGITS : -((-decimal - 1) / BASE_DIGITS + 1);
		head = decimal - weight * BASE_DIGITS + 1;
	}
	negative = number->negative && significant.ndigits > 0;
	at += write_header(to, negative, (int) display_scale(number), weight);
	at = write_digits(at, &significant, head);
	SET_VARSIZE(to, at - to);
	return at - to;
}
