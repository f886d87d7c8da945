/*
 * text.c
 *	  Fuzzer: short texts that others write: fields of headers, URLs, times, templates, paths, replies.
 *
 * The first byte of an input chooses the reader.  What comes from a header or an argument is a valid
 * text when it gets there; bodies of replies are any bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include "core/base64.h"
#include "core/error.h"
#include "core/json.h"
#include "core/template.h"
#include "core/url.h"
#include "fetch/page.h"
#include "fetch/watermark.h"
#include "net/google_credential.h"
#include "net/retry.h"
#include "schedule/cron.h"
#include "utils/datetime.h"

#define MOMENT		(INT64CONST(817689600) * USECS_PER_SEC)	/* 2025-11-29 */
#define WEEK_MS		(INT64CONST(7) * 24 * 3600 * 1000)
#define SHOWN_LIMIT	40

static void
read_link(char *text)
{
	char	   *next = page_link_next(text);

	fuzz_check(next == NULL || (strchr(next, '>') == NULL && strstr(text, next) != NULL));
}

static void
read_retry_after(char *text)
{
	int64		delay;

	if (retry_after_parse(text, MOMENT, &delay))
		fuzz_check(delay >= 0 && delay <= WEEK_MS);
}

/* A due time is after the moment asked for, and there is none in between. */
static void
check_due(const CronSchedule *schedule, const char *zone, TimestampTz after)
{
	pg_tz	   *tz = cron_zone(zone);
	TimestampTz due = cron_next(schedule, tz, after);

	if (due == 0)
		return;
	fuzz_check(due > after);
	fuzz_check(cron_next(schedule, tz, due - 1) == due);
}

static void
read_cron(char *text)
{
	CronSchedule schedule;
	char	   *why = NULL;

	if (!cron_parse(text, &schedule, &why))
	{
		fuzz_check(fuzz_is_text(why));
		return;
	}
	check_due(&schedule, "UTC", MOMENT);
	check_due(&schedule, "America/New_York", MOMENT);
	check_due(&schedule, "Australia/Lord_Howe", INT64CONST(828626400) * USECS_PER_SEC);
}

static void
read_path(char *text)
{
	MemberPath *path;
	RecordPath *record_path;
	RecordValue value;
	int			position;
	const char *why;

	if (member_path_parse(text, CurrentMemoryContext, &path, &position, &why))
	{
		fuzz_check(member_path_holds(path, path));
		for (int i = 0; i < path->nmembers; i++)
			fuzz_check(memchr(path->members[i].name, '\0', path->members[i].length) == NULL);
	}
	else
		fuzz_check(position >= 1 && position <= strlen(text) + 1);
	record_path = record_path_parse(text, &position, &why);
	if (record_path == NULL)
		fuzz_check(position >= 1 && position <= strlen(text) + 1);
	else
		(void) record_path_find(record_path, text, strlen(text), &value);
}

/* ---- templates ---- */

static const TemplateVariable variables[] = {
	{"start", TEMPLATE_TIMESTAMPTZ}, {"day", TEMPLATE_DATE}, {"number", TEMPLATE_INTEGER},
	{"name", TEMPLATE_TEXT},
};

static bool
lookup(const char *name, TemplateValue *value, void *arg)
{
	value->type = TEMPLATE_TEXT;
	if (strcmp(name, "start") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_TIMESTAMPTZ, .time = MOMENT + 1};
	else if (strcmp(name, "day") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_DATE, .date = 59};
	else if (strcmp(name, "number") == 0)
		*value = (TemplateValue) {.type = TEMPLATE_INTEGER, .integer = PG_INT64_MIN};
	else
		value->text = "a/b é.";
	return true;
}

typedef struct Expansion
{
	const char *text;
	TemplatePlace place;
	char	   *result;
} Expansion;

static const TemplateScope scope = {variables, lengthof(variables), lookup, NULL};

static void
check_template(void *arg)
{
	template_check(((Expansion *) arg)->text, &scope);
	(void) template_names(((Expansion *) arg)->text, "day");
}

static void
expand_template(void *arg)
{
	Expansion  *expansion = arg;

	expansion->result = template_expand(expansion->text, expansion->place, &scope);
}

/* What was checked once can be written; only a path may turn out to leave its place. */
static void
read_template(char *text)
{
	Expansion	expansion = {text};
	int			sqlstate = fuzz_guarded(check_template, &expansion);

	fuzz_check(sqlstate == 0 || sqlstate == ERRCODE_INVALID_PARAMETER_VALUE);
	if (sqlstate != 0)
		return;
	for (int place = TEMPLATE_URL; place <= TEMPLATE_PLAIN; place++)
	{
		expansion.place = place;
		sqlstate = fuzz_guarded(expand_template, &expansion);
		fuzz_check(sqlstate == 0 || (sqlstate == ERRCODE_INVALID_PARAMETER_VALUE &&
									 place != TEMPLATE_PLAIN));
		fuzz_check(sqlstate != 0 || fuzz_is_text(expansion.result));
	}
}

/* ---- addresses ---- */

/* A URL, and in a second line a reference to be read in its document. */
static void
read_url(char *text)
{
	char	   *reference = strchr(text, '\n');
	const char *problem;
	char	   *resolved;
	Url			url;

	if (reference != NULL)
		*reference++ = '\0';
	fuzz_check(fuzz_is_text(url_shown(text)));
	fuzz_check(strlen(url_without_param(text, "a")) <= strlen(text));
	if (!url_parse(text, &url, &problem))
	{
		fuzz_check(problem != NULL);
		return;
	}
	fuzz_check(url.host[0] != '\0' && url.port >= 1 && url.port <= 65535);
	if (reference == NULL || (resolved = url_resolve(&url, reference)) == NULL)
		return;
	fuzz_check(url_parse(resolved, &url, &problem));
	fuzz_check(strcmp(url_resolve(&url, ""), resolved) == 0 || strchr(resolved, '.') != NULL);
}

/* ---- replies ---- */

static void
read_base64(char *text)
{
	size_t		length;
	char	   *bytes = base64_open(CurrentMemoryContext, text, &length);
	StringInfoData again;
	size_t		length_again;
	char	   *bytes_again;

	if (bytes == NULL)
		return;
	fuzz_check(bytes[length] == '\0');
	initStringInfo(&again);
	base64_append_url(&again, bytes, length);
	bytes_again = base64_open(CurrentMemoryContext, again.data, &length_again);
	fuzz_check(bytes_again != NULL && length_again == length &&
			   memcmp(bytes, bytes_again, length) == 0);
}

static void
read_credential(void *arg)
{
	(void) google_credential_parse(CurrentMemoryContext, arg);
}

static void
read_google_credential(char *text)
{
	int			sqlstate = fuzz_guarded(read_credential, text);

	fuzz_check(sqlstate == 0 || sqlstate == ERRCODE_INVALID_PARAMETER_VALUE);
}

/* Two values of a cursor, by a zero byte in between: one of them is the higher one, or none. */
static void
read_watermark(char *text)
{
	char	   *other = strchr(text, '\n');
	int			position;
	const char *why;
	WatermarkSpec spec = {.path = record_path_parse("$", &position, &why), .format = "ms"};
	TimestampTz time;

	if (other != NULL)
		*other++ = '\0';
	for (spec.type = WATERMARK_FOUND; spec.type <= WATERMARK_TEXT; spec.type++)
	{
		Watermark	watermark;

		watermark_init(&watermark, &spec, text[0] != '\0' ? text : NULL);
		if (other != NULL)
			watermark_raise(&watermark, other, strlen(other));
		(void) watermark_value(&watermark);
	}
	(void) watermark_read_time(&spec, text, &time);
	(void) watermark_read_time(NULL, text, &time);
}

static void
read_reply(const char *bytes, size_t length)
{
	const char *why;
	const char *name;
	const char *text;
	int64		number;
	char	   *message = json_error_message(bytes, length);
	JsonReply  *reply = json_reply_parse(CurrentMemoryContext, bytes, length, &why);

	fuzz_check(message == NULL || fuzz_is_text(message));
	if (reply == NULL)
	{
		fuzz_check(fuzz_is_text(why) && strchr(why, '\n') == NULL);
		return;
	}
	text = json_reply_text(reply, "$.error.details[0].reason");
	fuzz_check(text == NULL || fuzz_is_text(text));
	(void) json_reply_int64(reply, "$.id", &number);
	for (int i = 0; json_reply_member(reply, "$", i, &name, &text); i++)
		fuzz_check(fuzz_is_text(name) && (text == NULL || fuzz_is_text(text)));
}

static void
read_any(const char *bytes, size_t length)
{
	char	   *shown = error_clean(bytes, length, SHOWN_LIMIT);

	fuzz_check(strlen(shown) <= SHOWN_LIMIT && fuzz_is_text(shown));
}

void
fuzz_one(const char *bytes, size_t length)
{
	static void (*const readers[]) (char *text) = {
		read_link, read_retry_after, read_cron, read_path, read_template, read_url, read_base64,
		read_google_credential, read_watermark
	};
	unsigned int choice;
	char	   *text;

	if (length < 1)
		return;
	choice = (unsigned char) bytes[0] % (lengthof(readers) + 2);
	if (choice == lengthof(readers))
		read_reply(fuzz_bytes(bytes + 1, length - 1), length - 1);
	else if (choice > lengthof(readers))
		read_any(fuzz_bytes(bytes + 1, length - 1), length - 1);
	else
	{
		text = fuzz_text(bytes + 1, length - 1);
		if (fuzz_is_text(text))
			readers[choice] (text);
	}
}
