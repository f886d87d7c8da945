-- What a person reads.  Every view shows what belongs to a role whose rights the reader has.  Operators, who run
-- and repair all pipelines, see all of them; administrators also see what everybody did.  Views about
-- runs begin with the same twelve columns: run_id, pipeline, env, step, state, started_at, took, rows_in, rows_out, rows_quarantined,
-- error, hint.  A view runs the functions it calls as its reader, so the readers may execute these.  OFFSET 0: the state is looked up once
-- a row, not once for each column that depends on it.

CREATE OR REPLACE FUNCTION dataops._may_see(owner regrole, level text) RETURNS boolean
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'dataops__may_see';
COMMENT ON FUNCTION dataops._may_see(regrole, text) IS 'Does the current user have the rights of this role, or this level of dataops? Of a null role, only who has the level.';

CREATE OR REPLACE FUNCTION dataops._lock_key(pipeline text, env text) RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dataops__lock_key';
COMMENT ON FUNCTION dataops._lock_key(text, text) IS 'The advisory lock that who works on a pipeline holds: classid and objid of pg_locks are its halves.';

CREATE OR REPLACE FUNCTION dataops._running_state(pipeline text, env text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN CASE WHEN EXISTS (
    SELECT FROM pg_catalog.pg_locks l, dataops._lock_key(pipeline, env) AS key
    WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.objsubid OPERATOR(pg_catalog.=) 3 AND l.granted
      AND l.classid OPERATOR(pg_catalog.=) ((key OPERATOR(pg_catalog.>>) 32) OPERATOR(pg_catalog.&) 4294967295)::oid
      AND l.objid OPERATOR(pg_catalog.=) (key OPERATOR(pg_catalog.&) 4294967295)::oid
      AND l.database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d
                                             WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
) THEN 'running' ELSE 'interrupted' END;
COMMENT ON FUNCTION dataops._running_state(text, text) IS 'What "running" in the ledger means now: running, or interrupted when nobody holds the pipeline''s lock.';

CREATE OR REPLACE FUNCTION dataops._cron_next(cron text, timezone text, after timestamptz, count integer) RETURNS timestamptz[]
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dataops__cron_next';
COMMENT ON FUNCTION dataops._cron_next(text, text, timestamptz, integer) IS 'The next due times of a schedule after a time; fewer when none comes within five years.';

CREATE OR REPLACE FUNCTION dataops._due_until(spec jsonb, now timestamptz) RETURNS timestamptz
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'dataops__due_until';
COMMENT ON FUNCTION dataops._due_until(jsonb, timestamptz) IS 'The end of the last interval of a pipeline that is due; null without "every".';

CREATE OR REPLACE FUNCTION dataops._elapsed(state text, started_at timestamptz, finished_at timestamptz) RETURNS interval
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN CASE WHEN state OPERATOR(pg_catalog.=) 'running' THEN pg_catalog.clock_timestamp() ELSE finished_at END
       OPERATOR(pg_catalog.-) started_at;
COMMENT ON FUNCTION dataops._elapsed(text, timestamptz, timestamptz) IS 'How long something took, or takes so far; null when its end is unknown.';

CREATE OR REPLACE VIEW dataops.runs WITH (security_barrier) AS
SELECT r.id AS run_id, r.pipeline, r.env,
       coalesce(r.failed_step, (SELECT s.step FROM dataops.step_run s WHERE s.run = r.id AND s.state IN ('running', 'waiting')
                                ORDER BY s.id DESC LIMIT 1)) AS step,
       shown.state,
       r.started_at,
       dataops._elapsed(shown.state, r.started_at, r.finished_at) AS took,
       done.rows_in, done.rows_out, done.rows_quarantined,
       CASE shown.state WHEN 'interrupted' THEN 'the process that worked on it has ended' ELSE r.error END AS error,
       CASE shown.state
           WHEN 'interrupted' THEN 'CALL dataops.tick()'
           WHEN 'failed' THEN coalesce(r.hint, format('SELECT dataops.retry(%L)', r.id))
           ELSE r.hint
       END AS hint,
       r.from_ts, r.to_ts, r.scheduled_for, r.created_at, r.finished_at, r.next_attempt_at,
       r.steps AS only_steps, r.requested_by, r.owner, r.resumes, r.cancel_requested, r.sqlstate, done.note
FROM dataops.run r
CROSS JOIN LATERAL (
    SELECT CASE r.state WHEN 'running' THEN dataops._running_state(r.pipeline, r.env) ELSE r.state END AS state OFFSET 0
) shown
CROSS JOIN LATERAL (
    SELECT sum(part.rows_in)::bigint AS rows_in, sum(part.rows_out)::bigint AS rows_out, sum(part.rows_quarantined)::bigint AS rows_quarantined,
           string_agg(part.note, E'\n' ORDER BY part.note) AS note
    FROM (
        -- an attempt of a fetch tells what the run has landed by then, the ones before it included
        SELECT CASE s.kind WHEN 'fetch' THEN max(s.rows_in) ELSE sum(s.rows_in) END AS rows_in,
               CASE s.kind WHEN 'fetch' THEN max(s.rows_out) ELSE sum(s.rows_out) END AS rows_out,
               CASE s.kind WHEN 'fetch' THEN max(s.rows_quarantined) ELSE sum(s.rows_quarantined) END AS rows_quarantined,
               string_agg(DISTINCT concat(s.step, ': ', s.note), E'\n') FILTER (WHERE s.note IS NOT NULL) AS note
        FROM dataops.step_run s
        WHERE s.run = r.id AND (s.state IN ('succeeded', 'waiting') OR s.kind = 'fetch')
        GROUP BY s.step, s.kind
    ) part
) done
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.runs IS 'Every execution of a pipeline.';
COMMENT ON COLUMN dataops.runs.step IS 'The step that failed, else the one in work.';
COMMENT ON COLUMN dataops.runs.state IS 'queued, running, waiting, succeeded, failed, cancelled, or interrupted: the process ended first, tick() goes on from there.';
COMMENT ON COLUMN dataops.runs.took IS 'From the first start to the end, or so far.';
COMMENT ON COLUMN dataops.runs.rows_in IS 'Rows read by all steps together, as far as they were kept.';
COMMENT ON COLUMN dataops.runs.rows_out IS 'Rows written by all steps together, as far as they were kept.';
COMMENT ON COLUMN dataops.runs.hint IS 'What to do next, often a statement to run.';
COMMENT ON COLUMN dataops.runs.from_ts IS 'The run is about the times [from_ts, to_ts).';
COMMENT ON COLUMN dataops.runs.only_steps IS 'The steps asked for; null when all.';
COMMENT ON COLUMN dataops.runs.resumes IS 'How often it was taken up again after its process had ended.';
COMMENT ON COLUMN dataops.runs.note IS 'What its steps left to know although they may have succeeded, one line a step: such as records that may be missing.';

CREATE OR REPLACE VIEW dataops.step_runs WITH (security_barrier) AS
SELECT s.run AS run_id, r.pipeline, r.env, s.step,
       shown.state,
       s.started_at,
       dataops._elapsed(shown.state, s.started_at, s.finished_at) AS took,
       s.rows_in, s.rows_out, s.rows_quarantined,
       CASE WHEN shown.state = 'interrupted' THEN 'the process that worked on it has ended'
            WHEN shown.state <> 'skipped' THEN s.error END AS error,
       CASE shown.state WHEN 'skipped' THEN s.error ELSE s.hint END AS hint,
       s.id AS step_run_id, s.attempt, s.shard, s.kind, s.target, s.bytes, s.changed_from, s.changed_to,
       s.finished_at, s.next_attempt_at, s.definition, s.sqlstate, s.note
FROM dataops.step_run s
JOIN dataops.run r ON r.id = s.run
CROSS JOIN LATERAL (
    SELECT CASE s.state WHEN 'running' THEN dataops._running_state(r.pipeline, r.env) ELSE s.state END AS state OFFSET 0
) shown
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.step_runs IS 'Every attempt of every step.';
COMMENT ON COLUMN dataops.step_runs.hint IS 'What to do next; why, when it was skipped.';
COMMENT ON COLUMN dataops.step_runs.changed_from IS 'The rows it wrote are about the times [changed_from, changed_to).';
COMMENT ON COLUMN dataops.step_runs.note IS 'What to know of it although it may have succeeded: where a source stopped at its page cap.';

CREATE OR REPLACE VIEW dataops.requests WITH (security_barrier) AS
SELECT q.run AS run_id, r.pipeline, r.env, s.step,
       CASE WHEN q.problem IS NULL AND q.status < 400 THEN 'succeeded' ELSE 'failed' END AS state,
       q.started_at,
       make_interval(secs => q.took_ms / 1000.0) AS took,
       NULL::bigint AS rows_in, NULL::bigint AS rows_out, NULL::bigint AS rows_quarantined,
       q.problem AS error, NULL::text AS hint,
       q.id AS request_id, q.step_run AS step_run_id, q.attempt, q.method, q.url, q.status, q.bytes
FROM dataops.request q
LEFT JOIN dataops.run r ON r.id = q.run
LEFT JOIN dataops.step_run s ON s.id = q.step_run
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.requests IS 'Every HTTP request that a run made, failed ones too, without secrets and values of parameters.';

CREATE OR REPLACE VIEW dataops.pages WITH (security_barrier) AS
SELECT b.run AS run_id, r.pipeline, b.env, s.step,
       'succeeded'::text AS state,
       p.received_at AS started_at,
       NULL::interval AS took,
       p.records AS rows_in, p.records AS rows_out, NULL::bigint AS rows_quarantined,
       NULL::text AS error, NULL::text AS hint,
       b.source, p.shard, p.batch, p.page, p.url, p.status, p.headers, p.bytes, p.crc32c, b.created_at, b.landed_at,
       b.archive, b.object, b.object_bytes
FROM dataops.page p
JOIN dataops.batch b ON b.id = p.batch
LEFT JOIN dataops.run r ON r.id = b.run
LEFT JOIN dataops.step_run s ON s.id = b.step_run
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.pages IS 'Every page that landed, the batch it landed with and the archive object that holds it.';
COMMENT ON COLUMN dataops.pages.crc32c IS 'Of the body as it was after inflating.';
COMMENT ON COLUMN dataops.pages.object IS 'The archived batch, in the store named by archive.';

CREATE OR REPLACE VIEW dataops.check_results WITH (security_barrier) AS
SELECT c.run AS run_id, c.pipeline, c.env, c.step,
       c.verdict AS state,
       c.created_at AS started_at,
       NULL::interval AS took,
       c.rows_checked AS rows_in, NULL::bigint AS rows_out,
       CASE c.on_fail WHEN 'quarantine' THEN c.rows_failed END AS rows_quarantined,
       CASE WHEN c.verdict IN ('failed', 'warned', 'error') THEN coalesce(c.message, c.rule) END AS error,
       CASE WHEN c.verdict IN ('failed', 'error') AND c.on_fail = 'stop' AND r.state <> 'succeeded'
            THEN format('SELECT dataops.accept_check(%L, %L, ''reason'')', c.run, c.check_name) END AS hint,
       c.id AS check_result_id, c.step_run AS step_run_id, c.target, c.check_name, c.rule, c.on_fail, c.severity,
       c.rows_checked, c.rows_failed, c.value, c.message, c.sample, c.accepted_at, c.accepted_by, c.accept_reason
FROM dataops.check_result c
LEFT JOIN dataops.run r ON r.id = c.run
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.check_results IS 'The verdict of every check in every run.';
COMMENT ON COLUMN dataops.check_results.state IS 'passed, warned, failed, accepted or error (the rule itself could not be run).';
COMMENT ON COLUMN dataops.check_results.sample IS 'Up to ten failing rows.';

CREATE OR REPLACE VIEW dataops.quarantine WITH (security_barrier) AS
SELECT q.run AS run_id, q.pipeline, q.env, q.step,
       q.state,
       q.created_at AS started_at,
       NULL::interval AS took,
       NULL::bigint AS rows_in, NULL::bigint AS rows_out, 1::bigint AS rows_quarantined,
       q.reason AS error,
       CASE q.state WHEN 'open' THEN format('SELECT dataops.replay_quarantine(%L, %L)', q.pipeline, q.step) END AS hint,
       q.id AS quarantine_id, q.step_run AS step_run_id, q.source, q.target, q.check_name, q.rule, q.sqlstate,
       q."row", q.record, q.raw, q.batch, q.page, q.ordinal, q.created_at, q.replayed_at, q.replayed_by, q.partial
FROM dataops.quarantine_row q
LEFT JOIN dataops.run r ON r.id = q.run
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.quarantine IS 'What was set aside: records that could not land and rows that failed a rule.';
COMMENT ON COLUMN dataops.quarantine.state IS 'open; replayed: it was judged anew and passed; superseded: rows of its record are in newer entries, or it came from many records and these were read again.';
COMMENT ON COLUMN dataops.quarantine."row" IS 'What the model made.';
COMMENT ON COLUMN dataops.quarantine.record IS 'The landed record it came from.';
COMMENT ON COLUMN dataops.quarantine.replayed_by IS 'The run that judged it anew: a replay, or one that made the window or the table again.';
COMMENT ON COLUMN dataops.quarantine.partial IS 'Other rows of its record were appended to the target.';
COMMENT ON COLUMN dataops.quarantine.raw IS 'The bytes as received, where jsonb cannot hold them.';

CREATE OR REPLACE VIEW dataops.exports WITH (security_barrier) AS
SELECT e.run AS run_id, e.pipeline, e.env, e.step,
       shown.state,
       e.created_at AS started_at,
       dataops._elapsed(shown.state, e.created_at, e.finished_at) AS took,
       CASE WHEN e.state <> 'encoding' THEN e.rows END AS rows_in,
       CASE e.state WHEN 'done' THEN e.rows ELSE 0 END AS rows_out, NULL::bigint AS rows_quarantined,
       CASE WHEN e.state <> 'done' THEN s.error END AS error,
       CASE WHEN e.finished_at IS NULL AND shown.state <> 'running' THEN 'the next run of the step finishes it or takes it back' END AS hint,
       e.id AS export_id, e.step_run AS step_run_id, e.load AS load_id, e.relation, e.server, e.folder, e.format, e.compression,
       CASE WHEN e.state <> 'encoding' THEN e.bytes END AS bytes, parts.number AS parts, parts.files, e.columns, e.created_at, e.finished_at
FROM dataops.export e
LEFT JOIN dataops.run r ON r.id = e.run
LEFT JOIN dataops.step_run s ON s.id = e.step_run
CROSS JOIN LATERAL (
    SELECT CASE e.state WHEN 'done' THEN 'succeeded' WHEN 'removed' THEN 'removed'
           ELSE CASE s.state WHEN 'running' THEN dataops._running_state(e.pipeline, e.env) ELSE coalesce(s.state, 'interrupted') END
           END AS state OFFSET 0
) shown
CROSS JOIN LATERAL (
    SELECT count(*) AS number, jsonb_agg(jsonb_build_object('name', p.name, 'rows', p.rows, 'bytes', p.bytes, 'crc32c', p.crc32c,
                                                            'generation', p.generation) ORDER BY p.part) AS files
    FROM dataops.export_part p WHERE p.export = e.id
) parts
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.exports IS 'Every set of files written to an object store: by exports, and for loads.';
COMMENT ON COLUMN dataops.exports.state IS 'succeeded; removed: a broken attempt whose files were taken back; else the state of the attempt in work or left.';
COMMENT ON COLUMN dataops.exports.load_id IS 'The load that the files were written for; null for an export.';
COMMENT ON COLUMN dataops.exports.rows_in IS 'Rows read; null, as are bytes and files, before all are read.';
COMMENT ON COLUMN dataops.exports.folder IS 'Where the files and their manifest.json lie, below the prefix of the server.';
COMMENT ON COLUMN dataops.exports.files IS 'Name, rows, bytes, CRC32C and the store''s generation of each file.';

CREATE OR REPLACE VIEW dataops.loads WITH (security_barrier) AS
SELECT l.run AS run_id, l.pipeline, l.env, l.step,
       shown.state,
       l.created_at AS started_at,
       dataops._elapsed(shown.state, l.created_at, l.finished_at) AS took,
       l.rows AS rows_in, l.rows_loaded AS rows_out, NULL::bigint AS rows_quarantined,
       coalesce(l.error, CASE WHEN l.state <> 'done' AND l.finished_at IS NULL THEN s.error END) AS error,
       CASE WHEN l.finished_at IS NULL AND shown.state <> 'running' THEN 'the next run of the step asks the warehouse what became of it'
            WHEN l.state = 'loaded' THEN 'it waits on the staging side for the step of add_promote()'
            WHEN l.state = 'failed' THEN 'the next load begins anew, from what production has' END AS hint,
       l.id AS load_id, l.step_run AS step_run_id, l.relation, l.server, l.target, l.mode, l.name, l.bytes, l.expected,
       l.job, l.publish_job, l.bytes_billed, l.created_at, l.loaded_at, l.finished_at
FROM dataops.load l
LEFT JOIN dataops.run r ON r.id = l.run
LEFT JOIN dataops.step_run s ON s.id = l.step_run
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.state = 'done' THEN 'succeeded' WHEN l.finished_at IS NOT NULL THEN l.state
           WHEN s.state = 'running' THEN dataops._running_state(l.pipeline, l.env) ELSE coalesce(s.state, 'interrupted') END AS state OFFSET 0
) shown
WHERE dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.loads IS 'Every load of rows into a table of a warehouse.';
COMMENT ON COLUMN dataops.loads.state IS 'succeeded; loaded: on the staging side, to be published; failed: it is definitely not there; removed: taken back before it was published; else the state of the attempt in work or left.';
COMMENT ON COLUMN dataops.loads.rows_in IS 'Rows read from the relation.';
COMMENT ON COLUMN dataops.loads.rows_out IS 'Those of them that are in the warehouse; null as long as that is not known.';
COMMENT ON COLUMN dataops.loads.target IS 'The table within the warehouse.';
COMMENT ON COLUMN dataops.loads.name IS 'What the load is called in the warehouse.';
COMMENT ON COLUMN dataops.loads.expected IS 'The values that the warehouse must have, by expression.';
COMMENT ON COLUMN dataops.loads.job IS 'The warehouse''s name of the work; publish_job is that of the publication.';
COMMENT ON COLUMN dataops.loads.bytes_billed IS 'What the warehouse charges for, as far as it says.';

CREATE OR REPLACE VIEW dataops.progress WITH (security_barrier) AS
SELECT s.run AS run_id, r.pipeline, r.env, s.step,
       shown.state,
       s.started_at,
       clock_timestamp() - s.started_at AS took,
       coalesce(s.rows_in, landed.records) AS rows_in, coalesce(s.rows_out, landed.records) AS rows_out,
       coalesce(s.rows_quarantined, landed.quarantined) AS rows_quarantined,
       s.error, s.hint,
       s.attempt, s.kind, s.target, landed.batches, landed.pages, landed.bytes,
       round(landed.records / greatest(extract(epoch FROM landed.last_at - s.started_at), 0.001), 1) AS rows_per_second,
       landed.last_at AS last_commit_at,
       s.next_attempt_at AS waiting_until
FROM dataops.run r
JOIN dataops.step_run s ON s.run = r.id AND s.state IN ('running', 'waiting')
CROSS JOIN LATERAL (
    SELECT CASE s.state WHEN 'running' THEN dataops._running_state(r.pipeline, r.env) ELSE s.state END AS state OFFSET 0
) shown
CROSS JOIN LATERAL (
    SELECT count(*) AS batches, sum(b.pages)::bigint AS pages, sum(b.records)::bigint AS records,
           sum(b.quarantined)::bigint AS quarantined, sum(b.bytes)::bigint AS bytes, max(b.landed_at) AS last_at
    FROM dataops.batch b WHERE b.run = r.id AND b.step_run = s.id
) landed
WHERE r.state IN ('running', 'waiting') AND dataops._may_see(r.owner, 'operator')
  AND NOT EXISTS (SELECT FROM dataops.step_run later WHERE later.run = s.run AND later.step = s.step AND later.shard = s.shard
                  AND later.attempt > s.attempt);
COMMENT ON VIEW dataops.progress IS 'The steps in work: what they have committed so far, readable while they run.';
COMMENT ON COLUMN dataops.progress.batches IS 'Batches of pages that have landed for good.';
COMMENT ON COLUMN dataops.progress.rows_per_second IS 'From the start of the step to its last commit.';
COMMENT ON COLUMN dataops.progress.waiting_until IS 'When the next attempt is due.';

CREATE OR REPLACE VIEW dataops.failures WITH (security_barrier) AS
SELECT r.id AS run_id, r.pipeline, r.env,
       coalesce(r.failed_step, broken.step) AS step,
       shown.state,
       r.started_at,
       dataops._elapsed(shown.state, r.started_at, r.finished_at) AS took,
       broken.rows_in, broken.rows_out, broken.rows_quarantined,
       CASE shown.state WHEN 'interrupted' THEN 'the process that worked on it has ended'
            ELSE coalesce(broken.error, r.error) END AS error,
       CASE WHEN verdict.check_name IS NOT NULL
            THEN format('Mend the data or the model first, or accept it: SELECT dataops.accept_check(%L, %L, ''reason'')',
                        r.id, verdict.check_name)
            ELSE coalesce(broken.hint, r.hint) END AS hint,
       verdict.check_name, verdict.rule,
       coalesce(CASE jsonb_typeof(verdict.sample) WHEN 'array' THEN verdict.sample -> 0 ELSE verdict.sample END,
                aside.sample) AS sample,
       CASE shown.state WHEN 'interrupted' THEN 'CALL dataops.tick()'
            ELSE format('SELECT dataops.retry(%L)', r.id) END AS next_statement
FROM dataops.deployment p
JOIN LATERAL (
    SELECT latest.* FROM dataops.run latest
    WHERE latest.pipeline = p.object AND latest.env = p.env AND latest.state <> 'cancelled'
      AND NOT (latest.state = 'succeeded' AND latest.steps IS NOT NULL)
    ORDER BY latest.id DESC LIMIT 1
) r ON r.state IN ('failed', 'running')
CROSS JOIN LATERAL (
    SELECT CASE r.state WHEN 'running' THEN dataops._running_state(r.pipeline, r.env) ELSE r.state END AS state OFFSET 0
) shown
LEFT JOIN LATERAL (
    SELECT s.* FROM dataops.step_run s
    WHERE s.run = r.id AND s.state IN ('failed', 'interrupted', 'running') AND (r.failed_step IS NULL OR s.step = r.failed_step)
    ORDER BY s.id DESC LIMIT 1
) broken ON true
LEFT JOIN LATERAL (
    SELECT c.check_name, c.rule, c.sample FROM dataops.check_result c
    WHERE c.step_run = broken.id AND c.run = r.id AND c.on_fail = 'stop' AND c.verdict IN ('failed', 'error')
    ORDER BY c.id LIMIT 1
) verdict ON true
LEFT JOIN LATERAL (
    SELECT coalesce(q."row", q.record) AS sample FROM dataops.quarantine_row q
    WHERE q.pipeline = r.pipeline AND q.step = broken.step AND q.env = r.env AND q.run = r.id
    ORDER BY q.id LIMIT 1
) aside ON true
WHERE p.kind = 'pipeline' AND shown.state IN ('failed', 'interrupted') AND dataops._may_see(r.owner, 'operator');
COMMENT ON VIEW dataops.failures IS 'Open failures: pipelines whose latest run failed or was interrupted, and the statement to run next.';
COMMENT ON COLUMN dataops.failures.check_name IS 'The check that stopped it.';
COMMENT ON COLUMN dataops.failures.sample IS 'One row that failed the check or was set aside.';
COMMENT ON COLUMN dataops.failures.next_statement IS 'The statement that goes on from there.';

CREATE OR REPLACE VIEW dataops.schedules WITH (security_barrier) AS
SELECT last.id AS run_id, s.pipeline, s.env,
       last.failed_step AS step,
       shown.state,
       last.started_at,
       dataops._elapsed(shown.state, last.started_at, last.finished_at) AS took,
       NULL::bigint AS rows_in, NULL::bigint AS rows_out, NULL::bigint AS rows_quarantined,
       last.error, last.hint,
       CASE WHEN EXISTS (SELECT FROM dataops.run h WHERE h.holds AND h.pipeline = s.pipeline AND h.env = s.env) THEN 'held' ELSE s.state END AS schedule_state,
       s.cron, s.timezone, s.next_at,
       CASE s.state WHEN 'active' THEN dataops._cron_next(s.cron, s.timezone, clock_timestamp(), 3) END AS next_times,
       CASE WHEN s.state = 'active' AND s.next_at < clock_timestamp() - interval '2 minutes'
            THEN clock_timestamp() - s.next_at END AS overdue_by,
       s.last_at, s.scheduled_by, d.owner
FROM dataops.schedule s
LEFT JOIN dataops.deployment p ON p.kind = 'pipeline' AND p.object = s.pipeline AND p.env = s.env
LEFT JOIN dataops.definition d ON d.id = p.definition
LEFT JOIN LATERAL (
    SELECT r.* FROM dataops.run r WHERE r.pipeline = s.pipeline AND r.env = s.env ORDER BY r.id DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT CASE last.state WHEN 'running' THEN dataops._running_state(s.pipeline, s.env) ELSE last.state END AS state OFFSET 0
) shown ON true
WHERE dataops._may_see(d.owner, 'operator');
COMMENT ON VIEW dataops.schedules IS 'Which pipeline starts when; the leading columns tell of its last run.';
COMMENT ON COLUMN dataops.schedules.state IS 'State of the last run; that of the schedule is schedule_state: active, paused, or held by a failed run with on_failure hold.';
COMMENT ON COLUMN dataops.schedules.next_at IS 'The due time that tick() takes up next; in the past when the clock is late.';
COMMENT ON COLUMN dataops.schedules.overdue_by IS 'How late the next start is; null when it is not.';

CREATE OR REPLACE VIEW dataops.freshness WITH (security_barrier) AS
SELECT last.run AS run_id, d.pipeline, p.env, d.object AS step,
       last.state,
       last.started_at,
       dataops._elapsed(last.state, last.started_at, last.finished_at) AS took,
       written.rows_in, written.rows_out, written.rows_quarantined,
       last.error, last.hint,
       d.spec ->> 'kind' AS kind,
       coalesce(d.spec ->> 'target', d.spec ->> 'source') AS target,
       last.finished_at AS checked_at,
       written.finished_at AS last_success_at,
       clock_timestamp() - written.finished_at AS age,
       written.changed_to AS data_until
FROM dataops.deployment p
JOIN dataops.definition d ON d.id = p.definition
LEFT JOIN LATERAL (
    SELECT s.* FROM dataops.run r JOIN dataops.step_run s ON s.run = r.id AND s.step = d.object
    WHERE r.pipeline = d.pipeline AND r.env = p.env AND s.state IN ('succeeded', 'skipped', 'failed')
    ORDER BY r.id DESC, s.attempt DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT s.* FROM dataops.run r JOIN dataops.step_run s ON s.run = r.id AND s.step = d.object
    WHERE r.pipeline = d.pipeline AND r.env = p.env AND s.state = 'succeeded'
    ORDER BY r.id DESC, s.attempt DESC LIMIT 1
) written ON true
WHERE p.kind = 'step' AND dataops._may_see(d.owner, 'operator');
COMMENT ON VIEW dataops.freshness IS 'How old each target and each source''s raw table is.';
COMMENT ON COLUMN dataops.freshness.state IS 'How the last attempt ended; skipped means that there was nothing new.';
COMMENT ON COLUMN dataops.freshness.checked_at IS 'The end of the last attempt, with news or without.';
COMMENT ON COLUMN dataops.freshness.last_success_at IS 'When rows were last written; age counts from then.';
COMMENT ON COLUMN dataops.freshness.data_until IS 'The end of the time range of the rows written last, where the model has a time column.';

CREATE OR REPLACE VIEW dataops.intervals WITH (security_barrier) AS
SELECT d.object AS pipeline, p.env, part.state, lower(part.span) AS from_ts, upper(part.span) AS to_ts
FROM dataops.deployment p
JOIN dataops.definition d ON d.id = p.definition
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(i.start_at, i.end_at)), '{}') AS ranges, min(i.start_at) AS first
    FROM dataops.interval i WHERE i.pipeline = d.object AND i.env = p.env AND i.start_at < i.end_at
) done
CROSS JOIN LATERAL (
    SELECT coalesce((d.spec ->> 'start_at')::timestamptz, done.first) AS start_at,
           dataops._due_until(d.spec, clock_timestamp()) AS end_at
) wanted
CROSS JOIN LATERAL (
    SELECT 'done'::text AS state, unnest(done.ranges) AS span
    UNION ALL
    SELECT 'missing', unnest(tstzmultirange(tstzrange(wanted.start_at, wanted.end_at)) - done.ranges)
    WHERE wanted.start_at < wanted.end_at
) part
WHERE p.kind = 'pipeline' AND d.spec ->> 'every' IS NOT NULL AND dataops._may_see(d.owner, 'operator');
COMMENT ON VIEW dataops.intervals IS 'Of each pipeline with "every": the times [from_ts, to_ts) that are done and those that are missing up to now.';
COMMENT ON COLUMN dataops.intervals.state IS 'done or missing.';

CREATE OR REPLACE VIEW dataops.versions WITH (security_barrier) AS
SELECT d.kind, nullif(d.pipeline, '') AS pipeline, d.object, d.version,
       (SELECT array_agg(p.env ORDER BY p.env) FROM dataops.deployment p WHERE p.definition = d.id) AS current_in,
       d.owner, d.created_at, d.created_by, d.hash, d.spec, d.id AS definition
FROM dataops.definition d
WHERE dataops._may_see(d.owner, 'operator');
COMMENT ON VIEW dataops.versions IS 'Every version of every source, pipeline, step and check.';
COMMENT ON COLUMN dataops.versions.current_in IS 'The environments in which this version is the current one; null when it is past.';

CREATE OR REPLACE VIEW dataops.catalog WITH (security_barrier) AS
SELECT d.kind, nullif(d.pipeline, '') AS pipeline, p.env, d.object, p.position, d.version,
       coalesce(d.spec ->> 'target', d.spec ->> 'source') AS target,
       d.owner, d.created_at AS changed_at, d.created_by AS changed_by, d.spec
FROM dataops.deployment p
JOIN dataops.definition d ON d.id = p.definition
WHERE dataops._may_see(d.owner, 'operator');
COMMENT ON VIEW dataops.catalog IS 'What is defined now: sources, pipelines, steps in their order, checks.';
COMMENT ON COLUMN dataops.catalog.object IS 'The name; target/name for a check.';

CREATE OR REPLACE VIEW dataops.audit WITH (security_barrier) AS
SELECT a.at, a.session_role, a.role, a.action, a.object, a.detail, a.id AS audit_id
FROM dataops.audit_entry a
WHERE dataops._may_see(to_regrole(quote_ident(a.role)), 'admin');
COMMENT ON VIEW dataops.audit IS 'Who changed what, without secrets: one''s own acts; an administrator sees everybody''s.';
COMMENT ON COLUMN dataops.audit.session_role IS 'Who was logged in; role is whose rights were used.';

REVOKE ALL ON FUNCTION dataops._may_see(regrole, text), dataops._lock_key(text, text), dataops._running_state(text, text),
    dataops._cron_next(text, text, timestamptz, integer), dataops._due_until(jsonb, timestamptz),
    dataops._elapsed(text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._may_see(regrole, text), dataops._lock_key(text, text), dataops._running_state(text, text),
    dataops._cron_next(text, text, timestamptz, integer), dataops._due_until(jsonb, timestamptz),
    dataops._elapsed(text, timestamptz, timestamptz) TO @extowner@ WITH GRANT OPTION;
GRANT SELECT ON dataops.runs, dataops.step_runs, dataops.requests, dataops.pages, dataops.check_results, dataops.quarantine,
    dataops.exports, dataops.loads, dataops.progress, dataops.failures, dataops.schedules, dataops.freshness, dataops.intervals, dataops.versions, dataops.catalog,
    dataops.audit TO @extowner@ WITH GRANT OPTION;
