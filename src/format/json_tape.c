/*
 * json_tape.c
 *	  One JSON text, checked and laid out as a flat row of eight-byte entries.
 *
 * The reader holds no stack: while a container is open, its entry holds the index of the one
 * around it where the index of the entry behind it will stand.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/json_tape.h"

#include "format/numeric_bytes.h"
#include "port/pg_bitutils.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define NO_CONTAINER	PG_UINT32_MAX
#define FIRST_CAPACITY	1024	/* entries, and bytes of decoded strings */
#define KEPT_CAPACITY	65536	/* larger arrays are given back by json_tape_trim() */

#define ONE_CHILD		(UINT64CONST(1) << 32)

typedef struct TapeReader
{
	JsonTape   *tape;
	JsonRefusal *why;
	uint32		open;			/* the innermost open container */
	int			depth;			/* containers open */
	bool		done;			/* the root value has ended */
} TapeReader;

static const char ends_early[] = "the text ends within a value";

static inline const char *read_string(TapeReader *reader, const char *at);

/*
 * What stands at "at" is out of place.  The server reads the token before it sees that, so what is
 * wrong within a string there is what it reports.
 */
static pg_noinline const char *
refuse(TapeReader *reader, const char *at, const char *reason)
{
	if (at == reader->tape->text_end)
		reason = ends_early;
	else if (*at == '"' && read_string(reader, at) == NULL)
		return NULL;
	return json_refuse(reader->why, reader->tape->text, at, ERRCODE_INVALID_TEXT_REPRESENTATION,
					   reason);
}

static pg_noinline void
entries_grow(JsonTape *tape)
{
	uint32		capacity = tape->entry_capacity == 0 ? FIRST_CAPACITY : tape->entry_capacity * 2;
	size_t		size = (size_t) capacity * sizeof(TapeEntry);

	if (tape->entries == NULL)
		tape->entries = MemoryContextAllocHuge(tape->memory, size);
	else
		tape->entries = repalloc_huge(tape->entries, size);
	tape->entry_capacity = capacity;
}

static inline void
push(JsonTape *tape, TapeEntry entry)
{
	if (unlikely(tape->nentries == tape->entry_capacity))
		entries_grow(tape);
	tape->entries[tape->nentries++] = entry;
}

static void
decoded_reserve(JsonTape *tape, size_t length)
{
	size_t		capacity = Max(tape->decoded_capacity, FIRST_CAPACITY);

	if (tape->decoded_capacity - tape->ndecoded >= length)
		return;
	while (capacity - tape->ndecoded < length)
		capacity *= 2;
	if (tape->decoded == NULL)
		tape->decoded = MemoryContextAllocHuge(tape->memory, capacity);
	else
		tape->decoded = repalloc_huge(tape->decoded, capacity);
	tape->decoded_capacity = capacity;
}

/* The quote that closes the string whose content "at" is in, or "end". */
static const char *
closing_quote(const char *at, const char *end)
{
	while ((at = json_string_stop(at, end)) < end && *at != '"')
		at += *at == '\\' && end - at >= 2 ? 2 : 1;
	return at;
}

/* A string with a backslash in it, from behind its opening quote. */
static pg_noinline const char *
read_escaped(TapeReader *reader, const char *start, const char *stop)
{
	JsonTape   *tape = reader->tape;
	size_t		length;
	const char *after;

	/* one byte more, so that there is a buffer even for nothing */
	decoded_reserve(tape, closing_quote(stop, tape->text_end) - start + 1);
	after = json_string_decode(tape->text, start, tape->text_end, tape->decoded + tape->ndecoded,
							   &length, reader->why);
	if (after == NULL)
		return NULL;
	if (length > JENTRY_OFFLENMASK)
		return json_refuse(reader->why, tape->text, start, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
						   "a string is too long for jsonb");
	push(tape, tape_entry(TAPE_DECODED, length, tape->ndecoded));
	tape->ndecoded += length;
	return after;
}

/* A string from its opening quote; returns the byte after it. */
static inline const char *
read_string(TapeReader *reader, const char *at)
{
	JsonTape   *tape = reader->tape;
	const char *start = at + 1;
	const char *stop = json_string_stop(start, tape->text_end);

	if (unlikely(stop == tape->text_end || *stop != '"' || stop - start > JENTRY_OFFLENMASK))
		return read_escaped(reader, start, stop);
	push(tape, tape_entry(TAPE_STRING, stop - start, start - tape->text));
	return stop + 1;
}

/* What the server's lexer takes as belonging to one word with the letters before it. */
static inline bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || IS_HIGHBIT_SET(c);
}

/* Is what begins at "at" a token of JSON, or the end? */
static bool
is_token(TapeReader *reader, const char *at)
{
	const char *end = reader->tape->text_end;
	const char *after = at;
	JsonNumber	number;

	if (at == end || (json_is_delimiter(*at) && *at != '"'))
		return true;
	if (*at == '"')
		return read_string(reader, at) != NULL;
	if (*at == '-' || (*at >= '0' && *at <= '9'))
	{
		after = json_number_scan(at, end, &number);
		return after != NULL && (after == end || !is_word_byte(*after));
	}
	while (after < end && is_word_byte(*after))
		after++;
	return (after - at == 4 && (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0)) ||
		(after - at == 5 && memcmp(at, "false", 5) == 0);
}

/*
 * A number that numeric cannot hold.  The server reads one token on before it converts a number,
 * so a bad token there is what it reports.
 */
static pg_noinline const char *
refuse_number(TapeReader *reader, const char *at, const char *after)
{
	JsonTape   *tape = reader->tape;
	const char *next = json_space_skip(after, tape->text_end);

	if (after < tape->text_end && is_word_byte(*after))
		return refuse(reader, at, "invalid number");
	reader->why->reason = NULL;
	if (!is_token(reader, next))
		return reader->why->reason != NULL ? NULL : refuse(reader, next, "expected a value");
	return json_refuse(reader->why, tape->text, at, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
					   "a number is out of the range of type numeric");
}

static inline const char *
read_number(TapeReader *reader, const char *at)
{
	JsonTape   *tape = reader->tape;
	JsonNumber	number;
	const char *after = json_number_scan(at, tape->text_end, &number);

	if (unlikely(after == NULL))
		return refuse(reader, at, "invalid number");
	if (unlikely(!numeric_bytes_fit(&number)))
		return refuse_number(reader, at, after);
	push(tape, tape_entry(TAPE_NUMBER, 0, at - tape->text));
	return after;
}

static inline const char *
read_literal(TapeReader *reader, const char *at, const char *literal, size_t length, TapeKind kind)
{
	if (reader->tape->text_end - at < length || memcmp(at, literal, length) != 0)
		return refuse(reader, at, "expected a value");
	push(reader->tape, tape_entry(kind, 0, 0));
	return at + length;
}

/* A value that is no container. */
static inline const char *
read_scalar(TapeReader *reader, const char *at)
{
	switch (*at)
	{
		case '"':
			return read_string(reader, at);
		case 't':
			return read_literal(reader, at, "true", 4, TAPE_TRUE);
		case 'f':
			return read_literal(reader, at, "false", 5, TAPE_FALSE);
		case 'n':
			return read_literal(reader, at, "null", 4, TAPE_NULL);
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			return read_number(reader, at);
		default:
			return refuse(reader, at, "expected a value");
	}
}

/* A key with its colon; "at" is where the key should begin. */
static inline const char *
read_key(TapeReader *reader, const char *at, const char *expected)
{
	const char *end = reader->tape->text_end;

	if (unlikely(at == end || *at != '"'))
		return refuse(reader, at, expected);
	at = read_string(reader, at);
	if (unlikely(at == NULL))
		return NULL;
	at = json_space_skip(at, end);
	if (unlikely(at == end || *at != ':'))
		return refuse(reader, at, "expected \":\"");
	return at + 1;
}

static inline const char *
container_open(TapeReader *reader, const char *at)
{
	JsonTape   *tape = reader->tape;

	if (unlikely(reader->depth == tape->depth_limit))
		return json_refuse(reader->why, tape->text, at, ERRCODE_STATEMENT_TOO_COMPLEX,
						   "arrays and objects are nested too deep");
	reader->depth++;
	push(tape, tape_entry(*at == '{' ? TAPE_OBJECT : TAPE_ARRAY, 0, reader->open));
	reader->open = tape->nentries - 1;
	return at + 1;
}

static inline void
container_close(TapeReader *reader)
{
	JsonTape   *tape = reader->tape;
	TapeEntry	entry = tape->entries[reader->open];
	uint32		around = tape_offset(entry);

	tape->entries[reader->open] = tape_entry(tape_kind(entry), tape_length(entry), tape->nentries);
	reader->open = around;
	reader->depth--;
}

/*
 * The server collects a container's children in an array that doubles from a power of two on and
 * may not outgrow one allocation; so this is the largest container it can take.
 */
static inline uint32
children_limit(TapeKind kind)
{
	const size_t size = kind == TAPE_OBJECT ? sizeof(JsonbPair) : sizeof(JsonbValue);

	return (uint32) 1 << pg_leftmost_one_pos32(MaxAllocSize / size);
}

/*
 * From behind a value to the beginning of the next one, closing what ends in between.  After the
 * root value: sets reader->done and returns the end of the text.
 */
static inline const char *
go_on(TapeReader *reader, const char *at)
{
	JsonTape   *tape = reader->tape;
	const char *end = tape->text_end;

	for (;;)
	{
		TapeKind	kind;

		at = json_space_skip(at, end);
		if (reader->open == NO_CONTAINER)
		{
			reader->done = true;
			return at == end ? at : refuse(reader, at, "expected the end of the text");
		}
		kind = tape_kind(tape->entries[reader->open]);
		tape->entries[reader->open] += ONE_CHILD;
		if (unlikely(at == end))
			return refuse(reader, at, ends_early);
		if (*at == ',')
		{
			if (unlikely(tape_length(tape->entries[reader->open]) >= children_limit(kind)))
				return json_refuse(reader->why, tape->text, at, ERRCODE_PROGRAM_LIMIT_EXCEEDED,
								   "an array or object has too many members for jsonb");
			at = json_space_skip(at + 1, end);
			return kind == TAPE_OBJECT ? read_key(reader, at, "expected a string") : at;
		}
		if (unlikely(*at != (kind == TAPE_OBJECT ? '}' : ']')))
			return refuse(reader, at, kind == TAPE_OBJECT ?
						  "expected \",\" or \"}\"" : "expected \",\" or \"]\"");
		container_close(reader);
		at++;
	}
}

/* One value: a scalar, an empty container, or a container's beginning up to its first value. */
static inline const char *
read_value(TapeReader *reader, const char *at)
{
	const char *end = reader->tape->text_end;
	bool		object;

	at = json_space_skip(at, end);
	if (unlikely(at == end))
		return refuse(reader, at, ends_early);
	object = *at == '{';
	if (object || *at == '[')
	{
		at = container_open(reader, at);
		if (unlikely(at == NULL))
			return NULL;
		at = json_space_skip(at, end);
		if (at == end || *at != (object ? '}' : ']'))
			return object ? read_key(reader, at, "expected a string or \"}\"") : at;
		container_close(reader);
		return go_on(reader, at + 1);
	}
	at = read_scalar(reader, at);
	return likely(at != NULL) ? go_on(reader, at) : NULL;
}

void
json_tape_init(JsonTape *tape, MemoryContext memory)
{
	memset(tape, 0, sizeof(JsonTape));
	tape->memory = memory;
}

bool
json_tape_read(JsonTape *tape, const char *text, size_t length, JsonRefusal *why)
{
	TapeReader	reader = {.tape = tape, .why = why, .open = NO_CONTAINER};
	const char *at = text;

	tape->text = text;
	tape->text_end = text + length;
	tape->nentries = 0;
	tape->ndecoded = 0;
	if (length > MaxAllocSize)
	{
		json_refuse(why, text, text, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the text is too long");
		return false;
	}
	while (at != NULL && !reader.done)
		at = read_value(&reader, at);
	return at != NULL;
}

void
json_tape_trim(JsonTape *tape)
{
	if (tape->entry_capacity > KEPT_CAPACITY)
	{
		pfree(tape->entries);
		tape->entries = NULL;
		tape->entry_capacity = 0;
	}
	if (tape->decoded_capacity > KEPT_CAPACITY)
	{
		pfree(tape->decoded);
		tape->decoded = NULL;
		tape->decoded_capacity = 0;
	}
}
