/*
 * bigquery_statement.c
 *	  Texts of statements.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_statement.h"

#include "lib/stringinfo.h"

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

/* The columns that a row that is there takes from the new one. */
static List *
updated_columns(const WarehouseTable *table, List *names)
{
	bool		keep_created = list_has(names, "created_at") && list_has(names, "updated_at");
	List	   *updated = NIL;
	ListCell   *cell;

	foreach(cell, names)
	{
		char	   *name = lfirst(cell);

		if (!list_has(table->key, name) && !(keep_created && strcmp(name, "created_at") == 0))
			updated = lappend(updated, name);
	}
	return updated;
}

char *
bigquery_merge(const WarehouseTable *table, const char *target, const char *source)
{
	List	   *names = column_names(table);
	List	   *updated = updated_columns(table, names);
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
	if (updated != NIL)
		appendStringInfo(&out, "WHEN MATCHED THEN UPDATE SET %s ",
						 joined(updated, "$ = S.$", ", "));
	appendStringInfo(&out, "WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)", columns,
					 joined(names, "S.$", ", "));
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
