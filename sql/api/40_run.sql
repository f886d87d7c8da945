-- Run and repair.

CREATE OR REPLACE PROCEDURE dataops.run(
    pipeline text,
    env      text        DEFAULT NULL,
    from_ts  timestamptz DEFAULT NULL,
    to_ts    timestamptz DEFAULT NULL,
    steps    text[]      DEFAULT NULL
)
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_run';
COMMENT ON PROCEDURE dataops.run(text, text, timestamptz, timestamptz, text[]) IS
'Runs a pipeline in this session: first what an earlier run left unfinished, then every interval that is due, or what is missing in [from_ts, to_ts) when given. Nothing while a run over the same time waits. Commits as it goes, so it needs to be a statement of its own. Ends in an error that names step and reason, with the hint of the step, when a run failed; the record is already committed.';

CREATE OR REPLACE FUNCTION dataops.start(
    pipeline text,
    env      text        DEFAULT NULL,
    from_ts  timestamptz DEFAULT NULL,
    to_ts    timestamptz DEFAULT NULL,
    steps    text[]      DEFAULT NULL
) RETURNS uuid
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_start';
COMMENT ON FUNCTION dataops.start(text, text, timestamptz, timestamptz, text[]) IS
'Queues what run() would do and starts a background worker for it when this transaction commits. Returns the id of the first run. Without a free worker slot the next tick() does it.';

CREATE OR REPLACE FUNCTION dataops._plan_ranges(pipeline text, env text, OUT run integer, OUT from_ts timestamptz, OUT to_ts timestamptz)
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'dataops__plan_ranges';
COMMENT ON FUNCTION dataops._plan_ranges(text, text) IS 'The time ranges that run() would do now.';

CREATE OR REPLACE FUNCTION dataops._plan_steps(pipeline text, env text, OUT "position" integer, OUT step text, OUT kind text, OUT target text, OUT after text[])
RETURNS SETOF record LANGUAGE C AS 'MODULE_PATHNAME', 'dataops__plan_steps';
COMMENT ON FUNCTION dataops._plan_steps(text, text) IS 'The order in which run() would do the steps.';

CREATE OR REPLACE FUNCTION dataops.plan(pipeline text, env text DEFAULT NULL)
RETURNS TABLE (run integer, from_ts timestamptz, to_ts timestamptz, "position" integer, step text, kind text, target text, after text[])
LANGUAGE sql
BEGIN ATOMIC
    SELECT r.run, r.from_ts, r.to_ts, s."position", s.step, s.kind, s.target, s.after
    FROM dataops._plan_steps(pipeline, env) s
    LEFT JOIN dataops._plan_ranges(pipeline, env) r ON true
    ORDER BY r.run, s."position";
END;
COMMENT ON FUNCTION dataops.plan(text, text) IS 'What run() would do now: each range that is due with the steps in their order. run and its range are null when nothing is due.';

CREATE OR REPLACE PROCEDURE dataops.wait(run_id uuid, timeout interval DEFAULT '1 hour')
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_wait';
COMMENT ON PROCEDURE dataops.wait(uuid, interval) IS 'Returns when the run has succeeded; an error when it failed, was cancelled, or has not ended in time.';

CREATE OR REPLACE FUNCTION dataops.cancel(run_id uuid) RETURNS boolean
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_cancel';
COMMENT ON FUNCTION dataops.cancel(uuid) IS 'Stops a run within a second, or keeps a queued one from starting. A failed run that holds its pipeline, or that the next one would go on with because it landed a part of its records, is given up. False when it has ended already.';

CREATE OR REPLACE FUNCTION dataops.retry(run_id uuid, version text DEFAULT 'current', from_step text DEFAULT NULL) RETURNS uuid
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_retry';
COMMENT ON FUNCTION dataops.retry(uuid, text, text) IS 'Goes on with a run where it failed, with the definitions as they are now (current) or as they were (same); from_step does that step and all after it again, but append and merge models take in new batches only. Nothing of a run that has succeeded is done again without it. A background worker begins when this transaction commits.';

CREATE OR REPLACE FUNCTION dataops.skip_step(run_id uuid, step text, reason text) RETURNS text
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_skip_step';
COMMENT ON FUNCTION dataops.skip_step(uuid, text, text) IS 'Lets a step of a failed run count as done, so that retry() goes on after it. Audited.';

CREATE OR REPLACE PROCEDURE dataops.tick(now timestamptz DEFAULT NULL)
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_tick';
COMMENT ON PROCEDURE dataops.tick(timestamptz) IS 'The clock: starts what is due, retries what waited, resumes what died. To be called each minute, by pg_cron (schedule() sees to it) or anything else.';

CREATE OR REPLACE FUNCTION dataops.schedule(pipeline text, env text DEFAULT NULL) RETURNS timestamptz
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_schedule';
COMMENT ON FUNCTION dataops.schedule(text, text) IS 'Lets tick() start the pipeline by its schedule, and makes sure of the pg_cron job that calls tick(), or says what an administrator must run. Returns the next due time.';

CREATE OR REPLACE FUNCTION dataops.unschedule(pipeline text, env text DEFAULT NULL) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_unschedule';
COMMENT ON FUNCTION dataops.unschedule(text, text) IS 'Takes the pipeline off its schedule. False when it had none.';

CREATE OR REPLACE FUNCTION dataops.pause(pipeline text, env text DEFAULT NULL) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_pause';
COMMENT ON FUNCTION dataops.pause(text, text) IS 'Keeps the schedule but starts nothing until resume().';

CREATE OR REPLACE FUNCTION dataops.resume(pipeline text, env text DEFAULT NULL) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'dataops_resume';
COMMENT ON FUNCTION dataops.resume(text, text) IS 'Ends a pause, and the hold of a failed run with on_failure hold. Intervals missed meanwhile come with the next run. False when the pipeline was neither scheduled nor held.';

REVOKE ALL ON FUNCTION
    dataops.start(text, text, timestamptz, timestamptz, text[]),
    dataops._plan_ranges(text, text),
    dataops._plan_steps(text, text),
    dataops.plan(text, text),
    dataops.cancel(uuid),
    dataops.retry(uuid, text, text),
    dataops.skip_step(uuid, text, text),
    dataops.schedule(text, text),
    dataops.unschedule(text, text),
    dataops.pause(text, text),
    dataops.resume(text, text)
FROM PUBLIC;
REVOKE ALL ON PROCEDURE
    dataops.run(text, text, timestamptz, timestamptz, text[]),
    dataops.wait(uuid, interval),
    dataops.tick(timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    dataops.start(text, text, timestamptz, timestamptz, text[]),
    dataops._plan_ranges(text, text),
    dataops._plan_steps(text, text),
    dataops.plan(text, text),
    dataops.cancel(uuid),
    dataops.retry(uuid, text, text),
    dataops.skip_step(uuid, text, text),
    dataops.schedule(text, text),
    dataops.unschedule(text, text),
    dataops.pause(text, text),
    dataops.resume(text, text)
TO @extowner@ WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE
    dataops.run(text, text, timestamptz, timestamptz, text[]),
    dataops.wait(uuid, interval),
    dataops.tick(timestamptz)
TO @extowner@ WITH GRANT OPTION;
