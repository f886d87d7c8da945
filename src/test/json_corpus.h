/*
 * json_corpus.h
 *	  Random JSON texts, good and bad, for the differential test of the jsonb writer.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSON_CORPUS_H
#define DATAOPS_JSON_CORPUS_H

#include "postgres.h"

#include "common/pg_prng.h"
#include "lib/stringinfo.h"

typedef enum CorpusKind
{
	CORPUS_RECORDS,				/* what an API sends */
	CORPUS_STRINGS,				/* escapes, surrogates, characters of every length */
	CORPUS_NUMBERS,				/* every form, short and up to the limits */
	CORPUS_KEYS,				/* wide objects: duplicate, escaped and long keys */
	CORPUS_NESTED,				/* depth, empty containers, strides of entries */
	CORPUS_SPACE,				/* white space wherever it may stand */
	CORPUS_BYTES,				/* what no JSON text holds: bytes that are no UTF-8, NUL, a byte
								 * order mark, other white space, text behind the end */
	CORPUS_MUTATED,				/* any of these with bytes changed, cut, doubled or inserted */
	CORPUS_KINDS
} CorpusKind;

extern const char *const corpus_kind_names[CORPUS_KINDS];

/* Makes "text" the next document of a kind. */
extern void corpus_document(pg_prng_state *random, CorpusKind kind, StringInfo text);

/* Changes one to four places of "text" at random. */
extern void corpus_mutate(pg_prng_state *random, StringInfo text);

#endif
