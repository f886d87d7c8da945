/*
 * bigquery_statement.c
 *	  Texts of statements.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_statement.h"

#include "lib/stringinfo.h"

#include "model/model.h"
#include "warehouse/bigquery_schema.h"

static List *
column_names(const WarehouseTable *table)
{
	List	   *names = NIL;

	for (int i = 0; i < table->columns->natts; i++)
		if (!TupleDescAttr(table->columns, i)->attisdropped)
			names = lappend(names, NameStr(TupleDescAttr(table->columns, i)->attname));
	return names;
}

static bool
list_has(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* Each name in the format's places, marked by $. */
static char *
joined(List *names, const char *format, const char *separator)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, names)
	{
		if (out.len > 0)
			appendStringInfoString(&out, separator);
		for (const char *at = format; *at != '\0'; at++)
			if (*at == '$')
				appendStringInfo(&out, "`%s`", (char *) lfirst(cell));
			else
				appendStringInfoChar(&out, *at);
	}
	return out.data;
}

/* Columns whose values a row that is there takes from the new one. */
static List *
changing_columns(const WarehouseTable *table, List *names)
{
	List	   *changing = NIL;
	ListCell   *cell;

	foreach(cell, names)
		if (!list_has(table->key, lfirst(cell)))
			changing = lappend(changing, lfirst(cell));
	return changing;
}

/*
 * Do the rows T and S differ in a column?  Nulls are equal, and so are two NaNs.  Values that
 * cannot be compared as they are have one JSON text each.
 */
static char *
rows_differ(const WarehouseTable *table, List *changing)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < table->columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(table->columns, i);
		char	   *name = NameStr(attribute->attname);

		if (attribute->attisdropped || !list_has(changing, name))
			continue;
		appendStringInfo(&out, "%s%s", out.len > 0 ? " OR " : "",
						 joined(list_make1(name), bigquery_is_comparable(attribute) ?
								"T.$ IS DISTINCT FROM S.$" :
								"TO_JSON_STRING(T.$) IS DISTINCT FROM TO_JSON_STRING(S.$)",
								""));
	}
	return out.data;
}

/* What becomes of a row of "S" whose key is there, and of one whose key is not. */
static void
put_actions(StringInfo out, const WarehouseTable *table, List *names)
{
	List	   *changing = changing_columns(table, names);
	List	   *times = bigquery_missing_times(table);
	bool		dates_changes = list_has(times, UPDATED_AT);

	if (changing != NIL)
		appendStringInfo(out, "WHEN MATCHED AND (%s) THEN UPDATE SET %s%s ",
						 rows_differ(table, changing), joined(changing, "$ = S.$", ", "),
						 dates_changes ? ", `" UPDATED_AT "` = CURRENT_TIMESTAMP()" : "");
	appendStringInfo(out, "WHEN NOT MATCHED THEN INSERT (%s%s%s) VALUES (%s%s%s)",
					 joined(names, "$", ", "), times != NIL ? ", " : "", joined(times, "$", ", "),
					 joined(names, "S.$", ", "), times != NIL ? ", " : "",
					 joined(times, "CURRENT_TIMESTAMP()", ", "));
}

char *
bigquery_merge(const WarehouseTable *table, const char *target, const char *source)
{
	List	   *names = column_names(table);
	char	   *columns = joined(names, "$", ", ");
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "MERGE %s AS T USING (SELECT %s FROM (SELECT %s, CASE "
					 "WHEN %s THEN ERROR('a row has no key') "
					 "WHEN COUNT(*) OVER (PARTITION BY %s) > 1 "
					 "THEN ERROR('two rows have the same key') ELSE 1 END AS dataops_rows_of_key "
					 "FROM %s) WHERE dataops_rows_of_key = 1) AS S ON %s ",
					 target, columns, columns, joined(table->key, "$ IS NULL", " OR "),
					 joined(table->key, "$", ", "), source,
					 joined(table->key, "T.$ = S.$", " AND "));
	put_actions(&out, table, names);
	return out.data;
}

char *
bigquery_evaluation(const WarehouseTable *table, const char *from, List *expressions)
{
	StringInfoData out;
	int			number = 0;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, expressions)
	{
		appendStringInfo(&out, "%s%s AS dataops_value_%d", number == 0 ? "SELECT " : ", ",
						 (char *) lfirst(cell), number);
		number++;
	}
	appendStringInfo(&out, " FROM %s AS `%s`", from, table->name);
	return out.data;
}
