/*
 * jsonb_writer.h
 *	  One JSON text as the bytes of a jsonb datum, without the server's parser.
 *
 * What it takes is byte for byte the value of text::jsonb, what it does not take the server would
 * refuse too, with the same SQLSTATE.  One exception: how deep values nest is limited by the use of
 * stack, here (about 6,000 levels by default) as in the server (more than twice as many), so that
 * what we store can be read back from text.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSONB_WRITER_H
#define DATAOPS_JSONB_WRITER_H

#include "core/json_scan.h"
#include "utils/jsonb.h"

typedef struct JsonbWriter JsonbWriter;

/*
 * A writer living in "memory", to be used for any number of texts.  Raises an error when the
 * database's encoding is not UTF8.
 */
extern JsonbWriter *jsonb_writer_create(MemoryContext memory);

/*
 * Writes the jsonb of "bytes", which need not be terminated nor be valid UTF-8.  True with *result
 * in the writer's memory, valid until the next call; false with *why filled.  Throws only when out
 * of memory.  Memory above a few hundred kB is given back by the next call that needs less, or by
 * jsonb_writer_trim().
 */
extern bool jsonb_write(JsonbWriter *writer, const char *bytes, size_t length, Jsonb **result,
						JsonRefusal *why);

/* The last result is not needed any more. */
extern void jsonb_writer_trim(JsonbWriter *writer);

#endif
