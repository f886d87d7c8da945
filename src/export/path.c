/*
 * path.c
 *	  Templates of objects' names.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "export/path.h"

#include "core/template.h"
#include "core/uuid.h"
#include "store/store.h"

/* A moment that differs from 2000-01-01 00:00 in whatever a format shows. */
#define LATER (USECS_PER_DAY * 400 + USECS_PER_HOUR + USECS_PER_MINUTE + USECS_PER_SEC + 1001)

static const TemplateVariable variables[] = {
	{"schema", TEMPLATE_TEXT}, {"table", TEMPLATE_TEXT}, {"env", TEMPLATE_TEXT},
	{"run", TEMPLATE_TEXT}, {"part", TEMPLATE_TEXT}, {"start", TEMPLATE_TIMESTAMPTZ},
	{"end", TEMPLATE_TIMESTAMPTZ}, {"created_at", TEMPLATE_TIMESTAMPTZ}
};

typedef struct PathValues
{
	const PathScope *scope;
	int			part;
} PathValues;

static bool
look_up(const char *name, TemplateValue *value, void *arg)
{
	const PathValues *values = arg;
	const PathScope *scope = values->scope;

	value->type = TEMPLATE_TEXT;
	if (strcmp(name, "schema") == 0)
		value->text = scope->schema;
	else if (strcmp(name, "table") == 0)
		value->text = scope->table;
	else if (strcmp(name, "env") == 0)
		value->text = scope->env;
	else if (strcmp(name, "run") == 0)
		value->text = uuid_text(&scope->run->id);
	else if (strcmp(name, "part") == 0)
		value->text = psprintf("%05d", values->part);
	else
	{
		value->type = TEMPLATE_TIMESTAMPTZ;
		value->time = strcmp(name, "start") == 0 ? scope->run->from_ts :
			strcmp(name, "end") == 0 ? scope->run->to_ts : scope->created_at;
	}
	return true;
}

char *
path_default(const char *folder, const char *format, bool gzip)
{
	return psprintf("%s{schema}/{table}/created_at={created_at:YYYY-MM-DD:HH:MI:SS:MS}/"
					"part-{part}.%s%s", folder, format, gzip ? ".gz" : "");
}

char *
path_folder(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash == NULL ? pstrdup("") : pnstrdup(name, slash - name);
}

char *
path_expand(const char *path, const PathScope *scope, int part)
{
	PathValues	values = {scope, part};
	TemplateScope names = {variables, lengthof(variables), look_up, &values};
	char	   *name = template_expand(path, TEMPLATE_OBJECT_NAME, &names);

	if (strcmp(scope->env, "prod") != 0 && !template_names(path, "env"))
		name = psprintf("%s/%s", scope->env, name);
	store_check_name(name);
	return name;
}

void
path_check(const char *path, const char *schema, const char *table)
{
	TemplateScope names = {variables, lengthof(variables)};
	Run			run = {.from_ts = 0, .to_ts = 0};
	Run			later = {.id.data = {1}};
	PathScope	sample = {schema, table, "prod", &run, 0};
	PathScope	next = {schema, table, "prod", &later, LATER};
	const char *problem = NULL;

	template_check(path, &names);
	if (strcmp(path_folder(path_expand(path, &sample, 0)),
			   path_folder(path_expand(path, &next, 0))) == 0)
		problem = "Two runs would have the same folder, and its manifest.json";
	else if (strcmp(path_expand(path, &sample, 0), path_expand(path, &sample, 1)) == 0)
		problem = "Two parts would have the same name";
	else if (strcmp(path_folder(path_expand(path, &sample, 0)),
					path_folder(path_expand(path, &sample, 1))) != 0)
		problem = "Two parts would lie in different folders";
	if (problem != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("path \"%s\" cannot name the files", path),
				errdetail("%s.", problem),
				errhint("Have {run} or {created_at} before the last slash, and {part} behind it."));
}
