-- Writes docs/reference.md from the catalogue of a database in which dataops is installed:
--   psql -XAtq -f docs/reference.sql      as a superuser, who sees all settings   (docs/reference.sh does it)
-- What is said about an object is its COMMENT, about a setting what pg_settings has.  Names that begin with "_" are private.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
SET client_min_messages = warning;
SELECT dataops._library_version() \g /dev/null

-- One row for each public function and procedure; overloaded ones by their arguments.
CREATE TEMPORARY VIEW routine AS
SELECT p.oid, p.proname AS name, p.prokind, dataops._level_of(p.proname) AS level,
       coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment,
       pg_get_function_identity_arguments(p.oid) AS identity
FROM pg_proc p
WHERE p.pronamespace = 'dataops'::regnamespace AND p.proname !~ '^_' AND p.proname !~ '_validator$';

CREATE TEMPORARY VIEW argument AS
SELECT r.oid, a.position, coalesce(p.proargmodes[a.position], 'i') AS mode, a.name,
       replace(format_type(a.type, NULL), 'timestamp with time zone', 'timestamptz') AS type,
       regexp_replace(pg_get_function_arg_default(r.oid, a.position::integer), '::[a-z ]+(\[\])?$', '') AS missing
FROM routine r
JOIN pg_proc p ON p.oid = r.oid
CROSS JOIN LATERAL unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a(name, type, position);

CREATE TEMPORARY VIEW signature AS
SELECT r.oid,
       coalesce(string_agg(format('%s%s %s%s', CASE a.mode WHEN 'v' THEN 'VARIADIC ' END, a.name, a.type,
                                  ' DEFAULT ' || a.missing), ', ' ORDER BY a.position) FILTER (WHERE a.mode IN ('i', 'b', 'v')), '') AS short,
       coalesce(string_agg(format(E'\n    %s%s %s%s', CASE a.mode WHEN 'v' THEN 'VARIADIC ' END, a.name, a.type,
                                  ' DEFAULT ' || a.missing), ',' ORDER BY a.position) FILTER (WHERE a.mode IN ('i', 'b', 'v')), '') AS long,
       string_agg(format('%s %s', a.name, a.type), ', ' ORDER BY a.position) FILTER (WHERE a.mode IN ('o', 't')) AS columns
FROM routine r LEFT JOIN argument a ON a.oid = r.oid
GROUP BY r.oid;

SELECT $md$# Reference

Made from the catalogue by `make reference`; do not edit. All names are in the schema `dataops`. Arguments can be given by
name: `dataops.schedule(pipeline => 'btc')`. The pages beside this one explain how things belong together.

Each function names the lowest level of [`grant_role`](#grant_role) that may call it; the role that ran `CREATE EXTENSION` may
call all of them, and every level may do what those below it may. Calling a function is one thing, changing an object
another: that takes the rights of its owner, too.
$md$;

SELECT E'## Contents\n';
SELECT format('- **%s**: %s', coalesce(r.level, 'installing role only'), string_agg(DISTINCT format('[`%s`](#%1$s)', r.name), ' '))
FROM routine r
GROUP BY r.level
ORDER BY array_position('{viewer,operator,developer,admin}'::text[], r.level) NULLS LAST;
SELECT '- **views**: ' || string_agg(format('[`%s`](#%s)', c.relname, 'view-' || c.relname), ' ' ORDER BY c.relname)
FROM pg_class c WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'v';
SELECT E'- [**connection wrappers**](#connection-wrappers)\n- [**settings of the server**](#settings-of-the-server)\n';

SELECT E'## Functions and procedures\n';
SELECT format(E'### %s\n\n```sql\n%s%s(%s)%s\n```\n\n%s%s\n',
              r.name,
              CASE r.prokind WHEN 'p' THEN 'CALL dataops.' ELSE 'dataops.' END, r.name,
              CASE WHEN length(s.short) + length(r.name) <= 90 THEN s.short ELSE s.long || E'\n' END,
              CASE WHEN r.prokind = 'p' THEN ''
                   WHEN s.columns IS NOT NULL THEN E'\n    → ' || CASE WHEN p.proretset THEN 'rows of ' ELSE '' END || s.columns
                   ELSE ' → ' || replace(pg_get_function_result(r.oid), 'timestamp with time zone', 'timestamptz') END,
              r.comment,
              E'\n\nLevel: ' || coalesce(r.level, 'installing role only') || '.')
FROM routine r
JOIN signature s USING (oid)
JOIN pg_proc p USING (oid)
ORDER BY r.name, r.identity;

SELECT $md$## Views

Every view shows what belongs to a role whose rights the reader has; an administrator sees all. Views about runs begin with the
same twelve columns, from `run_id` to `hint`, so that they can be read and joined alike.
$md$;
SELECT format(E'### View %s\n\n%s\n\n| column | type | |\n|---|---|---|\n%s\n', c.relname, obj_description(c.oid, 'pg_class'),
              string_agg(format('| `%s` | %s | %s |', a.attname,
                                replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
                                replace(col_description(c.oid, a.attnum), '|', '\|')), E'\n' ORDER BY a.attnum))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'dataops'::regnamespace AND c.relkind = 'v'
GROUP BY c.oid, c.relname
ORDER BY c.relname;

SELECT E'## Connection wrappers\n';
SELECT format(E'### %s\n\n%s\n', w.fdwname, obj_description(w.oid, 'pg_foreign_data_wrapper'))
FROM pg_foreign_data_wrapper w
WHERE w.fdwname LIKE 'dataops\_%'
ORDER BY w.fdwname;

SELECT $md$## Settings of the server

To be set by a superuser, in the server's configuration: `ALTER SYSTEM SET …; SELECT pg_reload_conf();`
$md$;
SELECT format(E'### %s\n\n%s%s\n', s.name, s.short_desc, E'\n' || s.extra_desc)
FROM pg_settings s
WHERE s.name LIKE 'dataops.%' AND s.name <> 'dataops.fault'    -- that one is in test builds only
ORDER BY s.name;
