-- A remote warehouse for tests: its tables are rows of one table, its jobs of another, and what it is asked happens in transactions
-- of its own.  The server's options fault_load and fault_publish say how the next job ends: "before" (the request is lost), "after"
-- (the answer is lost), or "refuse".
-- For a superuser: what a reference of the extension should not have lives outside of it.
CREATE FUNCTION dataops._test_remote_setup() RETURNS void
LANGUAGE sql
AS $$
    CREATE FOREIGN DATA WRAPPER dataops_remote_test NO HANDLER;
    GRANT USAGE ON FOREIGN DATA WRAPPER dataops_remote_test TO app;
    CREATE SCHEMA remote_test;
    CREATE TABLE remote_test.line (side text, "table" text, line jsonb);
    CREATE TABLE remote_test.job (id text, what text, rows bigint, PRIMARY KEY (id, what));
    GRANT USAGE ON SCHEMA remote_test TO PUBLIC;
    GRANT SELECT ON remote_test.line, remote_test.job TO PUBLIC;
$$;

CREATE FUNCTION dataops._test_copy(from_side text, to_side text, target text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM remote_test.line w WHERE w.side = to_side AND w."table" = target;
    INSERT INTO remote_test.line SELECT to_side, target, w.line FROM remote_test.line w WHERE w.side = from_side AND w."table" = target;
$$;

CREATE FUNCTION dataops._test_load(job text, target text, mode text, key text[], stage text, files text[], reset boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lines jsonb[];
BEGIN
    IF EXISTS (SELECT FROM remote_test.job j WHERE j.id = job AND j.what = 'load') THEN
        RETURN (SELECT j.rows FROM remote_test.job j WHERE j.id = job AND j.what = 'load');
    END IF;
    IF reset THEN
        PERFORM dataops._test_copy('production', 'staging', target);
    END IF;
    SELECT coalesce(array_agg(l::jsonb), '{}') INTO lines
    FROM unnest(files) f, regexp_split_to_table(dataops._test_object(stage, 'load/' || split_part(f, '/load/', 2)), E'\n') l WHERE l <> '';
    DELETE FROM remote_test.line w WHERE w.side = 'staging' AND w."table" = target
        AND (mode = 'truncate' OR mode = 'merge' AND EXISTS (SELECT FROM unnest(lines) l
             WHERE (SELECT bool_and(l->k = w.line->k) FROM unnest(key) k)));
    INSERT INTO remote_test.line SELECT 'staging', target, l FROM unnest(lines) l;
    INSERT INTO remote_test.job VALUES (job, 'load', cardinality(lines));
    RETURN cardinality(lines);
END
$$;

CREATE FUNCTION dataops._test_publish(job text, target text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM remote_test.job j WHERE j.id = job AND j.what = 'publish') THEN
        PERFORM dataops._test_copy('staging', 'production', target);
        INSERT INTO remote_test.job VALUES (job, 'publish', 0);
    END IF;
    RETURN (SELECT count(*) FROM remote_test.line w WHERE w.side = 'production' AND w."table" = target);
END
$$;

CREATE FUNCTION dataops._test_evaluate(target text, of_side text, columns text[], types text[], expressions text[]) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text[];
BEGIN
    EXECUTE format('SELECT ARRAY[%s] FROM (SELECT %s FROM remote_test.line WHERE side = %L AND "table" = %L) t',
        (SELECT string_agg(format('(%s)::text', e), ', ') FROM unnest(expressions) e),
        (SELECT string_agg(format('(line->>%L)::%s AS %I', c, t, c), ', ') FROM unnest(columns, types) x (c, t)), of_side, target)
    INTO found;
    RETURN found;
END
$$;
REVOKE ALL ON FUNCTION dataops._test_remote_setup(), dataops._test_copy(text, text, text), dataops._test_load(text, text, text, text[], text, text[], boolean),
    dataops._test_publish(text, text), dataops._test_evaluate(text, text, text[], text[], text[]) FROM PUBLIC;
