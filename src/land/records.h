/*
 * records.h
 *	  The records of one page, kept until their batch lands; beyond a few MB in a temporary file.
 *
 * Each is the jsonb that it becomes, or its bytes: as received, or with the reason why they cannot
 * be jsonb.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RECORDS_H
#define DATAOPS_RECORDS_H

#include "postgres.h"

#include "core/json_scan.h"
#include "utils/jsonb.h"

typedef struct Records Records;

typedef struct Record
{
	Jsonb	   *value;			/* NULL: there are bytes */
	const char *bytes;
	size_t		length;
	JsonRefusal why;			/* of bytes that were refused; its reason is NULL for others */
} Record;

/*
 * Empty; lives until "owner" is reset or deleted.  "expected" is about how many bytes it will have,
 * 0 when that is not known.
 */
extern Records *records_create(MemoryContext owner, uint64 expected);

/* Each adds a copy of one record.  Not allowed once reading has begun. */
extern void records_add(Records *records, const Jsonb *value);
extern void records_add_bytes(Records *records, const char *bytes, size_t length);
extern void records_add_refused(Records *records, const char *bytes, size_t length,
								const JsonRefusal *why);

/* From here on (again) reading, from the first. */
extern void records_rewind(Records *records);

/* The next record, good until the next call; false at the end. */
extern bool records_next(Records *records, Record *record);

/* What records_next() gave is not needed any more: gives back the memory that a long one took. */
extern void records_release(Records *records);

extern int64 records_count(const Records *records);

/* What they take, in memory or in the file. */
extern uint64 records_size(const Records *records);

#endif
