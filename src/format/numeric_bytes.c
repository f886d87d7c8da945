/*
 * numeric_bytes.c
 *	  A decimal number's text as the bytes of a numeric datum, and back.
 *
 * The format is the one of tables on disk, the same in all versions: a varlena header; one or two
 * 16-bit words with sign, display scale and weight; digits to the base of 10000, the first and
 * the last of them not zero, each two bytes.  What is no number has one word and no digits.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/numeric_bytes.h"

#include "fmgr.h"

#include "core/compat.h"
#include "format/append.h"

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

#define KIND_MASK			0xC000	/* long and positive, long and negative, short, no number */
#define NO_NUMBER			0xC000
#define NO_NUMBER_MASK		0xF000	/* tells which one it is; else not a number at all */
#define NO_NUMBER_INFINITY	0xD000
#define NO_NUMBER_NEGATIVE	0xF000

/* ---- from text ---- */

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

/* ---- to text ---- */

/* A number as it is stored. */
typedef struct Stored
{
	bool		negative;
	int			scale;			/* decimal digits to show behind the point */
	int			weight;			/* of the first base digit, in base digits */
	int			ndigits;
	const char *digits;			/* not aligned */
} Stored;

static inline uint16
read_word(const char *at)
{
	uint16		word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static void
read_stored(const char *bytes, size_t size, Stored *number)
{
	uint16		word = read_word(bytes);
	size_t		header = sizeof(uint16);

	if (word & SHORT_FORM)
	{
		number->negative = (word & SHORT_NEGATIVE) != 0;
		number->scale = word >> SHORT_SCALE_SHIFT & SHORT_SCALE_MAX;
		number->weight = word & SHORT_WEIGHT_MASK;
		if (number->weight > SHORT_WEIGHT_MAX)
			number->weight -= SHORT_WEIGHT_MASK + 1;
	}
	else
	{
		number->negative = (word & LONG_NEGATIVE) != 0;
		number->scale = word & LONG_SCALE_MAX;
		number->weight = (int16) read_word(bytes + header);
		header += sizeof(uint16);
	}
	number->ndigits = (size - header) / sizeof(uint16);
	number->digits = bytes + header;
}

/* The base digit of that place, from 0; beyond those stored all are zero. */
static inline uint32
base_digit(const Stored *number, int place)
{
	return place >= 0 && place < number->ndigits ?
		read_word(number->digits + place * sizeof(uint16)) : 0;
}

static char *
put_integers(char *to, const Stored *number)
{
	uint32		first = base_digit(number, 0);
	char		padded[BASE_DIGITS];
	int			skip = first >= 1000 ? 0 : first >= 100 ? 1 : first >= 10 ? 2 : 3;

	if (number->weight < 0)
	{
		*to++ = '0';
		return to;
	}
	(void) put_four_digits(padded, first);
	memcpy(to, padded + skip, BASE_DIGITS - skip);
	to += BASE_DIGITS - skip;
	for (int place = 1; place <= number->weight; place++)
		to = put_four_digits(to, base_digit(number, place));
	return to;
}

/* May write a few digits more than there are to be, which the next ones overwrite. */
static char *
put_fractions(char *to, const Stored *number)
{
	char	   *end = to + 1 + number->scale;

	if (number->scale == 0)
		return to;
	*to++ = '.';
	for (int place = number->weight + 1; to < end; place++)
		to = put_four_digits(to, base_digit(number, place));
	return end;
}

static bool
append_no_number(StringInfo out, uint16 word)
{
	if ((word & NO_NUMBER_MASK) == NO_NUMBER_NEGATIVE)
		append_literal(out, "-Infinity");
	else if ((word & NO_NUMBER_MASK) == NO_NUMBER_INFINITY)
		append_literal(out, "Infinity");
	else
		append_literal(out, "NaN");
	return false;
}

bool
numeric_append_text(StringInfo out, Datum value)
{
	struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
	uint16		word = read_word(VARDATA_ANY(datum));
	Stored		number;
	char	   *to;

	if (unlikely((word & KIND_MASK) == NO_NUMBER))
		return append_no_number(out, word);
	read_stored(VARDATA_ANY(datum), VARSIZE_ANY_EXHDR(datum), &number);
	to = append_room(out, (Max(number.weight, 0) + 1) * BASE_DIGITS + number.scale + 2);
	if (number.negative)
		*to++ = '-';
	to = put_integers(to, &number);
	append_until(out, put_fractions(to, &number));
	return true;
}
