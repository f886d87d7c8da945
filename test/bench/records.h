/*
 * records.h
 *	  The records that the benchmarks land: each is a function of its number and of nothing else, so
 *	  that every variant and every run gets the same bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef BENCH_RECORDS_H
#define BENCH_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_BYTES_MAX	2048

/* Writes record "number" (from 0), JSON without a line break, and returns its length. */
typedef size_t (*RecordWriter) (char *to, uint64_t number);

typedef struct RecordShape
{
	const char *name;
	RecordWriter write;
} RecordShape;

/* "tweets": objects of about 436 bytes; "klines": arrays of about 175.  NULL for another name. */
extern const RecordShape *record_shape(const char *name);

#endif
