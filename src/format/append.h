/*
 * append.h
 *	  Appending to a StringInfo in few steps: room is made once, then bytes are stored by pointer.
 *
 * What is appended here is counted, not ended: no zero byte follows it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_APPEND_H
#define DATAOPS_APPEND_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define APPEND_SLACK	16		/* room beyond what was asked for: a writer may overshoot so far */

extern const char append_digit_pairs[201];	/* "0001…99" */

extern void append_grow(StringInfo out, size_t length);

/* Where the next bytes go; there is room for "length" of them, and the slack behind. */
static inline char *
append_room(StringInfo out, size_t length)
{
	if (unlikely((size_t) (out->maxlen - out->len) < length + APPEND_SLACK))
		append_grow(out, length + APPEND_SLACK);
	return out->data + out->len;
}

/* The bytes up to "end" are written. */
static inline void
append_until(StringInfo out, const char *end)
{
	out->len = end - out->data;
}

static inline void
append_bytes(StringInfo out, const char *bytes, size_t length)
{
	memcpy(append_room(out, length), bytes, length);
	out->len += length;
}

static inline void
append_char(StringInfo out, char byte)
{
	*append_room(out, 1) = byte;
	out->len++;
}

/* What was appended from "start" on, as a string that ends, until more is appended. */
static inline char *
append_ended(StringInfo out, int start)
{
	*append_room(out, 1) = '\0';
	return out->data + start;
}

/* A short constant. */
#define append_literal(out, literal)	append_bytes(out, literal, sizeof(literal) - 1)

/* Two decimal digits of a number below 100. */
static inline char *
put_two_digits(char *to, uint32 number)
{
	memcpy(to, append_digit_pairs + 2 * number, 2);
	return to + 2;
}

static inline char *
put_four_digits(char *to, uint32 number)
{
	return put_two_digits(put_two_digits(to, number / 100), number % 100);
}

#endif
