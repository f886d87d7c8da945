-- An ordinary owner of a database has created the extension; nobody else was given anything.
SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user;
SELECT extname, extowner = 'app'::regrole AS owned_by_app, extrelocatable FROM pg_extension WHERE extname = 'dataops';
SELECT nspname, nspowner = 'app'::regrole AS owned_by_app, has_schema_privilege('public', oid, 'USAGE') AS public_may_use
FROM pg_namespace WHERE nspname = 'dataops';
