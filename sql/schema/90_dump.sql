-- The ledger is our memory: pg_dump keeps all of it but secrets.  The installing role dumps and restores, so it may read and insert.
DO $$
DECLARE
    member regclass;
BEGIN
    FOR member IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) 'dataops'::pg_catalog.regnamespace
          AND c.relkind OPERATOR(pg_catalog.=) 'r' AND c.relname OPERATOR(pg_catalog.<>) 'secret'
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(member, '');
    END LOOP;
END
$$;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA dataops TO @extowner@;
REVOKE ALL ON dataops.secret FROM @extowner@;
