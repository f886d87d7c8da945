-- Connections: secrets by reference, and a test of a connection.

CREATE OR REPLACE FUNCTION dataops.grant_reference(reference text, role regrole, wrapper text, host_pattern text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_grant_reference';
COMMENT ON FUNCTION dataops.grant_reference(text, regrole, text, text) IS 'Lets a role send the secret that a reference names, through connections of one wrapper, to hosts of a pattern (name, *.suffix or *). For administrators.';
REVOKE ALL ON FUNCTION dataops.grant_reference(text, regrole, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.grant_reference(text, regrole, text, text) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.revoke_reference(reference text, role regrole, wrapper text, host_pattern text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_revoke_reference';
COMMENT ON FUNCTION dataops.revoke_reference(text, regrole, text, text) IS 'Takes back what grant_reference() gave. For administrators.';
REVOKE ALL ON FUNCTION dataops.revoke_reference(text, regrole, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.revoke_reference(text, regrole, text, text) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.set_secret(name text, value text) RETURNS text
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_set_secret';
COMMENT ON FUNCTION dataops.set_secret(text, text) IS 'Keeps a secret, sealed under the key in dataops.secret_key_file, for use as secret:NAME in a user mapping. Call it with SELECT and a bind parameter, so that the value stands in no log.';
REVOKE ALL ON FUNCTION dataops.set_secret(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.set_secret(text, text) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.list_objects(server text, prefix text DEFAULT '', OUT name text, OUT bytes bigint, OUT crc32c text) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_list_objects';
COMMENT ON FUNCTION dataops.list_objects(text, text) IS 'The objects of a store below a prefix, with their sizes and the CRC32C of what is there now.';
REVOKE ALL ON FUNCTION dataops.list_objects(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.list_objects(text, text) TO @extowner@ WITH GRANT OPTION;

CREATE OR REPLACE FUNCTION dataops.test_connection(server text, OUT step text, OUT ok boolean, OUT detail text) RETURNS SETOF record
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_probe_connection';
COMMENT ON FUNCTION dataops.test_connection(text) IS 'Tries a connection with the caller''s rights and shows each step up to the one that fails. Waits inside the statement, at most 30 seconds.';
REVOKE ALL ON FUNCTION dataops.test_connection(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops.test_connection(text) TO @extowner@ WITH GRANT OPTION;
