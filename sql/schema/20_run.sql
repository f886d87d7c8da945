-- What ran.  State is in these logged tables; whether somebody works on it is told by session locks (docs/design.md).

CREATE TABLE dataops.run (
    id               uuid        PRIMARY KEY,
    pipeline         text        NOT NULL,
    env              text        NOT NULL DEFAULT 'prod',
    scheduled_for    timestamptz,
    from_ts          timestamptz NOT NULL,
    to_ts            timestamptz NOT NULL,
    steps            text[],
    definitions      uuid[]      NOT NULL,
    owner            regrole     NOT NULL,
    requested_by     name        NOT NULL,
    state            text        NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
    claim            integer     NOT NULL DEFAULT 0,
    resumes          integer     NOT NULL DEFAULT 0,
    cancel_requested boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    next_attempt_at  timestamptz,
    redo             text[],
    redo_claim       integer     NOT NULL DEFAULT 0,
    holds            boolean     NOT NULL DEFAULT false,
    failed_step      text,
    error            text,
    hint             text,
    sqlstate         text,
    UNIQUE (pipeline, env, scheduled_for)
);
CREATE INDEX ON dataops.run (pipeline, env, id);
CREATE INDEX ON dataops.run (state) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX ON dataops.run (pipeline, env) WHERE holds;
CREATE TRIGGER guard_owner BEFORE INSERT OR UPDATE OF owner ON dataops.run FOR EACH ROW EXECUTE FUNCTION dataops._guard_owner();
COMMENT ON TABLE dataops.run IS 'One execution of a pipeline over [from_ts, to_ts). definitions are the versions it runs; claim rises with every takeover; steps in redo count as done only by attempts after redo_claim; a failed run that holds keeps its pipeline still until a person acts.';

CREATE TABLE dataops.step_run (
    id               uuid        PRIMARY KEY,
    run              uuid        NOT NULL REFERENCES dataops.run (id) ON DELETE CASCADE,
    step             text        NOT NULL,
    shard            text        NOT NULL DEFAULT '',
    attempt          integer     NOT NULL,
    kind             text        NOT NULL,
    definition       uuid,
    target           text,
    state            text        NOT NULL CHECK (state IN ('running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped', 'interrupted')),
    claim            integer     NOT NULL,
    started_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    next_attempt_at  timestamptz,
    rows_in          bigint,
    rows_out         bigint,
    rows_quarantined bigint,
    bytes            bigint,
    changed_from     timestamptz,
    changed_to       timestamptz,
    error            text,
    hint             text,
    sqlstate         text,
    note             text,
    UNIQUE (run, step, shard, attempt)
);
CREATE INDEX ON dataops.step_run (target) WHERE state = 'succeeded' AND changed_from IS NOT NULL;
COMMENT ON TABLE dataops.step_run IS 'One attempt of one step in one run. [changed_from, changed_to) is the time range of the rows a model wrote; note says what a reader should know of an attempt, however it ended.';

CREATE TABLE dataops.interval (
    pipeline text        NOT NULL,
    env      text        NOT NULL DEFAULT 'prod',
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL,
    run      uuid        NOT NULL,
    done_at  timestamptz NOT NULL,
    PRIMARY KEY (pipeline, env, start_at, run)
);
COMMENT ON TABLE dataops.interval IS 'The time ranges [start_at, end_at) that are done, one row per successful run; what is missing is what no row covers.';

CREATE TABLE dataops.consumed (
    pipeline text NOT NULL,
    step     text NOT NULL,
    env      text NOT NULL DEFAULT 'prod',
    input    uuid NOT NULL,
    run      uuid NOT NULL,
    PRIMARY KEY (pipeline, step, env, input)
);
COMMENT ON TABLE dataops.consumed IS 'Which inputs (batches of a source, step runs of a model before it) an incremental step has taken in.';

CREATE TABLE dataops.intent (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('object')),
    run         uuid        NOT NULL,
    step_run    uuid        NOT NULL,
    server      text        NOT NULL,
    name        text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('open', 'done', 'removed', 'left')),
    created_at  timestamptz NOT NULL,
    resolved_at timestamptz,
    bytes       bigint,
    crc32c      text
);
CREATE INDEX ON dataops.intent (state) WHERE state = 'open';
COMMENT ON TABLE dataops.intent IS 'An effect outside the database, committed before it happens; a dead attempt''s effects are found and removed by it.';
