/*
 * jsonb_writer.c
 *	  One JSON text as the bytes of a jsonb datum, without the server's parser.
 *
 * The text is first checked and laid out as a tape (json_tape.h), so that every container's size
 * in children is known when its header is written, and nothing is ever moved.  The layout written
 * here is the one of utils/jsonb.h: a container is a header word, an entry for each child (in an
 * object all keys, then all values), the children's bytes; containers and numerics are
 * int-aligned, and padding before them counts as theirs.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/jsonb_writer.h"

#include "core/compat.h"
#include "format/json_tape.h"
#include "format/numeric_bytes.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

/*
 * Stack in bytes that we allow for one level of nesting: above what the server's own parser takes
 * (about 160; several times as much when both are built with a sanitizer of addresses), so that our
 * limit comes before its own.
 */
#ifndef STACK_PER_LEVEL
#define STACK_PER_LEVEL		192
#endif

/* No jsonb is larger: its root's size must fit the field for it. */
#define JSONB_SIZE_MAX		(VARHDRSZ + (size_t) JENTRY_OFFLENMASK)

/*
 * Room beyond the largest jsonb, so that what finds no room cannot fit for certain: as much as the
 * room asked for a numeric may exceed what it takes.
 */
#define BUFFER_SLACK		(128 * 1024)

#define KEPT_CAPACITY		(256 * 1024)	/* a larger buffer is not kept for smaller texts */
#define FEW_PAIRS			16	/* up to here insertion beats qsort */

/* A key of an object that is being sorted. */
typedef struct KeyRank
{
	uint64		rank;			/* length, then the first four bytes: most comparisons end here */
	uint32		key;			/* its place on the tape, the value's is the next one */
} KeyRank;

struct JsonbWriter
{
	MemoryContext memory;
	JsonTape	tape;
	char	   *bytes;			/* the jsonb being written */
	size_t		used;
	size_t		capacity;
	KeyRank    *keys;			/* a stack: those of the objects being written */
	size_t		nkeys;
	size_t		key_capacity;
	JsonRefusal *why;
};

static bool write_container(JsonbWriter *writer, uint32 index, JEntry *entry);

JsonbWriter *
jsonb_writer_create(MemoryContext memory)
{
	JsonbWriter *writer;

	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("could not read JSON in a database with encoding \"%s\"",
					   GetDatabaseEncodingName()),
				errhint("Use a database with encoding UTF8."));
	writer = MemoryContextAllocZero(memory, sizeof(JsonbWriter));
	writer->memory = memory;
	json_tape_init(&writer->tape, memory);
	return writer;
}

static bool
refuse_size(JsonbWriter *writer)
{
	writer->why->sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	writer->why->reason = "the value is too large for jsonb";
	writer->why->offset = 0;
	return false;
}

/* Is there room for so many bytes?  The buffer is large enough for all that jsonb can hold. */
static inline bool
has_room(JsonbWriter *writer, size_t length)
{
	return likely(writer->capacity - writer->used >= length);
}

static inline void
pad_to_int(JsonbWriter *writer)
{
	while (writer->used % sizeof(int32) != 0)
		writer->bytes[writer->used++] = '\0';
}

static inline void
write_word(char *to, uint32 word)
{
	memcpy(to, &word, sizeof(word));
}

/*
 * Puts the entry of child i of a container, whose children up to this one have "total" bytes.
 * Every 32nd entry holds the offset of the child's end in place of its length.
 */
static inline void
put_entry(char *entries, uint32 i, JEntry entry, uint32 total)
{
	if (i % JB_OFFSET_STRIDE == 0)
		entry = (entry & JENTRY_TYPEMASK) | total | JENTRY_HAS_OFF;
	write_word(entries + i * sizeof(JEntry), entry);
}

static inline bool
write_string(JsonbWriter *writer, TapeEntry string, JEntry *entry)
{
	uint32		length = tape_length(string);

	if (!has_room(writer, length))
		return refuse_size(writer);
	memcpy(writer->bytes + writer->used, tape_bytes(&writer->tape, string), length);
	writer->used += length;
	*entry = JENTRY_ISSTRING | length;
	return true;
}

static inline bool
write_number(JsonbWriter *writer, TapeEntry tape_number, JEntry *entry)
{
	size_t		start = writer->used;
	const char *text = writer->tape.text + tape_offset(tape_number);
	JsonNumber	number;

	json_number_scan(text, writer->tape.text_end, &number);
	if (!has_room(writer, sizeof(int32) +
				  NUMERIC_BYTES_MAX(number.nintegers + number.nfractions)))
		return refuse_size(writer);
	pad_to_int(writer);
	writer->used += numeric_bytes_write(writer->bytes + writer->used, &number);
	*entry = JENTRY_ISNUMERIC | (uint32) (writer->used - start);
	return true;
}

static inline bool
write_value(JsonbWriter *writer, uint32 index, JEntry *entry)
{
	TapeEntry	value = writer->tape.entries[index];

	switch (tape_kind(value))
	{
		case TAPE_NULL:
			*entry = JENTRY_ISNULL;
			return true;
		case TAPE_FALSE:
			*entry = JENTRY_ISBOOL_FALSE;
			return true;
		case TAPE_TRUE:
			*entry = JENTRY_ISBOOL_TRUE;
			return true;
		case TAPE_STRING:
		case TAPE_DECODED:
			return write_string(writer, value, entry);
		case TAPE_NUMBER:
			return write_number(writer, value, entry);
		case TAPE_ARRAY:
		case TAPE_OBJECT:
			return write_container(writer, index, entry);
	}
	pg_unreachable();
}

/* Writes one child and its entry; *total grows by its size. */
static inline bool
write_child(JsonbWriter *writer, uint32 index, size_t entries, uint32 i, uint32 *total)
{
	JEntry		entry;

	if (!write_value(writer, index, &entry))
		return false;
	*total += JBE_OFFLENFLD(entry);
	if (unlikely(*total > JENTRY_OFFLENMASK))
		return refuse_size(writer);
	put_entry(writer->bytes + entries, i, entry, *total);
	return true;
}

/* Writes a container's header and leaves room for its entries, which begin at *entries. */
static inline bool
begin_container(JsonbWriter *writer, uint32 header, uint32 nentries, size_t *entries)
{
	if (!has_room(writer, 2 * sizeof(int32) + nentries * sizeof(JEntry)))
		return refuse_size(writer);
	pad_to_int(writer);
	write_word(writer->bytes + writer->used, header);
	*entries = writer->used + sizeof(uint32);
	writer->used = *entries + nentries * sizeof(JEntry);
	return true;
}

static bool
write_array(JsonbWriter *writer, uint32 index)
{
	uint32		nelements = tape_length(writer->tape.entries[index]);
	uint32		child = index + 1;
	uint32		total = 0;
	size_t		entries;

	if (!begin_container(writer, JB_FARRAY | nelements, nelements, &entries))
		return false;
	for (uint32 i = 0; i < nelements; i++)
	{
		if (!write_child(writer, child, entries, i, &total))
			return false;
		child = tape_next(&writer->tape, child);
	}
	return true;
}

/* A root that is no container stands in an array of its own kind. */
static bool
write_scalar_root(JsonbWriter *writer)
{
	size_t		start = writer->used;
	uint32		total = 0;
	size_t		entries;

	if (!begin_container(writer, JB_FARRAY | JB_FSCALAR | 1, 1, &entries) ||
		!write_child(writer, 0, entries, 0, &total))
		return false;
	return writer->used - start <= JENTRY_OFFLENMASK || refuse_size(writer);
}

static inline KeyRank
key_rank(const JsonTape *tape, uint32 index)
{
	TapeEntry	entry = tape->entries[index];
	uint32		length = tape_length(entry);
	const char *bytes = tape_bytes(tape, entry);
	uint32		first = 0;

	if (length >= sizeof(first))
		memcpy(&first, bytes, sizeof(first));
	else
		memcpy(&first, bytes, length);
	return (KeyRank) {(uint64) length << 32 | pg_ntoh32(first), index};
}

/* As jsonb orders keys: shorter ones first, then by bytes. */
static inline int
key_compare(const KeyRank *left, const KeyRank *right, const JsonTape *tape)
{
	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	return memcmp(tape_bytes(tape, tape->entries[left->key]),
				  tape_bytes(tape, tape->entries[right->key]), left->rank >> 32);
}

/* For sorting: equal keys in the order of the text. */
static int
key_order(const void *left, const void *right, void *tape)
{
	const KeyRank *left_key = left;
	const KeyRank *right_key = right;
	int			order = key_compare(left_key, right_key, tape);

	return order != 0 ? order : (left_key->key < right_key->key ? -1 : 1);
}

static void
keys_insertion_sort(KeyRank *keys, uint32 nkeys, const JsonTape *tape)
{
	for (uint32 i = 1; i < nkeys; i++)
	{
		KeyRank		moving = keys[i];
		uint32		to = i;

		for (; to > 0 && key_compare(&moving, &keys[to - 1], tape) < 0; to--)
			keys[to] = keys[to - 1];
		keys[to] = moving;
	}
}

/* Of equal keys only the last one stays; returns how many stay. */
static uint32
keys_unique(KeyRank *keys, uint32 nkeys, const JsonTape *tape)
{
	uint32		kept = 0;

	for (uint32 i = 0; i < nkeys; i++)
		if (i + 1 == nkeys || key_compare(&keys[i], &keys[i + 1], tape) != 0)
			keys[kept++] = keys[i];
	return kept;
}

/* Pushes the keys of the object at "index", sorted and unique; returns how many. */
static uint32
push_keys(JsonbWriter *writer, uint32 index)
{
	JsonTape   *tape = &writer->tape;
	uint32		npairs = tape_length(tape->entries[index]);
	uint32		key = index + 1;
	KeyRank    *keys;

	if (writer->key_capacity - writer->nkeys < npairs)
	{
		size_t		capacity = Max(writer->key_capacity * 2, 64);

		capacity = Max(capacity, writer->nkeys + npairs);
		if (writer->keys == NULL)
			writer->keys = MemoryContextAllocHuge(writer->memory, capacity * sizeof(KeyRank));
		else
			writer->keys = repalloc_huge(writer->keys, capacity * sizeof(KeyRank));
		writer->key_capacity = capacity;
	}
	keys = writer->keys + writer->nkeys;
	for (uint32 i = 0; i < npairs; i++)
	{
		keys[i] = key_rank(tape, key);
		key = tape_next(tape, key + 1);
	}
	if (npairs <= FEW_PAIRS)
		keys_insertion_sort(keys, npairs, tape);
	else
		qsort_arg(keys, npairs, sizeof(KeyRank), key_order, tape);
	npairs = keys_unique(keys, npairs, tape);
	writer->nkeys += npairs;
	return npairs;
}

static bool
write_object(JsonbWriter *writer, uint32 index)
{
	JsonTape   *tape = &writer->tape;
	size_t		first = writer->nkeys;
	uint32		npairs = push_keys(writer, index);
	uint32		total = 0;
	size_t		entries;

	if (!begin_container(writer, JB_FOBJECT | npairs, 2 * npairs, &entries))
		return false;
	for (uint32 i = 0; i < npairs; i++)
	{
		JEntry		entry;

		if (!write_string(writer, tape->entries[writer->keys[first + i].key], &entry))
			return false;
		total += JBE_OFFLENFLD(entry);
		if (unlikely(total > JENTRY_OFFLENMASK))
			return refuse_size(writer);
		put_entry(writer->bytes + entries, i, entry, total);
	}
	/* the stack of keys may move while a value is written */
	for (uint32 i = 0; i < npairs; i++)
		if (!write_child(writer, writer->keys[first + i].key + 1, entries, npairs + i, &total))
			return false;
	writer->nkeys = first;
	return true;
}

static bool
write_container(JsonbWriter *writer, uint32 index, JEntry *entry)
{
	size_t		start = writer->used;
	size_t		size;
	bool		written;

	if (stack_is_too_deep())
	{
		json_refuse(writer->why, writer->tape.text, writer->tape.text,
					ERRCODE_STATEMENT_TOO_COMPLEX, "arrays and objects are nested too deep");
		return false;
	}
	if (tape_kind(writer->tape.entries[index]) == TAPE_OBJECT)
		written = write_object(writer, index);
	else
		written = write_array(writer, index);
	if (!written)
		return false;
	size = writer->used - start;
	if (size > JENTRY_OFFLENMASK)
		return refuse_size(writer);
	*entry = JENTRY_ISCONTAINER | (uint32) size;
	return true;
}

/* Gives back what one very large text left behind. */
static inline void
trim(JsonbWriter *writer)
{
	json_tape_trim(&writer->tape);
	if (unlikely(writer->key_capacity > KEPT_CAPACITY / sizeof(KeyRank)))
	{
		pfree(writer->keys);
		writer->keys = NULL;
		writer->key_capacity = 0;
	}
}

/*
 * Makes the buffer large enough for what is on the tape: a string takes its own bytes, a number of
 * n digits 2 * (n / 4 + 2) and a header of 8, anything an entry of 4 and padding or a header of 8.
 */
static void
buffer_prepare(JsonbWriter *writer, size_t length)
{
	size_t		needed = VARHDRSZ + 8 + length + 24 * (size_t) writer->tape.nentries;

	needed = Min(needed, JSONB_SIZE_MAX + BUFFER_SLACK);
	if (writer->capacity < needed ||
		(writer->capacity > KEPT_CAPACITY && needed <= KEPT_CAPACITY))
	{
		if (writer->bytes != NULL)
			pfree(writer->bytes);
		writer->bytes = NULL;
		writer->capacity = 0;
		needed = Max(needed, KEPT_CAPACITY / 16);
		writer->bytes = MemoryContextAllocHuge(writer->memory, needed);
		writer->capacity = needed;
	}
	writer->used = VARHDRSZ;
	writer->nkeys = 0;
}

/* The server checks a text's encoding before it parses it; so do we. */
static bool
check_encoding(const char *bytes, size_t length, JsonRefusal *why)
{
	size_t		valid = 0;

	/* the server's function counts in int */
	if (length <= MaxAllocSize)
		valid = pg_encoding_verifymbstr(PG_UTF8, bytes, (int) length);
	if (valid == length)
		return true;
	json_refuse(why, bytes, bytes + valid, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
				"the text is not valid UTF-8");
	return false;
}

bool
jsonb_write(JsonbWriter *writer, const char *bytes, size_t length, Jsonb **result,
			JsonRefusal *why)
{
	JEntry		root;
	bool		written;

	writer->why = why;
	if (length <= KEPT_CAPACITY)
		trim(writer);
	writer->tape.depth_limit = (int) ((int64) max_stack_depth * 1024 / STACK_PER_LEVEL);
	if (!check_encoding(bytes, length, why) ||
		!json_tape_read(&writer->tape, bytes, length, why))
		return false;
	buffer_prepare(writer, length);
	if (tape_kind(writer->tape.entries[0]) >= TAPE_ARRAY)
		written = write_container(writer, 0, &root);
	else
		written = write_scalar_root(writer);
	if (!written)
		return false;
	*result = (Jsonb *) writer->bytes;
	SET_VARSIZE(*result, writer->used);
	return true;
}

void
jsonb_writer_trim(JsonbWriter *writer)
{
	trim(writer);
	if (writer->capacity <= KEPT_CAPACITY)
		return;
	pfree(writer->bytes);
	writer->bytes = NULL;
	writer->capacity = 0;
}
