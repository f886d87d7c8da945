/*
 * source_step.c
 *	  Statements about fetch steps.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "catalog/source_step.h"

#include "catalog/sql.h"

bool
source_step_find(const char *source, const char *env, char **pipeline, char **step)
{
	static const char sql[] =
		"SELECT p.pipeline, p.object FROM dataops.deployment p "
		"JOIN dataops.definition d ON d.id = p.definition "
		"WHERE p.kind = 'step' AND p.env = $2 AND d.spec->>'source' = $1";
	SqlArgs		args = {0};
	SqlRows    *rows;

	sql_add_text(&args, source);
	sql_add_text(&args, env);
	rows = sql_run_own(sql, &args);
	if (rows->count == 0)
		return false;
	*pipeline = sql_text(rows, 0, 1);
	*step = sql_text(rows, 0, 2);
	return true;
}

char *
source_step_archive(void)
{
	static const char sql[] = "SELECT value FROM dataops.setting WHERE name = 'archive'";
	SqlRows    *rows = sql_run_own(sql, NULL);

	return rows->count == 0 ? NULL : sql_text(rows, 0, 1);
}
