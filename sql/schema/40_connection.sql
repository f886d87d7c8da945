-- Connections are foreign servers of these wrappers.  They have no handler: no foreign table can be made of them.

CREATE FUNCTION dataops.dataops_http_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_http_validator';
COMMENT ON FUNCTION dataops.dataops_http_validator(text[], oid) IS 'Checks the options of servers and user mappings of dataops_http.';
REVOKE ALL ON FUNCTION dataops.dataops_http_validator(text[], oid) FROM PUBLIC;

CREATE FUNCTION dataops.dataops_file_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_file_validator';
COMMENT ON FUNCTION dataops.dataops_file_validator(text[], oid) IS 'Checks the options of servers of dataops_file.';
REVOKE ALL ON FUNCTION dataops.dataops_file_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataops_http NO HANDLER VALIDATOR dataops.dataops_http_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_http IS 'An HTTP API: url, auth, auth_header, auth_format, auth_in, auth_param, user, max_body, timeout, connect_timeout, concurrency, rate, allow_addresses, ca.';
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_http TO @extowner@ WITH GRANT OPTION;

-- Whoever makes servers of this one writes files of the server's user: it takes a superuser or one whom he lets.
CREATE FOREIGN DATA WRAPPER dataops_file NO HANDLER VALIDATOR dataops.dataops_file_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_file IS 'An object store in files below dataops.file_root: prefix, staging_prefix.';

CREATE FUNCTION dataops.dataops_gcs_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_gcs_validator';
COMMENT ON FUNCTION dataops.dataops_gcs_validator(text[], oid) IS 'Checks the options of servers and user mappings of dataops_gcs.';
REVOKE ALL ON FUNCTION dataops.dataops_gcs_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataops_gcs NO HANDLER VALIDATOR dataops.dataops_gcs_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_gcs IS 'A bucket of Google Cloud Storage: bucket, prefix, staging_prefix, auth_server, timeout, connect_timeout, allow_addresses.';
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_gcs TO @extowner@ WITH GRANT OPTION;

CREATE FUNCTION dataops.dataops_bigquery_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_bigquery_validator';
COMMENT ON FUNCTION dataops.dataops_bigquery_validator(text[], oid) IS 'Checks the options of servers and user mappings of dataops_bigquery.';
REVOKE ALL ON FUNCTION dataops.dataops_bigquery_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataops_bigquery NO HANDLER VALIDATOR dataops.dataops_bigquery_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_bigquery IS 'A dataset of BigQuery: project, dataset, staging_dataset, location, auth_server, maximum_bytes_billed, job_timeout, numeric_type, timeout, connect_timeout, allow_addresses.';
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_bigquery TO @extowner@ WITH GRANT OPTION;

CREATE FUNCTION dataops.dataops_google_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_google_validator';
COMMENT ON FUNCTION dataops.dataops_google_validator(text[], oid) IS 'Checks the options of servers and user mappings of dataops_google.';
REVOKE ALL ON FUNCTION dataops.dataops_google_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataops_google NO HANDLER VALIDATOR dataops.dataops_google_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_google IS 'Credentials of Google that other servers name by auth_server; no options.';
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_google TO @extowner@ WITH GRANT OPTION;

CREATE FUNCTION dataops.dataops_postgres_validator(text[], oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'dataops_postgres_validator';
COMMENT ON FUNCTION dataops.dataops_postgres_validator(text[], oid) IS 'Checks the options of servers of dataops_postgres.';
REVOKE ALL ON FUNCTION dataops.dataops_postgres_validator(text[], oid) FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER dataops_postgres NO HANDLER VALIDATOR dataops.dataops_postgres_validator;
COMMENT ON FOREIGN DATA WRAPPER dataops_postgres IS 'A warehouse in this database: schema, staging_schema.';
GRANT USAGE ON FOREIGN DATA WRAPPER dataops_postgres TO @extowner@ WITH GRANT OPTION;

-- Raw tables are records as they came in: a correction belongs to a model, retention to dropping of partitions.
CREATE FUNCTION dataops._guard_raw() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = format('%s is refused on raw table "%s.%s"', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Raw records stay as they came in. To forget old ones, drop whole partitions.';
END
$$;
COMMENT ON FUNCTION dataops._guard_raw() IS 'Refuses UPDATE, DELETE and TRUNCATE of raw tables.';
REVOKE ALL ON FUNCTION dataops._guard_raw() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dataops._guard_raw() TO @extowner@ WITH GRANT OPTION;
