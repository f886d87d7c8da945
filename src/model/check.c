/*
 * check.c
 *	  A check's document and its rule.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "core/compat.h"

#include "model/check.h"

#include <ctype.h>

#include "common/hashfn.h"

#include "catalog/spec.h"
#include "model/tree.h"

#define NAME_LENGTH 40

static const char *const on_fail_names[] = {"log", "warn", "quarantine", "stop"};
static const char *const default_severity[] = {"info", "warn", "error", "error"};
static const char *const severities[] = {"info", "warn", "error", "fatal"};
static const char *const scopes[] = {"run", "all"};
static const char *const verdict_names[] = {"passed", "warned", "failed", "accepted"};
static const char *const known_keys[] = {
	"target", "rule", "on_fail", "severity", "warn_if", "error_if", "filter", "scope", "name"
};

const char *
on_fail_name(OnFail on_fail)
{
	return on_fail_names[on_fail];
}

const char *
verdict_name(Verdict verdict)
{
	return verdict_names[verdict];
}

/* How an operator reads in a name, longer ones first; the sign of a named argument does not. */
static const char *const operator_words[][2] = {
	{"=>", NULL}, {"<>", "ne"}, {"!=", "ne"}, {">=", "ge"}, {"<=", "le"}, {">", "gt"},
	{"<", "lt"}, {"=", "eq"}, {"+", "plus"}, {"-", "minus"}, {"/", "over"}, {"%", "mod"},
	{"~", "like"}
};

/* Appends the word that the text begins with; returns how many characters it took. */
static int
append_word(StringInfo name, const char *text)
{
	int			length = 0;

	while ((unsigned char) text[length] < 128 && isalnum((unsigned char) text[length]))
		length++;
	if (length > 0)
	{
		appendStringInfo(name, "%s%.*s",
						 name->len > 0 ? "_" : isdigit((unsigned char) *text) ? "c" : "",
						 length, text);
		return length;
	}
	for (int i = 0; i < lengthof(operator_words); i++)
		if (strncmp(text, operator_words[i][0], strlen(operator_words[i][0])) == 0)
		{
			if (operator_words[i][1] != NULL)
				appendStringInfo(name, "%s%s", name->len > 0 ? "_" : "", operator_words[i][1]);
			return strlen(operator_words[i][0]);
		}
	return 1;
}

char *
check_default_name(const char *rule)
{
	StringInfoData name;

	initStringInfo(&name);
	for (const char *at = rule; *at != '\0';)
		at += append_word(&name, at);
	if (name.len == 0)
		appendStringInfoString(&name, "check");
	if (name.len > NAME_LENGTH)
	{
		/* what is cut off must still tell one rule from another */
		uint32		rest = DatumGetUInt32(hash_any((const unsigned char *) rule, strlen(rule)));

		name.data[NAME_LENGTH - 7] = '\0';
		name.len = strlen(name.data);
		appendStringInfo(&name, "_%06x", rest & 0xFFFFFF);
	}
	for (char *c = name.data; *c != '\0'; c++)
		*c = tolower((unsigned char) *c);
	return name.data;
}

static Threshold
read_threshold(Jsonb *spec, const char *key, const char *what)
{
	Threshold	threshold = {0};
	char	   *text = spec_text(spec, key, what);
	char		operator[3] = "";
	char		percent[2] = "";
	int			used = 0;
	int			fields;

	if (text == NULL)
		return threshold;
	fields = sscanf(text, " %2[>=] %lf %n%1[%%] %n", operator, &threshold.bound, &used, percent,
					&used);
	if (fields < 2 || text[used] != '\0' || !(threshold.bound >= 0) ||
		(strcmp(operator, ">") != 0 && strcmp(operator, ">=") != 0))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of %s is not a bound for failing rows: \"%s\"", key, what, text),
				errhint("Write '> 5' for a number of rows, or '>= 1%%' for a share of them."));
	threshold.given = true;
	threshold.or_equal = operator[1] == '=';
	threshold.is_share = percent[0] == '%';
	if (threshold.is_share &&
		(threshold.bound > 100 || (threshold.bound == 100 && !threshold.or_equal)))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" of %s can never be reached: \"%s\"", key, what, text),
				errhint("All rows are '>= 100%%'."));
	return threshold;
}

Check *
check_read(Jsonb *spec)
{
	Check	   *check = palloc0(sizeof(Check));
	char	   *rule = spec_text_required(spec, "rule", "a check");
	char	   *target = spec_text_required(spec, "target", "a check");
	char	   *at = strrchr(target, '@');
	RangeVar   *relation = tree_relation(at ? pnstrdup(target, at - target) : target);
	const char *on_fail;
	char	   *what;

	check->name = spec_text(spec, "name", "a check");
	if (check->name == NULL)
		check->name = check_default_name(rule);
	spec_check_name(check->name, "check");
	check->relation = tree_relation_text(relation->schemaname, relation->relname);
	check->of_load = at != NULL;
	check->target = at != NULL ? psprintf("%s%s", check->relation, at) : check->relation;
	what = psprintf("check \"%s\"", check->name);
	spec_check_keys(spec, known_keys, lengthof(known_keys), what);
	on_fail = spec_choice(spec, "on_fail", on_fail_names, lengthof(on_fail_names), NULL, what);
	check->on_fail_given = on_fail != NULL;
	for (int i = 0; on_fail && i < lengthof(on_fail_names); i++)
		if (strcmp(on_fail, on_fail_names[i]) == 0)
			check->on_fail = i;
	check->severity = (char *) spec_choice(spec, "severity", severities, lengthof(severities), NULL,
										   what);
	check->warn_if = read_threshold(spec, "warn_if", what);
	check->error_if = read_threshold(spec, "error_if", what);
	check->scope_given = spec_has(spec, "scope");
	check->whole = strcmp(spec_choice(spec, "scope", scopes, lengthof(scopes), "run", what),
						  "all") == 0;
	check->rule = rule_parse(rule, spec_text(spec, "filter", what), relation->relname);
	check->judge.name = check->name;
	check->judge.rule = check->rule;
	return check;
}

bool
check_judges_rows(const Check *check)
{
	return rule_is_row(check->rule) && !check->whole;
}

void
check_bind(Check *check, Node *from, bool can_divert)
{
	if (check->rule->kind == RULE_MATCHES && !check->of_load)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("check \"%s\" compares a table with itself", check->name),
				errdetail("matches() compares what a load brought with where it came from."),
				errhint("Name the load: add_check(…, '%s@server', …).", check->relation));
	rule_analyse(check->rule, from);
	if (check->rule->whole_table && !check->scope_given)
		check->whole = true;
	can_divert = can_divert && check_judges_rows(check);
	if (check->on_fail_given && check->on_fail == ON_FAIL_QUARANTINE &&
		(check->whole || !rule_is_row(check->rule)))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("check \"%s\" cannot quarantine rows: it is about %s", check->name,
					   rule_is_row(check->rule) ? "rows that are in the table already"
					   : "the table as a whole"),
				errhint("Use on_fail => 'stop', 'warn' or 'log'."));
	if (!check->on_fail_given)
		check->on_fail = can_divert ? ON_FAIL_QUARANTINE : ON_FAIL_STOP;
	else if (check->on_fail == ON_FAIL_QUARANTINE && !can_divert)
		check->on_fail = ON_FAIL_STOP;
	if (check->severity == NULL)
		check->severity = pstrdup(default_severity[check->on_fail]);
	check->judge.divert = check->on_fail == ON_FAIL_QUARANTINE;
}
