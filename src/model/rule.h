/*
 * rule.h
 *	  A check's rule: a SQL expression about a row, an aggregate about the table, or a named check.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_RULE_H
#define DATAOPS_RULE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

typedef enum RuleKind
{
	RULE_ROW,					/* expression: true, false or NULL for each row */
	RULE_TABLE,					/* expression: an aggregate */
	RULE_UNIQUE,				/* columns: no two rows have the same values */
	RULE_NO_GAPS,				/* time, every, columns: no longer step than "every" by columns */
	RULE_HAS_COLUMNS,			/* columns: the table has them */
	RULE_MATCHES				/* values: the same in the table and where a load brings it */
} RuleKind;

typedef struct Rule
{
	const char *text;
	const char *filter_text;
	RuleKind	kind;
	Node	   *expression;		/* raw, boolean; NULL for the last four kinds */
	Node	   *filter;			/* raw, boolean: rows it is about; NULL: all */
	List	   *columns;		/* names: char * */
	char	   *time;
	Node	   *every;			/* raw, an interval */
	List	   *values;			/* texts of aggregates, for two SQL dialects: char * */
	bool		whole_table;	/* makes sense about the whole table only (fresh) */
} Rule;

/* "text" as the raw tree of one expression, else 42601; "what" it is in the message. */
extern Node *expression_parse(const char *text, const char *what);

/*
 * Parses a rule and its filter (may be NULL) about rows that stand in FROM under the name
 * "alias".  Throws 42601 and the like with the position in the text, and names the nearest named
 * check for an unknown function.
 */
extern Rule *rule_parse(const char *text, const char *filter, const char *alias);

/*
 * Analyses the rule against the FROM item "from" and tells a row rule from a table rule.  Throws
 * what the server says about unknown columns and wrong types, with the position in the rule.
 */
extern void rule_analyse(Rule *rule, Node *from);

/* Is it judged row by row? */
static inline bool
rule_is_row(const Rule *rule)
{
	return rule->kind == RULE_ROW;
}

/*
 * SELECT whose rows are the violations of a UNIQUE or NO_GAPS rule in "from", whose alias is
 * "alias": the repeated keys with their counts, the gaps with both ends.
 */
extern SelectStmt *rule_violations(const Rule *rule, Node *from);

/* The rule's expression, guarded by its filter; for row and table rules. */
extern Node *rule_condition(const Rule *rule);

/* How rows were judged by one row rule. */
#define MAX_SAMPLES 10

typedef struct RowJudge
{
	const char *name;
	const Rule *rule;
	bool		divert;			/* a row that fails goes to quarantine instead of the target */
	int64		judged;
	int64		failed;
	int64		unknown;		/* NULL: passed, but counted */
	List	   *samples;		/* up to MAX_SAMPLES failing rows: Jsonb * */
} RowJudge;

#endif
