/*
 * json_tape.h
 *	  One JSON text, checked and laid out as a flat row of eight-byte entries.
 *
 * A value is one entry; behind a container's entry stand its children, in an object each value
 * behind its key.  An entry tells where a string's or number's bytes are, or a container's number
 * of children and the entry behind its last one.  The arrays are kept from text to text.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_JSON_TAPE_H
#define DATAOPS_JSON_TAPE_H

#include "core/json_scan.h"

/* 4 bits kind, 28 bits length or number of children, 32 bits offset or entry behind. */
typedef uint64 TapeEntry;

typedef enum TapeKind
{
	TAPE_NULL,
	TAPE_FALSE,
	TAPE_TRUE,
	TAPE_STRING,				/* bytes of the text as they stand */
	TAPE_DECODED,				/* a string that had escapes: bytes in tape->decoded */
	TAPE_NUMBER,				/* its length is not kept */
	TAPE_ARRAY,
	TAPE_OBJECT					/* its children are counted in pairs */
} TapeKind;

typedef struct JsonTape
{
	MemoryContext memory;
	TapeEntry  *entries;
	uint32		nentries;
	uint32		entry_capacity;
	char	   *decoded;
	size_t		ndecoded;
	size_t		decoded_capacity;
	int			depth_limit;	/* containers within containers, the root counted */
	const char *text;			/* the caller's, as long as he keeps it */
	const char *text_end;
} JsonTape;

#define TAPE_LENGTH_BITS	28
#define TAPE_LENGTH_MASK	((UINT64CONST(1) << TAPE_LENGTH_BITS) - 1)
#define TAPE_KIND_SHIFT		60

static inline TapeEntry
tape_entry(TapeKind kind, uint64 length, uint32 offset)
{
	return (uint64) kind << TAPE_KIND_SHIFT | length << 32 | offset;
}

static inline TapeKind
tape_kind(TapeEntry entry)
{
	return (TapeKind) (entry >> TAPE_KIND_SHIFT);
}

/* Of a string in bytes, of an array in elements, of an object in pairs. */
static inline uint32
tape_length(TapeEntry entry)
{
	return (entry >> 32) & TAPE_LENGTH_MASK;
}

/* Of a string or number: where its bytes begin; of a container: the entry behind its last. */
static inline uint32
tape_offset(TapeEntry entry)
{
	return (uint32) entry;
}

static inline const char *
tape_bytes(const JsonTape *tape, TapeEntry entry)
{
	return (tape_kind(entry) == TAPE_DECODED ? tape->decoded : tape->text) + tape_offset(entry);
}

static inline uint32
tape_next(const JsonTape *tape, uint32 index)
{
	TapeEntry	entry = tape->entries[index];

	return tape_kind(entry) >= TAPE_ARRAY ? tape_offset(entry) : index + 1;
}

/* Arrays come from "memory" as they are needed. */
extern void json_tape_init(JsonTape *tape, MemoryContext memory);

/*
 * Reads a text of valid UTF-8.  False with *why filled when the server's jsonb input would refuse
 * its syntax, strings, numbers or counts.  Throws only when out of memory.
 */
extern bool json_tape_read(JsonTape *tape, const char *text, size_t length, JsonRefusal *why);

/* Gives back what one very large text left behind. */
extern void json_tape_trim(JsonTape *tape);

#endif
