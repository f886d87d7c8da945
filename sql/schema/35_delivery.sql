-- What goes out: files in object stores, tables in warehouses.

CREATE TABLE dataops.export (
    id          uuid        PRIMARY KEY,
    pipeline    text        NOT NULL,
    env         text        NOT NULL DEFAULT 'prod',
    step        text        NOT NULL,
    run         uuid        NOT NULL,
    step_run    uuid        NOT NULL,
    load        uuid,
    relation    text        NOT NULL,
    server      text        NOT NULL,
    folder      text        NOT NULL,
    name_prefix text        NOT NULL,
    format      text        NOT NULL,
    compression text        NOT NULL,
    columns     jsonb       NOT NULL DEFAULT '[]',
    snapshot    pg_snapshot,
    tables      oid[],
    installation uuid       NOT NULL,
    rows        bigint      NOT NULL DEFAULT 0,
    bytes       bigint      NOT NULL DEFAULT 0,
    state       text        NOT NULL CHECK (state IN ('encoding', 'open', 'uploaded', 'done', 'removed')),
    created_at  timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX ON dataops.export (pipeline, env, step, id);
CREATE INDEX ON dataops.export (state) WHERE state IN ('encoding', 'open', 'uploaded');
COMMENT ON TABLE dataops.export IS 'Rows of a relation written as files in one folder of a store, committed before the first upload; load names the load that they were written for. Files whose names begin with name_prefix may be there from then on; which they are is known when all rows are encoded, in state open. snapshot is what the scan saw, of which tables: the next export of changed rows starts there.';

CREATE TABLE dataops.export_part (
    export     uuid    NOT NULL REFERENCES dataops.export (id) ON DELETE CASCADE,
    part       integer NOT NULL,
    name       text    NOT NULL,
    rows       bigint  NOT NULL,
    bytes      bigint  NOT NULL,
    crc32c     text    NOT NULL,
    generation bigint,
    PRIMARY KEY (export, part)
);
COMMENT ON TABLE dataops.export_part IS 'The files of an export, with the size and CRC32C that each must have.';

CREATE TABLE dataops.load (
    id           uuid        PRIMARY KEY,
    pipeline     text        NOT NULL,
    env          text        NOT NULL DEFAULT 'prod',
    step         text        NOT NULL,
    run          uuid        NOT NULL,
    step_run     uuid        NOT NULL,
    relation     text        NOT NULL,
    server       text        NOT NULL,
    target       text        NOT NULL,
    mode         text        NOT NULL CHECK (mode IN ('append', 'truncate', 'merge')),
    name         text        NOT NULL,
    snapshot     pg_snapshot,
    tables       oid[],
    whole        boolean     NOT NULL DEFAULT false,
    installation uuid        NOT NULL,
    rows         bigint      NOT NULL,
    rows_loaded  bigint,
    bytes        bigint      NOT NULL,
    expected     jsonb,
    job          text,
    publish_job  text,
    bytes_billed bigint      NOT NULL DEFAULT 0,
    state        text        NOT NULL CHECK (state IN ('open', 'loading', 'loaded', 'done', 'failed', 'removed')),
    error        text,
    created_at   timestamptz NOT NULL,
    loaded_at    timestamptz,
    finished_at  timestamptz
);
CREATE INDEX ON dataops.load (pipeline, env, step, id);
CREATE INDEX ON dataops.load (server, target, created_at);
COMMENT ON TABLE dataops.load IS 'Rows of a relation brought into a table of a warehouse. name is what the work is called there: committed before it begins, asked for by it ever after. expected holds the values that both sides must agree on; whole says that all rows were read, not those that changed.';
