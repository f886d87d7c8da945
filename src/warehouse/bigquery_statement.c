/*
 * bigquery_statement.c
 *	  Texts of statements.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "warehouse/bigquery_statement.h"

#include "lib/stringinfo.h"

#include "core/names.h"
#include "model/model.h"
#include "warehouse/bigquery_schema.h"

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

static List *
names_of(List *fields)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, fields)
		names = lappend(names, ((BigQueryField *) lfirst(cell))->name);
	return names;
}

/* Fields whose values a row that is there takes from the new one. */
static List *
changing_fields(List *fields, List *key)
{
	List	   *changing = NIL;
	ListCell   *cell;

	foreach(cell, fields)
		if (!names_have(key, ((BigQueryField *) lfirst(cell))->name))
			changing = lappend(changing, lfirst(cell));
	return changing;
}

/*
 * Do the rows T and S differ in one of the fields?  Nulls are equal, and so are two NaNs.  Values
 * that cannot be compared as they are have one JSON text each.
 */
static char *
rows_differ(List *fields)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, fields)
	{
		BigQueryField *field = lfirst(cell);
		bool		by_text = field->repeated || field->kind == BIGQUERY_JSON ||
			field->kind == BIGQUERY_RECORD;

		appendStringInfo(&out, "%s%s", out.len > 0 ? " OR " : "",
						 joined(list_make1(field->name), by_text ?
								"TO_JSON_STRING(T.$) IS DISTINCT FROM TO_JSON_STRING(S.$)" :
								"T.$ IS DISTINCT FROM S.$", ""));
	}
	return out.data;
}

/* What becomes of a row of "S" whose key is there, and of one whose key is not. */
static void
put_actions(StringInfo out, List *fields, List *key)
{
	List	   *changing = changing_fields(fields, key);
	List	   *names = names_of(fields);
	List	   *times = bigquery_missing_times(fields);
	const char *separator = times != NIL ? ", " : "";

	if (changing != NIL)
		appendStringInfo(out, "WHEN MATCHED AND (%s) THEN UPDATE SET %s%s ",
						 rows_differ(changing), joined(names_of(changing), "$ = S.$", ", "),
						 names_have(times, UPDATED_AT) ?
						 ", `" UPDATED_AT "` = CURRENT_TIMESTAMP()" : "");
	appendStringInfo(out, "WHEN NOT MATCHED THEN INSERT (%s%s%s) VALUES (%s%s%s)",
					 joined(names, "$", ", "), separator, joined(times, "$", ", "),
					 joined(names, "S.$", ", "), separator,
					 joined(times, "CURRENT_TIMESTAMP()", ", "));
}

char *
bigquery_merge(List *fields, List *key, const char *target, const char *source)
{
	char	   *columns = joined(names_of(fields), "$", ", ");
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "MERGE %s AS T USING (SELECT %s FROM (SELECT %s, CASE "
					 "WHEN %s THEN ERROR('a row has no key') "
					 "WHEN COUNT(*) OVER (PARTITION BY %s) > 1 "
					 "THEN ERROR('two rows have the same key') ELSE 1 END AS dataops_rows_of_key "
					 "FROM %s) WHERE dataops_rows_of_key = 1) AS S ON %s ",
					 target, columns, columns, joined(key, "$ IS NULL", " OR "),
					 joined(key, "$", ", "), source, joined(key, "T.$ = S.$", " AND "));
	put_actions(&out, fields, key);
	return out.data;
}

char *
bigquery_evaluation(const char *table, const char *from, List *expressions)
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
	appendStringInfo(&out, " FROM %s AS `%s`", from, table);
	return out.data;
}
