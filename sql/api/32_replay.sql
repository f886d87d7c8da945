-- Quarantined rows once more.

CREATE OR REPLACE FUNCTION dataops.replay_quarantine(
    pipeline text,
    step     text,
    from_ts  timestamptz DEFAULT '-infinity',
    to_ts    timestamptz DEFAULT 'infinity'
) RETURNS bigint
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'dataops_replay_quarantine';
COMMENT ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) IS
'Sends a model''s quarantined rows (set aside from from_ts to before to_ts) through the model and the rules as they are now: append and merge take in their raw records again, partition makes the windows again that they are in. Rows that pass land in the target, none twice and none over a newer one; the others stay, with the reasons of now. Returns how many left quarantine. Audited.';

REVOKE ALL ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.replay_quarantine(text, text, timestamptz, timestamptz) TO @extowner@ WITH GRANT OPTION;
