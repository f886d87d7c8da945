/*
 * bigquery_json_value.c
 *	  Looking into JSON.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_json_value.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/error.h"

static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	if (object == NULL || !JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

const char *
json_value_text(JsonbContainer *object, const char *key, const char *missing)
{
	JsonbValue *value = member(object, key);

	if (value == NULL || value->type != jbvString)
		return missing;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

int64
json_value_int64(JsonbContainer *object, const char *key, int64 missing)
{
	JsonbValue *value = member(object, key);
	char	   *text;
	char	   *end;
	int64		number;

	if (value == NULL || (value->type != jbvString && value->type != jbvNumeric))
		return missing;
	text = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) :
		json_value_source(value);
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' ? missing : number;
}

bool
json_value_bool(JsonbContainer *object, const char *key, bool missing)
{
	JsonbValue *value = member(object, key);

	return value == NULL || value->type != jbvBool ? missing : value->val.boolean;
}

JsonbContainer *
json_value_container(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);

	return value == NULL || value->type != jbvBinary ? NULL : value->val.binary.data;
}

JsonbContainer *
json_path_container(JsonbContainer *object, const char *path)
{
	const char *point;

	for (; object != NULL && (point = strchr(path, '.')) != NULL; path = point + 1)
		object = json_value_container(object, pnstrdup(path, point - path));
	return object == NULL ? NULL : json_value_container(object, path);
}

JsonbContainer *
json_element_container(JsonbContainer *array, uint32 index)
{
	JsonbValue *value = !JsonContainerIsArray(array) ? NULL :
		getIthJsonbValueFromContainer(array, index);

	if (value == NULL || value->type != jbvBinary)
		ereport(ERROR,
				errcode(ERRCODE_MALFORMED_REPLY),
				errmsg("BigQuery answered something other than its documentation says"));
	return value->val.binary.data;
}

bool
json_value_next(JsonbIterator **iterator, JsonbValue *key, JsonbValue *value)
{
	for (;;)
	{
		JsonbIteratorToken token = JsonbIteratorNext(iterator, key, true);

		if (token == WJB_KEY)
			break;
		if (token == WJB_DONE || token == WJB_END_OBJECT)
			return false;
	}
	(void) JsonbIteratorNext(iterator, value, true);
	return true;
}

char *
json_value_source(JsonbValue *value)
{
	Jsonb	   *jsonb = JsonbValueToJsonb(value);

	return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
}

char *
json_container_source(JsonbContainer *container)
{
	return JsonbToCString(NULL, container, 0);
}
