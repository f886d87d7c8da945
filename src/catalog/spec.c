/*
 * spec.c
 *	  Typed members of a definition's document.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/spec.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "catalog/sql.h"
#include "core/compat.h"
#include "core/error.h"

char *
spec_value_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	}
}

/* The member, or NULL when absent or JSON null. */
static JsonbValue *
member(Jsonb *spec, const char *key)
{
	JsonbValue *value;

	if (spec == NULL || !JB_ROOT_IS_OBJECT(spec))
		return NULL;
	value = getKeyJsonValueFromContainer(&spec->root, key, strlen(key), NULL);
	return value == NULL || value->type == jbvNull ? NULL : value;
}

pg_noreturn static void
wrong_type(const char *key, const char *expected, const JsonbValue *value, const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%s\" of %s is not %s", key, what, expected),
			errdetail("Its value is %s.", error_clean(spec_value_text(value),
													  strlen(spec_value_text(value)), 200)));
}

bool
spec_has(Jsonb *spec, const char *key)
{
	return member(spec, key) != NULL;
}

char *
spec_text(Jsonb *spec, const char *key, const char *what)
{
	JsonbValue *value = member(spec, key);

	if (value == NULL)
		return NULL;
	if (value->type == jbvBinary)
		wrong_type(key, "a text", value, what);
	return spec_value_text(value);
}

char *
spec_text_required(Jsonb *spec, const char *key, const char *what)
{
	char	   *value = spec_text(spec, key, what);

	if (value == NULL || *value == '\0')
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s needs \"%s\"", what, key));
	return value;
}

bool
spec_bool(Jsonb *spec, const char *key, bool missing, const char *what)
{
	JsonbValue *value = member(spec, key);

	if (value == NULL)
		return missing;
	if (value->type != jbvBool)
		wrong_type(key, "true or false", value, what);
	return value->val.boolean;
}

int64
spec_integer(Jsonb *spec, const char *key, int64 missing, const char *what)
{
	JsonbValue *value = member(spec, key);
	double		number = spec_number(spec, key, 0, what);

	if (value == NULL)
		return missing;
	if (number != rint(number) || number < -9007199254740992.0 || number > 9007199254740992.0)
		wrong_type(key, "a whole number", value, what);
	return (int64) number;
}

double
spec_number(Jsonb *spec, const char *key, double missing, const char *what)
{
	JsonbValue *value = member(spec, key);

	if (value == NULL)
		return missing;
	if (value->type != jbvNumeric)
		wrong_type(key, "a number", value, what);
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(value->val.numeric)));
}

/*
 * Inputs of date/time types throw for bad text; the error context says which member it was.
 */
typedef struct MemberContext
{
	const char *key;
	const char *what;
} MemberContext;

static void
member_error_context(void *arg)
{
	MemberContext *context = arg;

	errcontext("\"%s\" of %s", context->key, context->what);
}

static Datum
read_with_context(PGFunction input, const char *text, const char *key, const char *what)
{
	MemberContext context = {key, what};
	ErrorContextCallback callback = {error_context_stack, member_error_context, &context};
	Datum		value;

	error_context_stack = &callback;
	value = DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
								Int32GetDatum(-1));
	error_context_stack = callback.previous;
	return value;
}

Interval *
spec_interval(Jsonb *spec, const char *key, const char *what)
{
	char	   *text = spec_text(spec, key, what);

	return text == NULL ? NULL :
		DatumGetIntervalP(read_with_context(interval_in, text, key, what));
}

Interval *
spec_interval_from(Jsonb *spec, const char *key, IntervalBound bound, const char *what)
{
	Interval   *interval = spec_interval(spec, key, what);

	if (interval == NULL)
		return NULL;
	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of %s is negative", key, what));
	if (bound == INTERVAL_POSITIVE &&
		interval->month == 0 && interval->day == 0 && interval->time == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of %s is zero", key, what),
				errhint("Leave it out, or give a positive interval."));
	return interval;
}

TimestampTz
spec_timestamptz(Jsonb *spec, const char *key, TimestampTz missing, const char *what)
{
	char	   *text = spec_text(spec, key, what);

	return text == NULL ? missing :
		DatumGetTimestampTz(read_with_context(timestamptz_in, text, key, what));
}

List *
spec_texts(Jsonb *spec, const char *key, const char *what)
{
	JsonbValue *value = member(spec, key);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	element;
	List	   *list = NIL;

	if (value == NULL)
		return NIL;
	if (value->type == jbvString)
		return list_make1(spec_value_text(value));
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		wrong_type(key, "an array of texts", value, what);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (element.type == jbvBinary || element.type == jbvNull)
			wrong_type(key, "an array of texts", value, what);
		list = lappend(list, spec_value_text(&element));
	}
	return list;
}

Jsonb *
spec_object(Jsonb *spec, const char *key, const char *what)
{
	JsonbValue *value = member(spec, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		wrong_type(key, "an object", value, what);
	return JsonbValueToJsonb(value);
}

const char *
spec_choice(Jsonb *spec, const char *key, const char *const *values, int nvalues,
			const char *missing, const char *what)
{
	char	   *value = spec_text(spec, key, what);

	if (value == NULL)
		return missing;
	for (int i = 0; i < nvalues; i++)
		if (strcmp(value, values[i]) == 0)
			return values[i];
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%s\" is not a value of \"%s\" of %s", value, key, what),
			errhint("Known values are %s.", values_list(values, nvalues)));
}

void
spec_each(Jsonb *spec, void (*visit) (const char *key, JsonbValue *value, void *arg), void *arg)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *key = NULL;

	if (spec == NULL)
		return;
	iterator = JsonbIteratorInit(&spec->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			visit(key, &value, arg);
	}
}

typedef struct KnownKeys
{
	const char *const *known;
	int			nknown;
	const char *what;
} KnownKeys;

static void
check_key(const char *key, JsonbValue *value, void *arg)
{
	KnownKeys  *keys = arg;
	const char *nearest;

	for (int i = 0; i < keys->nknown; i++)
		if (strcmp(key, keys->known[i]) == 0)
			return;
	nearest = nearest_name(key, keys->known, keys->nknown);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown key \"%s\" of %s", key, keys->what),
			nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0);
}

void
spec_check_keys(Jsonb *spec, const char *const *known, int nknown, const char *what)
{
	KnownKeys	keys = {known, nknown, what};

	if (spec != NULL && !JB_ROOT_IS_OBJECT(spec))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s is not a JSON object", what));
	spec_each(spec, check_key, &keys);
}

void
spec_check_name(const char *name, const char *kind)
{
	size_t		length = strlen(name);
	bool		valid = length >= 1 && length <= 40 && name[0] >= 'a' && name[0] <= 'z';

	for (size_t i = 1; valid && i < length; i++)
		valid = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
			name[i] == '_';
	if (!valid)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_NAME),
				errmsg("\"%s\" is not a name for a %s", error_clean(name, length, 100), kind),
				errhint("Names are lower-case letters, digits and \"_\", "
						"begin with a letter and have at most 40 characters."));
}
