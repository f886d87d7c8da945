/*
 * numeric_bytes.h
 *	  A decimal number's text as the bytes of a numeric datum, and back.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_NUMERIC_BYTES_H
#define DATAOPS_NUMERIC_BYTES_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "core/json_scan.h"

/* Would numeric_in() take it, or call it out of range? */
extern bool numeric_bytes_fit(const JsonNumber *number);

/* At most this many bytes are written for a number of so many digits. */
#define NUMERIC_BYTES_MAX(ndigits)	(VARHDRSZ + 4 + 2 * ((ndigits) / 4 + 2))

/*
 * Writes the datum that numeric_in() makes of the number, which must fit, at the int-aligned "to",
 * and returns its size.
 */
extern size_t numeric_bytes_write(char *to, const JsonNumber *number);

/*
 * Appends the text that numeric_out() makes of the datum.  Returns false, having appended NaN,
 * Infinity or -Infinity, when it is no number.
 */
extern bool numeric_append_text(StringInfo out, Datum value);

#endif
