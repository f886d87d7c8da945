-- Quarantined rows once more.

CREATE OR REPLACE FUNCTION dataops.replay_quarantine(
    pipeline text,
    step     text,
    from_ts  timestamptz DEFAULT '-infinity',
    to_ts    timestamptz DEFAULT 'infinity'
) RETURNS bigint
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_replay_quarantine';
COMMENT ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) IS
'Sends the raw records of a model''s quarantined rows (set aside from from_ts to before to_ts) through the model and the rules as they are now. Rows that pass land in the target, without replacing what changed there since; returns how many left quarantine. Audited.';

REVOKE ALL ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) TO @extowner@ WITH GRANT OPTION;
