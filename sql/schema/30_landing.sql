-- What came in.

CREATE TABLE dataops.cursor (
    source        text        NOT NULL,
    env           text        NOT NULL DEFAULT 'prod',
    shard         text        NOT NULL DEFAULT '',
    value         text,
    etag          text,
    last_modified text,
    run           uuid,
    position      jsonb,
    definition    uuid,
    batch         uuid,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (source, env, shard)
);
COMMENT ON TABLE dataops.cursor IS 'How far a source has been read. position is where run stopped inside its pages, null when it came to the end; definition is the version of the source that they were.';

CREATE TABLE dataops.batch (
    id          uuid        PRIMARY KEY,
    source      text        NOT NULL,
    env         text        NOT NULL DEFAULT 'prod',
    run         uuid        NOT NULL,
    step_run    uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    landed_at   timestamptz NOT NULL,
    pages       integer     NOT NULL,
    records     bigint      NOT NULL,
    quarantined bigint      NOT NULL,
    bytes       bigint      NOT NULL,
    archive     text,
    object      text,
    object_bytes bigint,
    crc32c      text
);
CREATE INDEX ON dataops.batch (source, env, id);
CREATE INDEX ON dataops.batch (run);
COMMENT ON TABLE dataops.batch IS 'Pages that landed together, in one transaction. created_at is that of its raw rows.';

CREATE TABLE dataops.page (
    batch       uuid        NOT NULL,
    page        integer     NOT NULL,
    shard       text        NOT NULL DEFAULT '',
    url         text        NOT NULL,
    status      integer     NOT NULL,
    headers     jsonb       NOT NULL,
    bytes       bigint      NOT NULL,
    records     bigint      NOT NULL,
    crc32c      text        NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (batch, page)
);
COMMENT ON TABLE dataops.page IS 'Each page of a batch: the item of for_each, request without secrets, status, headers, checksum of the body as inflated.';

CREATE TABLE dataops.request (
    id         uuid        PRIMARY KEY,
    run        uuid        NOT NULL,
    step_run   uuid        NOT NULL,
    attempt    integer     NOT NULL,
    method     text        NOT NULL,
    url        text        NOT NULL,
    status     integer,
    problem    text,
    bytes      bigint      NOT NULL,
    took_ms    integer     NOT NULL,
    started_at timestamptz NOT NULL
);
CREATE INDEX ON dataops.request (run);
COMMENT ON TABLE dataops.request IS 'Every HTTP request that a run made, failed ones too; values of query parameters are not kept.';

CREATE TABLE dataops.quarantine_row (
    id          uuid        PRIMARY KEY,
    pipeline    text        NOT NULL,
    env         text        NOT NULL DEFAULT 'prod',
    step        text        NOT NULL,
    run         uuid        NOT NULL,
    step_run    uuid        NOT NULL,
    source      text,
    target      text,
    check_name  text,
    rule        text,
    reason      text        NOT NULL,
    sqlstate    text,
    "row"       jsonb,
    record      jsonb,
    raw         bytea,
    batch       uuid,
    page        integer,
    ordinal     integer,
    created_at  timestamptz NOT NULL,
    partial     boolean     NOT NULL DEFAULT false,
    state       text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'superseded')),
    replayed_at timestamptz,
    replayed_by uuid
);
CREATE INDEX ON dataops.quarantine_row (pipeline, step, env, created_at);
CREATE INDEX ON dataops.quarantine_row (pipeline, step, env) WHERE state = 'open';
COMMENT ON TABLE dataops.quarantine_row IS 'What was set aside: row is what the model made, record the landed record it came from, raw the bytes that jsonb cannot hold; partial: other rows of that record were appended. An open entry becomes replayed when its record was judged anew and passed, superseded when rows of its record were set aside again, in newer entries, or when it came from many records and these were read again.';

CREATE TABLE dataops.check_result (
    id            uuid        PRIMARY KEY,
    run           uuid        NOT NULL,
    step_run      uuid        NOT NULL,
    pipeline      text        NOT NULL,
    env           text        NOT NULL DEFAULT 'prod',
    step          text        NOT NULL,
    target        text        NOT NULL,
    check_name    text        NOT NULL,
    rule          text        NOT NULL,
    on_fail       text        NOT NULL,
    severity      text        NOT NULL,
    verdict       text        NOT NULL CHECK (verdict IN ('passed', 'warned', 'failed', 'accepted', 'error')),
    rows_checked  bigint,
    rows_failed   bigint,
    value         text,
    message       text,
    sample        jsonb,
    created_at    timestamptz NOT NULL,
    accepted_at   timestamptz,
    accepted_by   name,
    accept_reason text
);
CREATE INDEX ON dataops.check_result (run);
COMMENT ON TABLE dataops.check_result IS 'The verdict of every check in every run; sample holds up to ten failing rows.';
