/*
 * bigquery_schema.c
 *	  Columns as fields of a schema.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_schema.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "core/compat.h"
#include "model/model.h"

#define NAME_MAX_LENGTH		300
#define DESCRIPTION_MAX		1024
#define NESTING_MAX			15
#define CLUSTER_MAX			4

static const char *const reserved_prefixes[] = {
	"_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER", "_CHANGE_"
};

BigQueryField *
bigquery_find_field(List *fields, const char *name)
{
	ListCell   *cell;

	foreach(cell, fields)
		if (pg_strcasecmp(((BigQueryField *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
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

/* Reading of one table. */
typedef struct SchemaReader
{
	BigQueryKind numeric_type;
	int			depth;			/* of the record in hand */
} SchemaReader;

static List *read_fields(SchemaReader *reader, TupleDesc columns, char **comments);

static BigQueryField *
read_field(SchemaReader *reader, Form_pg_attribute attribute, const char *comment)
{
	BigQueryField *field = palloc0(sizeof(BigQueryField));
	BigQueryType type;

	field->name = pstrdup(NameStr(attribute->attname));
	type = bigquery_type_of(field->name, attribute->atttypid, attribute->atttypmod,
							reader->numeric_type);
	field->description = comment == NULL ? NULL :
		pnstrdup(comment, pg_mbcliplen(comment, strlen(comment), DESCRIPTION_MAX));
	field->kind = type.kind;
	field->repeated = type.repeated;
	field->precision = type.precision;
	field->scale = type.scale;
	if (type.kind == BIGQUERY_RECORD)
		field->fields = read_fields(reader, type.fields, NULL);
	return field;
}

static List *
read_fields(SchemaReader *reader, TupleDesc columns, char **comments)
{
	List	   *fields = NIL;

	if (++reader->depth > NESTING_MAX)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("BigQuery takes records nested at most %d deep", NESTING_MAX));
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		const char *name = NameStr(attribute->attname);

		if (attribute->attisdropped)
			continue;
		check_name(name);
		if (bigquery_find_field(fields, name) != NULL)
			refuse_name(name, "Another column's name differs in letter case only.");
		fields = lappend(fields, read_field(reader, attribute,
											comments != NULL ? comments[i] : NULL));
	}
	reader->depth--;
	return fields;
}

/* "allowed" says for each kind whether a column of it can be used so. */
static void
check_use(List *fields, const char *name, const char *what, const bool *allowed)
{
	ListCell   *cell;

	foreach(cell, fields)
	{
		BigQueryField *field = lfirst(cell);

		if (strcmp(field->name, name) != 0)
			continue;
		if (field->repeated || !allowed[field->kind])
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("column \"%s\" in %s cannot be %s%s in BigQuery", name, what,
						   field->repeated ? "an array of " : "",
						   bigquery_kind_name(field->kind)));
		return;
	}
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" in %s does not exist", name, what));
}

static void
check_uses(const WarehouseTable *table, List *fields)
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

	foreach(cell, table->key)
		check_use(fields, lfirst(cell), "key", comparable);
	foreach(cell, table->cluster_by)
		check_use(fields, lfirst(cell), "cluster_by", clusterable);
	if (table->partition_by != NULL)
		check_use(fields, table->partition_by, "partition_by", partitionable);
}

List *
bigquery_schema_read(const WarehouseTable *table, BigQueryKind numeric_type)
{
	SchemaReader reader = {.numeric_type = numeric_type};
	List	   *fields = read_fields(&reader, table->columns, table->comments);

	if (fields == NIL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("a table of BigQuery needs at least one column"));
	check_uses(table, fields);
	if (list_length(table->cluster_by) > CLUSTER_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("cluster_by takes at most %d columns in BigQuery", CLUSTER_MAX));
	return fields;
}

/* ---- the times that a merge keeps ---- */

List *
bigquery_missing_times(List *fields)
{
	static char *const times[] = {CREATED_AT, UPDATED_AT};
	List	   *missing = NIL;

	for (int i = 0; i < lengthof(times); i++)
		if (bigquery_find_field(fields, times[i]) == NULL)
			missing = lappend(missing, times[i]);
	return missing;
}

List *
bigquery_merged_fields(List *fields)
{
	List	   *merged = list_copy(fields);
	ListCell   *cell;

	foreach(cell, bigquery_missing_times(fields))
	{
		BigQueryField *field = palloc0(sizeof(BigQueryField));

		field->name = lfirst(cell);
		field->kind = BIGQUERY_TIMESTAMP;
		merged = lappend(merged, field);
	}
	return merged;
}

/* ---- as JSON ---- */

void
bigquery_put_field(StringInfo out, const BigQueryField *field)
{
	appendStringInfo(out, "{\"name\":\"%s\",\"type\":\"%s\",\"mode\":\"%s\"", field->name,
					 bigquery_kind_name(field->kind), field->repeated ? "REPEATED" : "NULLABLE");
	if (field->precision > 0 && field->kind != BIGQUERY_STRING)
		appendStringInfo(out, ",\"precision\":\"%d\",\"scale\":\"%d\"", field->precision,
						 field->scale);
	if (field->description != NULL)
	{
		appendStringInfoString(out, ",\"description\":");
		escape_json(out, field->description);
	}
	if (field->kind == BIGQUERY_RECORD)
	{
		appendStringInfoString(out, ",\"fields\":");
		bigquery_put_fields(out, field->fields);
	}
	appendStringInfoChar(out, '}');
}

void
bigquery_put_fields(StringInfo out, List *fields)
{
	const char *separator = "";
	ListCell   *cell;

	appendStringInfoChar(out, '[');
	foreach(cell, fields)
	{
		appendStringInfoString(out, separator);
		separator = ",";
		bigquery_put_field(out, lfirst(cell));
	}
	appendStringInfoChar(out, ']');
}

void
bigquery_put_layout(StringInfo out, const WarehouseTable *table)
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
