-- What was defined.  Definitions are append-only; "deployment" is the only pointer to the current version of each.
-- Closed to everybody: the functions of this schema write them, the views of this schema show them.  The installing role may
-- SELECT and INSERT, because pg_dump and pg_restore run as that role.

CREATE TABLE dataops.installation (
    id                uuid        PRIMARY KEY,
    system_identifier text        NOT NULL,
    database          oid         NOT NULL,
    adopted_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON dataops.installation ((true));
COMMENT ON TABLE dataops.installation IS 'Where this installation may act. A restored copy differs in system identifier or database and stays still until adopt().';

CREATE TABLE dataops.definition (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('source', 'pipeline', 'step', 'check')),
    pipeline   text        NOT NULL,
    object     text        NOT NULL,
    version    integer     NOT NULL,
    spec       jsonb       NOT NULL,
    hash       text        NOT NULL,
    owner      regrole     NOT NULL,
    created_at timestamptz NOT NULL,
    created_by name        NOT NULL,
    UNIQUE (kind, pipeline, object, version)
);
COMMENT ON TABLE dataops.definition IS 'Every version of every source, pipeline, step and check. pipeline is empty for a source; object is target/name for a check.';

CREATE TABLE dataops.deployment (
    kind       text    NOT NULL,
    pipeline   text    NOT NULL,
    object     text    NOT NULL,
    env        text    NOT NULL DEFAULT 'prod',
    definition uuid    NOT NULL REFERENCES dataops.definition (id),
    position   integer NOT NULL,
    changed_by bigint  NOT NULL,
    PRIMARY KEY (kind, pipeline, object, env)
);
COMMENT ON TABLE dataops.deployment IS 'The current version of each object in each environment. position orders the steps; changed_by is the transaction that last moved the pointer.';

CREATE TABLE dataops.variable (
    env   text  NOT NULL DEFAULT 'prod',
    name  text  NOT NULL,
    value jsonb NOT NULL,
    owner regrole NOT NULL,
    PRIMARY KEY (env, name)
);
COMMENT ON TABLE dataops.variable IS 'Values for var() and var_json().';

CREATE TABLE dataops.schedule (
    pipeline     text        NOT NULL,
    env          text        NOT NULL DEFAULT 'prod',
    cron         text        NOT NULL,
    timezone     text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('active', 'paused')),
    next_at      timestamptz,
    last_at      timestamptz,
    scheduled_by name        NOT NULL,
    PRIMARY KEY (pipeline, env)
);
COMMENT ON TABLE dataops.schedule IS 'When tick() starts which pipeline: a five-field cron text read in an IANA time zone.';

CREATE TABLE dataops.setting (
    name  text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE dataops.setting IS 'Settings an administrator of dataops changes with set_setting(); they only narrow those of the server''s configuration.';

CREATE TABLE dataops.role_level (
    role  regrole PRIMARY KEY,
    level text NOT NULL CHECK (level IN ('viewer', 'operator', 'developer', 'admin'))
);
COMMENT ON TABLE dataops.role_level IS 'What grant_role() gave.';

CREATE TABLE dataops.reference_grant (
    reference    text    NOT NULL,
    role         regrole NOT NULL,
    wrapper      text    NOT NULL,
    host_pattern text    NOT NULL,
    PRIMARY KEY (reference, role, wrapper, host_pattern)
);
COMMENT ON TABLE dataops.reference_grant IS 'Which role may send which secret reference through which kind of connection to which hosts.';

CREATE TABLE dataops.secret (
    name       text        PRIMARY KEY,
    owner      regrole     NOT NULL,
    version    integer     NOT NULL,
    sealed     bytea       NOT NULL,
    changed_at timestamptz NOT NULL
);
COMMENT ON TABLE dataops.secret IS 'Secrets sealed with AES-256-GCM under a key outside the database. Never dumped.';

CREATE TABLE dataops.audit_entry (
    id           uuid        PRIMARY KEY,
    at           timestamptz NOT NULL,
    session_role name        NOT NULL,
    role         name        NOT NULL,
    action       text        NOT NULL,
    object       text        NOT NULL,
    detail       jsonb
);
COMMENT ON TABLE dataops.audit_entry IS 'Who changed what, without secrets.';

-- A row of another owner than one's own cannot be planted through the restore rights of the installing role.
CREATE FUNCTION dataops._guard_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_has_role(current_user, NEW.owner::oid, 'MEMBER') THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM pg_roles r WHERE r.oid = NEW.owner) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role "%s" cannot write a row of owner "%s" into "%s"', current_user, NEW.owner, TG_TABLE_NAME),
            HINT = 'Restore as a role that is a member of all owners.';
    END IF;
    -- Its role was dropped: nobody's from now on, and not that of a later role which gets the number.
    NEW.owner := 4294967295::oid;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION dataops._guard_owner() IS 'Refuses rows that name an owner the writer is not a member of; an owner that was dropped becomes nobody.';
REVOKE ALL ON FUNCTION dataops._guard_owner() FROM PUBLIC;

CREATE TRIGGER guard_owner BEFORE INSERT OR UPDATE ON dataops.definition FOR EACH ROW EXECUTE FUNCTION dataops._guard_owner();
CREATE TRIGGER guard_owner BEFORE INSERT OR UPDATE ON dataops.variable FOR EACH ROW EXECUTE FUNCTION dataops._guard_owner();
CREATE TRIGGER guard_owner BEFORE INSERT OR UPDATE ON dataops.secret FOR EACH ROW EXECUTE FUNCTION dataops._guard_owner();
