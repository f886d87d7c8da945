-- Fetches and lands a source as a run of its own would; run: goes on with a run that died.

CREATE PROCEDURE dataops._test_fetch(source text, archive text DEFAULT '', from_ts timestamptz DEFAULT '-infinity', to_ts timestamptz DEFAULT 'infinity', run uuid DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'dataops_test_fetch';
