/*
 * template.h
 *	  Texts with {name} and {name:format}, for URLs, parameters, headers and object names.
 *
 * "{{" and "}}" stand for the braces themselves. Times are written in UTC, by one of the formats
 *   iso (the default: 2024-02-29T12:00:00Z, of a date 2024-02-29), date, s, ms, us (since 1970),
 * or by a pattern of YYYY MM DD HH (or HH24) MI SS MS joined by punctuation, T and Z.
 * Errors are thrown with 22023, name the template, and give the position of bad syntax.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_TEMPLATE_H
#define DATAOPS_TEMPLATE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "utils/date.h"

typedef enum TemplateType
{
	TEMPLATE_TEXT,
	TEMPLATE_INTEGER,
	TEMPLATE_TIMESTAMPTZ,
	TEMPLATE_DATE
} TemplateType;

typedef struct TemplateValue
{
	TemplateType type;
	union
	{
		const char *text;		/* in the database's encoding */
		int64		integer;
		TimestampTz time;
		DateADT		date;
	};
} TemplateValue;

typedef enum TemplatePlace
{
	TEMPLATE_URL,				/* path or query: values are percent-encoded, as UTF-8 */
	TEMPLATE_OBJECT_NAME,		/* values as they are; control characters refused */
	TEMPLATE_PLAIN				/* likewise: parameters and headers, encoded by who sends them */
} TemplatePlace;

typedef struct TemplateVariable
{
	const char *name;
	TemplateType type;
} TemplateVariable;

/* The value of a known variable; false when it has none at the moment. */
typedef bool (*TemplateLookup) (const char *name, TemplateValue *value, void *arg);

typedef struct TemplateScope
{
	const TemplateVariable *variables;
	int			nvariables;
	TemplateLookup lookup;		/* not used by template_check */
	void	   *arg;
} TemplateScope;

/*
 * The template with its values, in CurrentMemoryContext. In URLs' paths and in object names the
 * segments "." and ".." are refused, wherever they come from.
 */
extern char *template_expand(const char *text, TemplatePlace place, const TemplateScope *scope);

/* Does a template that was checked name the variable? */
extern bool template_names(const char *text, const char *name);

/* Throws what is wrong with a template whatever the values: syntax, unknown names, formats. */
extern void template_check(const char *text, const TemplateScope *scope);

#endif
