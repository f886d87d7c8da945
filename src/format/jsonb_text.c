/*
 * jsonb_text.c
 *	  The text of jsonb, straight from its bytes.
 *
 * The layout is the one of utils/jsonb.h: see jsonb_writer.c, which writes it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "format/jsonb_text.h"

#include "miscadmin.h"
#include "utils/jsonb.h"

#include "core/compat.h"
#include "format/append.h"
#include "format/json_text.h"
#include "format/numeric_bytes.h"

/* Goes through the children of a container; an entry tells where a child ends, or its length. */
typedef struct Children
{
	const JEntry *next;
	const char *bytes;			/* of all children */
	uint32		offset;			/* of the next one */
} Children;

static void append_container(StringInfo out, const JsonbContainer *container);

static void
append_child(StringInfo out, Children *children)
{
	JEntry		entry = *children->next++;
	uint32		start = children->offset;
	const char *aligned = children->bytes + INTALIGN(start);

	JBE_ADVANCE_OFFSET(children->offset, entry);
	if (JBE_ISSTRING(entry))
		json_append_string(out, children->bytes + start, children->offset - start);
	else if (JBE_ISNUMERIC(entry))
		(void) numeric_append_text(out, PointerGetDatum(aligned));
	else if (JBE_ISBOOL_TRUE(entry))
		append_literal(out, "true");
	else if (JBE_ISBOOL_FALSE(entry))
		append_literal(out, "false");
	else if (JBE_ISNULL(entry))
		append_literal(out, "null");
	else
		append_container(out, (const JsonbContainer *) aligned);
}

static void
append_array(StringInfo out, const JsonbContainer *array)
{
	uint32		count = JsonContainerSize(array);
	Children	children = {array->children, (const char *) (array->children + count), 0};

	append_char(out, '[');
	for (uint32 i = 0; i < count; i++)
	{
		if (i > 0)
			append_literal(out, ", ");
		append_child(out, &children);
	}
	append_char(out, ']');
}

/* All keys come first, then all values. */
static void
append_object(StringInfo out, const JsonbContainer *object)
{
	uint32		count = JsonContainerSize(object);
	const char *bytes = (const char *) (object->children + 2 * count);
	Children	keys = {object->children, bytes, 0};
	Children	values = {object->children + count, bytes, getJsonbOffset(object, count)};

	append_char(out, '{');
	for (uint32 i = 0; i < count; i++)
	{
		if (i > 0)
			append_literal(out, ", ");
		append_child(out, &keys);
		append_literal(out, ": ");
		append_child(out, &values);
	}
	append_char(out, '}');
}

static void
append_container(StringInfo out, const JsonbContainer *container)
{
	check_stack_depth();
	if (JsonContainerIsObject(container))
		append_object(out, container);
	else
		append_array(out, container);
}

static void
append_root(StringInfo out, const JsonbContainer *root)
{
	/* a value that is no container is kept in an array of one */
	if (JsonContainerIsScalar(root))
		append_child(out, &(Children) {root->children, (const char *) (root->children + 1), 0});
	else
		append_container(out, root);
}

void
jsonb_append_text(StringInfo out, Datum value)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_SHORT(stored) && !VARATT_IS_EXTERNAL(stored))
	{
		/* its words are not aligned; a copy of what is so small needs no memory of its own */
		union
		{
			JsonbContainer root;
			char		bytes[VARATT_SHORT_MAX];
		}			copy;

		memcpy(copy.bytes, VARDATA_SHORT(stored), VARSIZE_SHORT(stored) - VARHDRSZ_SHORT);
		append_root(out, &copy.root);
	}
	else
		append_root(out, &DatumGetJsonbP(value)->root);
}
