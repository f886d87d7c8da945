/*
 * base64.h
 *	  Base64 as signatures and credentials have it (RFC 4648, sections 4 and 5).
 *
 * The other alphabet of one line is compat_base64().
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_BASE64_H
#define DATAOPS_BASE64_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Appends the bytes in the alphabet for URLs, without padding. */
extern void base64_append_url(StringInfo target, const void *bytes, size_t length);

/*
 * The bytes that "text" stands for, a zero byte behind them that *length does not count; NULL when
 * it stands for none. In either alphabet, with or without padding; white space does not matter. In
 * "owner", and wiped with it.
 */
extern char *base64_open(MemoryContext owner, const char *text, size_t *length);

#endif
