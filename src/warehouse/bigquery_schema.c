/*
 * bigquery_schema.c
 *	  Columns as fields of a schema, and how a schema may grow.
 *
 * Growing only adds columns that may be null.  What somebody else has set on the existing ones
 * (policies, defaults, descriptions) is given back as it came: a patch without it would remove it.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_schema.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "core/compat.h"
#include "format/bigquery_type.h"
#include "model/model.h"
#include "warehouse/bigquery_json_value.h"

#define NAME_MAX_LENGTH		300
#define DESCRIPTION_MAX		1024
#define NESTING_MAX			15
#define CLUSTER_MAX			4

static const char *const reserved_prefixes[] = {
	"_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER", "_CHANGE_"
};

/* The column of a name; -1 without one.  BigQuery does not look at letter case. */
static int
column_of(TupleDesc columns, const char *name)
{
	for (int i = 0; i < columns->natts; i++)
		if (!TupleDescAttr(columns, i)->attisdropped &&
			pg_strcasecmp(NameStr(TupleDescAttr(columns, i)->attname), name) == 0)
			return i;
	return -1;
}

/* ---- what a table may be ---- */

pg_noreturn static void refuse_name(const char *name, const char *detail);

static void
refuse_name(const char *name, const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_NAME),
			errmsg("BigQuery does not take \"%s\" as the name of a column", name),
			errdetail("%s", detail),
			errhint("Give the column another name in the model or in a view."));
}

static void
check_name(const char *name)
{
	if (strlen(name) > NAME_MAX_LENGTH ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
		strlen(name) || strchr("0123456789", name[0]) != NULL)
		refuse_name(name, "It must begin with a letter or _ and go on with letters, digits and _.");
	for (int i = 0; i < lengthof(reserved_prefixes); i++)
		if (pg_strncasecmp(name, reserved_prefixes[i], strlen(reserved_prefixes[i])) == 0)
			refuse_name(name, psprintf("Names that begin with %s are BigQuery's own.",
									   reserved_prefixes[i]));
}

static void
check_columns(TupleDesc columns, int depth)
{
	if (depth > NESTING_MAX)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("BigQuery takes records nested at most %d deep", NESTING_MAX));
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		const char *name = NameStr(attribute->attname);
		BigQueryType type;

		if (attribute->attisdropped)
			continue;
		check_name(name);
		for (int other = 0; other < i; other++)
		{
			Form_pg_attribute before = TupleDescAttr(columns, other);

			if (!before->attisdropped && pg_strcasecmp(NameStr(before->attname), name) == 0)
				refuse_name(name, "Another column's name differs in letter case only.");
		}
		type = bigquery_type_of(name, attribute->atttypid, attribute->atttypmod);
		if (type.kind == BIGQUERY_RECORD)
			check_columns(type.fields, depth + 1);
	}
}

/* The type of a column that an option names. */
static BigQueryType
find_column(const WarehouseTable *table, const char *name, const char *what)
{
	for (int i = 0; i < table->columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(table->columns, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return bigquery_type_of(name, attribute->atttypid, attribute->atttypmod);
	}
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" in %s does not exist", name, what));
}

/* "allowed" says for each kind whether a column of it can be used so. */
static void
check_use(const WarehouseTable *table, const char *name, const char *what, const bool *allowed)
{
	BigQueryType type = find_column(table, name, what);

	if (type.repeated || !allowed[type.kind])
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("column \"%s\" in %s cannot be %s%s in BigQuery", name, what,
					   type.repeated ? "an array of " : "", bigquery_kind_name(type.kind)));
}

void
bigquery_schema_check(const WarehouseTable *table)
{
	static const bool comparable[BIGQUERY_RECORD + 1] = {
		[BIGQUERY_INTEGER] = true, [BIGQUERY_NUMERIC] = true, [BIGQUERY_BIGNUMERIC] = true,
		[BIGQUERY_BOOLEAN] = true, [BIGQUERY_STRING] = true, [BIGQUERY_BYTES] = true,
		[BIGQUERY_DATE] = true, [BIGQUERY_TIMESTAMP] = true, [BIGQUERY_DATETIME] = true,
		[BIGQUERY_TIME] = true
	};
	static const bool clusterable[BIGQUERY_RECORD + 1] = {
		[BIGQUERY_INTEGER] = true, [BIGQUERY_NUMERIC] = true, [BIGQUERY_BIGNUMERIC] = true,
		[BIGQUERY_BOOLEAN] = true, [BIGQUERY_STRING] = true, [BIGQUERY_DATE] = true,
		[BIGQUERY_TIMESTAMP] = true, [BIGQUERY_DATETIME] = true
	};
	static const bool partitionable[BIGQUERY_RECORD + 1] = {
		[BIGQUERY_DATE] = true, [BIGQUERY_TIMESTAMP] = true, [BIGQUERY_DATETIME] = true
	};
	ListCell   *cell;

	if (table->columns->natts == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("a table of BigQuery needs at least one column"));
	check_columns(table->columns, 1);
	foreach(cell, table->key)
		check_use(table, lfirst(cell), "key", comparable);
	foreach(cell, table->cluster_by)
		check_use(table, lfirst(cell), "cluster_by", clusterable);
	if (table->partition_by != NULL)
		check_use(table, table->partition_by, "partition_by", partitionable);
	if (list_length(table->cluster_by) > CLUSTER_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("cluster_by takes at most %d columns in BigQuery", CLUSTER_MAX));
}

bool
bigquery_is_comparable(Form_pg_attribute attribute)
{
	BigQueryType type = bigquery_type_of(NameStr(attribute->attname), attribute->atttypid,
										 attribute->atttypmod);

	return !type.repeated && type.kind != BIGQUERY_JSON && type.kind != BIGQUERY_RECORD;
}

/* ---- the times that a merge keeps ---- */

List *
bigquery_missing_times(const WarehouseTable *table)
{
	static char *const times[] = {CREATED_AT, UPDATED_AT};
	List	   *missing = NIL;

	for (int i = 0; i < lengthof(times); i++)
		if (column_of(table->columns, times[i]) < 0)
			missing = lappend(missing, times[i]);
	return missing;
}

const WarehouseTable *
bigquery_merged_table(const WarehouseTable *table)
{
	List	   *times = bigquery_missing_times(table);
	WarehouseTable *merged = palloc(sizeof(WarehouseTable));
	int			natts = table->columns->natts;
	ListCell   *cell;

	*merged = *table;
	merged->columns = CreateTemplateTupleDesc(natts + list_length(times));
	merged->comments = palloc0(sizeof(char *) * merged->columns->natts);
	for (int i = 0; i < natts; i++)
	{
		TupleDescCopyEntry(merged->columns, i + 1, table->columns, i + 1);
		if (table->comments != NULL)
			merged->comments[i] = table->comments[i];
	}
	foreach(cell, times)
		TupleDescInitEntry(merged->columns, ++natts, lfirst(cell), TIMESTAMPTZOID, -1, 0);
	return merged;
}

/* ---- fields ---- */

static void put_fields(StringInfo out, TupleDesc columns, char **comments);

static void
put_field(StringInfo out, Form_pg_attribute attribute, const char *comment)
{
	const char *name = NameStr(attribute->attname);
	BigQueryType type = bigquery_type_of(name, attribute->atttypid, attribute->atttypmod);

	appendStringInfo(out, "{\"name\":\"%s\",\"type\":\"%s\",\"mode\":\"%s\"", name,
					 bigquery_kind_name(type.kind), type.repeated ? "REPEATED" : "NULLABLE");
	if (type.precision > 0 && type.kind != BIGQUERY_STRING)
		appendStringInfo(out, ",\"precision\":\"%d\",\"scale\":\"%d\"", type.precision, type.scale);
	if (comment != NULL)
	{
		appendStringInfoString(out, ",\"description\":");
		escape_json(out, pnstrdup(comment, pg_mbcliplen(comment, strlen(comment),
														DESCRIPTION_MAX)));
	}
	if (type.kind == BIGQUERY_RECORD)
	{
		appendStringInfoString(out, ",\"fields\":");
		put_fields(out, type.fields, NULL);
	}
	appendStringInfoChar(out, '}');
}

static void
put_fields(StringInfo out, TupleDesc columns, char **comments)
{
	const char *separator = "";

	appendStringInfoChar(out, '[');
	for (int i = 0; i < columns->natts; i++)
	{
		if (TupleDescAttr(columns, i)->attisdropped)
			continue;
		appendStringInfoString(out, separator);
		separator = ",";
		put_field(out, TupleDescAttr(columns, i), comments != NULL ? comments[i] : NULL);
	}
	appendStringInfoChar(out, ']');
}

void
bigquery_schema_fields(StringInfo out, const WarehouseTable *table)
{
	put_fields(out, table->columns, table->comments);
}

void
bigquery_schema_layout(StringInfo out, const WarehouseTable *table)
{
	const char *separator = "";
	ListCell   *cell;

	if (table->partition_by != NULL)
		appendStringInfo(out, ",\"timePartitioning\":{\"type\":\"DAY\",\"field\":\"%s\"}",
						 table->partition_by);
	if (table->cluster_by == NIL)
		return;
	appendStringInfoString(out, ",\"clustering\":{\"fields\":[");
	foreach(cell, table->cluster_by)
	{
		appendStringInfo(out, "%s\"%s\"", separator, (char *) lfirst(cell));
		separator = ",";
	}
	appendStringInfoString(out, "]}");
}

/* ---- growing ---- */

/* A comparison in hand. */
typedef struct Comparison
{
	StringInfo	out;
	bool		grows;
	char	   *problem;
} Comparison;

static void compare_fields(Comparison *comparison, JsonbContainer *existing, TupleDesc columns,
						   char **comments, const char *prefix);

/* Two names of a type mean the same: the API takes and gives those of either dialect. */
static bool
same_type(const char *existing, const char *kind)
{
	static const char *const synonyms[][2] = {
		{"INT64", "INTEGER"}, {"FLOAT64", "FLOAT"}, {"BOOL", "BOOLEAN"}, {"STRUCT", "RECORD"},
		{"DECIMAL", "NUMERIC"}, {"BIGDECIMAL", "BIGNUMERIC"}
	};

	for (int i = 0; i < lengthof(synonyms); i++)
		if (pg_strcasecmp(existing, synonyms[i][0]) == 0)
			existing = synonyms[i][1];
	return pg_strcasecmp(existing, kind) == 0;
}

/* Why the existing field does not take all values of the column; NULL if it does. */
static char *
field_problem(JsonbContainer *field, const BigQueryType *type)
{
	const char *existing = json_value_text(field, "type", "");
	const char *mode = json_value_text(field, "mode", "NULLABLE");
	const char *kind = bigquery_kind_name(type->kind);
	int64		precision = json_value_int64(field, "precision", 0);
	int64		scale = json_value_int64(field, "scale", 0);

	if (!same_type(existing, kind))
		return psprintf("is %s and should be %s", existing, kind);
	if ((strcmp(mode, "REPEATED") == 0) != type->repeated)
		return type->repeated ? "is single and should be repeated" :
			"is repeated and should be single";
	if (precision > 0 && (type->precision == 0 || scale < type->scale ||
						  precision - scale < type->precision - type->scale))
		return psprintf("is %s(" INT64_FORMAT ", " INT64_FORMAT "), which is too narrow", existing,
						precision, scale);
	return NULL;
}

/* Gives an existing field back, with the fields of a record compared in their turn. */
static void
keep_record(Comparison *comparison, JsonbContainer *field, TupleDesc fields, const char *prefix)
{
	JsonbContainer *inner = json_value_container(field, "fields");
	const char *separator = "";
	JsonbIterator *iterator = JsonbIteratorInit(field);
	JsonbValue	key,
				value;

	appendStringInfoChar(comparison->out, '{');
	while (json_value_next(&iterator, &key, &value))
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);

		appendStringInfoString(comparison->out, separator);
		separator = ",";
		escape_json(comparison->out, name);
		appendStringInfoChar(comparison->out, ':');
		if (strcmp(name, "fields") == 0 && inner != NULL)
			compare_fields(comparison, inner, fields, NULL, prefix);
		else
			appendStringInfoString(comparison->out, json_value_source(&value));
	}
	appendStringInfoChar(comparison->out, '}');
}

static void
compare_field(Comparison *comparison, JsonbContainer *field, Form_pg_attribute attribute,
			  const char *prefix)
{
	const char *name = NameStr(attribute->attname);
	BigQueryType type = bigquery_type_of(name, attribute->atttypid, attribute->atttypmod);
	char	   *problem = field_problem(field, &type);

	if (problem != NULL && comparison->problem == NULL)
		comparison->problem = psprintf("column \"%s%s\" %s", prefix, name, problem);
	if (problem == NULL && type.kind == BIGQUERY_RECORD)
		keep_record(comparison, field, type.fields, psprintf("%s%s.", prefix, name));
	else
		appendStringInfoString(comparison->out, json_container_source(field));
}

static void
compare_fields(Comparison *comparison, JsonbContainer *existing, TupleDesc columns, char **comments,
			   const char *prefix)
{
	bool	   *found = palloc0(columns->natts * sizeof(bool));
	const char *separator = "";

	appendStringInfoChar(comparison->out, '[');
	for (uint32 i = 0; i < JsonContainerSize(existing); i++)
	{
		JsonbContainer *field = json_element_container(existing, i);
		int			column = column_of(columns, json_value_text(field, "name", ""));

		appendStringInfoString(comparison->out, separator);
		separator = ",";
		if (column < 0)
			appendStringInfoString(comparison->out, json_container_source(field));
		else
			compare_field(comparison, field, TupleDescAttr(columns, column), prefix);
		if (column >= 0)
			found[column] = true;
		else if (strcmp(json_value_text(field, "mode", ""), "REQUIRED") == 0 &&
				 comparison->problem == NULL)
			comparison->problem = psprintf("column \"%s%s\" is required there, and is missing here",
										   prefix, json_value_text(field, "name", ""));
	}
	for (int i = 0; i < columns->natts; i++)
		if (!found[i] && !TupleDescAttr(columns, i)->attisdropped)
		{
			appendStringInfoString(comparison->out, separator);
			separator = ",";
			put_field(comparison->out, TupleDescAttr(columns, i),
					  comments != NULL ? comments[i] : NULL);
			comparison->grows = true;
		}
	appendStringInfoChar(comparison->out, ']');
}

SchemaDifference
bigquery_schema_compare(JsonbContainer *existing, const WarehouseTable *table, StringInfo out,
						char **problem)
{
	Comparison	comparison = {.out = out};

	compare_fields(&comparison, existing, table->columns, table->comments, "");
	*problem = comparison.problem;
	if (comparison.problem != NULL)
		return SCHEMA_CONFLICTS;
	return comparison.grows ? SCHEMA_GROWS : SCHEMA_SAME;
}
