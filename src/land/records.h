/*
 * records.h
 *	  The records of one page as received, kept until their batch lands; beyond a few MB in a
 *	  temporary file.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RECORDS_H
#define DATAOPS_RECORDS_H

#include "postgres.h"

typedef struct Records Records;

/* Empty; lives until "owner" is reset or deleted. */
extern Records *records_create(MemoryContext owner);

/* Adds a copy of one record. Not allowed once reading has begun. */
extern void records_add(Records *records, const char *bytes, size_t length);

/* From here on (again) reading, from the first. */
extern void records_rewind(Records *records);

/* The next record, good until the next call; false at the end. */
extern bool records_next(Records *records, const char **bytes, size_t *length);

/* What records_next() gave is not needed any more: gives back the memory that a long one took. */
extern void records_release(Records *records);

extern int64 records_count(const Records *records);

#endif
