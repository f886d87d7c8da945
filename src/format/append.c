/*
 * append.c
 *	  What appending needs beside its inline parts.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/append.h"

const char	append_digit_pairs[201] =
"00010203040506070809" "10111213141516171819" "20212223242526272829" "30313233343536373839"
"40414243444546474849" "50515253545556575859" "60616263646566676869" "70717273747576777879"
"80818283848586878889" "90919293949596979899";

void
append_grow(StringInfo out, size_t length)
{
	/* what does not fit an int fits no buffer: let the server say so */
	enlargeStringInfo(out, (int) Min(length, (size_t) PG_INT32_MAX));
}
