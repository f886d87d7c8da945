-- Checks: define, drop, accept.  Before the models, whose add_model() adds checks.

CREATE OR REPLACE FUNCTION dataops._add_check(pipeline text, spec jsonb) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops__add_check';
COMMENT ON FUNCTION dataops._add_check(text, jsonb) IS 'Stores a check from its document.';

CREATE OR REPLACE FUNCTION dataops.add_check(
    pipeline text,
    target   text,
    rule     text,
    on_fail  text DEFAULT NULL,
    severity text DEFAULT NULL,
    warn_if  text DEFAULT NULL,
    error_if text DEFAULT NULL,
    filter   text DEFAULT NULL,
    scope    text DEFAULT NULL,
    name     text DEFAULT NULL
) RETURNS text
LANGUAGE sql
RETURN dataops._add_check(pipeline, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
    'target', target, 'rule', rule, 'on_fail', on_fail, 'severity', severity, 'warn_if', warn_if,
    'error_if', error_if, 'filter', filter, 'scope', scope, 'name', name)));
COMMENT ON FUNCTION dataops.add_check(text, text, text, text, text, text, text, text, text, text) IS
'Adds a rule about target, checked before its rows are published. A SQL condition without aggregate is about each row, one with aggregates about the table; not_null(a, ...), accepted(a, value, ...), fk(a, schema.table.b), is_unique(a, ...), fresh(ts, interval), no_gaps(ts, every => interval, by => (a, ...)) has_columns(a, ...) and, for loads, matches(aggregate, ...) are named checks. The target of a load is schema.table@server. NULL passes. on_fail: log, warn, quarantine (the row; default of row rules) or stop (default of table rules). warn_if and error_if bound the failing rows (''> 5'', ''>= 1%''); filter says which rows the rule is about; scope all looks at the whole table instead of this run''s rows.';

CREATE OR REPLACE FUNCTION dataops.add_checks(pipeline text, target text, on_fail text, VARIADIC rules text[]) RETURNS SETOF text
LANGUAGE sql
BEGIN ATOMIC
    SELECT dataops.add_check(pipeline, target, rule, on_fail) FROM pg_catalog.unnest(rules) AS rule;
END;
COMMENT ON FUNCTION dataops.add_checks(text, text, text, text[]) IS 'Adds several rules about target with one on_fail (null: each rule''s default).';

CREATE OR REPLACE FUNCTION dataops.drop_check(pipeline text, name text) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_drop_check';
COMMENT ON FUNCTION dataops.drop_check(text, text) IS 'Takes a check away; target/name where the name alone is not unique.';

CREATE OR REPLACE FUNCTION dataops.accept_check(run_id uuid, check_name text, reason text) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_accept_check';
COMMENT ON FUNCTION dataops.accept_check(uuid, text, text) IS
'Lets a check that stopped this run pass when the run is retried. The reason is recorded with the verdict and in audit; a second call corrects it.';

REVOKE ALL ON FUNCTION
    dataops._add_check(text, jsonb),
    dataops.add_check(text, text, text, text, text, text, text, text, text, text),
    dataops.add_checks(text, text, text, text[]),
    dataops.drop_check(text, text),
    dataops.accept_check(uuid, text, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops._add_check(text, jsonb),
    dataops.add_check(text, text, text, text, text, text, text, text, text, text),
    dataops.add_checks(text, text, text, text[]),
    dataops.drop_check(text, text),
    dataops.accept_check(uuid, text, text)
TO @extowner@ WITH GRANT OPTION;
