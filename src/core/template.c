/*
 * template.c
 *	  Reads templates and writes values into them; no logic, no nesting, no escapes but doubling.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/template.h"

#include "core/compat.h"
#include "core/error.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#define EPOCH_SHIFT_US	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

typedef struct TemplateReader
{
	const char *text;
	const char *next;			/* what is not read yet */
	const TemplateScope *scope;
} TemplateReader;

/* A stretch of literal text, or a placeholder. */
typedef struct TemplatePiece
{
	const char *literal;		/* NULL: a placeholder */
	size_t		length;
	char	   *name;
	char	   *format;			/* NULL when none is given */
} TemplatePiece;

pg_noreturn static void throw_syntax(const TemplateReader *reader, const char *at,
									 const char *problem);
pg_noreturn static void throw_format(const TemplateReader *reader, const TemplatePiece *piece,
									 const char *problem);
pg_noreturn static void throw_unknown(const TemplateReader *reader, const char *name);

static void
throw_syntax(const TemplateReader *reader, const char *at, const char *problem)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid template \"%s\"", reader->text),
			errdetail("At character %d: %s.",
					  pg_mbstrlen_with_len(reader->text, at - reader->text) + 1, problem),
			errhint("Write {{ and }} for braces that stand for themselves."));
}

static void
throw_format(const TemplateReader *reader, const TemplatePiece *piece, const char *problem)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("invalid format \"%s\" of variable \"%s\" in template \"%s\"",
				   piece->format, piece->name, reader->text),
			errdetail("%s.", problem),
			errhint("Formats of times are iso, date, s, ms, us, and patterns such as "
					"YYYY-MM-DD HH:MI:SS.MS."));
}

static void
throw_unknown(const TemplateReader *reader, const char *name)
{
	const TemplateScope *scope = reader->scope;
	const char **names = palloc(sizeof(char *) * Max(scope->nvariables, 1));
	const char *nearest;
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < scope->nvariables; i++)
	{
		names[i] = scope->variables[i].name;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", names[i]);
	}
	nearest = nearest_name(name, names, scope->nvariables);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown variable \"%s\" in template \"%s\"", name, reader->text),
			nearest != NULL ? errhint("Perhaps you meant \"%s\".", nearest) :
			errhint("The known variables are: %s.", known.data));
}

/* The placeholder whose opening brace is next. */
static TemplatePiece
read_placeholder(TemplateReader *reader)
{
	TemplatePiece piece = {0};
	const char *open = reader->next;
	const char *close = open + 1 + strcspn(open + 1, "{}");
	const char *name = open + 1;
	size_t		length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (*close != '}')
		throw_syntax(reader, open, "the brace is not closed");
	if (length == 0 || (name + length != close && name[length] != ':'))
		throw_syntax(reader, name + length,
					 "a name of lower case letters, digits and underscores is expected");
	piece.name = pnstrdup(name, length);
	if (name[length] == ':')
		piece.format = pnstrdup(name + length + 1, close - name - length - 1);
	reader->next = close + 1;
	return piece;
}

/* The next piece of the template; false at its end. */
static bool
read_piece(TemplateReader *reader, TemplatePiece *piece)
{
	const char *start = reader->next;
	size_t		length = strcspn(start, "{}");

	if (*start == '\0')
		return false;
	if (length == 0 && start[0] == start[1])
	{
		*piece = (TemplatePiece) {.literal = start, .length = 1};
		reader->next = start + 2;
	}
	else if (length > 0)
	{
		*piece = (TemplatePiece) {.literal = start, .length = length};
		reader->next = start + length;
	}
	else if (*start == '{')
		*piece = read_placeholder(reader);
	else
		throw_syntax(reader, start, "a brace is closed that was not opened");
	return true;
}

static int64
floor_divide(int64 value, int64 divisor)
{
	return value / divisor - (value % divisor < 0 ? 1 : 0);
}

/* Writes a time by a pattern; false when the pattern holds something that is none. */
static bool
append_pattern(StringInfo out, const char *pattern, const struct pg_tm *tm, fsec_t fsec)
{
	const struct
	{
		const char *word;
		int			width;
		int			value;
	}			fields[] = {
		{"YYYY", 4, tm->tm_year}, {"MM", 2, tm->tm_mon}, {"DD", 2, tm->tm_mday},
		{"HH24", 2, tm->tm_hour}, {"HH", 2, tm->tm_hour}, {"MI", 2, tm->tm_min},
		{"SS", 2, tm->tm_sec}, {"MS", 3, fsec / 1000},
	};

	while (*pattern != '\0')
	{
		int			i = 0;

		while (i < (int) lengthof(fields) &&
			   strncmp(pattern, fields[i].word, strlen(fields[i].word)) != 0)
			i++;
		if (i < (int) lengthof(fields))
		{
			appendStringInfo(out, "%0*d", fields[i].width, fields[i].value);
			pattern += strlen(fields[i].word);
		}
		else if (strchr("TZ -_/.:,+", *pattern) != NULL)
			appendStringInfoChar(out, *pattern++);
		else
			return false;
	}
	return true;
}

/* A time by its calendar fields: "date", "iso" or a pattern. */
static void
append_calendar(StringInfo out, const TemplateReader *reader, const TemplatePiece *piece,
				const char *format, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("variable \"%s\" in template \"%s\" has no calendar date from year 1 on",
					   piece->name, reader->text));
	if (strcmp(format, "date") == 0)
		append_pattern(out, "YYYY-MM-DD", &tm, fsec);
	else if (strcmp(format, "iso") == 0)
	{
		append_pattern(out, "YYYY-MM-DDTHH:MI:SS", &tm, fsec);
		if (fsec % 1000 != 0)
			appendStringInfo(out, ".%06d", fsec);
		else if (fsec != 0)
			appendStringInfo(out, ".%03d", fsec / 1000);
		appendStringInfoChar(out, 'Z');
	}
	else if (*format == '\0' || !append_pattern(out, format, &tm, fsec))
		throw_format(reader, piece, "It is neither the name of a format nor a pattern");
}

static void
append_time(StringInfo out, const TemplateReader *reader, const TemplatePiece *piece,
			const char *format, TimestampTz time)
{
	int64		unix_us;

	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("variable \"%s\" in template \"%s\" is infinite",
					   piece->name, reader->text));
	unix_us = time + EPOCH_SHIFT_US;
	if (strcmp(format, "s") == 0)
		appendStringInfo(out, INT64_FORMAT, floor_divide(unix_us, USECS_PER_SEC));
	else if (strcmp(format, "ms") == 0)
		appendStringInfo(out, INT64_FORMAT, floor_divide(unix_us, 1000));
	else if (strcmp(format, "us") == 0)
		appendStringInfo(out, INT64_FORMAT, unix_us);
	else
		append_calendar(out, reader, piece, format, time);
}

/* A value in its format, not yet encoded for its place. */
static void
append_value(StringInfo out, const TemplateReader *reader, const TemplatePiece *piece,
			 const TemplateValue *value)
{
	if (piece->format != NULL &&
		(value->type == TEMPLATE_TEXT || value->type == TEMPLATE_INTEGER))
		throw_format(reader, piece, "The variable is no time, and only times have formats");
	switch (value->type)
	{
		case TEMPLATE_TEXT:
			appendStringInfoString(out, value->text);
			break;
		case TEMPLATE_INTEGER:
			appendStringInfo(out, INT64_FORMAT, value->integer);
			break;
		case TEMPLATE_TIMESTAMPTZ:
			append_time(out, reader, piece, piece->format ? piece->format : "iso", value->time);
			break;
		case TEMPLATE_DATE:
			append_time(out, reader, piece, piece->format ? piece->format : "date",
						date2timestamp_opt_overflow(value->date, NULL));
			break;
	}
}

/*
 * Everything but RFC 3986's unreserved characters and those of "keep" is encoded: right in a
 * segment of a path and in a query.
 */
static void
append_percent_encoded(StringInfo out, StringInfo value, const char *keep)
{
	const char *utf8 = pg_server_to_any(value->data, value->len, PG_UTF8);

	for (; *utf8 != '\0'; utf8++)
	{
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *utf8) ||
			strchr(keep, *utf8))
			appendStringInfoChar(out, *utf8);
		else
			appendStringInfo(out, "%%%02X", (unsigned char) *utf8);
	}
}

static void
append_for_place(StringInfo out, const TemplateReader *reader, const TemplatePiece *piece,
				 TemplatePlace place, StringInfo value)
{
	if (place == TEMPLATE_URL)
	{
		/* only a format's own slashes, as in {start:YYYY/MM/DD}, divide a path */
		append_percent_encoded(out, value, piece->format != NULL ? "/" : "");
		return;
	}
	for (int i = 0; i < value->len; i++)
	{
		if ((unsigned char) value->data[i] < ' ' || value->data[i] == 0x7F)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("variable \"%s\" in template \"%s\" has a control character in it",
						   piece->name, reader->text));
	}
	appendBinaryStringInfo(out, value->data, value->len);
}

/* A path that names its own folder or the one above can leave the place it is meant for. */
static void
refuse_dot_segments(const TemplateReader *reader, const char *path, size_t length)
{
	const char *end = path + length;

	while (path <= end)
	{
		size_t		dots = strspn(path, ".");
		const char *after = path + dots;

		if ((dots == 1 || dots == 2) && (after >= end || *after == '/'))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("template \"%s\" gives a path with a segment \"%.*s\"",
						   reader->text, (int) dots, path));
		path += strcspn(path, "/") + 1;
	}
}

static const TemplateVariable *
find_variable(const TemplateReader *reader, const char *name)
{
	for (int i = 0; i < reader->scope->nvariables; i++)
	{
		if (strcmp(name, reader->scope->variables[i].name) == 0)
			return &reader->scope->variables[i];
	}
	throw_unknown(reader, name);
}

char *
template_expand(const char *text, TemplatePlace place, const TemplateScope *scope)
{
	TemplateReader reader = {.text = text, .next = text, .scope = scope};
	TemplatePiece piece;
	StringInfoData out;
	StringInfoData formatted;

	initStringInfo(&out);
	initStringInfo(&formatted);
	while (read_piece(&reader, &piece))
	{
		TemplateValue value;

		if (piece.literal != NULL)
		{
			appendBinaryStringInfo(&out, piece.literal, piece.length);
			continue;
		}
		find_variable(&reader, piece.name);
		if (!scope->lookup(piece.name, &value, scope->arg))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("variable \"%s\" in template \"%s\" has no value here",
						   piece.name, text));
		resetStringInfo(&formatted);
		append_value(&formatted, &reader, &piece, &value);
		append_for_place(&out, &reader, &piece, place, &formatted);
	}
	if (place == TEMPLATE_URL)
		refuse_dot_segments(&reader, out.data, strcspn(out.data, "?"));
	else if (place == TEMPLATE_OBJECT_NAME)
		refuse_dot_segments(&reader, out.data, out.len);
	return out.data;
}

void
template_check(const char *text, const TemplateScope *scope)
{
	TemplateReader reader = {.text = text, .next = text, .scope = scope};
	TemplatePiece piece;
	StringInfoData formatted;

	initStringInfo(&formatted);
	while (read_piece(&reader, &piece))
	{
		TemplateValue sample = {0};	/* 2000-01-01: what its format refuses, it refuses always */

		if (piece.literal != NULL)
			continue;
		sample.type = find_variable(&reader, piece.name)->type;
		if (sample.type == TEMPLATE_TEXT)
			sample.text = "";
		append_value(&formatted, &reader, &piece, &sample);
	}
}

bool
template_names(const char *text, const char *name)
{
	TemplateReader reader = {.text = text, .next = text};
	TemplatePiece piece;

	while (read_piece(&reader, &piece))
		if (piece.literal == NULL && strcmp(piece.name, name) == 0)
			return true;
	return false;
}
