/*
 * json.c
 *	  The only file that includes jansson.
 *
 * postgres exports a function named json_object too, and a call from here would reach that one and
 * take the server down. So the name is made unusable; headers of the server that declare it (such
 * as utils/builtins.h) cannot be included here either.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/json.h"

#include <malloc.h>

#include "core/error.h"
#include "utils/memutils.h"

#define json_object dataops_no_json_object
#include <jansson.h>

#define MESSAGE_MAX		1024
#define MEMBER_MAX		127

struct JsonReply
{
	json_t	   *root;
	MemoryContextCallback release;
};

static void
reply_release(void *arg)
{
	JsonReply  *reply = arg;

	json_decref(reply->root);	/* accepts NULL */
	reply->root = NULL;
}

/* Whatever the library gives back, its scratch memory too: it does not know what is secret. */
static void
free_wiped(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

/* A reply that holds nothing yet, with its release armed. */
static JsonReply *
reply_create(MemoryContext owner)
{
	JsonReply  *reply = MemoryContextAllocZero(owner, sizeof(JsonReply));

	/* for the whole process: memory of other users of the library is malloc's too */
	json_set_alloc_funcs(malloc, free_wiped);
	reply->release.func = reply_release;
	reply->release.arg = reply;
	MemoryContextRegisterResetCallback(owner, &reply->release);
	return reply;
}

/*
 * What is wrong with a text, in "owner". jansson quotes the text it stumbled on; that is left out,
 * as it may be a token.
 */
static char *
parse_complaint(MemoryContext owner, const json_error_t *error)
{
	const char *quote = strstr(error->text, " near '");
	int			length = quote != NULL ? quote - error->text : (int) strlen(error->text);
	char		complaint[JSON_ERROR_TEXT_LENGTH + 32];

	if (json_error_code(error) == json_error_null_character)
		snprintf(complaint, sizeof(complaint), "\\u0000 at byte %d", error->position);
	else
		snprintf(complaint, sizeof(complaint), "%.*s at byte %d", length, error->text,
				 error->position);
	return MemoryContextStrdup(owner, complaint);
}

JsonReply *
json_reply_parse(MemoryContext owner, const char *bytes, size_t length, const char **why)
{
	JsonReply  *reply = reply_create(owner);
	json_error_t error;

	reply->root = json_loadb(bytes, length, JSON_DECODE_ANY, &error);
	if (reply->root != NULL)
		return reply;
	*why = length == 0 ? "the reply is empty" : parse_complaint(owner, &error);
	return NULL;
}

/*
 * The node one step of a path below "node": ".member" or "[index]". Moves *path behind the step;
 * NULL when there is no such node or no such step.
 */
static json_t *
step_down(json_t *node, const char **path)
{
	const char *start = *path + 1;
	size_t		length;
	char		member[MEMBER_MAX + 1];

	if (**path == '[')
	{
		char	   *end;
		unsigned long index = strtoul(start, &end, 10);

		if (end == start || *end != ']')
			return NULL;
		*path = end + 1;
		return json_array_get(node, index);
	}
	length = strcspn(start, ".[");
	if (**path != '.' || length == 0 || length > MEMBER_MAX)
		return NULL;
	memcpy(member, start, length);
	member[length] = '\0';
	*path = start + length;
	return json_object_get(node, member);
}

static json_t *
find_node(json_t *root, const char *path)
{
	json_t	   *node = *path == '$' ? root : NULL;

	if (node != NULL)
		path++;
	while (node != NULL && *path != '\0')
		node = step_down(node, &path);
	return node;
}

const char *
json_reply_text(const JsonReply *reply, const char *path)
{
	return json_string_value(find_node(reply->root, path));
}

bool
json_reply_int64(const JsonReply *reply, const char *path, int64 *value)
{
	json_t	   *node = find_node(reply->root, path);
	const char *digits = json_string_value(node);
	char	   *end;

	if (json_is_integer(node))
	{
		*value = json_integer_value(node);
		return true;
	}
	if (digits == NULL || strspn(digits, "-0123456789") != strlen(digits))
		return false;
	errno = 0;
	*value = strtoll(digits, &end, 10);
	return end != digits && *end == '\0' && errno == 0;
}

bool
json_reply_member(const JsonReply *reply, const char *path, int index, const char **name,
				  const char **text)
{
	json_t	   *object = find_node(reply->root, path);
	void	   *member = json_object_iter(object);	/* NULL for what is no object */

	for (int i = 0; i < index && member != NULL; i++)
		member = json_object_iter_next(object, member);
	if (member == NULL)
		return false;
	*name = json_object_iter_key(member);
	*text = json_string_value(json_object_iter_value(member));
	return true;
}

char *
json_error_message(const char *body, size_t length)
{
	/* the longest and most telling first: an OAuth "error" is a code, its description a sentence */
	static const char *const places[] = {
		"$.error.message", "$.error_description", "$.errors[0].message", "$.errors[0].detail",
		"$.message", "$.msg", "$.detail", "$.detail[0].msg", "$.error.msg", "$.error",
		"$.errors[0]", "$.title", "$[0].error.message", "$",
	};
	JsonReply  *reply = reply_create(CurrentMemoryContext);
	char	   *message = NULL;

	/* what is only shown may hold NUL; error_clean makes a space of it */
	reply->root = json_loadb(body, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	for (int i = 0; message == NULL && i < (int) lengthof(places); i++)
	{
		json_t	   *node = find_node(reply->root, places[i]);

		if (json_string_length(node) > 0)
			message = error_clean(json_string_value(node), json_string_length(node), MESSAGE_MAX);
	}
	reply_release(reply);		/* not kept until the context ends; the callback finds it empty */
	return message;
}
