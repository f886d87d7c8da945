/*
 * check.h
 *	  Checks: what was defined, and room for what a run finds.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_MODEL_CHECK_H
#define DATAOPS_MODEL_CHECK_H

#include "postgres.h"

#include "catalog/definition.h"
#include "catalog/run.h"
#include "model/rule.h"

typedef enum OnFail
{
	ON_FAIL_LOG,
	ON_FAIL_WARN,
	ON_FAIL_QUARANTINE,
	ON_FAIL_STOP
} OnFail;

typedef enum Verdict
{
	VERDICT_PASSED,
	VERDICT_WARNED,
	VERDICT_FAILED,
	VERDICT_ACCEPTED			/* failed, but a person let it pass */
} Verdict;

/* "> 5", ">= 1%": of the rows judged, how many may fail. */
typedef struct Threshold
{
	bool		given;
	bool		or_equal;
	bool		is_share;		/* bound is in percent */
	double		bound;
} Threshold;

typedef struct Check
{
	char	   *name;
	char	   *target;			/* schema.table, or schema.table@server of a load */
	char	   *relation;		/* schema.table: whose rows it is about */
	bool		of_load;		/* it is about rows on their way to a warehouse */
	Rule	   *rule;
	bool		on_fail_given;
	OnFail		on_fail;		/* valid after check_bind() */
	char	   *severity;
	Threshold	warn_if;
	Threshold	error_if;
	bool		scope_given;
	bool		whole;			/* looks at the whole target, not at this run's rows */

	/* what was found */
	RowJudge	judge;			/* for table rules: 1 of 1, or the violations */
	char	   *value;			/* of a table rule's left side, or NULL */
	Verdict		verdict;
	char	   *message;
} Check;

/*
 * Reads and validates a check's document; throws 22023 and what rule_parse() throws.  The name
 * may be absent there: then it is made from the rule.
 */
extern Check *check_read(Jsonb *spec);

/*
 * The name for a rule without one: its words and operators ("high >= low": high_ge_low), at most 40
 * characters, the last of them a hash where it is cut.
 */
extern char *check_default_name(const char *rule);

/*
 * Analyses the rule against rows that stand in "from" and settles on_fail and severity.
 * "can_divert": the rows are written by a model, so single ones can be held back.  Where they
 * cannot, a row rule that says quarantine (or nothing) stops instead.
 */
extern void check_bind(Check *check, Node *from, bool can_divert);

/* Does it sort rows while they are written? */
extern bool check_judges_rows(const Check *check);

extern const char *on_fail_name(OnFail on_fail);
extern const char *verdict_name(Verdict verdict);

#endif
